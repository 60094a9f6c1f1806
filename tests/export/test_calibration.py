"""Images that integer files are calibrated on: a cover is near to all others, and never twice as far as the best."""

import functools
import itertools

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.data.pipeline import with_validation
from kerasvision.export import certificate
from kerasvision.export.base import from_spec
from kerasvision.export.calibration import calibration_inputs, covering, vector_of


def radius(vectors, chosen):
    away = np.linalg.norm(vectors[:, None] - vectors[list(chosen)][None], axis=-1)
    return away.min(1).max()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_cover_is_at_most_twice_as_far_as_the_best(seed, count):
    """Gonzalez 1985, theorem 2.2, against all choices of so many."""
    vectors = np.random.default_rng(seed).normal(size=(12, 2))
    best = min(radius(vectors, chosen) for chosen in itertools.combinations(range(12), count))
    assert best <= radius(vectors, covering(vectors, count)) <= 2 * best + 1e-12


def test_every_cluster_is_seen_whatever_its_size():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    which = np.repeat(np.arange(4), [500, 3, 2, 1])
    vectors = centers[which] + rng.normal(0, 0.1, (506, 2))
    assert set(which[covering(vectors, 4)]) == {0, 1, 2, 3}


def test_equal_vectors_are_chosen_once():
    assert len(covering(np.ones((9, 3)), 5)) == 1
    assert sorted(covering(np.arange(6.0)[:, None], 9).tolist()) == list(range(6))


def test_calibration_is_of_training_images_either_way(digits_run):
    train = with_validation(digits_run.recipe.data.open(), 0.1)["train"]
    served = digits_run.served()
    every, cover = (calibration_inputs(train, served, way, 20) for way in ("every", "cover"))
    assert len(every) == len(cover) == 20
    assert {row["image"].shape for row in (*every, *cover)} == {(1, 8, 8, 3)}
    every, cover = (np.stack([vector_of(served, row) for row in rows]) for rows in (every, cover))
    some = np.stack([vector_of(served, row) for row in calibration_inputs(train, served, "every", 300)])
    assert radius(np.concatenate([cover, some]), range(20)) < radius(np.concatenate([every, some]), range(20))
    with pytest.raises(UsageError, match="calibration 'best'; allowed: every, cover"):
        calibration_inputs(train, served, "best")


def test_training_images_are_read_for_integer_files_alone(digits_run, tmp_path, monkeypatch):
    def asked(*given):
        raise UsageError("asked for images to calibrate on")

    monkeypatch.setattr(certificate, "calibration_inputs", asked)
    export = functools.partial(certificate.export, digits_run, out=tmp_path, limit=4, verbose=False)
    with pytest.raises(UsageError, match="asked for images"):
        export([from_spec("tflite:float32"), from_spec("tflite:int8")])
    assert [a.kind for a in export([from_spec("tflite:float32"), from_spec("tflite:float16")])[0]]
