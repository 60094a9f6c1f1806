// `verify`: does this browser prepare real examples as training did, and does each file answer here as where it was
// exported? The lines are those of the clients in Python and C++.

import { decode } from "./decoding.js";
import { checkRules, fit } from "./fitting.js";
import { MOST_GRAY, answerOf, apart, decidesAlike, decidesAsTrained, heldAlike, worse } from "./golden.js";
import { AGAIN, EdgeError, fromBase64, typed, twoDigits, unpacked } from "./tensors.js";

export function checkForm(golden, contract, labels) {
  if (golden.version !== 1) throw new EdgeError(`golden.json has version ${golden.version}, and this client knows 1`);
  for (const part of ["examples", "artifacts"]) {
    if (!golden[part]?.length) throw new EdgeError(`golden.json has no ${part}; ${AGAIN}`);
  }
  const bare = (text) => text.replace(/^\ufeff/, "").replace(/\n+$/, "");
  if (bare(labels) !== bare(contract.classes.join("\n"))) {
    throw new EdgeError(`labels.txt has other names than contract.json; ${AGAIN}`);
  }
}

// The largest difference of a prepared picture from the recorded one, in gray levels; null where none can be prepared.
export async function preparedApart(examples, rules, decoded = decode) {
  let worst = null;
  try {
    checkRules(rules);
  } catch {
    return null;
  }
  for (const example of examples) {
    if (!example.encoded || !example.is_whole) continue;
    const picture = await decoded(fromBase64(example.encoded), rules.exif_orientation);
    const mine = fit(picture, rules).fitted.values;
    const theirs = unpacked(example.prepared.image).values;
    if (mine.length !== theirs.length) return Infinity;
    worst ??= 0;
    for (let i = 0; i < mine.length; i++) worst = Math.max(worst, Math.abs(mine[i] - theirs[i]));
  }
  return worst;
}

// {passes, line} of one file. file: of litert.js, or what has its `infer`. row: of contract.json's `artifacts`.
export async function verifyFile(file, artifact, row, golden, gray) {
  const { decision } = artifact;
  let worst = { parts: 0, away: 0, tolerance: 0 };
  let [decisions, trained] = [0, 0];
  for (const [index, example] of golden.examples.entries()) {
    const feed = {};
    for (const [key, held] of Object.entries(row.inputs)) {
      feed[key] = typed(unpacked(example.prepared[key]).values, held);
    }
    const mine = await file.infer(feed);
    const theirs = answerOf(artifact.answers[index]);
    const held = heldAlike(mine, theirs);
    worst = worse(worst, apart(held, theirs, artifact.tolerance, row.outputs));
    decisions += decidesAlike(held, theirs, decision, undefined, decision.score);
    trained += decidesAsTrained(mine, answerOf(example.trained), decision);
  }
  const count = golden.examples.length;
  const passes = (gray === null || gray <= MOST_GRAY) && worst.parts <= 1 && decisions === count;
  return { passes, line: inWords(artifact, gray, worst, decisions, trained, count, passes) };
}

function inWords(artifact, gray, { away, tolerance }, decisions, trained, count, passes) {
  const levels = gray === null ? "-" : twoDigits(gray);
  const answers = tolerance || away ? `${twoDigits(away)} of ${twoDigits(tolerance)}` : "as decided";
  const told = `decisions ${decisions}/${count}, trained ${trained}/${count}: ${passes ? "pass" : "FAIL"}`;
  return `${artifact.path} ${artifact.kind}: prepared ${levels}, answers ${answers}, ${told}`;
}

// The last line.
export function whole(findings) {
  const wrong = findings.filter((finding) => !finding.passes).length;
  return wrong ? `FAIL: ${wrong} of ${findings.length} files` : `pass: ${findings.length} files`;
}
