// The page: files, paste and camera in, the picture with its prediction out; `?check` verifies in their place.

import { draw, list, rowsOf } from "./drawing.js";
import { openClient } from "./kerasvision.js";

const at = (id) => document.getElementById(id);
const PATIENCE_MS = 10_000; // of waiting for the service worker; without it the page works, but not offline

let client;
let camera; // the stream, while it runs
let drops = 0; // of files; an older one ends with what it shows
let pictures = 0; // that were shown; an answer to an older one is dropped

function say(text, isBad = false) {
  at("state").textContent = text;
  at("state").classList.toggle("bad", isBad);
}

// Resolves when the service worker of this export answers, so that what is fetched from now on is kept. A page of an
// older export is loaded again.
async function kept() {
  const response = await fetch("files.json", { cache: "no-cache" }).catch(() => null);
  if (!response?.ok || !navigator.serviceWorker) return;
  const { sum } = await response.json();
  const had = navigator.serviceWorker.controller;
  const current = had && new URL(had.scriptURL).searchParams.get("sum") === sum;
  const changed = new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done));
  const registered = await navigator.serviceWorker.register(`service.js?sum=${sum}`).catch(() => null);
  if (!registered || current) return;
  const hasChanged = await Promise.race([
    changed.then(() => true),
    new Promise((done) => setTimeout(() => done(false), PATIENCE_MS)),
  ]);
  if (had && hasChanged) {
    location.reload();
    await new Promise(() => {});
  }
}

function present(answer) {
  draw(at("picture"), answer);
  answer.shown.close();
  at("picture").hidden = false;
  list(at("rows"), rowsOf(answer));
  document.body.dataset.answer = JSON.stringify(answer.described);
}

async function show(picture, name) {
  const number = ++pictures;
  say(`looking at ${name} ...`);
  try {
    const answer = await client.predict(picture, at("file").value, true);
    if (number !== pictures) return;
    present(answer);
    const [decode, prepare, file] = ["decode", "prepare", "file"].map((part) => answer.ms[part].toFixed(0));
    at("times").textContent = `decoded in ${decode} ms, prepared in ${prepare} ms, answered in ${file} ms`;
    say(`${name}, ${answer.width} x ${answer.height} px`);
  } catch (error) {
    if (number === pictures) say(`${name}: ${error.message}`, true);
  }
}

async function showFiles(files) {
  stop();
  const drop = ++drops;
  for (const file of files) {
    if (drop !== drops) return;
    if (file.type.startsWith("video/")) await play(file);
    else await show(file, file.name || "pasted picture");
  }
}

// Answers what it can of a video while it plays, and gives the lines of `kerasvision predict VIDEO --json`.
async function play(file) {
  const video = at("video");
  const number = ++pictures;
  const lines = [];
  let skipped = 0;
  at("times").textContent = "";
  const address = URL.createObjectURL(file);
  Object.assign(video, { srcObject: null, src: address });
  try {
    await video.play();
    for await (const answer of client.watch(video, at("file").value, true)) {
      if (number !== pictures) return;
      present(answer);
      skipped += answer.skipped;
      lines.push(JSON.stringify({ frame: answer.frame, time: answer.time, prediction: answer.described }));
      say(`${file.name}, ${answer.time.toFixed(2)} s: ${lines.length} frames, ${skipped} skipped`);
    }
    if (number !== pictures) return;
    const link = Object.assign(document.createElement("a"), { download: `${file.name}.jsonl`, textContent: "lines" });
    link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }));
    at("times").replaceChildren(link);
    document.body.dataset.frames = lines.length;
  } catch (error) {
    if (number === pictures) say(`${file.name}: ${error.message}`, true);
  } finally {
    URL.revokeObjectURL(address);
  }
}

async function film() {
  stop();
  const video = at("video");
  const media = navigator.mediaDevices;
  if (!media) return say("a camera is for pages on https and localhost alone", true);
  try {
    camera = await media.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    return say(`there is no camera: ${error.message || error.name}`, true);
  }
  video.srcObject = camera;
  await video.play();
  at("camera").textContent = "stop";
  const [begun, number] = [performance.now(), ++pictures];
  at("times").textContent = "";
  for (let count = 1; number === pictures; count++) {
    try {
      const answer = await client.predict(await createImageBitmap(video), at("file").value, true);
      if (number !== pictures) return;
      present(answer);
    } catch (error) {
      stop();
      return say(`camera: ${error.message}`, true);
    }
    const rate = (1000 * count) / (performance.now() - begun);
    Object.assign(document.body.dataset, { frames: count, rate: rate.toFixed(2) });
    say(`camera: ${rate.toFixed(1)} images/s`);
  }
}

function stop() {
  at("video").pause();
  camera?.getTracks().forEach((track) => track.stop());
  camera = undefined;
  pictures++;
  at("camera").textContent = "camera";
}

async function check() {
  at("ask").hidden = true;
  at("lines").hidden = false;
  say("checking ...");
  const { passes, lines } = await client.verify();
  at("lines").textContent = lines.join("\n");
  say(passes ? "this browser answers as it must" : "this browser answers otherwise", !passes);
  document.body.dataset.verdict = passes ? "pass" : "FAIL";
}

function listen() {
  at("choose").addEventListener("change", (event) => showFiles(event.target.files));
  at("camera").addEventListener("click", () => (camera ? stop() : film()));
  document.addEventListener("paste", (event) => showFiles(event.clipboardData.files));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    showFiles(event.dataTransfer.files);
  });
}

async function begin() {
  try {
    await kept();
    client = await openClient();
    document.title = client.name;
    at("name").textContent = `${client.name}, version ${client.version}`;
    at("file").replaceChildren(...client.files.map(({ path, kind }) => new Option(kind, path)));
    if (new URLSearchParams(location.search).has("check")) return await check();
    await client.load();
    listen();
    say("ready");
  } catch (error) {
    say(error.message, true);
    document.body.dataset.verdict = error.message;
  }
}

begin();
