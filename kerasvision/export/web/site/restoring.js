// What a file gave for a prepared picture -> the prediction in pixels of the original, by `restore` of contract.json.
// Numbers are those of float32, as in kerasvision/edge/independent. geometry: of fitting.js. Outputs, without a batch
// axis, and predictions are {key: {shape, values}}.

import { EdgeError, lastOf, real } from "./tensors.js";

const f = Math.fround;

export function realOutputs(outputs, rows) {
  return Object.fromEntries(
    Object.entries(outputs).map(([key, { shape, values }]) => {
      const row = rows[key];
      const held = row.quantization ? Float32Array.from(values, (v) => real(v, row)) : values;
      return [key, { shape: shape.slice(1), values: held }];
    }),
  );
}

function place(value, axis, geometry) {
  return f(f(value - geometry.offset[axis]) / geometry.scale[axis]);
}

// Boxes in original pixels, cut at its borders; rows beyond the count are 0, their label -1.
function boxes(rule, outputs, geometry) {
  const { keys } = rule;
  const found = Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, outputs[key]]));
  const count = Number(found.count.values[0]);
  const whole = moved(rule, found.boxes_xyxy.values, geometry);
  const cut = whole.map((v, i) => (i < 4 * count ? inside(v, i, geometry) : 0));
  const rest = Object.entries(outputs).filter(([key]) => !Object.values(keys).includes(key));
  const prediction = {
    ...Object.fromEntries(rest),
    boxes_xyxy: { shape: found.boxes_xyxy.shape, values: cut },
    scores: { shape: found.scores.shape, values: found.scores.values.map((v, i) => (i < count ? v : 0)) },
    labels: { shape: found.labels.shape, values: Int32Array.from(found.labels.values, (v, i) => (i < count ? v : -1)) },
    count,
  };
  if (found.outer_xyxy) {
    const kept = Number(found.outer_count.values[0]);
    const wider = found.outer_xyxy.values.map((v, i) => inside(place(v, i % 2, geometry), i, geometry));
    const held = wider.map((v, i) => (i < 4 * kept ? v : 0));
    Object.assign(prediction, { outer_xyxy: { shape: found.outer_xyxy.shape, values: held }, outer_count: kept });
  }
  if (found.masks) {
    prediction.masks = recut(found.masks, whole, cut, count, f(rule.least_side_px));
    prediction.image_hw = [geometry.height, geometry.width];
  }
  return prediction;
}

// x0, y0, x1, y1 of each box in the original, as they are.
function moved(rule, values, geometry) {
  let given = values;
  if (rule.format === "tlbr_shares") {
    const [height, width] = rule.size_hw;
    given = values.map((_, i) => Math.min(Math.max(values[i ^ 1], 0), 1) * (i % 2 ? height : width));
  }
  return Float32Array.from(given, (v, i) => place(v, i % 2, geometry));
}

function inside(value, index, geometry) {
  return Math.min(Math.max(value, 0), index % 2 ? geometry.height : geometry.width);
}

// Masks in the frame of boxes -> the same in the frame of the part of each that lies in the picture. 0 beyond the mask.
function recut(masks, whole, cut, count, leastSide) {
  const side = lastOf(masks.shape);
  const values = new Float32Array(masks.values.length);
  for (let n = 0; n < count; n++) {
    const mask = masks.values.subarray(n * side * side, (n + 1) * side * side);
    const at = (y, x) => (y < 0 || x < 0 || y >= side || x >= side ? 0 : mask[y * side + x]);
    const [across, down] = [0, 1].map((axis) => frame(whole, cut, 4 * n + axis, side, leastSide));
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) values[(n * side + y) * side + x] = between(at, down[y], across[x]);
    }
  }
  return { shape: masks.shape, values };
}

// Where each row (or column) of the part looks in the whole mask.
function frame(whole, cut, index, side, leastSide) {
  const length = Math.max(f(whole[index + 2] - whole[index]), leastSide);
  return Array.from({ length: side }, (_, i) => {
    const step = f(f(i + 0.5) / side);
    const far = f(f(cut[index + 2] - cut[index]) * step);
    const share = f(f(f(cut[index] + far) - whole[index]) / length);
    return Math.min(Math.max(f(f(share * side) - 0.5), -1), side);
  });
}

// The value between four of `at(y, x)`, in float32.
function between(at, y, x) {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [low, near] = [f(y - top), f(x - left)];
  const row = (r) => f(f(f(1 - near) * at(r, left)) + f(near * at(r, left + 1)));
  return f(f(f(1 - low) * row(top)) + f(low * row(top + 1)));
}

// Corners in original pixels, not cut; rows beyond the count are 0.
function quads(rule, outputs, geometry) {
  const { quads_xy: corners, scores, count } = rule.keys;
  const kept = Number(outputs[count].values[0]);
  const values = Float32Array.from(outputs[corners].values, (v, i) => (i < 8 * kept ? place(v, i % 2, geometry) : 0));
  return { quads_xy: { shape: outputs[corners].shape, values }, scores: outputs[scores], count: kept };
}

// The likeliest class of each pixel of the original. Probabilities are enlarged a pixel at a time: of all classes of a
// photograph they would be larger than the photograph by far.
function classMap(rule, outputs, geometry) {
  const { shape, values } = outputs[rule.probabilities];
  const classes = lastOf(shape);
  const axes = [rowsOf(1, geometry.height, shape[0], geometry), rowsOf(0, geometry.width, shape[1], geometry)];
  const [down, across] = rule.enlarge === "bilinear" ? axes : axes.map((axis) => axis.map((_, i) => [i, i, 0]));
  const mask = new Uint8Array(geometry.height * geometry.width);
  const confidence = new Float32Array(mask.length);
  const wide = shape[1] * classes;
  let at = 0;
  for (const [top, bottom, low] of down) {
    for (const [left, right, near] of across) {
      let [best, most] = [0, -Infinity];
      for (let k = 0; k < classes; k++) {
        const [a, b] = [left * classes + k, right * classes + k];
        const above = f(f(f(1 - near) * values[top * wide + a]) + f(near * values[top * wide + b]));
        const below = f(f(f(1 - near) * values[bottom * wide + a]) + f(near * values[bottom * wide + b]));
        const seen = f(f(f(1 - low) * above) + f(low * below));
        if (seen > most) [best, most] = [k, seen];
      }
      mask[at] = best;
      confidence[at++] = most;
    }
  }
  const size = [geometry.height, geometry.width];
  return { mask: { shape: size, values: mask }, confidence: { shape: size, values: confidence } };
}

// [first, second, share of the second] row (or column) of the probabilities for each one of the original.
function rowsOf(axis, count, side, geometry) {
  return Array.from({ length: count }, (_, i) => {
    const at = f(f(f(f(i + 0.5) * geometry.scale[axis]) + geometry.offset[axis]) - 0.5);
    const held = Math.min(Math.max(at, 0), side - 1);
    const first = Math.floor(held);
    return [first, Math.min(first + 1, side - 1), f(held - first)];
  });
}

// Which classes are on: the likeliest, of equal ones the first, or those that reach their thresholds.
function labels(rule, outputs) {
  const { shape, values } = outputs[rule.probabilities];
  const present = new Int32Array(values.length);
  if (rule.top_k) {
    const ordered = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
    for (const i of ordered.slice(0, rule.top_k)) present[i] = 1;
  } else {
    values.forEach((value, i) => (present[i] = Number(value >= f(rule.thresholds[i]))));
  }
  return { probabilities: { shape, values }, present: { shape, values: present } };
}

const RULES = { none: (rule, outputs) => outputs, boxes, quads, class_map: classMap, labels };

// row: the file's, of contract.json's `artifacts`. Throws an EdgeError of a rule that it does not know.
export function restore(row, outputs, geometry) {
  const rule = RULES[row.restore.rule];
  if (!rule) throw new EdgeError(`contract.json: restore rule "${row.restore.rule}" is not described`);
  return rule(row.restore, outputs, geometry);
}

// A mask [side, side] of a box -> Uint8Array [H, W]: 1 where a pixel's center lies in the box and the probability
// there, the border repeated, is the threshold or more.
export function paste(mask, side, box, height, width, threshold = 0.5) {
  const pasted = new Uint8Array(height * width);
  const [x0, y0, x1, y1] = box;
  const along = (low, high, count) =>
    Array.from({ length: count }, (_, i) => i)
      .filter((i) => i + 0.5 >= low && i + 0.5 <= high)
      .map((i) => {
        const at = Math.min(Math.max(((i + 0.5 - low) / (high - low)) * side - 0.5, 0), side - 1);
        return [i, Math.floor(at), Math.min(Math.floor(at) + 1, side - 1), at - Math.floor(at)];
      });
  const columns = along(x0, x1, width);
  for (const [y, top, bottom, low] of along(y0, y1, height)) {
    for (const [x, left, right, near] of columns) {
      const row = (r) => (1 - near) * mask[r * side + left] + near * mask[r * side + right];
      pasted[y * width + x] = Number((1 - low) * row(top) + low * row(bottom) >= threshold);
    }
  }
  return pasted;
}
