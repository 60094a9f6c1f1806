"""Methods that learn without labels, one of them made to collapse: the watch tells it from the others.

Sixteen numbers stand for a picture and noise for its augmentation, so that an epoch takes a moment. The first of them
says to which of two kinds a picture belongs, and has no noise: what views agree on most, and all that is left of a
picture where nothing keeps dimensions apart.
"""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from kerasvision.train.techniques.collapse import KINDS

SIZE, PICTURES, BATCH, EPOCHS, STEPS = 16, 256, 32, 4, 100
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(PICTURES, SIZE))
DATA[:, 0] = np.sign(DATA[:, 0])
NOISE = np.array([0.05, *[0.7] * (SIZE - 1)])
TEACHER = create("techniques/momentum_teacher", momentum=0.9, final=0.95)
METHODS = {
    "simclr": ({"projector": (16, 8)}, ()),
    "vicreg": ({"projector": (16, 8)}, ()),
    "barlow_twins": ({"projector": (16, 8), "redundancy": 0.1}, ()),
    "simsiam": ({"projector": (16, 16), "predictor": 4}, ()),
    "byol": ({"projector": (16, 8), "predictor": 16}, (TEACHER,)),
    "moco": ({"projector": (16, 8)}, (TEACHER, create("techniques/queue", size=256))),
    "dino": ({"projector": (16, 8), "prototypes": 16}, (TEACHER, create("techniques/centering"))),
}
# method -> (what is taken out of it: its fields, how many of its techniques are left; what then happens)
BROKEN = {
    "simsiam": ({"stop_gradient": False}, 0, "dimensional"),
    "byol": ({"predictor": 0}, 1, "complete"),
    "vicreg": ({"variance": 0.0}, 0, "complete"),
    "barlow_twins": ({"redundancy": 0.0}, 0, "dimensional"),
    "dino": ({}, 1, "clusters"),
}


def views(count, seed):
    """`count` batches of pictures, each twice with noise of its own."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        chosen = DATA[rng.choice(PICTURES, BATCH, replace=False)]
        rows = np.repeat(chosen, 2, 0) + NOISE * rng.normal(size=(2 * BATCH, SIZE))
        yield {"rows": tf.constant(rows, tf.float32)}, {"label": tf.zeros(2 * BATCH)}


def learned(name, patience=2, left=None, epochs=EPOCHS, **fields):
    """(history of the figures, epochs trained) of a method. left: how many of its techniques, if not all."""
    own, parts = METHODS[name]
    parts = parts[:left]
    arch = create(f"self_supervised/{name}", image_size=(8, 8), **(own | fields))
    keras.utils.set_random_seed(0)
    rows = keras.Input((SIZE,), name="rows")
    vector = keras.layers.Dense(32, "relu", name="features")(keras.layers.Dense(64, "relu")(rows))
    graph = keras.Model({"rows": rows}, {"embedding": vector} | arch.heads(vector))
    learner = Learner(graph, arch.loss, [t.observer(arch, graph) for t in parts])
    learner.compile(optimizer=keras.optimizers.Adam(1e-2))
    watch = create("techniques/collapse", patience=patience).watch(arch, graph, lambda: views(4, 1))
    spec = tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), next(views(1, 0)))
    data = tf.data.Dataset.from_generator(lambda: views(epochs * STEPS, 0), output_signature=spec)
    callbacks = [watch, *(c for t in parts for c in t.callbacks())]
    history = learner.fit(data, epochs=epochs, steps_per_epoch=STEPS, callbacks=callbacks, verbose=0).history
    return history, len(history["loss"])


BY_DAY = ("vicreg", "barlow_twins", "dino")  # a kind of collapse each


def by_day(names):
    return [pytest.param(n, marks=() if n in BY_DAY else pytest.mark.nightly) for n in names]


@pytest.mark.parametrize("name", by_day(METHODS))
def test_no_healthy_method_raises_it(name, capsys):
    history, epochs = learned(name, epochs=2)
    assert epochs == 2 and set(history["validation/collapse"]) == {KINDS.index("none")}
    assert "collapse" not in capsys.readouterr().err
    columns = {f"{what}_{k}" for what in ("features", "projections") for k in ("deviation", "rank", "largest_share")}
    columns |= {"projections_alignment", "projections_uniformity", "collapse"}
    columns |= {"vicreg": {"projections_size"}, "dino": {"projections_clusters"}}.get(name, set())
    assert {k.removeprefix("validation/") for k in history if k.startswith("validation/")} == columns


@pytest.mark.parametrize("name", by_day(BROKEN))
def test_each_method_without_what_holds_it_is_named_within_two_epochs(name, capsys):
    fields, left, kind = BROKEN[name]
    history, epochs = learned(name, left=left, epochs=4, **fields)
    found = history["validation/collapse"]
    assert KINDS.index(kind) in found[:2], [KINDS[int(k)] for k in found]
    first = next(epoch for epoch, value in enumerate(found) if value)
    assert epochs == first + 2, "it goes on, or ends before the patience of two epochs"
    said = capsys.readouterr().err
    assert f"stopped after epoch {epochs}: {kind} collapse" in said and "helps" in said


def test_a_patience_of_none_goes_on(capsys):
    history, epochs = learned("vicreg", patience=0, variance=0.0)
    assert epochs == EPOCHS and history["validation/collapse"][-1] == KINDS.index("complete")
    assert not capsys.readouterr().err


def test_prototypes_and_lines_have_the_same_border():
    watch, start = create("techniques/collapse"), {"projections_deviation": 0.8, "projections_rank": 6.0}
    for figure, held, borders in (("clusters", 11.0, (2.99, 3.01)), ("largest_share", 0.5, (0.91, 0.89))):
        kinds = [
            watch.kind_of(start | {f"projections_{figure}": held}, start | {f"projections_{figure}": now})
            for now in borders
        ]
        assert kinds == ["clusters" if figure == "clusters" else "dimensional", "none"]
    prototypes = start | {"projections_clusters": 11.0, "projections_largest_share": 0.5}
    assert watch.kind_of(prototypes, prototypes | {"projections_largest_share": 0.99}) == "none"


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
