"""`predict` and `evaluate` with a segmenter of photographs, typed at the command line: masks, windows, pictures."""

import csv
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.ops.components import largest
from kerasvision.train.fit import train
from tests import store

SIDE = 32
MIRRORED = ("--set", "flips=(1,)")


def scene(number, hw=(SIDE, SIDE), specks=0):
    """A bright square on noise, uint8 [H, W, 3], and its mask. specks: single bright pixels that belong to nothing."""
    rng = np.random.default_rng(number)
    image, mask = rng.integers(0, 80, (*hw, 3)).astype(np.uint8), np.zeros(hw, np.uint8)
    y, x = rng.integers(2, hw[0] - 16), rng.integers(2, hw[1] - 16)
    mask[y : y + 14, x : x + 14] = 1
    image[mask == 1] = rng.integers(200, 256, 3)
    image[rng.integers(0, hw[0], specks), rng.integers(0, hw[1], specks)] = 255
    return image, mask


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def run():
    """A small U-Net that has learned the square. Tests must not change it."""
    return store.made(learned, "tests/cli/test_predict_masks.py") / "run"


def learned(root):
    """Data and run into a folder."""
    for number in range(40):
        split = "test" if number >= 32 else "train"
        for kind, pixels in zip(("images", "masks"), scene(number), strict=True):
            save(root / "data" / kind / split / f"{number}.png", pixels)
    (root / "data" / "classes.txt").write_text("background\nsquare\n")
    backbone = create("backbones/convnet", width=8, blocks=(1, 1, 1))
    recipe = Recipe(
        name="squares",
        model=create("semantic_segmentation/unet", image_size=(SIDE, SIDE), backbone=backbone, width=8),
        data=create("sources/image_mask", path=str(root / "data")),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=8,
        batch_size=4,
        validation_fraction=0.0,
    )
    train(recipe, root / "run")


def answered(run, file, out, *words):
    """The ids in the PNG that `predict --out` writes."""
    assert main(["predict", str(run), str(file), "--out", str(out), *words]) == 0
    with Image.open(out / f"{file.stem}.png") as picture:
        assert picture.mode == "P"
        return np.asarray(picture)


def test_a_mask_is_a_palette_png_of_what_python_answers(run, tmp_path, capsys):
    image, mask = scene(50, (40, 56))
    file = save(tmp_path / "case.png", image)
    found = answered(run, file, tmp_path / "out", "--json")
    wanted = api.load(run).predict(image)
    described = wanted.to_json()
    np.testing.assert_array_equal(found, wanted["mask"])
    assert 2 * (found * mask).sum() / (found.sum() + mask.sum()) > 0.9, "the square is not where it was drawn"
    answer = json.loads(capsys.readouterr().out)["prediction"]
    assert answer["mask"] == str(tmp_path / "out" / "case.png")
    assert answer["classes"] == described["classes"] and answer["classes"]["square"] == found.sum()


def test_windows_and_mirrored_images_answer_otherwise(run, tmp_path):
    """An image three times as large is stretched to the graph's size, or seen in windows at its own."""
    image, mask = scene(51, (SIDE * 3, SIDE * 3))
    file = save(tmp_path / "case.png", image)
    stretched = answered(run, file, tmp_path / "a")
    words = ["--set", "resize=windows", "overlap=0.5", "flips=(1,)"]
    windows = answered(run, file, tmp_path / "b", *words)
    np.testing.assert_array_equal(windows, api.load(run, words[1:]).predict(image)["mask"])
    assert (windows != stretched).any() and 2 * (windows * mask).sum() / (windows.sum() + mask.sum()) > 0.85
    settings = ([*words[1:3], flips] for flips in ("flips=()", "flips=(1,)"))
    plain, mirrored = (api.load(run, held).predict(image)["confidence"] for held in settings)
    assert np.abs(plain - mirrored).max() > 1e-4


def test_no_promise_is_named_where_answers_are_others(run, tmp_path, capsys):
    """Its threshold was fitted without mirrored images."""
    promising = shutil.copytree(run, tmp_path / "run")
    recipe = json.loads((promising / "recipe.json").read_text())
    held = recipe["model"]["pixel_sets"]
    held["coverage"], held["thresholds"], held["examples"] = 0.9, [0.25], 40
    (promising / "recipe.json").write_text(json.dumps(recipe))
    file = save(tmp_path / "case.png", scene(53)[0])
    for asked, mirrored, holds in ((promising, (), True), (promising, MIRRORED, False), (run, MIRRORED, False)):
        assert main(["predict", str(asked), str(file), "--json", *mirrored]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["prediction"].get("may_be", {}).get("coverage") == (0.9 if holds else None)
        assert ("--set flips=(1,): nothing is promised" in said.err) == (asked is promising and not holds)


def test_the_largest_component_is_kept(run, tmp_path):
    file = save(tmp_path / "case.png", scene(52, (64, 64), specks=120)[0])
    before = answered(run, file, tmp_path / "plain", "--set", "resize=windows")
    after = answered(run, file, tmp_path / "tidied", "--set", "resize=windows", "--largest")
    np.testing.assert_array_equal(after, largest(before))
    assert (before != after).any(), "the specks were not found, so nothing is shown"


def test_figures_of_each_image_as_a_table(run, tmp_path, capsys):
    """Against the masks that `predict` writes, counted by hand."""
    table = tmp_path / "new" / "cases.csv"
    assert main(["evaluate", str(run), "--cases", str(table)]) == 0
    said = capsys.readouterr()
    assert f"written: {table}" in said.err and re.search(
        r"test/miou +[01]\.\d{4} \([01]\.\d{4} to [01]\.\d{4}\)", said.out
    )
    rows = list(csv.DictReader(table.open(newline="")))
    assert len(rows) == 8
    files = [pathlib.Path(row["file"]) for row in rows]
    assert main(["predict", str(run), *map(str, files), "--out", str(tmp_path / "out")]) == 0
    for row, file in zip(rows, files, strict=True):
        with Image.open(tmp_path / "out" / f"{file.stem}.png") as picture:
            found = np.asarray(picture) == 1
        true = np.asarray(Image.open(file.parents[2] / "masks" / "test" / file.name)) == 1
        right = (found & true).sum()
        assert float(row["dice/square"]) == float(row["dice"]) == pytest.approx(2 * right / (found.sum() + true.sum()))
        assert float(row["iou/square"]) == pytest.approx(right / (found | true).sum())
        assert float(row["pixel_accuracy"]) == pytest.approx((found == true).mean())
        assert float(row["error_pixels/square"]) == found.sum() - true.sum()
        assert float(row["relative_error/square"]) == pytest.approx((found.sum() - true.sum()) / true.sum())


def test_where_no_table_of_cases_can_be_written(run, digits_run, tmp_path, capsys):
    (tmp_path / "file").touch()
    for model, table, line in (
        (run, tmp_path / "cases.txt", "name a .csv"),
        (run, tmp_path / "file" / "cases.csv", "cannot write"),
        (digits_run.folder, tmp_path / "cases.csv", "classification/classifier has no figures of single cases"),
    ):
        assert main(["evaluate", str(model), "--cases", str(table)]) != 0
        said = capsys.readouterr()
        assert line in said.err and said.err.count("\n") == 1 and not said.out
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_predictions_and_worst_cases_are_drawn(run, tmp_path, capsys):
    image, mask = scene(53, (120, 120))
    file = save(tmp_path / "case.png", image)
    assert main(["predict", str(run), str(file), "--draw", str(tmp_path / "drawn.png")]) == 0
    drawn = np.asarray(Image.open(tmp_path / "drawn.png").convert("RGB")).astype(int)
    spread = drawn.max(-1) - drawn.min(-1)  # the noise is nearly gray, an overlay is not
    assert (spread > 60).sum() > 0.5 * mask.sum()
    assert (run / "worst.png").is_file()
    capsys.readouterr()
    assert main(["evaluate", str(run), "--draw", str(tmp_path / "evaluated"), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert min(Image.open(tmp_path / "evaluated" / "worst.png").size) > 100
    assert 0 < metrics["test/boundary_f_low"] <= metrics["test/boundary_f"] <= metrics["test/boundary_f_high"] <= 1
