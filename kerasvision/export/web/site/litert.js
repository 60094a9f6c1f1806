// A .tflite in LiteRT.js, on the processor: what it takes and gives, and how to ask it.

import { inflated } from "./packed.js";
import { EdgeError } from "./tensors.js";
import { Tensor, loadAndCompile, loadLiteRt, supportsFeature } from "./runtime/index.js";

const SIGNATURE = "serving_default"; // the one that predicts
const IDENTIFIER = "TFL3"; // bytes 4 to 8 of every .tflite: the FlatBuffer's file identifier
const KNOWN = ["float32", "int32", "uint8"]; // numbers that LiteRT.js hands over

const PLACE = new URL("./runtime/", import.meta.url).href;

let loaded; // the runtime, once for all files

// LiteRT.js is handed its .wasm, which it would fetch as it is; the folder has it compressed.
async function load() {
  const form = (await supportsFeature("relaxedSimd")) ? "" : "compat_"; // as LiteRT.js chooses of the two
  const name = `litert_wasm_${form}internal.wasm.gz`;
  const response = await fetch(PLACE + name);
  if (!response.ok) throw new Error(`runtime/${name} is not there (${response.status})`);
  const wasmBinary = await inflated(new Uint8Array(await response.arrayBuffer()));
  globalThis.Module = { locateFile: (file) => PLACE + file, wasmBinary };
  return loadLiteRt(PLACE);
}

export function checkTflite(bytes, name) {
  const held = String.fromCharCode(...bytes.subarray(4, 8));
  if (held === IDENTIFIER) return;
  const newer = /^TFL\d$/.test(held);
  throw new EdgeError(newer ? `${name} is a .tflite of version ${held[3]}` : `${name} is no .tflite, or is encrypted`);
}

// row: the file's, of contract.json's `artifacts`. Throws an EdgeError, one line.
export async function openFile(bytes, row) {
  checkTflite(bytes, row.path);
  for (const part of ["inputs", "outputs"]) {
    for (const [key, { dtype }] of Object.entries(row[part])) {
      if (!KNOWN.includes(dtype)) {
        throw new EdgeError(`${row.path}: ${key} is ${dtype}, and LiteRT.js hands over ${KNOWN.join(", ")} alone`);
      }
    }
  }
  try {
    loaded ??= load();
    await loaded;
    return new File(await loadAndCompile(bytes, { accelerator: "wasm" }), row);
  } catch (error) {
    throw new EdgeError(`${row.path} cannot be opened by LiteRT.js: ${String(error.message ?? error).split("\n")[0]}`);
  }
}

class File {
  constructor(model, row) {
    this.model = model;
    this.row = row;
  }

  // {input: typed array of the file's own numbers} -> {output: {dtype, shape, every, values}}, as the file gives them.
  async infer(feed) {
    const inputs = {};
    for (const [key, { shape }] of Object.entries(this.row.inputs)) inputs[key] = new Tensor(feed[key], shape);
    const named = SIGNATURE in this.model.signatures;
    const outputs = await (named ? this.model.run(SIGNATURE, inputs) : this.model.run(inputs));
    const answer = {};
    for (const [key, tensor] of Object.entries(outputs)) {
      const row = this.row.outputs[key];
      if (row) answer[key] = { dtype: row.dtype, shape: row.shape, every: 1, values: tensor.toTypedArray().slice() };
      tensor.delete();
    }
    for (const tensor of Object.values(inputs)) tensor.delete();
    return answer;
  }

  close() {
    this.model.delete();
  }
}
