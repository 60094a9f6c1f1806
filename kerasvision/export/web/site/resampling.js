// Resizing as a contract says it, in float32 and in this order of operations: every product and sum is rounded by
// Math.fround, so that a tie is rounded as everywhere else. A canvas resamples otherwise, each browser in its own way.
//
// A picture is {height, width, channels, values}: an array of numbers, row by row.

import { halfEven } from "./tensors.js";

const f = Math.fround;
const CUBIC = -0.5; // of Keys' kernel
const TABLE = 1024; // steps of its weights between two pixels

function empty(height, width, channels) {
  return { height, width, channels, values: new Float32Array(height * width * channels) };
}

// Where an output index looks, between the centers of pixels.
function placeOf(index, count, length) {
  const scale = f(length / count);
  return f(f(f(index + 0.5) * scale) - 0.5);
}

function clipped(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// The two pixels of each output index, times `step`, and the share of the second: flat arrays, for they are read for
// every pixel.
function pairs(count, length, step) {
  const held = { lower: new Int32Array(count), upper: new Int32Array(count), share: new Float32Array(count) };
  for (let index = 0; index < count; index++) {
    const at = placeOf(index, count, length);
    const upper = Math.min(Math.ceil(at), length - 1);
    held.lower[index] = step * Math.min(Math.max(Math.floor(at), 0), upper);
    held.upper[index] = step * upper;
    held.share[index] = at - Math.floor(at);
  }
  return held;
}

// Half-pixel centers, the border repeats: along a row first, then between two rows.
export function bilinear(picture, height, width) {
  const { channels, values } = picture;
  const out = empty(height, width, channels);
  const rows = pairs(height, picture.height, picture.width * channels);
  const columns = pairs(width, picture.width, channels);
  for (let y = 0, at = 0; y < height; y++) {
    const [high, low, down] = [rows.lower[y], rows.upper[y], rows.share[y]];
    for (let x = 0; x < width; x++) {
      const share = columns.share[x];
      for (let c = 0, left = columns.lower[x], right = columns.upper[x]; c < channels; c++, left++, right++) {
        const above = f(values[high + left] + f(f(values[high + right] - values[high + left]) * share));
        const below = f(values[low + left] + f(f(values[low + right] - values[low + left]) * share));
        out.values[at++] = f(above + f(f(below - above) * down));
      }
    }
  }
  return out;
}

// The pixel whose area holds the place.
export function nearest(picture, height, width) {
  const { channels } = picture;
  const out = empty(height, width, channels);
  const places = (count, length) =>
    Array.from({ length: count }, (_, i) => clipped(Math.floor(f(placeOf(i, count, length) + 0.5)), 0, length - 1));
  const columns = places(width, picture.width);
  let at = 0;
  for (const row of places(height, picture.height)) {
    for (const column of columns) {
      const from = (row * picture.width + column) * channels;
      for (let c = 0; c < channels; c++) out.values[at++] = picture.values[from + c];
    }
  }
  return out;
}

// [[pixel, weight] of four] of each output index; those beyond the border weigh 0, the others share what is missing.
function cubics(count, length) {
  const inner = (n) => f(((CUBIC + 2) * n - (CUBIC + 3)) * n * n + 1);
  const outer = (n) => f(((CUBIC * (n + 1) - 5 * CUBIC) * (n + 1) + 8 * CUBIC) * (n + 1) - 4 * CUBIC);
  return Array.from({ length: count }, (_, index) => {
    const at = placeOf(index, count, length);
    const first = Math.floor(at);
    const step = halfEven(f(f(at - first) * TABLE));
    const weights = [outer(step / TABLE), inner(step / TABLE), inner(1 - step / TABLE), outer(1 - step / TABLE)];
    const inside = weights.map((w, i) => (first + i - 1 >= 0 && first + i - 1 < length ? w : 0));
    const share = f(1 / f(f(f(inside[0] + inside[1]) + inside[2]) + inside[3]));
    return inside.map((w, i) => [clipped(first + i - 1, 0, length - 1), f(w * share)]);
  });
}

// Four pixels an axis, columns of pixels first.
export function bicubic(picture, height, width) {
  const { channels, values } = picture;
  const lines = empty(height, picture.width, channels);
  const row = picture.width * channels;
  cubics(height, picture.height).forEach((four, y) => {
    for (let i = 0; i < row; i++) lines.values[y * row + i] = weighted(four, (at) => values[at * row + i]);
  });
  const out = empty(height, width, channels);
  const columns = cubics(width, picture.width);
  for (let y = 0, at = 0; y < height; y++) {
    for (const four of columns) {
      for (let c = 0; c < channels; c++) {
        out.values[at++] = weighted(four, (x) => lines.values[y * row + x * channels + c]);
      }
    }
  }
  return out;
}

function weighted(four, value) {
  let total = f(value(four[0][0]) * four[0][1]);
  for (const [at, weight] of four.slice(1)) total = f(total + f(value(at) * weight));
  return total;
}

// The pixels of the field of each output index, parts of pixels counted as parts.
function fields(count, length) {
  const scale = f(length / count);
  return Array.from({ length: count }, (_, index) => {
    const [low, high] = [f(index * scale), f(f(index + 1) * scale)];
    const held = [];
    for (let at = Math.floor(low); at < Math.ceil(high); at++) {
      let share = at + 1 > high ? f(high - at) : 1;
      if (at < low) share = at + 1 > high ? scale : f(at + 1 - low);
      held.push([clipped(at, 0, length - 1), share]);
    }
    return held;
  });
}

// The mean over the field of each output pixel. A photograph has millions of pixels, so fields are flat arrays here.
export function area(picture, height, width) {
  const { channels } = picture;
  const out = empty(height, width, channels);
  const across = fields(width, picture.width);
  const columns = {
    ends: Int32Array.from(across, ((sum) => (held) => (sum += held.length))(0)),
    places: Int32Array.from(across.flat(), ([column]) => column * channels),
    shares: Float32Array.from(across.flat(), ([, share]) => share),
  };
  const every = f(1 / f(f(picture.height / height) * f(picture.width / width)));
  fields(height, picture.height).forEach((rows, y) => {
    const line = out.values.subarray(y * width * channels, (y + 1) * width * channels);
    for (const [row, down] of rows) addRow(line, picture, row, down, columns);
    for (let i = 0; i < line.length; i++) line[i] *= every;
  });
  return out;
}

// Add a row of a picture to a line of sums, `down` its share of it.
function addRow(line, { values, width, channels }, row, down, { ends, places, shares }) {
  const begin = row * width * channels;
  for (let x = 0, first = 0, i = 0; x < ends.length; first = ends[x++]) {
    for (let c = 0; c < channels; c++, i++) {
      let along = 0;
      for (let k = first; k < ends[x]; k++) along = f(along + f(values[begin + places[k] + c] * shares[k]));
      line[i] += f(along * down);
    }
  }
}

export const METHODS = { bilinear, bicubic, nearest, area };

// A picture of bytes -> one of bytes, by `resample` and `antialias` of a contract: sides that shrink by more than two
// are averaged, then the others are interpolated.
export function resized(picture, height, width, rules) {
  let held = picture;
  if (rules.antialias === "area") {
    const h = held.height > 2 * height ? height : held.height;
    const w = held.width > 2 * width ? width : held.width;
    if (h !== held.height || w !== held.width) held = area(held, h, w);
  }
  held = METHODS[rules.resample](held, height, width);
  const values = new Uint8ClampedArray(held.values); // rounds halves to even, and clips
  return { ...held, values: new Uint8Array(values.buffer) };
}
