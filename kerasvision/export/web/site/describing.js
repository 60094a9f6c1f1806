// A prediction as JSON, by what it holds: the rows that `kerasvision predict --json` has, less run lengths of masks,
// which a page wants as pixels.

const TOP = 5; // of the best classes

function rounded(value, digits) {
  return Number(value.toFixed(digits));
}

function row(scores, classes, index) {
  return { label: classes[index], index, score: rounded(scores[index], 6) };
}

// Indices of scores, the largest first; equal ones in their order.
function order(scores) {
  return Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
}

function promised(promise) {
  return promise ? { coverage: promise.coverage, of: promise.of } : {};
}

function best(values, classes, promise) {
  const scores = values.probabilities.values;
  const ordered = order(scores);
  const described = { top: ordered.slice(0, TOP).map((i) => row(scores, classes, i)) };
  if (values.in_set) {
    const labels = ordered.filter((i) => values.in_set.values[i]).map((i) => classes[i]);
    described.set = { labels, ...promised(promise) };
  }
  return described;
}

function several(values, classes) {
  const scores = values.probabilities.values;
  const on = order(scores).filter((i) => values.present.values[i]);
  return { labels: on.map((i) => row(scores, classes, i)) };
}

function corners(values, index, count) {
  return Array.from(values.subarray(count * index, count * (index + 1)), (v) => rounded(v, 2));
}

function objects(values, classes, promise) {
  const rows = Array.from({ length: values.count }, (_, i) => ({
    ...row(values.scores.values, classes, i),
    label: classes[values.labels.values[i]],
    index: values.labels.values[i],
    box_xyxy: corners(values.boxes_xyxy.values, i, 4),
  }));
  if (!values.outer_xyxy) return { objects: rows };
  for (let i = 0; i < values.outer_count; i++) rows[i].outer_xyxy = corners(values.outer_xyxy.values, i, 4);
  return { objects: rows, outer: { boxes: values.outer_count, ...promised(promise) } };
}

function quads(values) {
  const row = (i) => {
    const flat = corners(values.quads_xy.values, i, 8);
    return { score: rounded(values.scores.values[i], 6), quad_xy: [0, 2, 4, 6].map((at) => flat.slice(at, at + 2)) };
  };
  return { quads: Array.from({ length: values.count }, (_, i) => row(i)) };
}

function segments(values, classes) {
  const counts = new Map();
  for (const index of values.mask.values) counts.set(index, (counts.get(index) ?? 0) + 1);
  const held = [...counts.keys()].filter((i) => i < classes.length).sort((a, b) => a - b); // 255 is no class
  return { classes: Object.fromEntries(held.map((i) => [classes[i], counts.get(i)])) };
}

function caption(values) {
  const bytes = Uint8Array.from(values.text_bytes.values);
  const text = new TextDecoder().decode(bytes).replace(/\0+$/, "");
  const score = values.caption_score.values ? values.caption_score.values[0] : values.caption_score;
  return { text, score: rounded(score, 6) };
}

// values: of `restore`, {key: {shape, values} or a number}.
export function describe(values, classes, promise) {
  if (values.boxes_xyxy && !values.path_score) return objects(values, classes, promise);
  if (values.quads_xy) return quads(values);
  if (values.text_bytes) return caption(values);
  if (values.mask) return segments(values, classes);
  if (values.embedding) return { embedding: Array.from(values.embedding.values, (v) => Number(v.toPrecision(7))) };
  if (values.present && values.probabilities) return several(values, classes);
  if (values.probabilities && !values.label && !values.scores) return best(values, classes, promise);
  const plain = ([key, held]) => [key, held.values ? Array.from(held.values) : held];
  return Object.fromEntries(Object.entries(values).map(plain));
}
