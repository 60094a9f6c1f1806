"""The contracts can fail: one fault after the other is planted in a finished architecture, and each is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures
from kerasvision.inference.served import Served
from kerasvision.tasks.base import Output
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.contract.toys import Points, Volume

CASE = CASES["toys/volume"]


def graph_check(check):
    return lambda arch: check(contracts.built(arch))


def case_check(check):
    return lambda arch: check(arch, contracts.built(arch), CASE)


def model(layers, key="volume", name=None):
    """A graph like Volume's, of these layers."""
    volume = keras.Input((4, 8, 8, 1), name=name or key)
    x = volume
    for layer in layers:
        x = layer(x)
    return keras.Model({key: volume}, {"logits": keras.layers.Dense(2, name="logits")(x)})


class Nested(Volume):
    def build(self):
        inside = keras.Sequential([keras.layers.Conv3D(4, 3, activation="relu"), keras.layers.Flatten()])
        return model([inside])


class WithLambda(Volume):
    def build(self):
        return model([keras.layers.Flatten(), lambda x: 2.0 * x])  # tf_keras turns the product into a TFOpLambda


class OutputNotNamed(Volume):
    def build(self):
        made = super().build()
        return keras.Model(made.input, list(made.output.values()))


class InputMisnamed(Volume):
    def build(self):
        return model([keras.layers.Flatten()], name="input_1")


class NormalizeInFloat16(Volume):
    def normalize(self, prepared):
        return {"volume": tf.cast(prepared["volume"], tf.float16)}


class GeometryOtherThanPromised(Volume):
    def geometry(self, inputs):
        return {"volume": inputs["volume"][:, :, :4]}, {}


class TargetsOfAnotherShape(Volume):
    def encode(self, sample):
        return {"logits": sample["label"]}

    def loss(self, targets, raw):
        return {"x": keras.losses.sparse_categorical_crossentropy(targets["logits"], raw["logits"], True)}

    def ideal_raw(self, targets):
        return {"logits": 40.0 * tf.one_hot(targets["logits"], 2)}


class OneLossForAll(Volume):
    def loss(self, targets, raw):
        return {"cross_entropy": tf.reduce_mean(super().loss(targets, raw)["cross_entropy"])}


class IdleWeight(keras.layers.Layer):
    def build(self, shape):
        self.idle = self.add_weight("idle", shape=(3,))

    def call(self, x):
        return tf.identity(x)


class WeightOutOfReach(Volume):
    def build(self):
        return model([keras.layers.Flatten(), IdleWeight()])


class BiasWithoutEffect(Volume):
    """A bias that batch normalization takes away again has no gradient."""

    def build(self):
        layers = [keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.BatchNormalization(scale=False)]
        return model([*layers, keras.layers.ReLU()])


class LossOfNothing(Volume):
    def loss(self, targets, raw):
        return {"x": tf.stop_gradient(super().loss(targets, raw)["cross_entropy"]) + 0.0 * raw["logits"][:, 0]}


class BlindToItsInput(Volume):
    def normalize(self, prepared):
        return {"volume": 0.0 * prepared["volume"]}


class DecodesBackwards(Volume):
    def decode(self, raw, geometry):
        return {"probabilities": tf.nn.softmax(raw["logits"])[:, ::-1]}


class AnotherDtype(Volume):
    def decode(self, raw, geometry):
        return {"probabilities": tf.cast(tf.nn.softmax(raw["logits"]), tf.float64)}


class OneKeyTooMany(Volume):
    def decode(self, raw, geometry):
        return super().decode(raw, geometry) | {"label": tf.argmax(raw["logits"], -1)}


class GivesAnotherShape(Volume):
    @property
    def outputs(self):
        return {"probabilities": Output("float32", "probability", (3,))}


class MixesTheBatch(Volume):
    def decode(self, raw, geometry):
        return super().decode({"logits": raw["logits"] - tf.reduce_mean(raw["logits"], 0)}, geometry)


class NotFinite(Volume):
    def decode(self, raw, geometry):
        return {"probabilities": tf.nn.softmax(raw["logits"]) / 0.0}


class KeepsSomethingAside(keras.layers.Layer):
    """A state that no weight holds."""

    def __init__(self):
        super().__init__()
        self.aside = np.random.default_rng().uniform()

    def call(self, x):
        return x * self.aside


class StateOutsideTheWeights(Volume):
    def build(self):
        return model([keras.layers.Flatten(), KeepsSomethingAside()])


FAULTS = [
    (Nested, graph_check(contracts.check_flat), "model inside"),
    (WithLambda, graph_check(contracts.check_flat), "TFOpLambda"),
    (OutputNotNamed, graph_check(contracts.check_flat), "not a dict"),
    (InputMisnamed, graph_check(contracts.check_flat), "input_1"),
    (NormalizeInFloat16, case_check(contracts.check_inputs), "other than the graph takes"),
    (GeometryOtherThanPromised, case_check(contracts.check_inputs), "other than prepared_inputs"),
    (TargetsOfAnotherShape, case_check(contracts.check_targets), "targets are not shaped"),
    (OneLossForAll, case_check(contracts.check_targets), "not one value an example"),
    (WeightOutOfReach, case_check(contracts.check_gradient), "not reached"),
    (BiasWithoutEffect, case_check(contracts.check_gradient), "has no gradient"),
    (LossOfNothing, case_check(contracts.check_gradient), "has no gradient"),
    (BlindToItsInput, case_check(contracts.check_overfits), "not by enough"),
    (DecodesBackwards, lambda arch: contracts.check_oracle(arch, CASE), "the truth is lost"),
    (AnotherDtype, case_check(contracts.check_gives), "float64"),
    (OneKeyTooMany, case_check(contracts.check_gives), "label"),
    (GivesAnotherShape, case_check(contracts.check_gives), "3"),
    (MixesTheBatch, case_check(contracts.check_gives), "depends on the others"),
    (NotFinite, case_check(contracts.check_gives), "not finite"),
]


@pytest.mark.parametrize(("fault", "check", "words"), FAULTS, ids=[f.__name__ for f, _, _ in FAULTS])
def test_a_planted_fault_is_refused(fault, check, words):
    with pytest.raises(AssertionError, match=words):
        check(fault(num_classes=2))


def test_the_same_checks_pass_without_the_fault():
    for check in {check for _, check, _ in FAULTS}:
        check(Volume(num_classes=2))


def test_state_outside_the_weights_is_refused(tmp_path):
    architectures.register("toys/volume_with_state")(StateOutsideTheWeights)
    arch = StateOutsideTheWeights(num_classes=2)
    try:
        with pytest.raises(AssertionError, match="other predictions"):
            contracts.check_saved("toys/volume", arch, contracts.built(arch), CASE, tmp_path)
    finally:
        architectures._parts.pop("toys/volume_with_state")


def test_a_field_that_json_cannot_hold_is_refused():
    @dataclasses.dataclass(frozen=True)
    class HoldsAnything(Volume):
        num_classes: int = 2
        anything: object = None

    with pytest.raises((AssertionError, KerasVisionError)):
        contracts.check_json("toys/volume", HoldsAnything(anything={1, 2}))


def test_a_detector_that_forgets_its_geometry_is_refused():
    class InGraphPixels(Points):
        def decode(self, raw, geometry):
            return super().decode(raw, self.no_geometry({"image": raw["scores"]}))

    contracts.check_oracle(Points(), CASES["toys/points"])
    with pytest.raises(AssertionError, match="the truth is lost"):
        contracts.check_oracle(InGraphPixels(), CASES["toys/points"])


def test_an_architecture_without_a_contract_method_cannot_be_made():
    class NoDecode(Volume):
        decode = None

    NoDecode.__abstractmethods__ = frozenset({"decode"})
    with pytest.raises(TypeError, match="abstract"):
        NoDecode(num_classes=2)


def test_a_field_of_the_wrong_type_is_refused():
    with pytest.raises(UsageError, match=r"num_classes: got 'two' \(str\); allowed: int"):
        Volume(num_classes="two")


def test_encoded_images_are_not_offered_for_what_is_no_image():
    assert not Served(Volume(num_classes=2), contracts.built(Volume(num_classes=2)), CASE.classes).takes_image
