// A client of a folder that `kerasvision export --to web` has written, for a page of one's own:
//
//   import { openClient } from "./kerasvision.js";
//   const client = await openClient(); // or openClient("https://.../models/flowers/")
//   const { described } = await client.predict(await (await fetch("rose.jpg")).blob());
//
// The work is done in a worker. Errors are one line.

// What a video tells of the next frame that it presents, or undefined where it ends or pauses before.
function nextFrame(video) {
  if (video.ended || video.paused) return Promise.resolve();
  return new Promise((resolve) => {
    const number = video.requestVideoFrameCallback((now, told) => end(told));
    const stop = () => end();
    const end = (told) => {
      for (const event of ["ended", "pause"]) video.removeEventListener(event, stop);
      if (!told) video.cancelVideoFrameCallback(number);
      resolve(told);
    };
    for (const event of ["ended", "pause"]) video.addEventListener(event, stop);
  });
}

export class Client {
  #worker;
  #waiting = new Map();
  #last = 0;

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the worker failed: ${event.message}`));
      this.#waiting.clear();
    };
  }

  ask(verb, parts = {}, moved = []) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, verb, ...parts }, moved);
    });
  }

  // The prediction of a picture by one of `files`, the first by default: {values, described, height, width, ms}.
  // picture: a Blob, its bytes, an ImageBitmap (which is used up) or {height, width, channels: 3, values: Uint8Array}.
  // values: {key: {shape, values}} as contract.json names them; described: as `kerasvision predict --json`. show: also
  // `shown`, an ImageBitmap of the pixels that were looked at.
  async predict(picture, file = this.files[0].path, show = false) {
    const given = picture instanceof Blob ? new Uint8Array(await picture.arrayBuffer()) : picture;
    return this.ask("predict", { file, given, show }, given instanceof ImageBitmap ? [given] : []);
  }

  // The predictions of a <video> while it plays, one frame at a time: `predict`'s answer with {frame, time, skipped}.
  // frame: its number among those presented since the first; time: its seconds in the video; skipped: how many
  // were presented while the one before was looked at. It ends where the video ends or pauses.
  async *watch(video, file = this.files[0].path, show = false) {
    if (!video.requestVideoFrameCallback) throw new Error("this browser does not tell of a video's frames");
    let first;
    let next = 0;
    for (let told = await nextFrame(video); told; told = await nextFrame(video)) {
      first ??= told.presentedFrames;
      const frame = told.presentedFrames - first;
      const answer = await this.predict(await createImageBitmap(video), file, show);
      yield { frame, time: told.mediaTime, skipped: frame - next, ...answer };
      next = frame + 1;
    }
  }

  // Fetch and compile a file before it is asked.
  load(file = this.files[0].path) {
    return this.ask("load", { file });
  }

  // {passes, lines}: does this browser answer the golden examples as it must.
  verify() {
    return this.ask("verify");
  }

  close() {
    this.#worker.terminate();
  }
}

// place: the folder's address; that of this module by default. The client has `name`, `version`, `task`, `classes` and
// `files`, [{path, kind}].
export async function openClient(place = new URL("./", import.meta.url).href) {
  const client = new Client(new Worker(new URL("./worker.js", import.meta.url)));
  return Object.assign(client, await client.ask("open", { place: new URL(place, location.href).href }));
}
