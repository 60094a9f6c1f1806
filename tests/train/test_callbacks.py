"""history.csv over restarts, and the best weights."""

import json
import math

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.train.callbacks import History, KeepBest, copy_weights, read_history
from tests.train import tiny

METRIC = "validation/accuracy"


def test_history_has_one_row_an_epoch_whatever_is_repeated(tmp_path):
    path = tmp_path / "history.csv"
    first = History(path, 1)
    for epoch, loss in enumerate((3.0, 2.0, 1.0)):
        first.on_epoch_end(epoch, {"loss": loss, METRIC: 0.5})
    History(path, 1).on_epoch_end(1, {"loss": 2.5, METRIC: 0.25})  # a restart behind the first epoch
    second = History(path, 2)
    second.on_epoch_end(0, {"loss": 0.5, "extra": 7.0})  # another phase may measure other things
    rows = read_history(path)
    assert [(r["phase"], r["epoch"], float(r["loss"])) for r in rows] == [
        ("1", "1", 3),
        ("1", "2", 2.5),
        ("2", "1", 0.5),
    ]
    assert [r[METRIC] for r in rows] == ["0.5", "0.25", ""]
    assert [r["extra"] for r in rows] == ["", "", "7.0"]


def fed(keeper, graph, values, start=0):
    """After each epoch the bias of the logits is the epoch's number."""
    keeper.on_train_begin()
    for epoch, value in enumerate(values, start=start):
        bias = graph.get_layer("logits").bias
        bias.assign(np.full(bias.shape, epoch, np.float32))
        keeper.on_epoch_end(epoch, {} if value is None else {METRIC: value})


def kept(keeper, graph):
    keeper.restore(graph)
    return float(graph.get_layer("logits").bias.numpy()[0])


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ((0.5, 0.7, 0.6), 1),
        ((0.5, 0.5, 0.4), 0),  # the first of equals
        ((math.nan, 0.1, 0.05), 1),
        ((None, None, None), 2),  # no validation split: the last
    ],
)
def test_the_best_epoch_is_kept_in_memory_and_on_disk(tmp_path, values, best):
    graph = tiny.classifier(num_classes=10).build()
    keeper = KeepBest(graph, tmp_path, METRIC, chief=True)
    fed(keeper, graph, values)
    assert kept(keeper, graph) == best
    assert json.loads((tmp_path / "best.json").read_text())["epoch"] == best + 1
    fresh = tiny.classifier(num_classes=10).build()
    assert kept(KeepBest(fresh, tmp_path, METRIC, chief=True), fresh) == best


def test_a_restart_remembers_what_was_best(tmp_path):
    graph = tiny.classifier(num_classes=10).build()
    fed(KeepBest(graph, tmp_path, METRIC, chief=True), graph, (0.5, 0.7))
    again = KeepBest(graph, tmp_path, METRIC, chief=True)
    fed(again, graph, (0.6, 0.65), start=2)
    assert kept(again, graph) == 1


def test_only_the_chief_writes(tmp_path):
    graph = tiny.classifier(num_classes=10).build()
    keeper = KeepBest(graph, tmp_path, METRIC, chief=False)
    fed(keeper, graph, (0.5, 0.7, 0.6))
    assert kept(keeper, graph) == 1
    assert not list(tmp_path.iterdir())


class Pair(keras.layers.Layer):
    """Two normalizations in one layer: frozen, its weights stand in another order than when it learns."""

    def __init__(self, name):
        super().__init__(name=name)
        self.first, self.second = keras.layers.BatchNormalization(), keras.layers.BatchNormalization()

    def call(self, x):
        return self.second(self.first(x))


def pairs():
    x = image = keras.Input((4,))
    for name in ("a", "b"):
        x = Pair(name)(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("source_frozen", [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("target_frozen", [(False, False), (False, True), (True, True)])
def test_weights_are_copied_to_their_own_place_whatever_is_frozen(source_frozen, target_frozen):
    """All weights have one shape, so a wrong order would raise nothing."""
    source, target = pairs(), pairs()
    numbers = {}
    for model, frozen in ((source, source_frozen), (target, target_frozen)):
        for layer, held in zip(model.layers[1:], frozen, strict=True):
            layer.trainable = not held
    for layer in source.layers[1:]:
        for inner in (layer.first, layer.second):
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                numbers[layer.name, inner is layer.second, name] = value = float(len(numbers) + 1)
                getattr(inner, name).assign(np.full(4, value))
    copy_weights(source, target)
    for (layer, second, name), value in numbers.items():
        held = target.get_layer(layer)
        weight = getattr(held.second if second else held.first, name)
        np.testing.assert_array_equal(weight, np.full(4, value), err_msg=f"{layer} {second} {name}")
    assert [layer.trainable for layer in target.layers[1:]] == [not held for held in source_frozen]
