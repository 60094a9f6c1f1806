"""A detector that needs no training: it finds red and green squares of 16 pixels, by the mean of a window."""

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Normalization
from kerasvision.core.registry import architectures, sources
from kerasvision.ops.nms import Suppression
from kerasvision.ops.slots import Slots
from kerasvision.tasks.detection.task import Detection
from tests.contract.case import Case
from tests.contract.cases import CASES, CaseSamples

SIDE, STRIDE, NAME = 16, 2, "toys/squares"
CLASSES = ("red", "green")


@dataclasses.dataclass(frozen=True)
class Squares(Detection):
    """Scores are how much of a window is of the class's color, and how bright."""

    image_size: tuple[int, int] = (64, 96)

    class_logits = {}

    @property
    def _cells(self):
        return [(side - SIDE) // STRIDE + 1 for side in self.image_size]

    @property
    def normalization(self):
        return Normalization(mean=(0.0,), std=(255.0,))

    def build(self):
        # it rises to one corner, so that of windows over what is left of a hidden square one is the best
        weight = 1 + 0.02 * np.arange(SIDE)[:, None] + 0.013 * np.arange(SIDE)
        weight, kernel = weight / weight.sum(), np.zeros((SIDE, SIDE, 3, 2), np.float32)
        for label in range(2):
            kernel[:, :, label, label], kernel[:, :, 1 - label, label] = weight, -weight
        image = keras.Input((*self.image_size, 3), name="image")
        start = keras.initializers.Constant(kernel)
        x = keras.layers.Conv2D(2, SIDE, STRIDE, use_bias=False, kernel_initializer=start, name="seen")(image)
        return keras.Model({"image": image}, {"scores": keras.layers.Reshape((-1, 2), name="scores")(x)})

    def encode(self, sample):
        return {"scores": tf.zeros([int(np.prod(self._cells)), 2])}

    def loss(self, targets, raw):
        return {"scores": tf.reduce_mean(tf.square(targets["scores"] - raw["scores"]), [1, 2])}

    def ideal_raw(self, targets):
        return targets

    def candidates(self, raw):
        y, x = np.mgrid[: self._cells[0], : self._cells[1]] * STRIDE
        boxes = np.stack([x, y, x + SIDE, y + SIDE], -1).reshape(1, -1, 4).astype(np.float32)
        scores = tf.clip_by_value(raw["scores"], 0.0, 1.0)
        return tf.tile(tf.constant(boxes), [tf.shape(scores)[0], 1, 1]), scores


def make():
    """No window beside a square is left over: such come in pairs of one score, which rounding would put in order."""
    rule = Suppression(iou_threshold=0.2, score_threshold=0.45)
    return Squares(num_classes=2, slots=Slots(count=8), suppression=rule)


def film(seed, frames, hw=(64, 96), count=5):
    """[uint8 [h, w, 3]]: squares on even places that turn back at the borders and hide one another, each of a light of
    its own; every one of them is out of sight for a while.
    """
    rng, scale = np.random.default_rng(seed), hw[0] // 64
    place = rng.integers(0, 24, (count, 2)) * 2
    pace = rng.integers(0, 2, (count, 2)) * 4 - 2
    away = rng.integers(20, 60, count)
    light = 255 - 9 * np.arange(count)
    held = []
    for number in range(frames):
        picture = np.zeros((64, 96, 3), np.uint8)
        most = np.array([64 - SIDE, 96 - SIDE])
        turned = (place + pace < 0) | (place + pace > most)
        pace = np.where(turned, -pace, pace)
        place = place + pace
        for i in range(count):
            if number % (away[i] + 40) < away[i]:
                y, x = place[i]
                picture[y : y + SIDE, x : x + SIDE] = 0
                picture[y : y + SIDE, x : x + SIDE, i % 2] = light[i]
        held.append(picture.repeat(scale, 0).repeat(scale, 1))
    return held


def samples():
    held = []
    for number in range(4):
        picture = np.zeros((64, 96, 3), np.uint8)
        boxes = [[4 + 8 * number, 4, 20 + 8 * number, 20], [60 - 8 * number, 40, 76 - 8 * number, 56]]
        for label, (x1, y1, x2, y2) in enumerate(boxes):
            picture[y1:y2, x1:x2, label] = 250 - 5 * label
        held.append({"image": picture, "boxes_xyxy": np.float32(boxes), "labels": np.int32([0, 1])})
    return held


CASE = Case(make, samples, CLASSES)


@contextlib.contextmanager
def registered():
    """The detector, its samples and its case are known by name for as long as it lasts."""
    architectures.register(NAME)(Squares)
    sources.register("contract_case")(CaseSamples)
    CASES[NAME] = CASE
    yield
    del architectures._parts[NAME], sources._parts["contract_case"], CASES[NAME]
