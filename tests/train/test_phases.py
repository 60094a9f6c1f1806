"""A later phase earns its place: the best that can be compared is delivered, and one that did not help is said."""

import math
import signal

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create, techniques
from kerasvision.train.callbacks import read_history
from kerasvision.train.phases import Contest, contests
from kerasvision.train.run import load_run
from tests.train import tiny
from tests.undrawn import train

METRIC = "validation/accuracy"
GOOD = tiny.sgd(0.05)
HUGE = tiny.sgd(20.0, momentum=0.0)


def phase(*names, **fields):
    return Phase(1, GOOD, (), tuple(create(f"techniques/{n}", **fields) for n in names))


@pytest.mark.parametrize(
    ("phases", "groups"),
    [
        ([phase("freeze"), phase("fine_tune"), phase("ema")], [0, 0, 0]),
        ([phase(), phase("mixed_precision"), phase("sam"), phase("swa")], [0, 0, 0, 0]),
        ([phase(), phase("qat")], [0, 1]),
        ([phase(), phase("freeze", "qat"), phase("qat"), phase()], [0, 1, 1, 3]),
        ([phase(), phase("prune"), phase("cluster"), phase("qat", preserve="clusters")], [0, 1, 2, 3]),
        ([phase("prune", sparsity=0.5), phase("prune", sparsity=0.9)], [0, 1]),
        ([phase("class_weights"), phase("class_weights", "fine_tune")], [0, 0]),
        ([phase(), phase("oversample")], [0, 1]),  # the head learned again on balanced batches: asked for on purpose
        ([phase("smote"), phase("smote"), phase()], [0, 1, 2]),  # what SMOTE refits was never evaluated
    ],
)
def test_what_is_asked_for_on_purpose_has_no_rival(phases, groups):
    assert contests(phases) == groups


def test_every_technique_that_makes_other_weights_on_purpose_says_so():
    aims = {n for n in techniques.names() if techniques[n].rivals != "any"}
    rebalance = {"class_weights", "cost_matrix", "focal", "logit_adjustment", "oversample", "undersample", "smote"}
    hardened = {"adversarial_training", "fast_adversarial", "trades"}
    assert aims == {"qat", "prune", "cluster", *rebalance, *hardened}


def graph_of(width=2):
    x = keras.Input((3,))
    y = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(width, name="dense")(x))
    return keras.Model(x, y)


def fought(values, phases, direction="max", metric=METRIC):
    """(lines, whose weights are delivered, figures, whose each phase starts from): a phase's weights are its number."""
    lines, starts, graph = [], [], graph_of()
    contest = Contest(phases, metric, direction, lines.append)
    for number, value in enumerate(values, start=1):
        contest.begin(number, graph)
        starts.append(float(graph.get_layer("dense").bias[0]))
        graph.get_layer("norm").trainable = number % 2 == 0  # which changes the order of a model's weights
        for layer in graph.layers[1:]:
            layer.set_weights([np.full_like(w, number) for w in layer.get_weights()])
        contest.end(number, graph, value)
    figures = contest.finish(graph)
    delivered = {float(v) for layer in graph.layers[1:] for w in layer.get_weights() for v in w.ravel()}
    assert len(delivered) == 1
    return lines, delivered.pop(), figures, starts


@pytest.mark.parametrize(
    ("values", "direction", "kept"),
    [
        ((0.731, 0.712), "max", 1),
        ((0.731, 0.732), "max", 2),
        ((0.731, 0.731), "max", 1),  # of equal ones the first, as of epochs
        ((0.80, 0.84), "min", 1),
        ((0.84, 0.80), "min", 2),
        ((0.7, 0.6, 0.8), "max", 3),
        ((0.7, 0.8, 0.75), "max", 2),
        ((0.7, 0.6, 0.65), "max", 1),
        ((math.nan, 0.1), "max", 2),
        ((0.1, math.nan), "max", 1),
    ],
)
def test_the_best_phase_is_delivered(values, direction, kept):
    lines, delivered, figures, starts = fought(values, [phase()] * len(values), direction)
    assert delivered == kept == figures["phases/kept"]
    assert starts == list(range(len(values)))  # each goes on from the one before, whether that helped or not
    assert figures[f"phases/{len(values)}"] == pytest.approx(values[-1], nan_ok=True)
    told = [int(line.split()[1]) for line in lines]
    assert told == [n for n in range(2, len(values) + 1) if _no_better(values, n, direction)]


def _no_better(values, number, direction):
    sign = -1 if direction == "min" else 1
    before = [sign * v for v in values[: number - 1] if not math.isnan(v)]
    return bool(before) and not sign * values[number - 1] > max(before)


def test_what_begins_anew_begins_with_the_best():
    """Quantization-aware training of the frozen phase's weights, as fine-tuning made them worse; it is delivered."""
    lines, delivered, figures, starts = fought((0.73, 0.71, 0.5), [phase(), phase(), phase("qat")])
    assert starts == [0, 1, 1] and delivered == 3 and figures["phases/kept"] == 3
    assert lines == [
        "phase 2 did not help: validation/accuracy is 0.7100 after it and 0.7300 after phase 1, whose weights are kept"
    ]


def test_without_a_validation_split_the_last_is_delivered():
    lines, delivered, figures, _ = fought((None, None), [phase(), phase()])
    assert (lines, delivered, figures) == ([], 2, {})


def test_weights_of_another_graph_are_no_rival():
    lines = []
    contest = Contest([phase(), phase()], METRIC, "max", lines.append)
    contest.end(1, graph_of(2), 0.9)
    other = graph_of(3)
    contest.begin(2, other)
    contest.end(2, other, 0.1)
    assert contest.finish(other)["phases/kept"] == 2 and not lines


def recipe(second, *names, **fields):
    made = tuple(create(f"techniques/{n}") for n in names)
    return tiny.recipe(model=tiny.smooth_classifier(), epochs=2, then=(Phase(1, second, (), made, **fields),))


def arrays(graph):
    return {v.name: v.numpy() for v in graph.variables}


@pytest.mark.usefixtures("interruptible")
def test_a_bad_second_phase_gives_back_the_first_one_s_weights(tmp_path, capfd):
    """Bit by bit; also when it was interrupted, so that the first one's come out of its file."""
    end = tiny.EndOnce(str(tmp_path / "marker"), epoch=0, step=3, number=int(signal.SIGINT))
    made = tiny.recipe(model=tiny.smooth_classifier(), epochs=2, then=(Phase(1, HUGE, (), (end,)),))
    with pytest.raises(KerasVisionError, match="stopped at step 3 of phase 2"):
        train(made, tmp_path / "run")
    trained = train(made, tmp_path / "run", resume=True)
    check_first_is_kept(trained, capfd.readouterr().err)


def check_first_is_kept(trained, said):
    first, second = (tiny.weights(trained.folder / f"phase-{n}" / "best.weights.h5") for n in (1, 2))
    assert tiny.largest_difference(first, second) > 0.01  # snapshots stay, each its own
    for graph in (trained.graph, load_run(trained.folder).graph):
        for name, value in arrays(graph).items():
            np.testing.assert_array_equal(value, first[name])
    metrics = trained.metrics
    assert metrics["phases/kept"] == 1 and metrics["phases/2"] < metrics["phases/1"]
    assert metrics[METRIC] == pytest.approx(metrics["phases/1"])
    assert said.count("phase 2 did not help: validation/accuracy is 0.") == 1
    rows = read_history(trained.folder / "history.csv")
    assert max(float(r[METRIC]) for r in rows if r["phase"] == "1") == pytest.approx(metrics["phases/1"])


@pytest.mark.slow
def test_a_bad_second_phase_that_nobody_interrupts(tmp_path, capfd):
    made = recipe(HUGE)
    trained = train(made, tmp_path / "run")
    check_first_is_kept(trained, capfd.readouterr().err)
    check_first_is_kept(train(made, tmp_path / "run", resume=True), capfd.readouterr().err)


@pytest.mark.slow
def test_a_good_second_phase_is_kept(tmp_path, capfd):
    trained = train(recipe(tiny.sgd(0.03)), tmp_path / "run")
    second = tiny.weights(tmp_path / "run" / "phase-2" / "best.weights.h5")
    assert trained.metrics["phases/kept"] == 2 and trained.metrics["phases/2"] > trained.metrics["phases/1"]
    assert tiny.largest_difference(arrays(trained.graph), second) == 0
    assert "did not help" not in capfd.readouterr().err


@pytest.mark.slow
def test_quantization_aware_training_is_kept_though_it_is_worse(tmp_path, capfd):
    trained = train(recipe(HUGE, "qat"), tmp_path / "run")
    assert is_quantized(trained.graph) and trained.metrics["phases/kept"] == 2
    assert trained.metrics["phases/2"] < trained.metrics["phases/1"]
    assert "did not help" not in capfd.readouterr().err
