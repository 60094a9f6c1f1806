"""Every pair of techniques in one phase: two steps, finite losses and a graph that answers, or one clear refusal."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create, techniques
from kerasvision.data.pipeline import training_data, with_validation
from kerasvision.inference.served import Served
from kerasvision.train import fit
from kerasvision.train.fit import Session
from tests import store
from tests.train import tiny

TEACHER = "the folder of a finished run, filled in by the test"
FIELDS = {
    "attention_transfer": {"teacher": TEACHER, "at": ("c0",)},
    "co_teaching": {"gradual_epochs": 1},
    "cluster": {"number": 4},
    "distill": {"teacher": TEACHER},
    "hints": {"teacher": TEACHER, "at": ("c1",)},
    "sweep_rate": {"steps": 2},
    "warm_start": {"run": TEACHER},
}
ALONE = {
    "restore_with": "wants an architecture with a restorer: tests/train/test_missing.py",
}
# other tests register theirs
OURS = [name for name in techniques.names() if techniques[name].__module__.startswith("kerasvision.")]
NAMES = sorted(name for name in OURS if name not in ALONE)
# what takes the place of the cross-entropy stands first, and only one of them
REPLACES = ("bootstrap", "co_teaching", "focal", "generalized_cross_entropy", "symmetric_cross_entropy")
# pair -> what the refusal says
REFUSED = dict.fromkeys(itertools.combinations(REPLACES, 2), "takes the place of the cross-entropy") | {
    ("co_teaching", "cost_matrix"): "knows nothing of co_teaching's choice",
    ("co_teaching", "qat"): "holds a layer that cannot be quantized: Kept",
    ("ema", "swa"): "average the weights",
    ("mixed_precision", "qat"): "qat works in float32",
    ("qat", "smote"): "put it into a phase before",
}
PAIRS = [pair for pair in itertools.combinations(NAMES, 2) if pair not in REFUSED]


@pytest.fixture(scope="module")
def teacher():
    """The folder of a finished run of the same architecture. Tests must not change it."""
    return str(store.trained(tiny.recipe()))


@pytest.fixture(scope="module")
def opened():
    """Splits of digits; read once."""
    recipe = tiny.recipe()
    data = recipe.data.open()
    return data.classes, with_validation(data, recipe.validation_fraction)


def made(name, teacher):
    fields = {k: teacher if v == TEACHER else v for k, v in FIELDS.get(name, {}).items()}
    return create(f"techniques/{name}", **fields)


def two_steps(pair, teacher, opened, folder):
    """(losses, stripped graph) after two steps of a phase with both techniques, as `train` runs it, but eagerly."""
    classes, splits = opened
    pair = sorted(pair, key=lambda name: name not in REPLACES)
    keras.utils.set_random_seed(0)
    phase = Phase(1, tiny.sgd(), (), tuple(made(name, teacher) for name in pair))
    recipe = tiny.recipe(techniques=phase.techniques)
    arch = recipe.model.for_classes(classes)
    session = Session(recipe, arch, classes, splits, tf.distribute.get_strategy(), folder)
    session, phase = fit._with_data(session, phase)
    graph = arch.build()
    for technique in phase.techniques:
        technique.start(arch, graph)
    for technique in phase.techniques:
        graph = technique.graph(arch, graph)
    learner = fit._learner(session, graph, phase)
    learner.run_eagerly = True
    data = training_data(session.trained_on, arch, phase, batch_size=16, seed=0)
    callbacks = [c for t in phase.techniques for c in t.callbacks()]
    history = learner.fit(data, steps_per_epoch=2, epochs=1, callbacks=callbacks, verbose=0)
    for technique in phase.techniques:
        graph = technique.strip(arch, graph)
    return history.history["loss"], Served(arch, graph, classes)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_both_train_two_steps(pair, teacher, opened, tmp_path):
    losses, served = two_steps(pair, teacher, opened, tmp_path)
    assert np.isfinite(losses).all()
    image = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    answer = served.serve({"image": tf.constant(image)})
    assert set(answer) == {"probabilities"} and np.allclose(tf.reduce_sum(answer["probabilities"], -1), 1, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "reason"), REFUSED.items(), ids=lambda v: "+".join(v) if isinstance(v, tuple) else "")
def test_what_cannot_go_together_is_said(pair, reason, teacher, opened, tmp_path):
    with pytest.raises(KerasVisionError, match=reason):
        two_steps(pair, teacher, opened, tmp_path)


def test_every_technique_has_its_pairs():
    assert {*ALONE, *FIELDS, *REPLACES, *itertools.chain(*REFUSED)} <= set(OURS)  # none that was renamed or removed
    assert len(PAIRS) + len(REFUSED) == len(NAMES) * (len(NAMES) - 1) // 2
