"""What a follower does from frame to frame, with features and responses of closed form in place of a network's."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.layers.correlation import DepthwiseCorrelation
from kerasvision.tasks.tracking._steps import Steps
from tests.contract.tracking_cases import tiny

KEYS = ("first", "memory", "box", "lost", "distractor", "distracted")
RED, OTHER, GRAY = (200, 30, 30), (200, 60, 30), (90, 90, 90)
CORRELATED = DepthwiseCorrelation()


def cells(window, **_):
    """Mean colors, 0..1, of cells of 4 x 4 pixels, the outer three of each side cut off."""
    found = tf.nn.avg_pool2d(tf.cast(window, tf.float32), 4, 4, "VALID") / 255.0
    return found[:, 3:-3, 3:-3]


def compared(pair, **_):
    """Logit 4 where all colors are equal, less 200 for each unit of mean squared distance; the box is the window's
    middle, and all is surely there.
    """
    features, kernel = pair
    of_features = CORRELATED([features**2, tf.ones_like(kernel)])
    of_kernel = tf.reduce_mean(kernel**2, [1, 2], keepdims=True)
    apart = tf.reduce_sum(of_features - 2.0 * CORRELATED([features, kernel]) + of_kernel, -1)
    shape = tf.shape(apart)
    return {
        "response": 4.0 - 200.0 * apart,
        "boxes": tf.zeros([*shape, 4]),
        "presence": tf.fill([shape[0], 1], 9.0),
    }


def steps(**fields):
    arch = tiny("siamfc", search_px=152, centered=0.0, size_rate=0.0, rate=0.0, tiles=(2, 2), **fields)

    @dataclasses.dataclass(frozen=True)
    class Plain(type(arch)):
        """Without normalization."""

        normalization = staticmethod(lambda pixels: pixels)

    plain = Plain(**{f.name: getattr(arch, f.name) for f in dataclasses.fields(arch)})
    return Steps(plain, cells, cells, compared)


def frame(**colors):
    """uint8 [1, 60, 80, 3]; squares of 16 pixels: `left` begins at (16, 20), `right` at (40, 20)."""
    held = np.full((1, 60, 80, 3), GRAY, np.uint8)
    for place, color in colors.items():
        x = {"left": 16, "right": 40}[place]
        held[:, 20:36, x : x + 16] = color
    return tf.constant(held)


def gone_through(held, first, *frames):
    """[x of the box's middle] after each frame, and the last state; the object is the left square of the first."""
    state = held.remember({"image": first, "box": tf.constant([[16.0, 20, 32, 36]])})
    places = []
    for image in frames:
        answer = held.follow({"image": image} | {k: state[k] for k in KEYS if k in state})
        state = state | {k: answer[k] for k in KEYS if k in answer}
        places.append(float(answer["box"][0, 0] + answer["box"][0, 2]) / 2)
    return places, state


@pytest.mark.parametrize(("weight", "x"), [(0.0, 48), (0.12, 48), (0.16, 24), (1.0, 24)])
def test_what_was_beside_it_is_not_taken_for_it(weight, x):
    """The object becomes darker, and the other one more like it was: sigmoid(4 - 200 (25 / 255)^2) = 0.889 against
    sigmoid(4 - 200 (30 / 255)^2) = 0.774. To what was remembered of the other, 5 levels off, it answers sigmoid(3.92) =
    0.981, and to the object, 30 off in two colors, sigmoid(-1.54) = 0.177; so the turn is at 0.115 / 0.803 = 0.143.
    """
    seen = frame(left=RED, right=OTHER), frame(left=(170, 30, 30), right=(200, 55, 30))
    places, _ = gone_through(steps(distractor_weight=weight), frame(left=RED), *seen)
    assert np.abs(np.array(places) - [24, x]).max() < 3


@pytest.mark.parametrize(("green", "is_like"), [(64, 1.0), (68, 0.0)])
def test_only_what_would_be_taken_for_it_is_remembered(green, is_like):
    """4 - 200 (d / 255)^2 is 0 at d = 36 levels, at a green of 66."""
    other = frame(left=RED, right=(200, green, 30))
    _, state = gone_through(steps(distractor_weight=1.0), frame(left=RED), other)
    assert state["distracted"].numpy() == [[is_like]]
    wanted = np.float32([200, green, 30] if is_like else RED) / 255  # which is in the range of a file of integers
    np.testing.assert_allclose(state["distractor"].numpy()[0, 2:-2, 2:-2].mean((0, 1)), wanted, atol=1e-3)


def test_without_a_weight_nothing_beside_it_is_carried():
    _, state = gone_through(steps(), frame(left=RED), frame(left=RED, right=OTHER))
    assert not {"distractor", "distracted"} & set(state)


def test_tiles_nearest_to_where_it_was_come_first_and_then_where_it_was():
    """Of 2 x 2 tiles about (20, 15), (60, 15), (20, 45), (60, 45), from a box about (65, 40)."""
    held, box = steps(patience=1), tf.constant([[60.0, 35, 70, 45]])
    middles = []
    for lost in range(8):
        near = held._looked_at(box, tf.constant([[float(lost)]])).numpy()[0]
        middles.append(tuple((near[:2] + near[2:]) / 2))
        np.testing.assert_allclose(near[2:] - near[:2], 10, atol=1e-4)
    own = (65, 40)
    assert middles == [own, own, (60, 45), (60, 15), (20, 45), (20, 15), own, (60, 45)]
