"""Lines decoded on the host: which text, how likely, where its characters stand, and what cannot be asked."""

import json
import types

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.systems.lines import LineDecoder, LineReader
from kerasvision.train.run import Trained, save_run

CLASSES = ("1", "2", "a", "\u2423")
BLANK = len(CLASSES)


def judged(*rows):
    """Of one line of 40 x 20 pixels: a frame is 10 pixels. rows: {class: share}, blank the rest."""
    shares = np.zeros((len(rows), BLANK + 1), np.float32)
    for share, row in zip(shares, rows, strict=True):
        for k, value in row.items():
            share[k] = value
        share[BLANK] = 1 - share.sum()
    frames = len(rows)
    return {
        "probabilities": shares,
        "borders": np.arange(frames + 1, dtype=np.float32) * 10,
        "image_width": np.int32(40),
        "image_height": np.int32(20),
        "labels": np.zeros(frames, np.int32),
        "scores": np.zeros(frames, np.float32),
        "boxes_xyxy": np.zeros((frames, 4), np.float32),
        "count": np.int32(0),
    }


LINE = judged({0: 0.5, 2: 0.5}, {}, {0: 0.6, 1: 0.4}, {})  # "11" .3, "a1" .3, "12" .2, "a2" .2


@pytest.mark.parametrize(
    ("fields", "text", "probability"),
    [
        ({"pattern": "a\\d"}, [2, 0], 0.6),  # .3 of .3 + .2
        ({"pattern": "\\d2"}, [0, 1], 1.0),
        ({"lexicon": ("12", "a2", "11")}, [0, 0], 0.3 / 0.7),
        ({"lexicon": ("a2", "2")}, [2, 1], 1.0),
        ({}, [0, 0], 0.3),
    ],
)
def test_the_text_and_its_probability(fields, text, probability):
    found = LineDecoder(CLASSES, **fields).prediction(LINE)
    assert found["labels"].tolist() == text + [-1] * (4 - len(text)) and found["count"] == len(text)
    assert found["path_score"] == pytest.approx(probability, rel=1e-5)
    np.testing.assert_array_equal(found["boxes_xyxy"][:2], [[0, 0, 10, 20], [20, 0, 30, 20]])
    shares = [LINE["probabilities"][frame, k] for frame, k in zip((0, 2), text, strict=True)]
    np.testing.assert_allclose(found["scores"][:2], shares)


def test_a_language_decides_between_equals():
    found = LineDecoder(CLASSES, language=("a1", "a1", "a2")).prediction(LINE)
    assert found["labels"].tolist()[:2] == [2, 0]
    assert 0.3 < found["path_score"] < 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lexicon": ("1b",)}, "1 texts beyond the alphabet, such as '1b'"),
        ({"pattern": "b"}, "no text of the alphabet of 4 matches"),
        ({"pattern": "1", "lexicon": ("1",)}, "do not go together"),
        ({"width": 0}, "a beam of width 0"),
    ],
)
def test_what_cannot_be_asked_is_one_line(fields, says):
    with pytest.raises(UsageError, match=says):
        LineDecoder(CLASSES, **fields)


@pytest.mark.parametrize("fields", [{"pattern": "1{5}"}, {"lexicon": ("111",)}])
def test_texts_that_no_frames_can_say_are_one_line(fields):
    """Three equal characters need five frames, and there are four."""
    with pytest.raises(KerasVisionError, match="can be said in 4 frames; all are too long"):
        LineDecoder(CLASSES, **fields).prediction(LINE)


def test_files_and_other_models_are_refused():
    reader = types.SimpleNamespace(registered_name="text_recognition/conv", outputs={"path_score": None})
    with pytest.raises(UsageError, match="needs what a run says of each frame"):
        LineReader(types.SimpleNamespace(arch=reader, runner=None), None)
    other = types.SimpleNamespace(registered_name="classification/classifier", outputs={"probabilities": None})
    with pytest.raises(UsageError, match="reads lines of text; classification/classifier reads none"):
        LineReader(types.SimpleNamespace(arch=other, runner=None), None)


def test_a_run_is_asked_on_the_command_line(tmp_path, capsys):
    arch = create("text_recognition/conv", num_classes=4, image_size=(16, 48), width=4, depth=0)
    recipe = Recipe(name="lines", model=arch, data=create("sources/rendered_text"))
    save_run(Trained(recipe, arch.build(), CLASSES, {}, tmp_path / "run"))
    Image.fromarray(np.full((16, 48, 3), 200, np.uint8)).save(tmp_path / "line.png")
    asked = ["predict", str(tmp_path / "run"), str(tmp_path / "line.png"), "--json"]
    (tmp_path / "words.txt").write_text("12a\n2 1\n")
    for flags, texts in ((["--lexicon", str(tmp_path / "words.txt")], ("12a", "2 1")), (["--pattern", "a1"], ("a1",))):
        assert main([*asked, "--decoder", "beam", *flags]) == 0
        found = json.loads(capsys.readouterr().out)["prediction"]
        assert found["text"] in texts and 1 / len(texts) <= found["score"] <= 1
        assert [row["text"] for row in found["characters"]] == list(found["text"])
    assert main([*asked, "--pattern", "(a"]) == 2
    assert "a ( without its )" in capsys.readouterr().err
