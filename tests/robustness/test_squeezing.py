"""Disagreement of squeezed pictures: by hand, its threshold, the commands, and the signature that servers answer."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.export.base import from_spec
from kerasvision.export.suspected import held_out_of, suspecting
from kerasvision.robustness import squeezing
from kerasvision.robustness.in_distribution import in_distribution_of
from tests import store


def brightness(images):
    """Probabilities of dark and bright, by the mean of a picture."""
    bright = tf.reduce_mean(images, [1, 2, 3]) / 255
    return tf.stack([1 - bright, bright], 1)


def test_a_disagreement_is_the_distance_of_two_answers():
    """A bright point in the dark: the median takes it away, and with it 2 x 255 / 16 / 255 of the probabilities."""
    pixels = np.zeros((1, 4, 4, 3), np.float32)
    pixels[0, 2, 1] = 255
    row = dict(zip(squeezing.squeezers(), squeezing.disagreements(brightness, pixels)[0].numpy(), strict=True))
    assert row["median"] == pytest.approx(2 / 16, abs=1e-6) and row["bit_depth"] == 0
    gray = np.full((1, 8, 8, 3), 100, np.float32)  # of 32 levels the nearest is 12 * 255 / 31 = 98.7: 99
    assert float(squeezing.disagreements(brightness, gray)[0, 0]) == pytest.approx(2 / 255, abs=1e-6)


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 89), (0.5, 49), (0.01, 98), (0.0999, 90)])
def test_the_threshold_is_the_conformal_quantile(rate, expected):
    """Of 99 scores 0 to 98 and one more, any of which is as likely the k-th, 100 rate exceed it in the mean."""
    assert squeezing.threshold(np.random.default_rng(0).permutation(np.arange(99.0)), rate) == expected


def test_too_few_examples_and_rates_that_are_none_are_one_line():
    assert squeezing.threshold(np.arange(19.0), 0.05) == 18
    with pytest.raises(UsageError, match="rate of 0.05 needs 19 or more held-out examples; there are 18"):
        squeezing.threshold(np.arange(18.0), 0.05)
    for rate in (0, 1, -0.1):
        with pytest.raises(UsageError, match="allowed: above 0 and below 1"):
            squeezing.threshold(np.arange(99.0), rate)


@pytest.fixture(scope="module")
def model(digits_run):
    return load(digits_run.folder)


def test_the_share_of_ordinary_pictures_is_kept(model, digits_run):
    """On the test split, which the threshold has not seen: 0.2 within four standard deviations."""
    from kerasvision.data.pipeline import raw_examples, splits_of

    found = squeezing.squeezing_of(model, 0.2)
    says = []
    for inputs, _, _ in raw_examples(splits_of(digits_run.recipe, "test")["test"], digits_run.arch):
        says += [found.describe({"image": image[None]})["suspicious"] for image in inputs["image"]]
    spread = np.sqrt(0.16 / len(says) + 0.16 / found.examples)
    assert abs(np.mean(says) - 0.2) < 4 * spread


def test_a_file_is_judged_by_its_own_answers(model, digits_tflite):
    """The float file's threshold and scores are the run's."""
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    own, files = (squeezing.squeezing_of(m, 0.1).describe({"image": image}) for m in (model, load(digits_tflite)))
    assert own["threshold"] == pytest.approx(files["threshold"], abs=1e-4)
    assert own["squeezers"] == pytest.approx(files["squeezers"], abs=1e-4) and own["score"] == max(
        own["squeezers"].values()
    )


def test_the_command_says_it(digits_run, tmp_path, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(tmp_path / "noise.png")
    words = ["predict", str(digits_run.folder), str(tmp_path / "noise.png"), "--squeezed"]
    assert main([*words, "0.5", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["prediction"]["squeezed"]
    assert row["suspicious"] is (row["score"] > row["threshold"]) and row["false_positive_rate"] == 0.5
    assert main([*words, "0.5"]) == 0
    assert ("may have been made to deceive" in " ".join(capsys.readouterr().out.split())) is row["suspicious"]
    assert main([*words, "1.5"]) == 2
    assert "a false-positive rate of 1.5; allowed: above 0 and below 1" in capsys.readouterr().err


@pytest.mark.nightly
def test_a_saved_model_answers_it_where_it_is_served(digits_run, digits_recipe, model):
    """Its scores are those of the trained model; ranks are shares of held-out pictures; what is rare is suspicious."""
    spec = "saved_model:suspect"
    assert from_spec(spec).spec == spec and from_spec("tf_serving:explain:suspect").spec == "tf_serving:explain:suspect"
    artifact = store.exported(digits_recipe, (spec,), 20)[0][spec]
    signature = tf.saved_model.load(str(artifact.path)).signatures["suspect"]
    images = np.random.default_rng(1).integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
    given = {key: value.numpy() for key, value in signature(image=tf.constant(images)).items()}
    known = in_distribution_of(digits_run)
    score, rank = known.scores({"image": images})["mahalanobis"]
    np.testing.assert_allclose(given["mahalanobis"], score, rtol=1e-3)
    np.testing.assert_allclose(given["mahalanobis_rank"], rank, atol=0.02)
    own = squeezing.squeezing_of(model, 0.5)
    wanted = [own.describe({"image": image[None]})["score"] for image in images]
    np.testing.assert_allclose(given["disagreement"], wanted, atol=1e-4)
    assert (given["held_out"] == own.examples).all()
    assert ((given["disagreement_rank"] > 0.5) == (given["disagreement"] > own.threshold)).all()
    rare = np.maximum(given["disagreement_rank"], given["mahalanobis_rank"]) >= np.float32(0.99)
    np.testing.assert_array_equal(given["suspicious"], rare)


def test_what_has_no_training_images_is_refused(digits_run):
    from kerasvision.train.run import Trained

    with pytest.raises(UsageError, match="pretrained model has no training images"):
        held_out_of(Trained(digits_run.recipe, digits_run.graph, digits_run.classes, {}))
    held = held_out_of(digits_run)
    assert suspecting(digits_run.arch, digits_run.graph, held)({"image": tf.zeros([2, 8, 8, 3], tf.uint8)})
