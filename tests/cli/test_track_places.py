"""`kerasvision track` counts at lines and in zones, draws them with trails, and blurs whom it is told to."""

import json
import os
import signal

import av
import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.cli.overlay import HELD_S, Overlay
from kerasvision.cli.places import in_words
from kerasvision.data import motchallenge
from kerasvision.data.video import Frame, VideoWriter

WIDTH, HEIGHT, FRAMES, RATE = 320, 160, 60, 20.0
PATHS = {  # top left corners of boxes of 24 x 30, frame by frame
    "over": lambda n: (20 + 4 * n, 20),
    "back": lambda n: (20 + 4 * min(n, 59 - n), 110),
    "stays": lambda n: (280, 60),
}
LINE, ZONE = "gate=110,0,110,160", "hall=90,80,180,80,180,160,90,160"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """(folder) with boxes.txt and video.mp4, of three striped objects; `over` is not found in frames 40-42."""
    folder = tmp_path_factory.mktemp("places")
    lines = []
    with VideoWriter(folder / "video.mp4", RATE) as writer:
        for n in range(FRAMES):
            pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            for name, path in PATHS.items():
                x, y = path(n)
                pixels[y : y + 30, x : x + 24 : 2], pixels[y : y + 30, x + 1 : x + 24 : 2] = 255, 0
                if name != "over" or not 40 <= n <= 42:
                    lines.append(f"{n + 1},-1,{x},{y},24,30,0.9,-1,-1,-1\n")
            writer.add(pixels, n / RATE)
    (folder / "boxes.txt").write_text("".join(lines))
    return folder


def track(*words):
    return main(["track", *map(str, words)])


def frames_in(path):
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_lines_and_zones_are_counted_and_written(scene, tmp_path, capsys):
    """The middle of the lower side is at x + 12, y + 30; a margin is 2.7 px."""
    counts = tmp_path / "counts.json"
    assert (
        track(scene / "boxes.txt", scene / "video.mp4", "--json", "--line", LINE, "--zone", ZONE, "--counts", counts)
        == 0
    )
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    held = json.loads(counts.read_text())
    assert held["lines"] == [{"name": "gate", "to_right": {"0": 1}, "to_left": {"0": 2}, "net": {"0": -1}}]
    (zone,) = held["zones"]  # `back` alone: x + 12 of 92.7 .. 180 -> frames 16 to 43
    assert zone["visits"] == {"0": 1} and zone["inside"] == 0
    assert zone["longest_s"] == pytest.approx(27 / RATE, abs=0.11)  # the filter's box is a little late
    crossed = [(row["frame"], event) for row in rows for event in row["crossed"]]
    assert [event["direction"] for _, event in crossed].count("to_left") == 2
    by_id = {event["id"]: number for number, event in crossed if event["direction"] == "to_left"}
    assert all(abs(number - 20) <= 2 for number in by_id.values()) and len(by_id) == 2
    assert max(row["inside"]["hall"] for row in rows) == 1
    assert "gate: 1 to the right, 2 to the left; hall: 1 visits with a mean of 1." in captured.err


def test_words_name_what_they_count():
    """Two visits of 1 and 3 s; of a zone without any there is no mean."""
    line = {"name": "gate", "to_right": {"cat": 2, "dog": 1}, "to_left": {"cat": 4}, "net": {"cat": -2, "dog": 1}}
    hall = {"name": "hall", "visits": {"cat": 2}, "inside": 1, "mean_s": 2.0, "longest_s": 3.0}
    empty = {"name": "roof", "visits": {}, "inside": 0, "mean_s": None, "longest_s": 0.0}
    assert in_words({"lines": [line], "zones": [hall, empty]}) == [
        "gate: 3 to the right, 4 to the left",
        "hall: 2 visits with a mean of 2.00 s, the longest 3.00 s, 1 inside at the end",
        "roof: 0 visits, 0 inside at the end",
    ]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_file_names_them_too(scene, tmp_path, suffix, capsys):
    file = tmp_path / f"places{suffix}"
    held = {"lines": {"gate": [[110, 0], [110, 160]]}, "zones": {"hall": [[90, 80], [180, 80], [180, 160], [90, 160]]}}
    file.write_text(json.dumps(held) if suffix == ".json" else "lines:\n  gate: [[110, 0], [110, 160]]\n")
    assert track(scene / "boxes.txt", "--rate", RATE, "--places", file) == 0
    said = capsys.readouterr().err
    assert "gate: 1 to the right, 2 to the left" in said and ("hall: 1 visits" in said) == (suffix == ".json")


def test_trails_lines_and_blur_are_drawn_where_they_are(scene, tmp_path):
    plain, drawn = tmp_path / "plain.mp4", tmp_path / "drawn.mp4"
    words = (scene / "boxes.txt", scene / "video.mp4", "--draw")
    assert track(*words, plain) == 0
    assert (
        track(*words, drawn, "--trails", 1, "--blur", 1, "--line", LINE, "--zone", ZONE, "--mot", tmp_path / "a.txt")
        == 0
    )
    held = motchallenge.read_boxes(tmp_path / "a.txt")
    before, after = frames_in(plain)[30].astype(int), frames_in(drawn)[30].astype(int)
    apart = np.abs(before - after).max(-1)
    assert apart[40:60, 108:113].max() > 60  # the line
    assert apart[120:150, 100:105].mean() > 8 and apart[60:75, 20:90].max() < 30  # the zone is tinted, the rest is not
    first, other = (
        next(b for i, b in zip(held[30]["ids"], held[30]["boxes_xyxy"], strict=True) if i == k) for k in (1, 3)
    )
    for box, is_blurred in ((first, True), (other, False)):
        x0, y0, x1, y1 = np.round(box).astype(int)
        contrast = np.abs(np.diff(after[y0 + 8 : y1 - 6, x0 + 6 : x1 - 6].mean(-1), axis=1)).mean()
        assert (contrast < 40) == is_blurred, (contrast, is_blurred)
    x, y = int((first[0] + first[2]) / 2), int(first[3])
    assert apart[y - 2 : y + 2, x - 50 : x - 20].max(0).mean() > 30  # the way it has come


def test_who_is_blurred_stays_so_where_he_is_not_found(scene, tmp_path):
    """Frames 40 to 42 of the first object: its last box stays hidden, so that its stripes do not come back at once."""
    assert track(scene / "boxes.txt", scene / "video.mp4", "--draw", tmp_path / "a.mp4", "--blur", "all") == 0
    frame = frames_in(tmp_path / "a.mp4")[40].mean(-1)
    x, y = PATHS["over"](39)
    assert np.abs(np.diff(frame[y + 8 : y + 24, x + 6 : x + 18], axis=1)).mean() < 40 and HELD_S > 3 / RATE


@pytest.mark.parametrize(("seconds", "is_blurred"), [(HELD_S, True), (HELD_S + 0.01, False)])
def test_a_blur_ends_once_who_is_blurred_was_not_found_for_long(seconds, is_blurred):
    overlay, stripes = Overlay(blur=("all",)), np.zeros((60, 60, 3), np.uint8)
    stripes[:, ::2] = 255
    there = {"ids": np.array([1]), "labels": np.array([0]), "boxes_xyxy": np.array([[10.0, 10, 50, 50]])}
    overlay.drawn(Frame(0, 0.0, stripes), there)
    after = overlay.drawn(Frame(1, seconds, stripes), {key: value[:0] for key, value in there.items()})
    assert (after == stripes).all() != is_blurred


def test_a_name_cannot_write_to_the_terminal(scene, capsys):
    assert track(scene / "boxes.txt", "--rate", RATE, "--line", "\x1b[31mgate\nb=110,0,110,160") == 0
    error = capsys.readouterr().err
    assert "\\x1b[31mgate\\nb: 1 to the right" in error and "\x1b" not in error and error.count("\n") == 1


def test_what_is_stopped_goes_on_with_its_counts_trails_and_blur(scene, tmp_path, monkeypatch, capsys):
    more = ("--line", LINE, "--zone", ZONE, "--trails", 2, "--blur", 1)
    words = (scene / "boxes.txt", scene / "video.mp4", *more)
    assert track(*words, "--draw", tmp_path / "whole.mp4", "--counts", tmp_path / "whole.json") == 0
    own = (*words, "--mot", tmp_path / "a.txt", "--draw", tmp_path / "a.mp4")
    plain = motchallenge.to_text
    monkeypatch.setattr(
        motchallenge, "to_text", lambda n, a: (os.kill(os.getpid(), signal.SIGINT) if n == 30 else None) or plain(n, a)
    )
    assert track(*own) == 130 and "gate: 0 to the right, 2 to the left" in capsys.readouterr().err
    monkeypatch.setattr(motchallenge, "to_text", plain)
    assert track(*own, "--resume", "--line", "b=0,0,9,9") == 2
    assert "they differ in lines" in capsys.readouterr().err
    assert track(*own, "--resume", "--counts", tmp_path / "a.json") == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    whole, rest = frames_in(tmp_path / "whole.mp4"), frames_in(tmp_path / "a.2.mp4")
    assert np.abs(whole[31].astype(int) - rest[0]).mean() < 2  # but for what the codec does


def test_wrong_use_is_one_line(scene, tmp_path, capsys):
    (tmp_path / "bad.json").write_text('{"gates": {}}')
    (tmp_path / "worse.json").write_text('{"lines": {"gate": [[0, 1], [2]]}}')
    (tmp_path / "no.yaml").write_text("lines: [")
    (tmp_path / "twice.json").write_text('{"lines": {"g": [[0, 1], [2, 9]], "g": [[0, 1], [5, 9]]}}')
    (tmp_path / "twice.yaml").write_text("lines:\n  g: [[0, 1], [2, 9]]\n  g: [[0, 1], [5, 9]]\n")
    (tmp_path / "nameless.json").write_text('{"lines": {" ": [[0, 1], [2, 9]]}}')
    for depth in (300, 100_000):
        (tmp_path / f"deep{depth}.json").write_text('{"lines": {"g": ' + "[" * depth + "]" * depth + "}}")
    (tmp_path / "deep.yaml").write_text("lines: {g: " + "[" * 3000 + "]" * 3000 + "}")
    boxes, video = scene / "boxes.txt", scene / "video.mp4"
    for words, code, said in (
        (("--line", "gate"), 2, "--line 'gate': write NAME=X0,Y0,X1,Y1"),
        (("--zone", "a=1,2,x"), 2, "--zone 'a=1,2,x': write NAME="),
        (("--line", "a=5,5,5,5"), 2, "line a: 5,5,5,5; give x0,y0,x1,y1 of two points that are apart"),
        (("--line", "a=0,900,50,900"), 2, "line a: 0,900,50,900 is outside of frames of 320 x 160 pixels"),
        (("--line", "a=0,0,9,9", "--zone", "a=0,0,9,9,0,9"), 2, "a is the name of two lines or zones"),
        (("--places", "none.json"), 1, "cannot read none.json"),
        (("--places", "none.txt"), 2, "lines and zones are read from .json, .yaml, .yml"),
        (("--places", tmp_path / "bad.json"), 1, "does not hold lines and zones; write"),
        (("--places", tmp_path / "worse.json"), 1, "gate is [[0, 1], [2]]; write [[x, y], [x, y], ...]"),
        (("--places", tmp_path / "no.yaml"), 1, "cannot be read"),
        (("--places", tmp_path / "twice.json"), 1, "twice.json cannot be read: g stands twice"),
        (("--places", tmp_path / "twice.yaml"), 1, "twice.yaml cannot be read: g stands twice"),
        (("--places", tmp_path / "nameless.json"), 1, "nameless.json: a line or zone has no name"),
        (("--line", " =0,0,9,9"), 2, "--line ' =0,0,9,9': write NAME=X0,Y0,X1,Y1"),
        (("--places", tmp_path / "deep300.json"), 1, "g is [[[[[[[...]]]]]]]; write [[x, y], [x, y], ...]"),
        (("--places", tmp_path / "deep100000.json"), 1, "deep100000.json is nested too deep"),
        (("--places", tmp_path / "deep.yaml"), 1, "deep.yaml is nested too deep"),
        (("--counts", "a.json"), 2, "--counts writes what --line, --zone or --places count"),
        (("--line", LINE, "--counts", tmp_path / "x" / "a.json"), 2, "the folder is not there"),
        (("--blur", "1"), 2, "--blur changes what is drawn; give --draw OUT.mp4"),
        (("--draw", tmp_path / "a.mp4", "--blur", "cat"), 2, "--blur cat: it is neither the number of an object, all"),
        (("--trails", "1"), 2, "--trails are drawn; give --draw OUT.mp4"),
        (("--draw", tmp_path / "a.mp4", "--trails", "-1"), 2, "--trails -1; allowed: seconds, 0 or more"),
    ):
        assert track(boxes, video, *words) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert track(boxes, video, "--draw", tmp_path / "b.mp4", "--blur", "99") == 0
    assert "--blur: never seen 99" in capsys.readouterr().err
