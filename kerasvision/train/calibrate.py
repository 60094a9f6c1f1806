"""After training: probabilities that are as often right as they say, and what is promised of answers.

Temperature and vector scaling: "On Calibration of Modern Neural Networks" (Guo et al. 2017, arXiv:1706.04599, section
4.2), by the least log loss of held-out examples. They are folded into the layer that makes the logits, so that no file
has an operator more.
"""

import dataclasses

import numpy as np
import tf_keras as keras
from scipy import optimize, special

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.overrides import override
from kerasvision.data.pipeline import evaluation_data, picked, splits_of
from kerasvision.inference.evaluation import predictions, stacked
from kerasvision.inference.served import Served
from kerasvision.ops.internals import made_by
from kerasvision.train.run import judged_again, load_run

LARGEST = 6.0  # of the logarithm of a factor: 403 times as sure, or unsure


def fitted_scaling(logits, labels, scaling):
    """(factors, shifts), float64 [K] each, with which softmax(factors * logits + shifts) has the least log loss.

    logits: [N, K]; labels: int [N]; scaling: "temperature", one factor for all and no shifts, or "vector".
    """
    logits, (size, classes) = np.asarray(logits, np.float64), np.shape(logits)
    one_hot = np.eye(classes)[labels]
    if scaling == "temperature":
        held = optimize.minimize_scalar(
            lambda log: _log_loss(np.exp(log) * logits, labels)[0], bounds=(-LARGEST, LARGEST), method="bounded"
        )
        return np.full(classes, np.exp(held.x)), np.zeros(classes)

    def objective(both):
        loss, probabilities = _log_loss(both[:classes] * logits + both[classes:], labels)
        away = (probabilities - one_hot) / size
        return loss, np.concatenate([(away * logits).sum(0), away.sum(0)])

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    held = optimize.minimize(objective, start, jac=True, method="L-BFGS-B").x
    return held[:classes], held[classes:]


def _log_loss(logits, labels):
    """(the mean log loss in nats, the probabilities)."""
    logs = special.log_softmax(logits, 1)
    return -logs[np.arange(len(labels)), labels].mean(), np.exp(logs)


def fold(graph, factors, shifts):
    """Change the weights of the layer of a graph's logits so that they become factors * logits + shifts. Raises
    KerasVisionError where no dense layer of floats makes them.
    """
    layer = made_by(graph.output["logits"])
    if not isinstance(layer, keras.layers.Dense) or layer.activation is not keras.activations.linear:
        raise KerasVisionError(
            f"model.scaling is folded into the dense layer of the logits; {layer.name} ({type(layer).__name__}) makes "
            'them here: set model.scaling="nothing", or scale before quantization-aware training'
        )
    kernel, *bias = layer.get_weights()
    if not bias and np.any(shifts):
        raise KerasVisionError(f'{layer.name} has no bias that shifts could be folded into; take scaling="temperature"')
    layer.set_weights([kernel * factors, *(b * factors + shifts for b in bias)])


def check_promise(arch, splits):
    """Before training: raises where the validation split cannot support what the architecture promises."""
    arch.check_promise(splits["validation"].size if "validation" in splits else 0)


def calibrated(arch, graph, classes, split, batch_size):
    """The architecture with what a held-out split decides (`Learning.tune`), once what it settles is in the graph."""
    if getattr(arch, "scaling", "nothing") == "nothing" and not arch.tunes and not arch.settles:
        return arch
    data = evaluation_data(split, arch, batch_size=batch_size)
    if arch.settles:
        arch.settle(graph, _settling(arch, split, batch_size))
    if getattr(arch, "scaling", "nothing") != "nothing":
        rows = [
            (graph(arch.normalize(p), training=False)["logits"], ground_truth["label"]) for p, _, ground_truth in data
        ]
        logits, labels = (np.concatenate([np.asarray(row[i]) for row in rows]) for i in (0, 1))
        # where there are sets as well, they are for the examples that had no part in this
        step = slice(None, None, 2) if arch.tunes else slice(None)
        fold(graph, *fitted_scaling(logits[step], labels[step], arch.scaling))
    if not arch.tunes:
        return arch
    asking = arch.asking()
    return arch.tune(*stacked(asking.evidence(*pair) for pair in predictions(Served(asking, graph, classes), data)))


def _settling(arch, split, batch_size):
    """Batches of (prepared inputs, targets); where there are sets as well, of every other example, as the others are
    for these.
    """
    held = picked(split, np.arange(split.size) % 2 == 0) if arch.tunes else split
    inputs, targets = (evaluation_data(held, arch, batch_size=batch_size, targets=wanted) for wanted in (False, True))
    return ((prepared, wanted) for (prepared, *_), (wanted, *_) in zip(inputs, targets, strict=True))


def recalibrated(folder, settings):
    """The `Trained` model of a run folder with its scaling and its promises fitted anew, saved in its place.

    settings: `["class_sets.coverage=0.9", "scaling=temperature"]`, fields of the model that are fitted after training.
    Raises UsageError of others, and where the data has too few held-out examples.
    """
    trained = load_run(folder)
    arch = trained.arch
    for setting in settings:
        head = setting.partition("=")[0].removeprefix("model.").split(".")[0]
        if head not in arch.calibrates:
            allowed = ", ".join(arch.calibrates) or "nothing"
            raise UsageError(f"--set {setting}: of a trained {arch.registered_name} this is fitted: {allowed}")
    recipe = override(trained.recipe, [f"model.{s.removeprefix('model.')}" for s in settings])
    splits = splits_of(recipe)
    check_promise(recipe.model, splits)
    if "validation" not in splits:
        raise UsageError(f"{folder}: its data has no validation split, on which this is fitted")
    arch = calibrated(recipe.model.untuned(), trained.graph, trained.classes, splits["validation"], recipe.batch_size)
    changed = dataclasses.replace(recipe, model=arch)
    return judged_again(dataclasses.replace(trained, recipe=changed))
