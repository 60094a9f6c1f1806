// Inputs larger than a file's: windows that overlap, blended by Gaussians; and mirrored inputs. As `windows` and
// `mirrored_axes` of a contract's `preprocess` say it. Predictions of a window are {shape: [h, w, K], values}.

import { cut } from "./fitting.js";
import { halfEven } from "./tensors.js";

const f = Math.fround;

// Where windows begin along an axis: at even distances, the last one ends with the input.
export function starts(length, size, overlap) {
  const step = Math.max(1, Math.trunc(size * (1 - overlap)));
  const count = Math.ceil((length - size) / step) + 1;
  return Array.from({ length: count }, (_, i) => halfEven(f(f(i / Math.max(count - 1, 1)) * f(length - size))));
}

// The weights of the windows along an axis: [{begin, share: Float32Array}].
export function shares(length, size, rule) {
  const bell = Float32Array.from({ length: size }, (_, i) => {
    const away = (i - (size - 1) / 2) / (rule.sigma * size);
    return Math.exp(-0.5 * away * away);
  });
  const begins = starts(length, size, rule.overlap);
  const total = new Float32Array(length);
  for (const begin of begins) for (let i = 0; i < size; i++) total[begin + i] += bell[i];
  return begins.map((begin) => ({ begin, share: bell.map((v, i) => v / total[begin + i]) }));
}

// The blended predictions of all windows of a picture. predict: picture of a window's size -> its prediction.
export async function blended(predict, picture, rule) {
  const [height, width] = rule.size;
  const columns = shares(picture.width, width, rule);
  let [total, classes] = [null, 0];
  for (const down of shares(picture.height, height, rule)) {
    for (const across of columns) {
      const found = await predict(cut(picture, down.begin, across.begin, height, width));
      classes = found.shape[2];
      total ??= new Float32Array(picture.height * picture.width * classes);
      for (let y = 0, from = 0; y < height; y++) {
        const row = (down.begin + y) * picture.width + across.begin;
        for (let x = 0; x < width; x++) {
          const weight = f(down.share[y] * across.share[x]);
          for (let k = 0; k < classes; k++) total[(row + x) * classes + k] += f(found.values[from++] * weight);
        }
      }
    }
  }
  return { shape: [picture.height, picture.width, classes], values: total };
}

// [height, width, channels] mirrored along some of the axes 0 and 1.
function flipped(values, height, width, channels, axes) {
  const out = new values.constructor(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [axes.includes(0) ? height - 1 - y : y, axes.includes(1) ? width - 1 - x : x];
      const from = (row * width + column) * channels;
      out.set(values.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return out;
}

// The mean of the predictions for a picture mirrored along each set of axes, each mirrored back.
export async function mirrored(predict, picture, sets) {
  const { height, width, channels, values } = picture;
  let [total, shape] = [null, null];
  for (const axes of sets) {
    const found = await predict({ ...picture, values: flipped(values, height, width, channels, axes) });
    const back = flipped(found.values, ...found.shape, axes);
    shape = found.shape;
    total = total ? total.map((v, i) => v + back[i]) : Float32Array.from(back);
  }
  return { shape, values: total.map((v) => v / sets.length) };
}
