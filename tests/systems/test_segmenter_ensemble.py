"""Segmenters joined: each pixel by the mean of their probabilities, in every file."""

import dataclasses

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from PIL import Image

from kerasvision.api import load
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export.certificate import export
from kerasvision.systems.joining import join
from kerasvision.tasks.pixel_sets import PixelSets
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts

RNG = np.random.default_rng(4)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("", "run"),
        pytest.param("tflite", "tflite/models/joined/model.tflite", marks=pytest.mark.nightly),
        pytest.param("saved_model", "saved_models/joined", marks=pytest.mark.nightly),
    ],
)
def test_joined_segmenters_answer_the_mean_in_every_file(kind, file, tmp_path):
    """Two untrained ones, whose mean of probabilities decides each pixel: in the run, and by night in files (by day a
    file of joined classifiers: test_ensemble.py).
    """
    for folder, top in (("images", 256), ("masks", 3)):
        (tmp_path / "scans" / folder).mkdir(parents=True)
        for n in range(8):
            pixels = RNG.integers(0, top, (32, 32)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "scans" / folder / f"{n}.png")
    data, members = create("sources/image_mask", path=str(tmp_path / "scans")), []
    classes = data.open().classes
    for seed in (0, 1):
        backbone = create("backbones/convnet", width=4, blocks=(1, 1))
        arch = create(
            "semantic_segmentation/unet", num_classes=len(classes), image_size=(32, 32), backbone=backbone, width=4
        )
        arch = dataclasses.replace(arch, pixel_sets=PixelSets(0.5, thresholds=(0.99,), examples=70))
        folder = tmp_path / f"member{seed}"
        folder.mkdir()
        members.append(Trained(Recipe("member", arch, data), contracts.built(arch, seed), classes, {}, folder))
        save_run(members[-1])
    joined = join([m.folder for m in members], tmp_path / "run", name="joined")
    if kind:
        export(joined, [create(f"exporters/{kind}")], tmp_path, limit=2, verbose=False)
    image = RNG.integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    inputs, _ = members[0].arch.preprocess({"image": tf.constant(image)})
    each = [scipy.special.softmax(m.graph(inputs)["logits"].numpy(), -1) for m in members]
    assert (each[0].argmax(-1) != each[1].argmax(-1)).any()
    expected = np.mean(each, 0)
    answer = load(tmp_path / file)({"image": image})
    np.testing.assert_array_equal(answer["mask"], expected.argmax(-1))
    np.testing.assert_allclose(answer["confidence"], expected.max(-1), atol=1e-5)
    promise = joined.arch.promise()  # fitted on what they answer together
    assert promise["examples"] == data.open().splits["validation"].size and promise["thresholds"][0] < 0.99
    apart = expected - answer["least_probability"][:, None, None]
    np.testing.assert_array_equal(answer["may_be"][abs(apart) > 1e-5], apart[abs(apart) > 1e-5] > 0)
