"""A program, not a test: takes a few steps with techniques on one replica and on two, and prints how far they differ.

`python -m tests.contract.technique_replicas FOLDER NAME ...` -> JSON, {name of a comparison: {"apart": largest
difference of a weight after the last step, "moved": largest change of one}}. In a process of its own, as `replicas.py`
says.
"""

import dataclasses
import json
import pathlib
import re
import sys
import tempfile

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.registry import backbones, create, techniques
from kerasvision.layers.norm import batch_norm
from kerasvision.train import fit
from kerasvision.train.run import Trained, save_run
from kerasvision.train.session import Session
from kerasvision.train.strategy import make_strategy
from kerasvision.train.techniques.base import Technique
from tests.contract.technique_cases import BATCH, COMPARISONS, RESTORER, RUN, STEPS, Comparison
from tests.fusions import reviews
from tests.train import scratch, tiny  # noqa: F401  registers `scratch`

EPOCHS = 2  # averages change places with the weights between them


@backbones.register("one_level")
@dataclasses.dataclass(frozen=True)
class OneLevel(Backbone):
    """One convolution and swish, which has no kink (`tiny.Smooth`), with a batch normalization or without."""

    norms: bool = True
    weights: str | None = None

    def __call__(self, x):
        x = keras.layers.Conv2D(8, 3, 2, padding="same", use_bias=not self.norms, name="backbone_c0_conv")(x)
        if self.norms:
            x = batch_norm("backbone_c0_bn")(x)
        return {"c0": keras.layers.Activation("swish", name="backbone_c0_swish")(x)}


@techniques.register("own_part")
@dataclasses.dataclass(frozen=True)
class OwnPart(Technique):
    """What the comparison is there to find: losses relative to the largest one, of the replica's part of the batch."""

    def objective(self, loss, arch):
        def relative(targets, raw):
            return {k: v / tf.stop_gradient(tf.reduce_max(v)) for k, v in loss(targets, raw).items()}

        return relative


BESIDE = {
    "own part": Comparison({"own_part": {}}),
    "adversary": Comparison({"scratch": {"size": 0.5}}),  # an observer that changes what the graph sees
}


def restorer():
    """The least architecture that fills in."""
    return create("generation/partial_unet", image_size=(8, 8), width=2, depth=1)


def model_of(comparison):
    """The architecture that takes the steps."""
    backbone = OneLevel(norms=comparison.norms)
    if comparison.model == "incomplete":
        fields = {"restorer": restorer(), "filling": restorer().filling}
        return create("classification/incomplete_classifier", image_size=(8, 8), backbone=backbone, **fields)
    if comparison.model == "moco":  # one layer behind the backbone, as a rectifier has a kink
        return create("self_supervised/moco", image_size=(8, 8), backbone=backbone, projector=(4,))
    if comparison.model == "senses":
        model = reviews.recipe("", "balanced").model
        return dataclasses.replace(model, sense_dropout=0.0, fusion=create("fusions/gated"))
    if comparison.model == "pairs":
        return create("embedding/pairs", image_size=(8, 8), backbone=backbone, dimension=4)
    return create("classification/classifier", image_size=(8, 8), backbone=backbone)


def recipe_of(model, parts=(), rate=0.05):
    """Digits of unequal classes, and nothing held out."""
    data = create("sources/digits", validation_fraction=0.0, test_fraction=0.9)
    data = create("sources/long_tail", of=data, ratio=3.0)
    if model.sense_flags:
        data = reviews.recipe(reviews.table(pathlib.Path(tempfile.mkdtemp()), given_away=True), "balanced").data
    if "present" in model.serving_inputs():
        data = create("sources/incomplete", of=data, missing="quadrant")
    sgd = tiny.sgd(rate, momentum=0.0)
    return tiny.recipe(model=model, data=data, techniques=parts, optimizer=sgd, epochs=EPOCHS, validation_fraction=0.0)


def finished(model, folder):
    """The folder of a run that has fresh weights of another seed."""
    recipe = recipe_of(model)
    classes = recipe.data.open().classes
    arch = model.for_classes(classes)
    keras.utils.set_random_seed(1)
    folder.mkdir()
    save_run(Trained(dataclasses.replace(recipe, model=arch), arch.build(), classes, {}, folder))
    return str(folder)


def stepped(comparison, runs, folder, strategy):
    """(name -> array of the graph as it is kept, the same before the first step)."""
    parts = []
    for name, fields in comparison.techniques.items():
        filled = {k: runs.get(v, v) if isinstance(v, str) else v for k, v in fields.items()}
        parts.append(create(f"techniques/{name}", **filled))
    recipe = recipe_of(model_of(comparison), tuple(parts), comparison.rate)
    opened, scope = recipe.data.open(), make_strategy(strategy)
    keras.utils.set_random_seed(0)
    arch = recipe.model.for_classes(opened.classes).for_data(opened.splits["train"])
    session = Session(recipe, arch, opened.classes, opened.splits, scope, folder)
    session, phase = fit._with_data(session, recipe.phases()[0])
    with scope.scope():
        graph = arch.build()
        for part in phase.techniques:
            part.start(arch, graph)
        before = arrays(graph)
        for part in phase.techniques:
            graph = part.graph(arch, graph)
        learner = fit._learner(session, graph, phase)
    callbacks = [c for part in phase.techniques for c in part.callbacks()]
    data = fit._distributed(session, phase, 1)
    learner.fit(data, epochs=EPOCHS, steps_per_epoch=STEPS // EPOCHS, callbacks=callbacks, verbose=0)
    with scope.scope():
        for part in phase.techniques:
            graph = part.strip(arch, graph)
    return arrays(graph, comparison.compared), before


def arrays(graph, pattern=""):
    """Name -> array; Keras numbers what has no name of its own."""
    held = {re.sub(r"quantize_layer(_\d+)?", "input", v.name): v.numpy() for v in graph.variables}
    return {name: array for name, array in held.items() if re.match(pattern, name)}


def compare(comparison, runs, folder):
    one, before = stepped(comparison, runs, folder, "default")
    two, _ = stepped(comparison, runs, folder, "mirrored")
    assert one and recipe_of(model_of(comparison)).batch_size == BATCH
    moved = [float(np.abs(one[k] - before[k]).max()) for k in one if k in before]
    # of a graph of other variables: the ranges of quantization, which begin at -6 and 6
    moved = moved or [float(np.abs(np.abs(a) - 6.0).max()) for a in one.values()]
    return {"apart": tiny.largest_difference(one, two), "moved": max(moved)}


def main(folder, *names):
    """All comparisons of these names."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    folder, every, found = pathlib.Path(folder), COMPARISONS | BESIDE, {}
    runs = {RUN: finished(model_of(Comparison({})), folder / "run")}
    if any(every[name].model == "incomplete" for name in names):
        runs[RESTORER] = finished(restorer(), folder / "restorer")
    for name in names:
        found[name] = compare(every[name], runs, folder)
        keras.backend.clear_session()
    return found


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
