"""`kerasvision choose` at the command line: what is written, what is skipped and said, and what is refused."""

import csv

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.systems import choosing
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))
MODELS = {
    "embedder": ("self_supervised/simclr", {}),
    "classifier": ("classification/classifier", {"num_classes": 3}),
    "numbers": ("regression/regressor", {"num_outputs": 1}),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{name: folder} of runs that have learned nothing: colors are apart all the same."""
    folder, found = tmp_path_factory.mktemp("choose"), {}
    for name, (kind, fields) in MODELS.items():
        arch = create(kind, image_size=(16, 16), backbone=BACKBONE, **fields)
        recipe = Recipe(name=name, model=arch, data=create("sources/digits"))
        (folder / name).mkdir()
        save_run(
            Trained(recipe, contracts.built(arch), tuple("abc")[: fields.get("num_outputs", 3)], {}, folder / name)
        )
        found[name] = str(folder / name)
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve pictures of three colors, and one file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(12):
        color = np.array([(220, 30, 30), (30, 200, 40), (40, 60, 230)][number % 3])
        pixels = np.clip(color + rng.integers(-20, 21, (20, 20, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.png")
    (folder / "broken.png").write_bytes(b"none")
    return folder


def written(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_cover_of_an_embedder_is_written_as_a_table_to_fill_in(runs, photos, tmp_path, capsys):
    out, labeled = tmp_path / "next.csv", photos / "01.png"
    words = ["--data", str(photos), "--labeled", str(labeled), "--count", "4", "--out", str(out)]
    assert main(["choose", runs["embedder"], *words]) == 1, "a file could not be read"
    said = capsys.readouterr().err
    assert "looked at 11 pictures; skipped: 1 could not be read, 1 have labels already" in said
    assert f"{out}: 4 pictures by cover; the farthest of all is" in said
    model, files = api.load(runs["embedder"]), [p for p in sorted(photos.glob("[01]*.png")) if p != labeled]
    vectors = np.stack([model.predict(str(p))["embedding"] for p in [*files, labeled]])
    places, distances = choosing.cover(vectors[:-1], 4, vectors[-1:])
    rows = written(out)
    assert [(tmp_path / row["file"]).resolve() for row in rows] == [files[k].resolve() for k in places]
    np.testing.assert_allclose([float(row["distance"]) for row in rows], distances, atol=1e-4)
    assert list(rows[0]) == ["file", "label", "distance"] and not any(row["label"] for row in rows)


def test_a_classifier_says_what_it_is_least_sure_of(runs, photos, tmp_path, capsys):
    out = tmp_path / "next.csv"
    whole = ["--data", str(photos / "0*.png"), "--count", "3", "--out", str(out)]
    assert main(["choose", runs["classifier"], *whole, "--by", "uncertain"]) == 0
    model, files = api.load(runs["classifier"]), sorted(photos.glob("0*.png"))
    probabilities = np.stack([model.predict(str(p))["probabilities"] for p in files])
    unsure = choosing.uncertainty(probabilities)
    expected = [files[k].name for k in np.argsort(-unsure, kind="stable")[:3]]
    assert [row["file"].rsplit("/", 1)[-1] for row in written(out)] == expected
    assert main(["choose", runs["classifier"], *whole, "--measure", "entropy"]) == 0
    assert "3 pictures by both" in capsys.readouterr().err
    assert list(written(out)[0]) == ["file", "label", "distance", "uncertainty"]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("embedder", ["--by", "uncertain"], "says no probabilities of one class of several"),
        ("embedder", ["--count", "0"], "--count 0; allowed: 1 or more"),
        ("embedder", ["--count", "99"], "--count 99; allowed: 1 to 10"),
        ("embedder", ["--out", "next.txt"], "allowed: a file that ends in .csv"),
        ("numbers", [], "has no vector for a picture"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(name, words, said, runs, photos, tmp_path, capsys):
    out = ["--out", str(tmp_path / "next.csv")]
    assert main(["choose", runs[name], "--data", str(photos / "0*.png"), *out, *words]) == 2
    line = capsys.readouterr().err
    assert said in line and "Traceback" not in line
    assert not list(tmp_path.iterdir())
