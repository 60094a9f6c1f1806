"""Targets against closed forms: graphs that are linear, or that look at one drawn place."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.ops.nms import Suppression
from kerasvision.tasks._class_targets import ClassTarget
from kerasvision.tasks._numbers import NumberTarget
from kerasvision.tasks._region_targets import RegionTarget, within_original
from kerasvision.tasks.detection.task import Detection
from kerasvision.tasks.targets import Asked, score, score_of_inputs

SIDE, CLASSES = 16, ("cat", "dog", "owl")


def linear(outputs, key, seed=0):
    """(graph image -> sums of weighted values, its weights [h, w, 3, outputs])."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    sums = keras.layers.Dense(outputs, use_bias=False, name="sums")(keras.layers.Flatten()(image))
    graph = keras.Model({"image": image}, {key: sums})
    weights = np.random.default_rng(seed).normal(0, 0.05, (SIDE, SIDE, 3, outputs)).astype(np.float32)
    graph.get_layer("sums").set_weights([weights.reshape(-1, outputs)])
    return graph, weights


def slope(graph, image, target):
    """(scores [B], their gradient by the graph's input)."""
    inputs = {"image": tf.constant(image)}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        found = score_of_inputs(graph, inputs, target)
    return found.numpy(), tape.gradient(found, inputs)["image"].numpy()


def pictures(count=2):
    return np.random.default_rng(1).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


def test_the_gradient_of_a_linear_classifier_s_logit_is_its_weights():
    graph, weights = linear(3, "logits")
    arch = create("classification/classifier", num_classes=3, image_size=(SIDE, SIDE))
    found, gradient = slope(graph, pictures(), ClassTarget(arch, 1))
    np.testing.assert_allclose(found, np.tensordot(pictures(), weights, 3)[:, 1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient, np.stack([weights[..., 1]] * 2), rtol=1e-6)


def test_the_gradient_of_a_probability_is_that_of_softmax():
    """p_k (w_k - sum_j p_j w_j), with factors of classes inside of p, which a logit leaves out."""
    graph, weights = linear(3, "logits")
    factors = (0.5, 1.0, 0.25)
    arch = create("classification/classifier", num_classes=3, image_size=(SIDE, SIDE), class_factors=factors)
    found, gradient = slope(graph, pictures(1), ClassTarget(arch, 1, of="probability"))
    logits = np.tensordot(pictures(1), weights, 3)[0]
    p = factors * np.exp(logits) / (factors * np.exp(logits)).sum()
    np.testing.assert_allclose(found, p[1:2], rtol=1e-5)
    np.testing.assert_allclose(gradient[0], p[1] * (weights[..., 1] - weights @ p), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "fields", "shape"),
    [
        ("classification/multi_label", {}, (4, 3)),
        ("classification/classifier_chain", {"chains": 2}, (4, 2, 3)),
        ("classification/label_powerset", {"label_sets": ((), (0,), (0, 1), (1, 2))}, (4, 4)),
    ],
)
def test_the_score_of_a_label_is_the_logit_of_its_probability(name, fields, shape):
    arch = create(name, num_classes=3, **fields)
    raw = {"logits": tf.constant(np.random.default_rng(0).normal(0, 3, shape), tf.float32)}
    p = arch.decode(raw, {})["probabilities"].numpy().astype(float)
    for index in range(3):
        found = ClassTarget(arch, index).score(raw).numpy()
        np.testing.assert_allclose(found, np.log(p[:, index] / (1 - p[:, index])), rtol=1e-3, atol=1e-3)
    sure = ClassTarget(arch, 0).score({"logits": 100.0 * raw["logits"]})  # where a probability is rounded to 0 or 1
    assert np.isfinite(sure).all() and (np.abs(sure) > 20).any()


@pytest.mark.parametrize("bounded", [False, True])
def test_the_gradient_of_a_number_is_in_its_own_unit(bounded):
    graph, weights = linear(2, "values")
    fields = {"low": 0.0, "high": 50.0} if bounded else {"center": (10.0, 20.0), "scale": (2.0, 5.0)}
    arch = create("regression/regressor", num_outputs=2, objective="mse", image_size=(SIDE, SIDE), **fields)
    found, gradient = slope(graph, pictures(1), NumberTarget(arch, 1))
    raw = np.tensordot(pictures(1), weights, 3)[0, 1]
    share = 1 / (1 + np.exp(-raw))
    value, factor = (50 * share, 50 * share * (1 - share)) if bounded else (20 + 5 * raw, 5)
    np.testing.assert_allclose(found, [value], rtol=1e-5)
    np.testing.assert_allclose(gradient[0], factor * weights[..., 1], rtol=1e-4, atol=1e-6)
    (target,) = arch.targets().choose({"values": tf.constant([[0.0, 1.0]])}, {}, ("age", "mass"), Asked(("mass",)))
    assert target.index == 1 and target.text.startswith("mass ")


@pytest.mark.parametrize(
    ("name", "size", "key"),
    [("semantic_segmentation/unet", (4, 6), "image"), ("volume_segmentation/unet3d", (2, 4, 6), "volume")],
)
def test_the_gradient_of_a_region_is_the_class_s_weights_within_it(name, size, key):
    inputs = keras.Input((*size, 3), name=key)
    logits = keras.layers.Dense(2, use_bias=False, name="each")(inputs)  # of each position alone
    graph = keras.Model({key: inputs}, {"logits": logits})
    weights = np.float32([[1, 2], [3, 4], [5, 6]])
    graph.get_layer("each").set_weights([weights])
    region = np.zeros(size, bool)
    region[..., 1:3, 2:5] = True
    values = tf.constant(np.random.default_rng(0).normal(size=(1, *size, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = score_of_inputs(graph, {key: values}, RegionTarget(1, region))
    gradient = tape.gradient(found, values).numpy()[0]
    np.testing.assert_allclose(found, [(values[0].numpy() @ weights[:, 1])[region].mean()], rtol=1e-5)
    np.testing.assert_allclose(gradient, region[..., None] * weights[:, 1] / region.sum(), rtol=1e-5)
    with pytest.raises(KerasVisionError, match="without a position"):
        RegionTarget(1, np.zeros(size, bool))


def drawn_mask():
    """Raw of a mask of 4 x 6: two thirds background, two pixels of a road below and six of a wall."""
    mask = np.zeros((4, 6), int)
    mask[3, :2], mask[:3, 4:] = 1, 2
    return mask, {"logits": tf.one_hot(mask, 4)[None]}


def test_regions_are_those_that_are_predicted():
    mask, raw = drawn_mask()
    held = create("semantic_segmentation/unet", num_classes=4).targets()
    names = ("background", "road", "wall", "sky")
    by_default = held.choose(raw, {}, names)
    assert [t.index for t in by_default] == [2, 1] and "25.0%" in by_default[0].text
    assert np.array_equal(by_default[0].region, mask == 2)
    (target,) = held.choose(raw, {}, names, Asked(("sky",), region="wall"))
    assert target.index == 3 and np.array_equal(target.region, mask == 2) and target.text == "sky in wall"
    (alone,) = held.choose(raw, {}, names, Asked(region="road"))
    assert alone.index == 1 and np.array_equal(alone.region, mask == 1)
    for asked in (Asked(("sky",)), Asked(("wall",), region="sky")):
        with pytest.raises(KerasVisionError, match="sky is predicted nowhere.*background 66.7%, wall 25.0%, road 8.3%"):
            held.choose(raw, {}, names, asked)
    with pytest.raises(UsageError, match="no class 'walls'; did you mean wall"):
        held.choose(raw, {}, names, Asked(("walls",)))


@pytest.mark.parametrize("shape", [(20, 40), (40, 20), (32, 32), (7, 50)])
def test_what_a_picture_is_padded_with_is_no_part_of_it(shape):
    """A white picture: what is gray has been added, where it is a full pixel."""
    arch = create("semantic_segmentation/unet", num_classes=2, image_size=(32, 32), resize="letterbox")
    prepared, geometry = arch.geometry({"image": tf.fill([1, *shape, 3], tf.constant(255, tf.uint8))})
    np.testing.assert_array_equal(within_original(geometry, (32, 32)), prepared["image"][0, ..., 0].numpy() == 255)


def test_what_a_volume_is_padded_with_is_no_part_of_it():
    arch = create("volume_segmentation/unet3d", num_classes=2, volume_size=(8, 16, 16), window=(0.0, 1.0))
    inputs = {"volume": tf.ones([1, 8, 12, 20, 1]), "spacing_mm": tf.ones([1, 3])}
    _, geometry = arch.geometry(inputs)
    inside = within_original(geometry, (8, 16, 16))
    assert inside[:, :12].all() and not inside[:, 12:].any()


BOXES = np.float32([[0, 0, 8, 8], [8, 8, 16, 16], [1, 0, 9, 8]])  # the third is much as the first, and less sure


@dataclasses.dataclass(frozen=True)
class Drawn(Detection):
    """Positions that stand where they are drawn; their scores are raw."""

    backbone: Backbone = dataclasses.field(default_factory=lambda: create("backbones/convnet"))
    image_size: tuple[int, int] = (SIDE, SIDE)
    suppression: Suppression = Suppression(score_threshold=0.05)
    encode = loss = ideal_raw = None

    def candidates(self, raw):
        scores = tf.sigmoid(raw["scores"])
        return tf.tile(tf.constant(BOXES)[None], [tf.shape(scores)[0], 1, 1]), scores

    def build(self):
        """The logit of class k at a position is (k + 1) times the mean of its box, less one for the third box."""
        image = keras.Input((SIDE, SIDE, 3), name="image")
        rows = keras.layers.Dense(6, name="rows")(keras.layers.Flatten(name="flat")(image))
        graph = keras.Model({"image": image}, {"scores": keras.layers.Reshape((3, 2), name="scores")(rows)})
        graph.get_layer("rows").set_weights([self.weights().reshape(-1, 6), np.float32([0, 0, 0, 0, -1, -1])])
        return graph

    def weights(self):
        """[h, w, 3, positions, classes]."""
        held = np.zeros((SIDE, SIDE, 3, 3, 2), np.float32)
        for number, (x1, y1, x2, y2) in enumerate(BOXES.astype(int)):
            held[y1:y2, x1:x2, :, number] = np.float32([1, 2]) / 192
        return held


Drawn.__abstractmethods__ = frozenset()
Drawn.registered_name = "detection/drawn"


@pytest.fixture(scope="module")
def drawn():
    """(architecture, graph, prepared image: a bright square in each box, the second brighter)."""
    arch = Drawn(num_classes=2)
    image = np.full((SIDE, SIDE, 3), 60, np.uint8)
    image[:8, :8], image[8:, 8:] = 190, 240
    return arch, arch.build(), image


def chosen(drawn, asked=None):
    arch, graph, image = drawn
    prepared, geometry = arch.geometry({"image": tf.constant(image)[None]})
    raw = graph(arch.normalize(prepared), training=False)
    return arch.targets().choose(raw, geometry, ("cat", "dog"), asked)


def test_a_box_is_answered_by_the_surest_position_that_overlaps_it(drawn):
    arch, graph, image = drawn
    by_default = chosen(drawn)
    assert [t.text.split()[:2] for t in by_default] == [["0:", "dog"], ["1:", "dog"]]
    assert [t.box_xyxy for t in by_default] == [(8.0, 8.0, 16.0, 16.0), (0.0, 0.0, 8.0, 8.0)]
    means = {0: 190 / 127.5 - 1, 1: 240 / 127.5 - 1}
    for place, target in ((1, by_default[0]), (0, chosen(drawn, Asked(("cat",), (number_of(drawn, 0),)))[0])):
        k = target.index + 1
        wanted = 1 / (1 + np.exp(-k * means[place]))
        np.testing.assert_allclose(score(arch, graph, {"image": image[None]}, target), [wanted], rtol=1e-5)
        normalized = arch.normalize({"image": tf.constant(image)[None]})["image"].numpy()
        _, gradient = slope(graph, normalized, target)
        expected = wanted * (1 - wanted) * arch.weights()[..., place, target.index]
        np.testing.assert_allclose(gradient[0], expected, rtol=1e-4, atol=1e-8)


def number_of(drawn, place):
    """Of the object that predict finds in a drawn box."""
    arch, graph, image = drawn
    prepared, geometry = arch.geometry({"image": tf.constant(image)[None]})
    found = arch.decode(graph(arch.normalize(prepared), training=False), geometry)["boxes_xyxy"][0].numpy()
    return int(np.flatnonzero((found == BOXES[place]).all(1))[0])


def test_a_square_that_is_hidden_lowers_its_own_score_alone(drawn):
    arch, graph, image = drawn
    first = chosen(drawn, Asked((), (number_of(drawn, 0),)))[0]
    second = chosen(drawn, Asked((), (number_of(drawn, 1),)))[0]
    hidden = np.stack([image, image, image])
    hidden[1, :8, :8], hidden[2, 8:, 8:] = 60, 60
    own, other = (score(arch, graph, {"image": hidden}, t).numpy() for t in (first, second))
    assert own[1] < own[0] - 0.1 and own[2] == own[0]
    assert other[2] < other[0] - 0.1 and other[1] == other[0]


@pytest.mark.parametrize(("shift", "is_answered"), [(2.6, True), (2.7, False)])
def test_a_box_that_no_position_answers_is_one_line(shift, is_answered, drawn):
    """A box of 8 pixels moved down by d has an IoU of (8 - d) / (8 + d) with the one it was: 0.509 and 0.495."""
    arch, graph, image = drawn
    prepared, geometry = arch.geometry({"image": tf.constant(image)[None]})
    raw, own = graph(arch.normalize(prepared), training=False), {k: v[0] for k, v in geometry.items()}
    box = (0.0, shift, 8.0, 8.0 + shift)
    if is_answered:
        target = arch.targets().at(box, 0, raw, own)
        np.testing.assert_allclose(target.score(raw), arch.candidates(raw)[1][:, 0, 0])
        return
    with pytest.raises(KerasVisionError, match=r"no position of detection/drawn answers .* IoU is 0\.495 and 0\.5 is"):
        arch.targets().at(box, 0, raw, own)


def test_boxes_are_cut_at_the_picture_and_not_at_what_it_is_padded_with(drawn):
    """Of a picture of 16 x 6 in the middle of the graph's rows 5 to 11 the first box shows rows 5 to 8."""
    arch = Drawn(num_classes=2)
    _, geometry = arch.geometry({"image": tf.zeros([1, 6, 16, 3], tf.uint8)})
    raw = {"scores": tf.zeros([1, 3, 2])}
    target = arch.targets().at((0, 0, 8, 3), 0, raw, {k: v[0] for k, v in geometry.items()})
    assert target.box_xyxy == (0.0, 5.0, 8.0, 8.0) and float(target.score(raw)[0]) == 0.5
    assert target.region.sum() == 24 and target.region[5:8, :8].all()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(box=(40,)), "--box 40: the objects that predict finds here are 0 to"),
        (Asked(box=(-1,)), "--box -1: the objects"),
        (Asked(("cow",)), "no class 'cow'"),
        (Asked(region="cat"), "--region says nothing to this model; allowed: --box, --label"),
    ],
)
def test_what_a_detector_cannot_be_asked_is_one_line(asked, says, drawn):
    with pytest.raises(UsageError, match=says):
        chosen(drawn, asked)


def test_objects_that_are_not_there_are_one_line(drawn):
    arch, graph, image = drawn
    with pytest.raises(KerasVisionError, match="nothing is found in this image"):
        chosen((dataclasses.replace(arch, suppression=Suppression(score_threshold=0.999)), graph, image))
    sure = dataclasses.replace(arch, suppression=Suppression(score_threshold=0.8))
    with pytest.raises(KerasVisionError, match="no cat is found in this image; there are: dog"):
        chosen((sure, graph, image), Asked(("cat",)))
