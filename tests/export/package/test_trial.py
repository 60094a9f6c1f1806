"""A version that a label is to name answers its golden examples, or is refused with the example and the difference."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.goldens import PLACE, read_goldens
from kerasvision.export.measurement import sha256
from kerasvision.export.package import labels
from kerasvision.export.package.versions import promote
from kerasvision.export.targets.tf_serving import warmup_requests


@pytest.fixture
def folder(digits_served, tmp_path):
    """saved_models with version 1 of digits."""
    shutil.copytree(digits_served / "digits", tmp_path / "saved_models" / "digits")
    return tmp_path / "saved_models"


def sealed(folder):
    """The contract's sum is that of the files as they are now, so that only their answers can tell."""
    place = folder / "digits" / "1" / "assets.extra" / "contract.json"
    contract = json.loads(place.read_text())
    for row in contract["artifacts"]:
        row["sha256"] = sha256(folder / "digits" / "1")
    place.write_text(json.dumps(contract))
    return contract["artifacts"][0]["agreement"]["tolerance"]


def rewrite(folder, change):
    path = folder / "digits" / "1" / PLACE
    with np.load(path) as held:
        rows = dict(held)
    change(rows)
    np.savez_compressed(path, **rows)
    return sealed(folder)


def test_goldens_are_real_examples_and_what_the_graph_answers_to_them(folder):
    """The same pictures as the warm-up requests', and the answers of TensorFlow itself."""
    path = folder / "digits" / "1"
    examples = read_goldens(path)
    assert len(examples) == 5
    for (inputs, _), (sent, _) in zip(examples, warmup_requests(path), strict=False):
        np.testing.assert_array_equal(inputs["image"], sent["image"])
    call = tf.saved_model.load(str(path)).signatures["serving_default"]
    for inputs, expected in examples:
        found = call(image=tf.constant(inputs["image"]))["probabilities"].numpy()
        np.testing.assert_allclose(found, expected["probabilities"], atol=1e-5)


@pytest.mark.parametrize("share", [0.5, 3.0])
def test_a_difference_is_refused_beyond_what_rounding_explains(folder, share):
    """The stored answer is moved by half the contract's tolerance, which is passed over, or by three times as much."""
    tolerance = sealed(folder)

    def move(rows):
        rows["output/01/probabilities"][0, 3] += np.float32(share * tolerance)

    rewrite(folder, move)
    if share < 1:
        assert promote(folder, "digits", 1) is None
        return
    with pytest.raises(KerasVisionError, match="does not answer golden example 2 of 5 as the model that") as caught:
        promote(folder, "digits", 1)
    assert f"its arithmetic explains {tolerance:.2g}" in str(caught.value) and "\n" not in str(caught.value)
    assert not (folder / labels.FILE).exists()


def test_a_graph_that_errs_is_refused(folder):
    """Another model with the same interface, whose sum its contract has."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "image")])
    def call(image):
        return {"probabilities": tf.fill([tf.shape(image)[0], 10], 0.1)}

    beside = folder.parent / "other"
    tf.saved_model.save(module, str(beside), signatures={"serving_default": call.get_concrete_function()})
    shutil.copytree(beside, folder / "digits" / "1", dirs_exist_ok=True)
    sealed(folder)
    with pytest.raises(KerasVisionError, match=r"golden example 1 of 5 as the model .* it differs by 0\.[5-9]"):
        promote(folder, "digits", 1)


CHANGES = {
    "NaN": (lambda rows: rows["output/00/probabilities"].fill(np.nan), "example 1 of 5 .* differs by nan"),
    "other shape": (
        lambda rows: rows.update({"output/00/probabilities": np.zeros((1, 9), np.float32)}),
        r"example 1 of 5: it gives probabilities \[1, 10\] in place of probabilities \[1, 9\]",
    ),
    "other input": (
        lambda rows: rows.update({"input/00/image": np.zeros((1, 8, 8, 4), np.uint8)}),
        "cannot answer gold",
    ),
    "other names": (lambda rows: rows.update({"nonsense": np.zeros(1)}), "golden.npz is damaged"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_is_wrong_is_one_line(folder, what):
    change, said = CHANGES[what]
    rewrite(folder, change)
    with pytest.raises(KerasVisionError, match=said) as caught:
        promote(folder, "digits", 1)
    assert "\n" not in str(caught.value)


def test_an_export_of_before_is_taken_with_a_word(folder, capsys):
    (folder / "digits" / "1" / PLACE).unlink()
    sealed(folder)
    assert promote(folder, "digits", 1) is None
    assert "has no assets.extra/golden.npz, so it was not tried" in capsys.readouterr().err
