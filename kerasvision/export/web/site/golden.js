// Whether answers are those of golden.json: tolerances and decisions, as kerasvision/edge/golden.py says them.
// An answer is {output: tensor of tensors.js}.

import { AGAIN, EdgeError, lastOf, real, thinned, unpacked } from "./tensors.js";

export const MOST_GRAY = 1; // levels, of a prepared picture
const [LEAST_SCORE, LEAST_IOU, TRAINED_IOU] = [0.3, 0.99, 0.5];

export function answerOf(rows) {
  return Object.fromEntries(Object.entries(rows).map(([key, row]) => [key, unpacked(row)]));
}

function outputOf(answer, key) {
  if (!answer[key]) throw new EdgeError(`golden.json is not of this file: it has no answer ${key}; ${AGAIN}`);
  return answer[key];
}

// Answers thinned as recorded ones of the same names are.
export function heldAlike(mine, theirs) {
  const keys = Object.keys(theirs).filter((key) => mine[key]);
  return Object.fromEntries(keys.map((key) => [key, thinned(mine[key], theirs[key].every)]));
}

// {parts, away, tolerance}: the largest difference from the recorded answer, in parts of its tolerance.
export function apart(mine, theirs, tolerances, outputs) {
  let worst = { parts: 0, away: 0, tolerance: 0 };
  for (const [key, tolerance] of Object.entries(tolerances)) {
    const away = difference(outputOf(mine, key).values, outputOf(theirs, key).values, outputs[key]);
    const parts = tolerance ? away / tolerance : away === 0 ? 0 : Infinity;
    worst = worse(worst, { parts, away, tolerance });
  }
  return worst;
}

// The one with more parts; of equal ones that with the larger difference, then that with the larger tolerance.
export function worse(a, b) {
  const order = ["parts", "away", "tolerance"].find((key) => a[key] !== b[key]);
  return order && b[order] > a[order] ? b : a;
}

function difference(mine, theirs, row) {
  if (mine.length !== theirs.length) return Infinity;
  let most = 0;
  for (let i = 0; i < mine.length; i++) {
    const away = Math.abs(real(mine[i], row) - real(theirs[i], row));
    if (Number.isNaN(away)) return Infinity;
    if (away > most) most = away;
  }
  return most;
}

function objects(answer, decision) {
  const values = (name) => outputOf(answer, decision.keys[name]).values;
  const [boxes, labels, scores] = [values("boxes_xyxy"), values("labels"), values("scores")];
  return Array.from({ length: values("count")[0] }, (_, i) => {
    const [a, b, c, d] = boxes.subarray(4 * i, 4 * i + 4);
    const box = decision.order === "yxyx" ? [b, a, d, c] : [a, b, c, d];
    return { box, label: labels[i], score: scores[i] };
  });
}

// IoU of two boxes; 1 where both are the same point or line.
export function overlap(a, b) {
  const side = (i) => Math.max(0, Math.min(a[i + 2], b[i + 2]) - Math.max(a[i], b[i]));
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  const common = side(0) * side(1);
  const every = area(a) + area(b) - common;
  return every > 0 ? common / every : Number(a.every((v, i) => v === b[i]));
}

// Whether each object worth it has a partner. score: how far that of a partner may be; undefined: any.
function allFound(wanted, among, iou, score) {
  return wanted.every(
    (one) =>
      one.score < LEAST_SCORE + (score ?? 0) ||
      among.some(
        (other) =>
          other.label === one.label &&
          overlap(one.box, other.box) >= iou &&
          (score === undefined || Math.abs(other.score - one.score) <= score),
      ),
  );
}

function largest(values, begin, count) {
  let best = begin;
  for (let i = begin + 1; i < begin + count; i++) if (values[i] > values[best]) best = i;
  return best;
}

function largestAlike(a, b, share) {
  if (a.values.length !== b.values.length) return false;
  const last = lastOf(a.shape);
  let alike = 0;
  for (let at = 0; at < a.values.length; at += last) {
    alike += largest(a.values, at, last) === largest(b.values, at, last);
  }
  return alike / (a.values.length / last) >= share;
}

function equal(a, b) {
  return a.values.length === b.values.length && a.values.every((v, i) => v === b.values[i]);
}

export function decidesAlike(mine, theirs, decision, iou = LEAST_IOU, score = undefined) {
  if (decision.rule === "objects") {
    const [a, b] = [objects(mine, decision), objects(theirs, decision)];
    return allFound(a, b, iou, score) && allFound(b, a, iou, score);
  }
  if (decision.rule === "largest") {
    return largestAlike(outputOf(mine, decision.key), outputOf(theirs, decision.key), decision.share);
  }
  if (decision.rule === "equal") return decision.keys.every((key) => equal(outputOf(mine, key), outputOf(theirs, key)));
  return true;
}

// Whether an answer decides as the trained model's; true where its outputs are others, as of MediaPipe's files.
export function decidesAsTrained(mine, theirs, decision) {
  if (decision.rule === "objects" && decision.order === "yxyx") return true;
  const needed = decision.keys ? Object.values(decision.keys) : decision.key ? [decision.key] : [];
  if (needed.some((key) => !theirs[key])) return true;
  return decidesAlike(heldAlike(mine, theirs), theirs, decision, TRAINED_IOU);
}
