"""Smoothing, of a linear classifier of two classes, whose radius is known: the distance to where it changes its mind.

Noise moves the margin m of a picture by N(0, sigma^2 |w|^2), so a copy keeps the label by a chance of Phi(m / sigma
|w|), and the smoothed classifier changes its mind where the classifier does, at m / |w| (Cohen et al. 2019, section
3.1).
"""

import json

import numpy as np
import pytest
import scipy.stats

from kerasvision.cli.known import kind_and_sum
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.systems import certifying
from kerasvision.systems.base import Session, load_system, save_system
from kerasvision.systems.smoothed import ABSTAINS, label_of, least_share
from tests import store
from tests.train import tiny

SIDE, SIGMA = 16, 0.05  # noise of 13 of 255, around gray: never black or white
WAY = np.random.default_rng(0).normal(size=(SIDE, SIDE, 3))
WAY /= np.linalg.norm(WAY)
FINE = 1e-3  # pixels of 255 levels cannot be placed more exactly, by L2 and in the direction of WAY


class Linear:
    """Says class 1 on one side of gray and class 0 on the other."""

    def __call__(self, inputs):
        margin = np.einsum("bhwc,hwc->b", inputs["image"] / 255 - 0.5, WAY)
        return {"probabilities": np.stack([margin < 0, margin >= 0], 1).astype(np.float32)}


def at(distance):
    """A picture so far from where the classifier changes its mind, and how far it is exactly."""
    image = np.rint(255 * (0.5 + distance * WAY)).astype(np.uint8)
    return image, float(((image / 255 - 0.5) * WAY).sum())


def answered(image, **fields):
    system = create("systems/smoothed", sigma=SIGMA, **fields)
    return Session(system, {"classifier": Linear()}).step({"image": image})


@pytest.mark.parametrize("distance", [0.08, -0.08, 0.04])
def test_the_radius_of_a_linear_classifier(distance):
    """Never beyond the exact one, and as near to it as so many draws can tell: by Clopper and Pearson's bound of the
    count that is expected, four of its deviations about.
    """
    draws, (image, exact) = 2000, at(distance)
    found = answered(image, draws=draws)
    share = scipy.stats.norm.cdf(abs(exact) / np.hypot(SIGMA, 1 / 255 / np.sqrt(12)))  # rounding is noise, too
    assert found["label"] == (distance > 0) and found["counts"].sum() == draws
    deviation = np.sqrt(draws * share * (1 - share))
    counts = np.clip(np.rint(draws * share + np.array([-4, 4]) * deviation), 0, draws).astype(int)
    bounds = [scipy.stats.binomtest(k, draws).proportion_ci(0.998, "exact").low for k in counts]
    low, high = SIGMA * scipy.stats.norm.ppf(bounds)
    assert low <= found["radius"] <= min(high + FINE, abs(exact))
    assert found["share"] == pytest.approx(scipy.stats.norm.cdf(found["radius"] / SIGMA))


def test_within_the_radius_the_answer_stays_and_beyond_the_exact_one_it_changes():
    image, exact = at(0.08)
    radius = answered(image)["radius"]
    nearer = np.rint(image - 255 * radius * WAY).astype(np.uint8)
    beyond = np.rint(image - 255 * (exact + 0.08) * WAY).astype(np.uint8)
    assert answered(nearer, draws=20000)["label"] == 1
    assert answered(beyond)["label"] == 0


def test_where_it_changes_its_mind_it_abstains():
    found = answered(at(0.0)[0])
    assert found["label"] == ABSTAINS and found["radius"] == 0.0


def test_the_bounds_are_those_of_scipy_s_tests():
    for count, draws in ((0, 10), (7, 10), (10, 10), (950, 1000)):
        low = scipy.stats.binomtest(count, draws).proportion_ci(0.98, "exact").low  # two sides of 0.01 each
        assert least_share(count, draws, 0.01) == pytest.approx(low)
    assert least_share(100, 100, 0.001) == pytest.approx(0.001**0.01)  # p^n = failure
    # two-sided tests of a fair coin: 10 of 10 have 2 / 2^10, 9 of 10 have 22 / 2^10
    assert label_of(np.array([0, 10, 0]), 2 / 1024) == 1 and label_of(np.array([0, 10, 0]), 1.9 / 1024) == ABSTAINS
    assert label_of(np.array([9, 1]), 22 / 1024) == 0 and label_of(np.array([9, 1]), 21.9 / 1024) == ABSTAINS


def test_a_radius_needs_more_than_half():
    system = create("systems/smoothed", draws=100, failure=0.01)
    counts = [k for k in range(101) if least_share(k, 100, 0.01) > 0.5]
    assert system.radius_of(counts[0]) > 0 and system.radius_of(counts[0] - 1) == 0.0
    assert system.most == pytest.approx(0.25 * scipy.stats.norm.ppf(0.01**0.01))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"sigma": 0.0}, "smoothed.sigma=0; allowed: above 0"),
        ({"draws": 0}, "smoothed.draws=0, choosing=100; allowed: 1 or more"),
        ({"failure": 0.0}, "smoothed.failure=0; allowed: above 0, below 0.5"),
        ({"failure": 0.5}, "smoothed.failure=0.5; allowed"),
    ],
)
def test_settings_that_mean_nothing(fields, line):
    with pytest.raises(UsageError, match=line):
        create("systems/smoothed", **fields)
    with pytest.raises(UsageError, match="smoothed takes one picture, uint8"):
        answered(np.zeros((1, 4, 4, 3), np.uint8))


@pytest.fixture(scope="module")
def run():
    """Folder of a run of digits."""
    return store.trained(tiny.recipe(model=tiny.smooth_classifier(), epochs=2))


ASKED = ("--examples", "12", "--set", "draws=100", "choosing=10", "sigma=0.1")


def test_the_command_goes_on_where_it_was_stopped(run, tmp_path, monkeypatch, capsys):
    """And ends in the same document; another model or other settings are refused."""
    assert main(["certify", str(run), *ASKED, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["examples"] == 12 and 0 <= whole["abstains"] <= 1 and whole["right"] > 0.3
    shares = list(whole["radii"].values())
    assert len(shares) == 7 and shares == sorted(shares, reverse=True) and shares[0] <= whole["right"]

    def stop(task, done, total):
        if done == 11:
            raise KeyboardInterrupt

    from kerasvision.api import load

    system, known = create("systems/smoothed", draws=100, choosing=10, sigma=0.1), kind_and_sum(run)
    with pytest.raises(KeyboardInterrupt):
        certifying.certified(load(str(run)), system, "test", 12, tmp_path, stop, known)
    assert not (tmp_path / certifying.FILE).exists()
    seen = []
    model = load(str(run))
    monkeypatch.setattr(type(model), "__call__", _counting(type(model).__call__, seen))
    assert main(["certify", str(run), *ASKED, "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole == json.loads((tmp_path / certifying.FILE).read_text())
    assert len(seen) == 1 + 2 * 3  # by which it is known; then the last two: choosing, counting, without noise
    assert main(["certify", str(run), *ASKED[:-1], "sigma=0.2", "--out", str(tmp_path)]) == 2
    assert "is the state of another system (they differ in sigma)" in capsys.readouterr().err
    assert main(["certify", str(run), "--examples", "9", *ASKED[2:], "--out", str(tmp_path)]) == 2
    assert "is of another model or other examples" in capsys.readouterr().err


def _counting(call, seen):
    def counted(self, inputs):
        seen.append(len(inputs["image"]))
        return call(self, inputs)

    return counted


def test_it_is_saved_with_its_model_and_what_cannot_be_certified_is_refused(run, tmp_path, capsys):
    from kerasvision.api import load

    system = create("systems/smoothed", sigma=0.1, draws=50)
    save_system(system, {"classifier": run}, tmp_path / "saved")
    loaded = load_system(tmp_path / "saved", load)
    image = np.full((8, 8, 3), 90, np.uint8)
    again = Session(system, {"classifier": load(str(run))}).step({"image": image})
    assert (loaded.step({"image": image})["counts"] == again["counts"]).all() and loaded.system == system
    for words, line in (
        (["imagenet/efficientnet_lite0"], "center_crop|no data of its own"),
        ([str(run), "--set", "sigma"], "write KEY=VALUE, as in --set sigma=0.25"),
        ([str(run), "--set", "sigma=0"], "smoothed.sigma=0; allowed: above 0"),
        ([str(run), "--examples", "0"], "--examples 0: allowed: 1 or more"),
    ):
        assert main(["certify", *words]) == 2
        assert any(part in capsys.readouterr().err for part in line.split("|"))
