// Calls functions of the page's modules under node: JSON [[module, function, arguments]] on stdin, [result or {error}]
// on stdout. An array of numbers is {"dtype", "shape", "data": base64} in both directions, as in golden.json.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const site = pathToFileURL(`${process.argv[2]}/`);
const { unpacked } = await import(new URL("tensors.js", site));
const DTYPES = { Uint8Array: "uint8", Int32Array: "int32", Float32Array: "float32", Float64Array: "float64" };

// What stands for a model: each column times its number, so that mirrored and blended answers are known.
function ramp({ height, width, channels, values }) {
  const column = (i) => (Math.floor(i / channels) % width) + 1;
  return { shape: [height, width, channels], values: values.map((v, i) => v * column(i)) };
}

function given(value) {
  if (value === "ramp") return ramp;
  if (Array.isArray(value)) return value.map(given);
  if (value === null || typeof value !== "object") return value;
  if ("data" in value && "dtype" in value) return unpacked(value).values;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, given(held)]));
}

function told(value) {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { dtype: DTYPES[value.constructor.name] ?? "uint8", shape: [value.length], data: bytes.toString("base64") };
  }
  if (Array.isArray(value)) return value.map(told);
  if (value === null || typeof value !== "object") return value === Infinity ? "inf" : value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, told(held)]));
}

const results = [];
for (const [module, name, args] of JSON.parse(readFileSync(0, "utf-8"))) {
  try {
    results.push(told(await (await import(new URL(module, site)))[name](...given(args))));
  } catch (error) {
    results.push({ error: error.message });
  }
}
process.stdout.write(JSON.stringify(results));
