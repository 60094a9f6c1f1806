"""Methods that learn without labels, one of them made to collapse: the watch tells it from the others.

Sixteen numbers stand for a picture and noise for its augmentation, so that an epoch takes a moment.
"""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from kerasvision.train.techniques.collapse import KINDS

SIZE, PICTURES, BATCH, EPOCHS, STEPS = 16, 256, 32, 4, 48
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(PICTURES, SIZE))
TEACHER = create("techniques/momentum_teacher", momentum=0.9)
METHODS = {
    "simclr": ({"projector": (16, 8)}, ()),
    "vicreg": ({"projector": (16, 8)}, ()),
    "barlow_twins": ({"projector": (16, 8), "redundancy": 0.1}, ()),
    "simsiam": ({"projector": (16, 16), "predictor": 4}, ()),
    "byol": ({"projector": (16, 8), "predictor": 16}, (TEACHER,)),
    "moco": ({"projector": (16, 8)}, (TEACHER, create("techniques/queue", size=256))),
    "dino": ({"projector": (16, 8), "prototypes": 16}, (TEACHER, create("techniques/centering"))),
}


def views(count, seed):
    """`count` batches of pictures, each twice with noise of its own."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        chosen = DATA[rng.choice(PICTURES, BATCH, replace=False)]
        rows = np.repeat(chosen, 2, 0) + rng.normal(0, 0.4, (2 * BATCH, SIZE))
        yield {"rows": tf.constant(rows, tf.float32)}, {"label": tf.zeros(2 * BATCH)}


def learned(name, patience=2, rate=1e-2, **fields):
    """(history of the figures, epochs trained) of a method."""
    own, parts = METHODS[name]
    arch = create(f"self_supervised/{name}", image_size=(8, 8), **(own | fields))
    keras.utils.set_random_seed(0)
    rows = keras.Input((SIZE,), name="rows")
    vector = keras.layers.Dense(32, "relu", name="features")(rows)
    graph = keras.Model({"rows": rows}, {"embedding": vector} | arch.heads(vector))
    learner = Learner(graph, arch.loss, [t.observer(arch, graph) for t in parts])
    learner.compile(optimizer=keras.optimizers.Adam(rate))
    watch = create("techniques/collapse", patience=patience).watch(arch, graph, lambda: views(4, 1))
    spec = tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), next(views(1, 0)))
    data = tf.data.Dataset.from_generator(lambda: views(EPOCHS * STEPS, 0), output_signature=spec)
    callbacks = [watch, *(c for t in parts for c in t.callbacks())]
    history = learner.fit(data, epochs=EPOCHS, steps_per_epoch=STEPS, callbacks=callbacks, verbose=0).history
    return history, len(history["loss"])


# one that repels other pictures, one that spreads dimensions, one that a teacher keeps apart
BY_DEFAULT = ("simclr", "vicreg", "dino")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in BY_DEFAULT else pytest.mark.nightly) for n in METHODS]
)
def test_no_healthy_method_raises_it(name, capsys):
    history, epochs = learned(name)
    assert epochs == EPOCHS and set(history["validation/collapse"]) == {KINDS.index("none")}
    assert "collapse" not in capsys.readouterr().err
    columns = {f"{what}_{k}" for what in ("features", "projections") for k in ("deviation", "rank", "largest_share")}
    columns |= {"projections_alignment", "projections_uniformity", "collapse"}
    columns |= {"projections_size"} if name == "vicreg" else set()
    assert {k.removeprefix("validation/") for k in history if k.startswith("validation/")} == columns


def test_vicreg_without_variance_is_named_within_two_epochs(capsys):
    history, epochs = learned("vicreg", rate=3e-2, variance=0.0)
    found = history["validation/collapse"]
    assert KINDS.index("complete") in found[:2]
    first = found.index(KINDS.index("complete"))
    assert epochs == first + 2 < EPOCHS, "it goes on, or ends before the patience of two epochs"
    said = capsys.readouterr().err
    assert f"stopped after epoch {epochs}: complete collapse" in said and "helps" in said


def test_a_patience_of_none_goes_on(capsys):
    history, epochs = learned("vicreg", patience=0, rate=3e-2, variance=0.0)
    assert epochs == EPOCHS and history["validation/collapse"][-1] == KINDS.index("complete")
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        ({}, "none"),
        ({"features_deviation": 0.101}, "none"),
        ({"features_deviation": 0.099}, "complete"),
        ({"projections_deviation": 0.159, "projections_rank": 1.0}, "complete"),
        ({"projections_rank": 2.01}, "none"),
        ({"projections_rank": 1.99}, "dimensional"),
        ({"features_rank": 1.79}, "dimensional"),
    ],
)
def test_a_fifth_of_the_start_is_the_border(now, kind):
    start = {"features_deviation": 0.5, "features_rank": 5.0, "projections_deviation": 0.8, "projections_rank": 6.0}
    assert create("techniques/collapse").kind_of(start, start | now) == kind


def test_what_cannot_be_watched_is_said():
    for fields, said in (({"share": 1.0}, "below 1"), ({"patience": -1}, "0 .never stop. or more")):
        with pytest.raises(UsageError, match=said):
            create("techniques/collapse", **fields)
    rows = keras.Input((4,))
    graph = keras.Model({"rows": rows}, {"logits": keras.layers.Dense(2)(rows)})
    with pytest.raises(UsageError, match="watches embedding and projection, and the model has logits"):
        create("techniques/collapse").watch(None, graph, lambda: ())
