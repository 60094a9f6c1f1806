"""Flips of answers over rolling frames, of models whose answer is known by hand."""

import types

import numpy as np
import pytest

from kerasvision.robustness.rolling import FRAMES, flip_rates


class Asked:
    """One gray picture with a white left half, and a model that answers by a rule."""

    def __init__(self, rule):
        def compare(before, after):
            return None, before["class"] != after["class"]

        self._rule = rule
        self.model = self
        self.arch = types.SimpleNamespace(compare=compare)

    def __call__(self, inputs):
        return {"class": np.array([self._rule(image) for image in inputs["image"]])}

    def inputs(self):
        image = np.full((224, 224, 3), 128, np.uint8)
        image[:, :112] = 255
        yield {"image": image[None]}, ["a.png"]


def test_a_constant_answer_never_flips():
    assert set(flip_rates(Asked(lambda image: 1)).values()) == {0.0}


def test_an_answer_flips_where_its_rule_says():
    """The edge of the white half passes column 112 once as the picture moves by a pixel a frame; light passes a
    threshold once; what is drawn anew each frame differs from the first in each.
    """
    moved = flip_rates(Asked(lambda image: int(image[112, 112, 0] > 200)))
    assert moved["translation"] == pytest.approx(1 / (FRAMES - 1))
    light = flip_rates(Asked(lambda image: int(image[100, 200, 0] >= 128)))
    assert light["brightness"] == pytest.approx(1 / (FRAMES - 1)) and light["translation"] == 0
    assert flip_rates(Asked(lambda image: image.tobytes()))["noise"] == 1.0
