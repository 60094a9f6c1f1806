"""history.csv over restarts, and the best weights."""

import json
import math

import numpy as np
import pytest

from kerasvision.train.callbacks import History, KeepBest, read_history
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
