// `Client.watch` under node, over a video that stands in for a browser's: frames are presented whether anybody looks or
// not. JSON on stdout.

import { pathToFileURL } from "node:url";

const { Client } = await import(new URL("kerasvision.js", pathToFileURL(`${process.argv[2]}/`)));

// Presents frame 5, 6, 7, 9 and 12 of 13 at 10 frames a second, as a slow reader sees them, and ends.
class Video extends EventTarget {
  #left = [5, 6, 7, 9, 12];
  ended = false;
  paused = false;

  requestVideoFrameCallback(tell) {
    const presentedFrames = this.#left.shift();
    setTimeout(() => {
      if (presentedFrames !== undefined) return tell(0, { presentedFrames, mediaTime: presentedFrames / 10 });
      this.ended = true;
      this.dispatchEvent(new Event("ended"));
    });
    return 1;
  }

  cancelVideoFrameCallback(number) {
    this.cancelled = number;
  }
}

globalThis.createImageBitmap = async (video) => ({ of: video.constructor.name });
globalThis.ImageBitmap = class {};
const client = new Client({});
client.files = [{ path: "model.tflite" }];
client.ask = async (verb, { file, given }) => ({ described: { verb, file, of: given.of } });

const video = new Video();
const rows = [];
for await (const row of client.watch(video)) rows.push(row);
const paused = [];
for await (const row of client.watch(Object.assign(new Video(), { paused: true }))) paused.push(row);
const old = await client
  .watch({})
  .next()
  .catch((error) => error.message);
process.stdout.write(JSON.stringify({ rows, cancelled: video.cancelled, paused, old }));
