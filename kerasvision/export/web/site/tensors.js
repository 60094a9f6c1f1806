// Arrays of golden.json, base64 of little-endian numbers, and the numbers of files: what they are in real ones.

export class EdgeError extends Error {} // what is said of bad input: one clear line

export const AGAIN = "export the model again";

// dtype of numpy -> the array of JavaScript that holds its bytes
const ARRAYS = {
  uint8: Uint8Array,
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
};
const LIMITS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] };

export function fromBase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new EdgeError(`a tensor of golden.json is damaged: it is no base64; ${AGAIN}`);
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

// {dtype, shape, every, values} of a row: of its shape, or of every n-th position of it.
export function unpacked(row) {
  const Kind = ARRAYS[row.dtype];
  if (!Kind) throw new EdgeError(`this client knows no numbers of ${row.dtype}`);
  const bytes = fromBase64(row.data);
  if (bytes.length % Kind.BYTES_PER_ELEMENT) {
    throw new EdgeError(`a tensor of golden.json is damaged: it is cut off; ${AGAIN}`);
  }
  const held = new Kind(bytes.buffer);
  const values = row.dtype === "int64" ? Float64Array.from(held, Number) : held;
  return { dtype: row.dtype, shape: row.shape, every: row.every ?? 1, values };
}

export function lastOf(shape) {
  return shape.length ? shape[shape.length - 1] : 1;
}

// Every n-th position of a tensor, a position being all but the last axis.
export function thinned(tensor, every) {
  if (every === 1) return tensor;
  const last = lastOf(tensor.shape);
  const count = Math.ceil(tensor.values.length / last / every);
  const values = new tensor.values.constructor(count * last);
  for (let i = 0; i < count; i++) {
    const begin = i * every * last;
    values.set(tensor.values.subarray(begin, begin + last), i * last);
  }
  return { ...tensor, every, values };
}

// To the nearest whole number, halves to the even one, as numpy and IEEE 754 have it.
export function halfEven(value) {
  const low = Math.floor(value);
  const part = value - low;
  if (part !== 0.5) return part < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

// A number of a file as the real one that it stands for. row: the tensor's, of contract.json.
export function real(value, row) {
  if (!row.quantization) return value;
  const [scale, zero] = row.quantization;
  return Math.fround(Math.fround(value - zero) * Math.fround(scale));
}

// Real numbers as a file takes them.
export function typed(values, row) {
  const Kind = ARRAYS[row.dtype];
  if (!row.quantization) return Kind.from(values);
  const [scale, zero] = [Math.fround(row.quantization[0]), row.quantization[1]];
  const [low, high] = LIMITS[row.dtype];
  return Kind.from(values, (v) => Math.min(Math.max(halfEven(Math.fround(v / scale)) + zero, low), high));
}

// A number with two digits, as %.2g of C and Python has it: halves to the even digit.
export function twoDigits(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
  const exact = value.toExponential(60);
  const tie = /^-?\d\.[02468]50*e/.test(exact);
  const [mantissa, power] = (tie ? exact.replace(/50*e/, "e") : value.toExponential(1)).split("e").map(Number);
  if (power >= -4 && power < 2) return String(Number(`${mantissa}e${power}`));
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
