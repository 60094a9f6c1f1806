"""Drift of answers of detectors, segmenters and regressors: a planted shift is told, and no shift is not."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasvision.export import profile
from kerasvision.export.profile import Profile, Spread
from kerasvision.serve.drift import BEYOND_CHANCE, SHIFTED, WINDOW, Watch, watch_of
from kerasvision.serve.models import ModelConfig
from kerasvision.serve.server import Server
from tests.serve.conftest import QUIET, Client

KEPT, CLASSES, MOST = 600, 8, 40
NIGHTLY = pytest.mark.nightly


def boxes(rng, count, surer=1.0, more=1.0, swapped=0.0):
    """Answers of a detector: scenes of few classes that go together, surely found objects, and many doubtful boxes.

    surer: factor of the scores. more: of the number of objects. swapped: share of boxes called the next class.
    """
    scores, labels = np.zeros((count, MOST), np.float32), np.full((count, MOST), -1, np.int32)
    for row in range(count):
        scene = rng.choice(CLASSES, 2, p=np.arange(1, CLASSES + 1) / 36, replace=False)
        found = min(rng.poisson(2.0 * more), MOST // 2)
        doubtful = rng.poisson(6)
        held = np.concatenate([rng.beta(8, 2, found), rng.beta(1, 6, min(doubtful, MOST - found))])
        held = np.sort(held)[::-1] * surer
        scores[row, : len(held)] = held
        named = rng.choice(scene, len(held))
        labels[row, : len(held)] = np.where(rng.random(len(held)) < swapped, (named + 1) % CLASSES, named)
    return {"scores": scores, "labels": labels, "count": (labels >= 0).sum(1).astype(np.int32)}


def masks(rng, count, surer=1.0, larger=1.0):
    """Answers of a segmenter: one disc of one of three classes on a background, whose radius varies."""
    y, x = np.mgrid[:24, :24] - 12
    radius = rng.uniform(2, 6, count) * larger
    inside = y**2 + x**2 < radius[:, None, None] ** 2
    mask = np.where(inside, rng.integers(1, 4, count)[:, None, None], 0).astype(np.uint8)
    confidence = rng.beta(20, 3, (count, 1, 1)) * surer + np.zeros((count, 24, 24))
    return {"mask": mask, "confidence": confidence.astype(np.float32)}


def numbers(rng, count, shift=0.0):
    """Answers of a regressor of two numbers, of which the second may shift."""
    return {"values": (rng.normal(size=(count, 2)) * [3, 0.1] + [10, shift]).astype(np.float32)}


DRAWN = {"detector": boxes, "segmenter": masks, "regressor": numbers}
PLANTED = {
    "fewer sure objects": ("detector", {"surer": 0.55}, {"objects", "score"}),
    "twice as many objects": ("detector", {"more": 2.5}, {"objects"}),
    "another class": ("detector", {"swapped": 1.0}, {"class"}),
    "less sure pixels": ("segmenter", {"surer": 0.85}, {"confidence"}),
    "larger regions": ("segmenter", {"larger": 1.9}, {"class"}),
    "larger numbers": ("regressor", {"shift": 0.1}, {"value/1"}),
}


def watched(kind, seed):
    """(a `Watch` of a model that was judged on `KEPT` examples, the generator)."""
    rng, kept = np.random.default_rng(seed), Profile({})
    kept.see({}, DRAWN[kind](rng, KEPT))
    return Watch(json.loads(json.dumps(kept.result())), kinds={}), rng


def told(watch, answers, chunk=100):
    """Statistics that are alerts after any of the looks, one after each `chunk` requests."""
    found, count = set(), len(next(iter(answers.values())))
    for start in range(0, count, chunk):
        watch.see({}, {k: v[start : start + chunk] for k, v in answers.items()})
        found |= {name for name, row in watch.report().items() if row["shifted"]}
    return found


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=NIGHTLY) for s in (2, 3))])
def test_five_thousand_unshifted_answers_raise_no_alert(kind, seed):
    watch, rng = watched(kind, seed)
    assert told(watch, DRAWN[kind](rng, 5000)) == set()
    assert all(row["examples"] == WINDOW for row in watch.report().values())


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=NIGHTLY) for s in (1, 2))])
def test_a_planted_shift_is_told_within_500_requests(what, seed):
    kind, shift, names = PLANTED[what]
    watch, rng = watched(kind, 10 + seed)
    assert told(watch, DRAWN[kind](rng, 500)) == set()
    assert names <= told(watch, DRAWN[kind](rng, 500, **shift))


def test_what_is_looked_at_in_boxes():
    """Weights are scores, so what is hardly a detection counts hardly; a picture of none says so."""
    outputs = {
        "scores": np.float32([[0.9, 0.5, 0.1, 0.0], [0.49, 0.0, 0.0, 0.0], [0, 0, 0, 0]]),
        "labels": np.int32([[2, 0, 2, -1], [1, -1, -1, -1], [-1, -1, -1, -1]]),
    }
    found = profile.of_answer(outputs)
    assert found["objects"] == [2.0, 0.0, 0.0]
    assert profile.shares(found["class"][:1], [0.5, 1.5]) == pytest.approx(
        [0.3, 0.3, 0.4]
    )  # 1/3, 0 and 2/3, at least 0.5
    first = found["class"][0]
    assert [first.weights[first.numbers == k].sum() for k in range(3)] == pytest.approx([1 / 3, 0, 2 / 3])
    np.testing.assert_allclose(found["score"][1].numbers, [0.49], rtol=1e-6)
    assert found["class"][2].numbers.tolist() == found["score"][2].numbers.tolist() == [profile.NOTHING]
    kept = Profile({})
    kept.see({}, outputs)
    assert kept.result()["class"]["edges"] == [-0.5, 0.5, 1.5] and kept.result()["class"]["examples"] == 3


def test_what_is_looked_at_in_masks():
    """Shares of the pixels that lie in the picture; a large mask and a volume are looked at in steps."""
    mask = np.uint8([[[0, 0, 1, 255], [0, 2, 1, 255]], [[255] * 4] * 2])
    confidence = np.where(mask == 255, 0, 0.75).astype(np.float32)
    found = profile.of_answer({"mask": mask, "confidence": confidence})
    assert found["class"][0].numbers.tolist() == [0, 1, 2]
    assert found["class"][0].weights == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert found["confidence"] == [0.75, 0.0] and found["class"][1].numbers.tolist() == [profile.NOTHING]
    for shape in ((1, 3000, 3000), (1, 120, 120, 120)):
        large = np.zeros(shape, np.uint8)
        large[:, shape[1] // 4 :] = 1
        (spread,) = profile.of_answer({"mask": large, "confidence": np.ones(shape, np.float32)})["class"]
        assert spread.weights == pytest.approx([0.25, 0.75], abs=0.02)


def test_further_numbers_of_a_regressor_and_other_answers_are_left_out():
    assert len(profile.of_answer({"values": np.zeros((2, 40))})) == profile.MOST_VALUES
    assert profile.of_answer({"picture": np.zeros((2, 4, 4, 3))}) == {}
    assert profile.of_answer({"scores": np.zeros((2, 3))}) == {}  # what a client has left out of the outputs
    assert profile.of_answer({"scores": np.zeros((0, 3)), "labels": np.zeros((0, 3))}) == {}


def test_edges_of_weighted_numbers_are_weighted_quantiles():
    """As if each number stood there as often as its weight says."""
    rng = np.random.default_rng(0)
    values, times = rng.normal(size=200), rng.integers(1, 9, 200)
    spread = [Spread(np.array([v, v + 5]), np.array([t / 10, 1 - t / 10])) for v, t in zip(values, times, strict=True)]
    repeated = np.sort(np.concatenate([np.repeat([v, v + 5], [t, 10 - t]) for v, t in zip(values, times, strict=True)]))
    edges = profile._binned("score", spread)["edges"]
    wanted = np.quantile(repeated, np.arange(1, 10) / 10, method="inverted_cdf")
    assert edges == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("boxes_each", [1, 30])
def test_chance_is_what_chance_makes_and_no_less_of_many_boxes(boxes_each):
    """600 comparisons of one distribution with itself, whose examples are single draws, or means of 30 that depend on
    one another. The mean of nearly chi-squared values of 4 degrees has an error of 3 % (one standard deviation).
    """
    rng, means = np.random.default_rng(5), []
    p = np.array([0.1, 0.3, 0.2, 0.2, 0.2])

    def drawn(count):
        own = rng.dirichlet(3 * p, count) if boxes_each > 1 else np.eye(5)[rng.choice(5, count, p=p)]
        counts = np.stack([rng.multinomial(boxes_each, row) for row in own]) / boxes_each
        return [Spread(np.arange(5.0), row) for row in counts]

    for _ in range(600):
        kept = profile._binned("class", drawn(400))
        index, chance = profile.stability_index(kept, drawn(300))
        means.append(index)
    if boxes_each == 1:
        assert np.mean(means) == pytest.approx(chance, rel=0.12)
    else:
        assert np.mean(means) < 0.5 * chance


def test_the_rate_of_false_alarms_that_the_module_states():
    """Yurdakul and Naranjo's chi-squared, at worst over 2 to 30 bins."""

    def worst(n, kept):
        least = SHIFTED / (1 / n + 1 / kept)
        return max(stats.chi2.sf(max(least, BEYOND_CHANCE * (bins - 1)), bins - 1) for bins in range(2, 31))

    rates = {of: float(f"{worst(*of):.0e}") for of in ((500, 500), (500, 100), (100, 100), (100, 20))}
    assert rates == {(500, 500): 1e-7, (500, 100): 9e-4, (100, 100): 6e-3, (100, 20): 4e-2}


def save_detector(path, kept):
    """A SavedModel whose answer is what it is asked: scores [N, 40] and labels [N, 40]."""
    specs = [tf.TensorSpec([None, MOST], tf.float32, "s"), tf.TensorSpec([None, MOST], tf.int32, "l")]

    @tf.function(input_signature=specs)
    def call(s, l):  # noqa: E741 (names of inputs)
        return {"scores": tf.identity(s), "labels": tf.identity(l)}

    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": call.get_concrete_function()})
    (path / "assets.extra").mkdir()
    contract = {"artifacts": [], "inputs": {}, "profile": kept}
    (path / "assets.extra" / "contract.json").write_text(json.dumps(contract))


def test_a_server_says_it_of_a_detector(tmp_path):
    rng, kept = np.random.default_rng(0), Profile({})
    kept.see({}, boxes(rng, KEPT))
    save_detector(pathlib.Path(tmp_path, "found", "1"), kept.result())
    assert set(watch_of(tmp_path / "found" / "1")._kept) == {"objects", "score", "class"}
    server = Server([ModelConfig("found", str(tmp_path / "found"))], QUIET, tmp_path).start()
    try:
        client = Client(server.rest_port)

        def alerts(answers):
            body = {"inputs": {"s": answers["scores"].tolist(), "l": answers["labels"].tolist()}}
            assert client.predict("found", body)[0] == 200
            report = client.ask("GET", "/drift")[1]["found/1"]
            assert set(report) == {"objects", "score", "class"}
            return {name for name, row in report.items() if row["shifted"]}

        assert alerts(boxes(rng, 500)) == set()
        assert {"objects", "score"} <= alerts(boxes(rng, 500, surer=0.55))
        text = client.ask("GET", "/metrics")[1]
    finally:
        server.stop()
    assert 'kerasvision_drift_shifted{model="found",statistic="objects",version="1"} 1.0' in text
