"""`evaluate --draw`, `predict --draw` and the pictures of `train`, typed at the command line with a tiny detector."""

import json
import typing

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.data.pipeline import raw_examples
from kerasvision.drawing.pictures import color_of
from kerasvision.drawing.showing.base import MOST_PICTURES
from kerasvision.inference.evaluation import picture_folder
from kerasvision.metrics.base import Evaluator
from kerasvision.train.run import draw_curves
from tests import store
from tests.cli.test_data_detection import TINY
from tests.data.drawn import draw_coco

RED, GREEN = (214, 39, 40), (44, 160, 44)


@pytest.fixture(scope="module")
def kept():
    """Pictures and the run. Tests must not change them."""
    return store.made(seen, "tests/cli/test_draw.py", "tests/cli/test_data_detection.py", "tests/data/drawn.py")


def seen(root):
    """20 pictures of 48 to 80 pixels, and a detector that has seen little and says all that it thinks: full of false
    alarms.
    """
    (root / "shapes").mkdir()
    draw_coco(root / "shapes", 20, (48, 80))
    words = ["train", "detection/retinanet", "--data", str(root / "shapes"), "--out", str(root / "run")]
    assert main([*words, "--set", *TINY, "augment=()", "suppression.score_threshold=0.0"]) == 0


@pytest.fixture(scope="module")
def folder(kept):
    return kept / "shapes"


@pytest.fixture(scope="module")
def run(kept):
    return kept / "run"


def one_line(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasvision: ")]
    assert len(lines) == 1, lines
    return lines[0]


def count(path, color):
    with Image.open(path) as picture:
        return (np.asarray(picture.convert("RGB")) == color).all(-1).sum()


def check_pictures(folder):
    with Image.open(folder / "precision_recall.png") as picture:
        assert picture.size == (1200, 500)
    assert count(folder / "errors.png", RED) > 2000 and count(folder / "errors.png", GREEN) > 1000


def test_training_draws_the_test_split(run):
    check_pictures(run)
    assert (run / "curves.png").is_file()


def test_curves_of_training_leave_single_classes_out(tmp_path):
    names = ("phase", "epoch", "loss", "boxes", "validation/ap", "learning_rate", "validation/ap/disk")
    for count in (6, 7):
        rows = [names[:count], *([str(row + 0.1 * i) for i in range(count)] for row in range(3))]
        (tmp_path / "history.csv").write_text("".join(f"{','.join(row)}\n" for row in rows))
        draw_curves(tmp_path / "history.csv", tmp_path / f"{count}.png")
    assert (tmp_path / "6.png").read_bytes() == (tmp_path / "7.png").read_bytes()
    assert Image.open(tmp_path / "6.png").size == (1320, 440)


def test_evaluation_draws_into_a_new_folder(run, tmp_path, capsys):
    out = tmp_path / "new" / "pictures"
    assert main(["evaluate", str(run), "--split", "train", "--draw", str(out), "--json"]) == 0
    said = capsys.readouterr()
    drawn = json.loads(said.out)
    assert f"drawn into {out}" in said.err
    assert sorted(p.name for p in out.iterdir()) == ["errors.png", "precision_recall.png"]
    check_pictures(out)
    assert main(["evaluate", str(run), "--split", "train", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == drawn
    assert sorted(p.name for p in out.iterdir()) == ["errors.png", "precision_recall.png"]


def test_the_same_pictures_after_training_and_evaluation(run, tmp_path):
    assert main(["evaluate", str(run), "--draw", str(tmp_path)]) == 0
    for name in ("errors.png", "precision_recall.png"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def test_where_nothing_can_be_drawn(run, digits_run, tmp_path, capsys):
    (tmp_path / "file").touch()
    for where in ("file", "file/below"):
        assert main(["evaluate", str(run), "--draw", str(tmp_path / where)]) == 1
        assert "cannot write to" in one_line(capsys)
    assert main(["evaluate", str(run), "--draw", str(tmp_path / "a.png")]) == 2
    assert "name a folder" in one_line(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


class Wordless(Evaluator):
    """Final. Counts examples, and has no picture to draw."""

    directions: typing.ClassVar[dict] = {}

    def update(self, prediction, ground_truth):
        raise AssertionError("is not asked")

    def figures(self, examples=None):
        return {}


def test_an_evaluator_without_pictures_says_so(tmp_path):
    evaluator = Wordless()
    assert evaluator.draw(tmp_path, None) == evaluator.in_words() == []
    with pytest.raises(UsageError, match="a/b has no pictures"):
        picture_folder(tmp_path / "new", evaluator, "a/b")
    assert not list(tmp_path.iterdir())


def test_a_classifier_draws_what_it_confuses_and_says_it(digits_run, tmp_path, capsys):
    """Where `evaluate` is told; the pairs are those that scikit-learn counts."""
    arguments = ["evaluate", str(digits_run.folder), "--split", "train", "--draw", str(tmp_path / "new")]
    assert main(arguments) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " is taken for " in line]
    drawn = ["confusion.png", "worst.png"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == drawn
    labels, top = [], []
    model = load(digits_run.folder)
    for inputs, ground_truth, _ in raw_examples(digits_run.recipe.data.open().splits["train"], model.arch):
        labels += ground_truth["label"].tolist()
        top += model(inputs)["probabilities"].argmax(1).tolist()
    counts = confusion_matrix(labels, top)
    np.fill_diagonal(counts, 0)
    assert len(lines) == min(5, np.count_nonzero(counts))
    if lines:
        a, b = np.unravel_index(counts.argmax(), counts.shape)
        assert lines[0].startswith(f'"{a}" is taken for "{b}" ')


def test_predictions_are_drawn_on_the_picture(run, folder, tmp_path, capsys):
    picture, out = str(folder / "train" / "01.png"), tmp_path / "a.png"
    assert main(["predict", str(run), picture, "--json", "--draw", str(out)]) == 0
    objects = json.loads(capsys.readouterr().out)["prediction"]["objects"]
    shown = {o["index"] for o in objects if o["score"] >= 0.3} or {objects[0]["index"]}
    assert all((count(out, color_of(index)) > 500) == (index in shown) for index in (0, 1))
    assert main(["predict", str(run), picture]) == 0
    text = capsys.readouterr().out
    assert "below 0.3)" in text and text.count("box 0.") + text.count("disk 0.") < len(objects)
    assert main(["predict", str(run), picture, "--draw", str(tmp_path / "gone" / "a.png")]) == 1
    assert "cannot write" in one_line(capsys)


def test_a_sheet_has_an_end(digits_run, tmp_path, capsys):
    for i in range(MOST_PICTURES + 2):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i:03d}.png")
    out = tmp_path / "sheet" / "a.png"
    out.parent.mkdir()
    assert main(["predict", str(digits_run.folder), str(tmp_path / "*.png"), "--draw", str(out)]) == 0
    assert f"(the first {MOST_PICTURES} of {MOST_PICTURES + 2})" in capsys.readouterr().err
    pixels = np.asarray(Image.open(out))
    seen = set(np.unique(pixels[~pixels[..., 1:].any(-1)][:, 0]))
    assert set(range(MOST_PICTURES)) <= seen and len(seen) == MOST_PICTURES


@pytest.mark.nightly
def test_a_detector_is_measured_on_corrupted_images_of_every_size(run, tmp_path, capsys):
    asked = ["--corruptions", "gaussian_blur", "contrast", "--severities", "5", "--out", str(tmp_path), "--json"]
    assert main(["robustness", str(run), *asked]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"] == "ap" and all(0 <= row["5"] <= 1 for row in found["corruptions"].values())
    assert (tmp_path / "robustness.png").is_file()
