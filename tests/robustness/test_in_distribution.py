"""How far images are out of a run's distribution: ranks among what was held out, planted strangers, and commands."""

import dataclasses
import json
import types

import numpy as np
import pytest
from PIL import Image

from kerasvision.api import load_run
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.robustness import in_distribution
from kerasvision.robustness.in_distribution import FILE, in_distribution_of
from kerasvision.train.run import Trained
from tests.train import tiny
from tests.undrawn import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits as PNG files of 8x8 pixels, a folder a class."""
    from sklearn.datasets import load_digits

    root, digits = tmp_path_factory.mktemp("digits"), load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        (root / str(label)).mkdir(exist_ok=True)
        Image.fromarray((image * 255 / 16).astype(np.uint8)).save(root / str(label) / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A classifier of these files, three epochs."""
    recipe = tiny.recipe(
        data=create("sources/image_folder", path=str(folder)),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=3,
    )
    return train(recipe, tmp_path_factory.mktemp("run") / "run")


def strangers(count=40):
    """What no digit looks like: noise, as large."""
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)


def test_ranks_are_even_among_what_was_held_out_and_high_for_strangers(run, folder):
    in_distribution = in_distribution_of(run)
    files = sorted(folder.rglob("*.png"))[::7]
    known = np.stack([np.asarray(Image.open(f).convert("RGB")) for f in files])
    for name, (_, rank) in in_distribution.scores({"image": known}).items():
        assert 0.3 < np.median(rank) < 0.7, name
    for name in ("mahalanobis", "nearest"):
        assert in_distribution.scores({"image": strangers()})[name][1].mean() > 0.95, name


class Given:
    """A score that stands in a column of what are called features."""

    def __init__(self, column):
        self.column = column

    def score(self, features):
        return features[:, self.column]


def ranked(percents):
    """(`InDistribution` whose three ranks of the rows asked for are these percents, the serving inputs that ask for
    them).
    """
    scores = np.float64(percents) - 0.5  # of the scores 0 to 99 as many are below
    held = dict.fromkeys(in_distribution.METHODS, np.arange(100.0))
    made = in_distribution.InDistribution(lambda inputs: (inputs["image"], inputs["image"]), Given(1), Given(2), held)
    return made, {"image": scores}


RANKS = [(0, 0, 0), (99, 0, 0), (98, 98, 100), (99, 98, 99), (0, 99, 99), (99, 99, 0), (100, 100, 100), (98, 98, 98)]


def test_two_of_three_ranks_make_an_image_out_of_distribution(monkeypatch):
    """99 % is out of distribution, 98 % is not, whichever method says so; one alone is not believed."""
    monkeypatch.setattr(in_distribution, "energy", lambda logits: logits[:, 0])
    expected = [sum(rank >= 99 for rank in row) >= 2 for row in RANKS]
    assert expected == [False, False, False, True, True, True, True, False]
    for row, is_out_of_distribution in zip(RANKS, expected, strict=True):
        made, inputs = ranked([row])
        said = made.describe(inputs)
        assert [said[name]["rank"] for name in in_distribution.METHODS] == [rank / 100 for rank in row]
        assert said["foreign"] is is_out_of_distribution, row
    made, inputs = ranked(RANKS)
    monkeypatch.setattr(in_distribution, "in_distribution_of", lambda trained: made)
    names = in_distribution.out_of_distribution_images(None, [(inputs, None, [str(row) for row in RANKS])])
    assert names[0] == "(100, 100, 100)"  # the farthest out first
    assert set(names) == {
        str(row) for row, is_out_of_distribution in zip(RANKS, expected, strict=True) if is_out_of_distribution
    }


def test_what_was_seen_is_kept_with_the_run(run):
    first = in_distribution_of(run).scores({"image": strangers()})
    assert (run.folder / FILE).exists()
    with np.load(run.folder / FILE) as held:  # of an embedding that had half as many numbers
        older = dict(held) | {"features": held["features"][:, ::2]}
    np.savez(run.folder / FILE, **older)
    again = in_distribution_of(load_run(run.folder)).scores({"image": strangers()})
    for name in first:
        np.testing.assert_allclose(first[name][0], again[name][0], rtol=1e-4, atol=1e-5)


def test_predict_says_how_far_out_of_distribution_an_image_is(run, folder, tmp_path, capsys):
    Image.fromarray(strangers()[0]).save(tmp_path / "noise.png")
    known = str(next((folder / "0").iterdir()))
    assert main(["predict", str(run.folder), known, str(tmp_path / "noise.png"), "--outliers", "--json"]) == 0
    usual, odd = (json.loads(line)["prediction"]["outlier"] for line in capsys.readouterr().out.splitlines())
    assert odd["foreign"] and odd["mahalanobis"]["rank"] > usual["mahalanobis"]["rank"]
    assert main(["predict", str(run.folder), str(tmp_path / "noise.png"), "--outliers"]) == 0
    assert "distribution" in capsys.readouterr().out


def test_check_lists_images_out_of_distribution(run, tmp_path, capsys):
    for number, image in enumerate(strangers(12)):
        (tmp_path / "odd" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "odd" / str(number % 2) / f"{number}.png")
    assert main(["data", "check", str(tmp_path / "odd"), "--run", str(run.folder), "--json"]) == 0
    findings = {f["kind"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["foreign"]["count"] >= 10


@pytest.mark.nightly
def test_what_cannot_tell_is_one_line(digits_run, tmp_path):
    several = types.SimpleNamespace(arch=create("classification/multi_label", num_classes=10), graph=digits_run.graph)
    with pytest.raises(UsageError, match="what gives one class for each"):
        in_distribution_of(several)
    aware = create("techniques/qat")
    recipe = dataclasses.replace(digits_run.recipe, techniques=(aware,))
    graph = aware.graph(digits_run.arch, digits_run.arch.build())
    for run in (digits_run, Trained(recipe, graph, digits_run.classes, {}, tmp_path)):
        features, logits = in_distribution_of(run).predict({"image": strangers(3)})
        assert features.shape == (3, 16) and logits.shape == (3, 10)
    assert main(["predict", "imagenet/efficientnet_lite0", "a.png", "--outliers"]) == 2
