"""A video in the browser, frame by frame. Under node, over one that stands in for it."""

import json
import pathlib
import subprocess

from tests.export.page_modules import NODE, SITE, needs_node

pytestmark = needs_node


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
