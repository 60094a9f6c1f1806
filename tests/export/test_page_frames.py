"""A video in the browser, frame by frame: under node, over one that stands in for it, and in headless Chromium."""

import json
import pathlib
import re
import subprocess

import pytest

from tests.export.page_browser import READY, chromium, page, runtime, served, with_page  # noqa: F401  fixtures
from tests.export.page_modules import NODE, SITE, needs_node


@needs_node
def test_frames_are_answered_as_they_come_and_what_is_skipped_is_counted():
    script = pathlib.Path(__file__).with_name("page_frames.mjs")
    done = subprocess.run([NODE, script, SITE], capture_output=True, text=True, check=True)
    held = json.loads(done.stdout)
    assert [row["frame"] for row in held["rows"]] == [0, 1, 2, 4, 7]
    assert [row["skipped"] for row in held["rows"]] == [0, 0, 0, 1, 2]
    assert [row["time"] for row in held["rows"]] == [0.5, 0.6, 0.7, 0.9, 1.2]
    assert held["rows"][0]["described"] == {"verb": "predict", "file": "model.tflite", "of": "Video"}
    assert held["cancelled"] == 1 and held["paused"] == []
    assert held["old"] == "this browser does not tell of a video's frames"


RECORD = """async () => {  // twenty frames of a canvas, as a file that is chosen
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const pen = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  for (let n = 0; n < 20; n++) {
    pen.fillStyle = `rgb(${12 * n}, 0, 99)`;
    pen.fillRect(0, 0, 64, 48);
    await new Promise((done) => setTimeout(done, 50));
  }
  recorder.stop();
  await stopped;
  const held = new DataTransfer();
  held.items.add(new File(parts, "drawn.webm", { type: "video/webm" }));
  const choose = document.getElementById("choose");
  choose.files = held.files;
  choose.dispatchEvent(new Event("change"));
}"""


@pytest.mark.nightly
def test_a_video_is_answered_while_it_plays(page, digits_exports, runtime, tmp_path):  # noqa: F811
    package = digits_exports[2] / "tflite" / "models" / "digits"
    with served(with_page(package, tmp_path / "digits", runtime)) as address:
        page.goto(address)
        page.wait_for_selector(READY)
        page.evaluate(RECORD)
        page.wait_for_selector("#times a:text-is('lines')")
    assert int(page.get_attribute("body", "data-frames")) >= 1
    assert len(json.loads(page.get_attribute("body", "data-answer"))["top"]) == 5
    assert re.fullmatch(r"drawn\.webm, [\d.]+ s: \d+ frames, \d+ skipped", page.text_content("#state"))
    assert page.get_attribute("#times a", "download") == "drawn.webm.jsonl" and not page.errors
