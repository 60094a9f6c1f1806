// A prediction on its picture: boxes with names, masks, corners; and rows of classes as elements of the page.

import { paste } from "./restoring.js";

const LEAST_SCORE = 0.3; // of a box that is drawn
const LEAST_SIDE = 480; // of a picture as it is drawn, pixels
const COVER = 0.45; // how much a mask hides

// A light color [r, g, b] for a number; neighbors differ by the golden ratio of the color circle.
export function colorOf(number) {
  const hue = ((number * 0.618034) % 1) * 6;
  const side = (shift) => {
    const k = (shift + hue) % 6;
    return Math.round(255 * (1 - 0.65 * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [side(5), side(3), side(1)];
}

function css(number) {
  return `rgb(${colorOf(number).join(" ")})`;
}

// answer: of `Client.predict`, with `shown`. A small picture is enlarged, or the names would hide it.
export function draw(canvas, answer) {
  const { values, described, height, width } = answer;
  const shown = [...(described.objects ?? []).entries()].filter(([, row]) => row.score >= LEAST_SCORE);
  const zoom = Math.max(1, Math.ceil(LEAST_SIDE / Math.max(height, width)));
  const size = { height: zoom * height, width: zoom * width };
  Object.assign(canvas, size);
  const context = canvas.getContext("2d");
  context.drawImage(covered(answer, shown), 0, 0, size.width, size.height);
  for (const [, row] of shown) box(context, row, row.box_xyxy.map((v) => zoom * v), size);
  for (const [i, row] of (described.quads ?? []).entries()) {
    quad(context, row.quad_xy.map((corner) => corner.map((v) => zoom * v)), css(i), size);
  }
}

// The picture with its masks, at its own size.
function covered(answer, shown) {
  const canvas = new OffscreenCanvas(answer.width, answer.height);
  const context = canvas.getContext("2d");
  context.drawImage(answer.shown, 0, 0);
  if (answer.values.mask) cover(context, answer.values.mask.values, answer);
  if (answer.values.masks) for (const [i, row] of shown) coverObject(context, answer.values, row, i, answer);
  return canvas;
}

// classes: a number a pixel; 0 is most often the background, 255 is none.
function cover(context, classes, { height, width }) {
  const image = context.getImageData(0, 0, width, height);
  for (let i = 0; i < classes.length; i++) {
    if (classes[i] === 0 || classes[i] === 255) continue;
    const color = colorOf(classes[i]);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = (1 - COVER) * image.data[4 * i + c] + COVER * color[c];
  }
  context.putImageData(image, 0, 0);
}

function coverObject(context, values, row, index, answer) {
  const side = values.masks.shape.at(-1);
  const mask = values.masks.values.subarray(index * side * side, (index + 1) * side * side);
  const frame = values.boxes_xyxy.values.subarray(4 * index, 4 * index + 4);
  const pasted = paste(mask, side, frame, answer.height, answer.width);
  cover(context, pasted.map((v) => (v ? row.index + 1 : 0)), answer);
}

function lineWidth({ height, width }) {
  return Math.max(1, Math.round(Math.max(height, width) / 300));
}

function box(context, row, [x0, y0, x1, y1], whole) {
  const size = Math.max(10, Math.round(Math.max(whole.height, whole.width) / 40));
  Object.assign(context, { strokeStyle: css(row.index), lineWidth: lineWidth(whole), font: `${size}px sans-serif` });
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  const text = `${row.label} ${row.score.toFixed(2)}`;
  context.fillStyle = "rgb(20 20 20)";
  context.fillRect(x0, y0, context.measureText(text).width + 4, size + 4);
  context.fillStyle = css(row.index);
  context.fillText(text, x0 + 2, y0 + size);
}

function quad(context, corners, color, whole) {
  Object.assign(context, { strokeStyle: color, lineWidth: lineWidth(whole) });
  context.beginPath();
  for (const [x, y] of corners) context.lineTo(x, y);
  context.closePath();
  context.stroke();
}

// Rows of {label, share 0..1, text} of a prediction, for `list`.
export function rowsOf({ described, height, width }) {
  const scored = (row) => ({ label: row.label, share: row.score, text: row.score.toFixed(3) });
  const { top, labels, objects, classes, embedding } = described;
  if (top ?? labels) return (top ?? labels).map(scored);
  if (objects) return objects.filter((row) => row.score >= LEAST_SCORE).map(scored);
  if (classes) {
    const pixels = Object.entries(classes).sort((a, b) => b[1] - a[1]);
    return pixels.map(([label, count]) => ({ label, share: count / (height * width), text: `${count} px` }));
  }
  if (embedding) return [{ label: `a vector of ${embedding.length} numbers`, share: 0, text: "" }];
  const short = (value) => JSON.stringify(value).slice(0, 60);
  return Object.entries(described).map(([label, value]) => ({ label, share: 0, text: short(value) }));
}

export function list(element, rows) {
  const made = rows.map(({ label, share, text }) => {
    const item = document.createElement("li");
    for (const [name, said] of [["label", label], ["text", text]]) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = said;
      item.append(part);
    }
    item.style.setProperty("--share", share);
    return item;
  });
  if (!made.length) made.push(Object.assign(document.createElement("li"), { textContent: "nothing" }));
  element.replaceChildren(...made);
}
