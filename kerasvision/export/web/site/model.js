// The files of a folder by its contract.json: a picture in, a prediction in the picture's own pixels out; and `verify`.
// It runs in the worker.

import { decode, imageOf, pixelsOf } from "./decoding.js";
import { describe } from "./describing.js";
import { checkRules, fit } from "./fitting.js";
import { openFile } from "./litert.js";
import { realOutputs, restore } from "./restoring.js";
import { AGAIN, EdgeError, typed } from "./tensors.js";
import { checkForm, preparedApart, verifyFile, whole } from "./verifying.js";
import { blended, mirrored } from "./windows.js";

async function fetched(place, name) {
  let response;
  try {
    response = await fetch(new URL(name, place));
  } catch {
    throw new EdgeError(`${name} cannot be read: no network`);
  }
  if (!response.ok) throw new EdgeError(`${name} cannot be read: the server says ${response.status}; ${AGAIN}`);
  return response;
}

async function json(place, name) {
  const response = await fetched(place, name);
  try {
    const held = await response.json();
    if (held && typeof held === "object" && !Array.isArray(held)) return held;
  } catch {
    throw new EdgeError(`${name} is damaged: it is no JSON; ${AGAIN}`);
  }
  throw new EdgeError(`${name} is damaged: it is no JSON object; ${AGAIN}`);
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A folder that `export --to web` has written.
export class Folder {
  static async open(place) {
    const folder = new Folder();
    folder.place = place;
    folder.contract = await json(place, "contract.json");
    const { classes, artifacts } = folder.contract;
    if (!Array.isArray(classes) || !Array.isArray(artifacts)) {
      throw new EdgeError(`contract.json is damaged: it has no classes or no artifacts; ${AGAIN}`);
    }
    folder.rows = artifacts.filter((row) => row.path.endsWith(".tflite"));
    if (!folder.rows.length) throw new EdgeError("contract.json has no .tflite");
    return folder;
  }

  // The bytes of a file, which are those that its contract says. Browsers hash on https and localhost alone.
  async bytes(name, said, whose) {
    const bytes = new Uint8Array(await (await fetched(this.place, name)).arrayBuffer());
    const seen = globalThis.crypto?.subtle ? await sha256(bytes) : said;
    if (seen === said) return bytes;
    const sums = `its sha256 is ${seen.slice(0, 12)}... and not ${said.slice(0, 12)}...`;
    throw new EdgeError(`${name} is not the file that ${whose}: ${sums}; ${AGAIN}`);
  }

  // The `Model` of one of its files, by name.
  async model(name) {
    const row = this.rows.find((one) => one.path === name);
    if (!row) throw new EdgeError(`${name} is none of the files of contract.json`);
    checkRules(this.contract.preprocess);
    const bytes = await this.bytes(name, row.sha256, "contract.json describes");
    return new Model(this.contract, row, await openFile(bytes, row));
  }

  // {passes, lines} of what golden.json has answers of.
  async verify() {
    if (!globalThis.crypto?.subtle) throw new EdgeError("this page can check sums on https and localhost alone");
    const golden = await json(this.place, "golden.json");
    checkForm(golden, this.contract, await (await fetched(this.place, "labels.txt")).text());
    const gray = await preparedApart(golden.examples, this.contract.preprocess);
    const findings = [];
    for (const artifact of golden.artifacts) {
      const bytes = await this.bytes(artifact.path, artifact.sha256, "golden.json has answers of");
      const row = this.contract.artifacts.find((one) => one.sha256 === artifact.sha256);
      if (!row) throw new EdgeError(`${artifact.path} is none of the files of contract.json; ${AGAIN}`);
      const file = await openFile(bytes, row);
      findings.push(await verifyFile(file, artifact, row, golden, gray));
      file.close();
    }
    return { passes: findings.every((f) => f.passes), lines: [...findings.map((f) => f.line), whole(findings)] };
  }
}

class Model {
  constructor(contract, row, file) {
    this.rules = contract.preprocess;
    Object.assign(this, { contract, row, file });
  }

  // What the file gives for a prepared picture: {key: {shape, values}} in real numbers, without a batch axis.
  async answer(fitted) {
    const held = this.rules.constant_inputs ?? {};
    const feed = {};
    for (const [key, row] of Object.entries(this.row.inputs)) {
      const count = row.shape.reduce((a, b) => a * b, 1);
      feed[key] = typed(key === "image" ? fitted.values : new Float32Array(count).fill(held[key].value), row);
    }
    return realOutputs(await this.file.infer(feed), this.row.outputs);
  }

  async outputs(fitted) {
    const { windows, mirrored_axes: sets } = this.rules;
    if (!windows && !sets) return this.answer(fitted);
    const name = this.row.restore.probabilities;
    const once = async (part) => (await this.answer(part))[name];
    const averaged = sets ? (part) => mirrored(once, part, sets) : once;
    return { [name]: await (windows ? blended(averaged, fitted, windows) : averaged(fitted)) };
  }

  // {values, described, height, width, ms} of encoded bytes, of an ImageBitmap, or of a picture [H, W, 3]. ms: of
  // decoding, of preparing, of the file with restoring. show: also `shown`, an ImageBitmap of what was looked at.
  async predict(given, show) {
    const begun = performance.now();
    const picture = await this.picture(given);
    const decoded = performance.now();
    const { fitted, geometry } = fit(picture, this.rules);
    const prepared = performance.now();
    const values = restore(this.row, await this.outputs(fitted), geometry);
    const ms = { decode: decoded - begun, prepare: prepared - decoded, file: performance.now() - prepared };
    const described = describe(values, this.contract.classes, this.row.promise);
    const shown = show ? { shown: await createImageBitmap(imageOf(picture)) } : {};
    return { values, described, height: picture.height, width: picture.width, ms, ...shown };
  }

  async picture(given) {
    if (given instanceof ImageBitmap) {
      const held = pixelsOf(given);
      given.close();
      return held;
    }
    return given instanceof Uint8Array ? decode(given, this.rules.exif_orientation) : given;
  }

  close() {
    this.file.close();
  }
}
