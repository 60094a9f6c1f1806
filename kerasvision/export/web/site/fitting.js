// A picture to what a file takes, by `preprocess` of contract.json, and where it went: graph = original * scale +
// offset, in pixels from the outer corner of the first one. geometry: {scale: [x, y], offset: [x, y], height, width}.

import { METHODS, resized } from "./resampling.js";
import { AGAIN, EdgeError, halfEven } from "./tensors.js";

const f = Math.fround;

function geometry(picture, scaleX, scaleY, offsetX, offsetY) {
  const offset = [f(offsetX), f(offsetY)];
  return { scale: [f(scaleX), f(scaleY)], offset, height: picture.height, width: picture.width };
}

function stretch(picture, rules) {
  const [height, width] = rules.size_hw;
  const fitted = resized(picture, height, width, rules);
  return { fitted, geometry: geometry(picture, f(width / picture.width), f(height / picture.height), 0, 0) };
}

// The whole picture, centered on gray; an odd pixel of padding is at the bottom or the right.
function letterbox(picture, rules) {
  const [height, width] = rules.size_hw;
  const scale = Math.min(f(height / picture.height), f(width / picture.width));
  const h = Math.min(Math.max(halfEven(f(picture.height * scale)), 1), height);
  const w = Math.min(Math.max(halfEven(f(picture.width * scale)), 1), width);
  const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
  const inner = resized(picture, h, w, rules);
  const page = { height, width, channels: 3, values: new Uint8Array(3 * height * width).fill(rules.letterbox.gray) };
  for (let y = 0; y < h; y++) {
    page.values.set(inner.values.subarray(3 * w * y, 3 * w * (y + 1)), 3 * ((top + y) * width + left));
  }
  return { fitted: page, geometry: geometry(picture, f(w / picture.width), f(h / picture.height), left, top) };
}

// A centered window of the graph's proportions, `crop_fraction` of the largest one that fits.
function centerCrop(picture, rules) {
  const [height, width] = rules.size_hw;
  const step = f(Math.min(f(picture.height / height), f(picture.width / width)) * f(rules.crop_fraction));
  const h = Math.max(halfEven(f(height * step)), 1);
  const w = Math.max(halfEven(f(width * step)), 1);
  const [top, left] = [Math.floor((picture.height - h) / 2), Math.floor((picture.width - w) / 2)];
  const [scaleX, scaleY] = [f(width / w), f(height / h)];
  const fitted = resized(cut(picture, top, left, h, w), height, width, rules);
  return { fitted, geometry: geometry(picture, scaleX, scaleY, -f(left * scaleX), -f(top * scaleY)) };
}

// The part of a picture that begins at (top, left).
export function cut(picture, top, left, height, width) {
  const { channels } = picture;
  const values = new picture.values.constructor(height * width * channels);
  for (let y = 0; y < height; y++) {
    const begin = ((top + y) * picture.width + left) * channels;
    values.set(picture.values.subarray(begin, begin + width * channels), y * width * channels);
  }
  return { height, width, channels, values };
}

// At its own size, padded at the bottom and the right to one window or more.
function windows(picture, rules) {
  const height = Math.max(picture.height, rules.size_hw[0]);
  const width = Math.max(picture.width, rules.size_hw[1]);
  const page = { height, width, channels: 3, values: new Uint8Array(3 * height * width).fill(rules.padding.gray) };
  for (let y = 0; y < picture.height; y++) {
    const row = picture.values.subarray(3 * picture.width * y, 3 * picture.width * (y + 1));
    page.values.set(row, 3 * width * y);
  }
  return { fitted: page, geometry: geometry(picture, 1, 1, 0, 0) };
}

const FITS = { stretch, letterbox, center_crop: centerCrop, windows };

// Throws an EdgeError, one line, of what this client does not prepare.
export function checkRules(rules) {
  const why = unknown(rules);
  if (why) throw new EdgeError(`contract.json: ${why}`);
}

function unknown(rules) {
  if (rules?.version !== 1) return `preprocess version ${rules?.version}, and this client knows 1; ${AGAIN}`;
  if (rules.kind !== "image") return `the model takes ${rules.kind}, and this client prepares pictures alone`;
  if (rules.present) return "the model is told which pixels are missing, which this client does not prepare";
  if (!FITS[rules.resize] || !METHODS[rules.resample]) {
    return `resize "${rules.resize}" with resample "${rules.resample}" is not described`;
  }
  return null;
}

// A picture of bytes [H, W, 3] -> {fitted, geometry}.
export function fit(picture, rules) {
  checkRules(rules);
  return FITS[rules.resize](picture, rules);
}
