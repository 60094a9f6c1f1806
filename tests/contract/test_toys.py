"""What only toys can show: several inputs, truths of unequal length, and an answer for what has no pixels."""

import dataclasses

import pytest
import tensorflow as tf

from kerasvision import api
from kerasvision.core.registry import create
from kerasvision.export.certificate import export
from kerasvision.train.fit import train
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples


def trained(name, folder, epochs=2):
    recipe = contracts.recipe_of(name, CASES[name].make(), epochs=epochs)
    return train(dataclasses.replace(recipe, data=CaseSamples(name, copies=5, validation=True), batch_size=3), folder)


@pytest.fixture(scope="module")
def points_run(tmp_path_factory):
    return trained("toys/points", tmp_path_factory.mktemp("points") / "run")


def test_truths_of_unequal_length_are_evaluated(points_run):
    """Images with one, two and three points in one split, in batches of three: a ragged one and a dense one."""
    assert {"validation/recall", "test/recall"} <= set(points_run.metrics)
    assert points_run.metrics["test/recall"] == points_run.metrics["validation/recall"]


def test_a_run_is_evaluated_anew_with_the_same_result(points_run):
    assert api.evaluate(points_run.folder, "test") == {
        k: v for k, v in points_run.metrics.items() if k.startswith("test/")
    }


def test_two_images_are_served_by_name(tmp_path):
    run = trained("toys/siamese", tmp_path / "run", epochs=1)
    export(run, [create("exporters/tf_serving")], tmp_path, verbose=False)  # replays two-image warm-up requests
    signatures = tf.saved_model.load(str(tmp_path / "saved_models" / "toys_siamese" / "1")).signatures
    assert list(signatures) == ["serving_default"], "two images have no signature for one encoded image"
    assert set(signatures["serving_default"].structured_input_signature[1]) == {"image_0", "image_1"}
