"""`kerasvision track --offline`: what is written is what is known at the end."""

import json
import os
import re
import signal

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.data import motchallenge
from kerasvision.systems.multi_object import MultiObject


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """(folder) with det.txt and gt.txt: one object goes straight on, and is not seen from frame 20 to 34 of 60."""
    folder = tmp_path_factory.mktemp("gap")
    for name in ("det.txt", "gt.txt"):
        frames = [n for n in range(60) if name == "gt.txt" or not 20 <= n < 35]
        (folder / name).write_text(
            "".join(f"{n + 1},{1 if name[0] == 'g' else -1},{4 * n},50,30,40,1\n" for n in frames)
        )
    return folder


def track(*words):
    return main(["track", *map(str, words), "--rate", "10"])


def figure(text, name):
    return float(text.partition(f" {name} ")[2].split("│")[1])


def test_a_gap_is_closed_written_and_judged(boxes, tmp_path, capsys):
    words = (boxes / "det.txt", "--tracker", "bytetrack", "--ground-truth", boxes / "gt.txt", "--mot")
    assert track(*words, tmp_path / "plain.txt") == 0
    plain = capsys.readouterr()
    assert figure(plain.out, "switches") == 1 and figure(plain.out, "recall") < 0.8
    assert track(*words, tmp_path / "whole.txt", "--json", "--offline") == 0
    whole = capsys.readouterr()
    # frame 35 among them, whose box had not yet been seen twice in a row
    assert "offline: 1 tracks joined to earlier ones, 16 boxes filled in; 1 objects" in whole.err
    assert figure(whole.out, "recall") == 1 and figure(whole.out, "IDF1") == 1 > figure(plain.out, "IDF1")
    held = motchallenge.read_boxes(tmp_path / "whole.txt")
    assert list(held) == list(range(60)) and all(rows["ids"].tolist() == [1] for rows in held.values())
    np.testing.assert_allclose(held[27]["boxes_xyxy"], [[108, 50, 138, 90]], atol=0.1)
    rows = [json.loads(row) for row in whole.out.splitlines() if row.startswith("{")]
    assert [[o["id"] for o in row["objects"]] for row in rows] == [[1]] * 60
    np.testing.assert_allclose(rows[27]["objects"][0]["box_xyxy"], held[27]["boxes_xyxy"][0], atol=1e-3)


def test_settings_are_typed_behind_it(boxes, tmp_path, capsys):
    assert track(boxes / "det.txt", "--mot", tmp_path / "a.txt", "--offline", "join_s=1") == 0
    assert "offline: 0 tracks joined to earlier ones, 0 boxes filled in; 2 objects" in capsys.readouterr().err
    assert track(boxes / "det.txt", "--mot", tmp_path / "a.txt", "--offline", "fill_s=1") == 0
    assert "offline: 1 tracks joined to earlier ones, 0 boxes filled in; 1 objects" in capsys.readouterr().err


def test_wrong_use_is_one_line(boxes, tmp_path, capsys):
    out = ("--mot", tmp_path / "a.txt")
    for words, said in (
        ((), "--offline changes what is written and judged; give --mot OUT.txt, --json or --ground-truth"),
        ((*out, "--resume"), "--offline looks at the whole, and --resume at frame after frame"),
        ((*out, "--draw", tmp_path / "a.mp4"), "--offline looks at the whole, and --draw at frame after frame"),
        ((*out, "--line", "a=0,0,9,9"), "--offline looks at the whole, and lines and zones at frame after frame"),
    ):
        assert track(boxes / "det.txt", *words, "--offline") == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    for word, said in (("join_s", "write KEY=VALUE"), ("join=3", "no field 'join'"), ("gate=-1", "allowed: 0 or more")):
        assert track(boxes / "det.txt", *out, "--offline", word) == 2
        assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "a.txt").exists()


def test_what_is_stopped_has_written_nothing(boxes, tmp_path, monkeypatch, capsys):
    plain = MultiObject.step
    monkeypatch.setattr(MultiObject, "step", lambda *words: os.kill(os.getpid(), signal.SIGINT) or plain(*words))
    assert track(boxes / "det.txt", "--mot", tmp_path / "a.txt", "--offline") == 130
    assert "nothing is written, since --offline waits for the end" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
