// Encoded pictures to RGB by the rules "kv1" of a contract. The browser decodes; what it would do of its own is taken
// away before: orientation tags (the contract says whether they count) and a PNG's color key, which is no transparency.

import { EdgeError } from "./tensors.js";

const ORIENTATION = 0x0112; // the tag, in EXIF 2.3, table 4
const TYPES = { jpeg: "image/jpeg", png: "image/png", gif: "image/gif", bmp: "image/bmp", webp: "image/webp" };

function text(bytes, begin, end) {
  return String.fromCharCode(...bytes.subarray(begin, end));
}

// "jpeg", "png" ... by the first bytes. Throws an EdgeError of other ones.
export function kindOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (text(bytes, 1, 4) === "PNG") return "png";
  if (text(bytes, 0, 4) === "GIF8") return "gif";
  if (text(bytes, 0, 2) === "BM") return "bmp";
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP") return "webp";
  throw new EdgeError("the image is no JPEG, PNG, GIF, BMP or WebP");
}

// {kept: parts of the bytes, without what the browser must not see, orientation: 1 to 8}.
export function cleaned(bytes) {
  const ways = { jpeg: jpegParts, png: pngParts, webp: webpParts };
  const way = ways[kindOf(bytes)];
  if (!way) return { kept: [bytes], orientation: 1 };
  const { kept, exif } = way(bytes);
  return { kept, orientation: exif ? orientationOf(exif) : 1 };
}

// Segments of a JPEG (ITU T.81, B.1.1) up to its scan, without those of EXIF; of two the first counts.
function jpegParts(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let [at, exif] = [2, null];
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const end = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    if (bytes[at + 1] === 0xe1 && text(bytes, at + 4, at + 8) === "Exif") exif ??= bytes.subarray(at + 10, end);
    else kept.push(bytes.subarray(at, end));
    at = end;
  }
  return { kept: [...kept, bytes.subarray(at)], exif };
}

// Chunks of a PNG without its orientation and, unless it has a palette, without its color key.
function pngParts(bytes) {
  const kept = [bytes.subarray(0, 8)];
  const palette = bytes[25] === 3;
  let [at, exif] = [8, null];
  while (at + 12 <= bytes.length) {
    const end = at + 12 + new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
    const name = text(bytes, at + 4, at + 8);
    if (name === "eXIf") exif ??= bytes.subarray(at + 8, end - 4);
    else if (name !== "tRNS" || palette || bytes[25] > 3) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return { kept: [...kept, bytes.subarray(at)], exif };
}

// Chunks of a WebP; one that is named otherwise is passed over.
function webpParts(bytes) {
  const held = bytes.slice();
  let [at, exif] = [12, null];
  while (at + 8 <= held.length) {
    const size = new DataView(held.buffer, at + 4, 4).getUint32(0, true);
    if (text(held, at, at + 4) === "EXIF") {
      const begin = text(held, at + 8, at + 12) === "Exif" ? at + 14 : at + 8;
      exif ??= held.slice(begin, at + 8 + size);
      held.set([0x58, 0x58, 0x58, 0x58], at);
    }
    at += 8 + size + (size % 2);
  }
  return { kept: [held], exif };
}

// The orientation in a TIFF header with its first directory; 1 where it cannot be read.
export function orientationOf(exif) {
  try {
    const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    const little = view.getUint16(0) === 0x4949;
    const begin = view.getUint32(4, little);
    for (let i = 0; i < view.getUint16(begin, little); i++) {
      const entry = begin + 2 + 12 * i;
      if (view.getUint16(entry, little) === ORIENTATION) {
        const value = view.getUint16(entry + 8, little);
        return value >= 1 && value <= 8 ? value : 1;
      }
    }
  } catch {
    return 1; // damaged
  }
  return 1;
}

// A picture [H, W, C] as its orientation shows it upright: 5 to 8 have rows and columns exchanged first.
export function upright(picture, orientation) {
  if (orientation === 1) return picture;
  const { channels } = picture;
  const turned = orientation > 4;
  const [height, width] = turned ? [picture.width, picture.height] : [picture.height, picture.width];
  const [fromRight, fromBottom] = [[2, 3, 6, 7].includes(orientation), [3, 4, 7, 8].includes(orientation)];
  const values = new picture.values.constructor(picture.values.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [fromBottom ? height - 1 - y : y, fromRight ? width - 1 - x : x];
      const from = (turned ? column * picture.width + row : row * picture.width + column) * channels;
      for (let c = 0; c < channels; c++) values[at++] = picture.values[from + c];
    }
  }
  return { height, width, channels, values };
}

// What the browser has decoded -> a picture [H, W, 3]: transparent pixels over `ground`, no colors converted.
export function pixelsOf(bitmap, ground = "white") {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = ground;
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const values = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    values[to++] = data[from];
    values[to++] = data[from + 1];
    values[to++] = data[from + 2];
  }
  return { height: bitmap.height, width: bitmap.width, channels: 3, values };
}

// A picture [H, W, 3] as a canvas takes it.
export function imageOf({ height, width, values }) {
  const image = new ImageData(width, height);
  const { data } = image;
  for (let from = 0, to = 0; from < values.length; to++) data[to] = to % 4 === 3 ? 255 : values[from++];
  data[data.length - 1] = 255;
  return image;
}

// Encoded bytes -> a picture. rule: `exif_orientation` of the contract, "applied" or "ignored".
export async function decode(bytes, rule) {
  if (!bytes.length) throw new EdgeError("the image is empty (0 bytes)");
  const kind = kindOf(bytes);
  const { kept, orientation } = cleaned(bytes);
  let bitmap;
  try {
    const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
    bitmap = await createImageBitmap(new Blob(kept, { type: TYPES[kind] }), options);
  } catch {
    throw new EdgeError(`the image cannot be decoded: this browser reads no such ${kind}, or it is cut off or damaged`);
  }
  const picture = pixelsOf(bitmap, kind === "gif" ? "black" : "white");
  bitmap.close();
  return upright(picture, rule === "applied" ? orientation : 1);
}
