"""Whether a picture was made to deceive: how far answers go apart when its pixels are squeezed.

"Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks" (Xu, Evans, Qi 2018, arXiv:1704.01155,
sections 5.1 and 5.2: the largest L1 distance between the probabilities of a picture and of squeezed ones, with a
threshold by the share of ordinary pictures that may exceed it). Who knows of it can make pictures that pass
("Adversarial Example Defenses: Ensembles of Weak Defenses are not Strong", He et al. 2017, arXiv:1706.04701): a sign,
and no proof.
"""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of, thinned

SPLIT, MOST = "validation", 5000
_SQUEEZERS = (("bit_depth", {"bits": 5}), ("median", {}), ("cosine", {"quality": 75}))


def squeezers():
    """name -> `defenses.base.Defense`: what pictures are squeezed by."""
    return {name: create(f"defenses/{name}", **fields) for name, fields in _SQUEEZERS}


def disagreements(probabilities, images):
    """float32 [B, squeezers], 0..2: how far apart the answers to pictures and to squeezed ones are.

    probabilities: a function of float32 [B, h, w, 3], whole pixels 0..255 -> [B, K]. images: such pictures. Pure
    TensorFlow where the function is.
    """
    own, every = probabilities(images), []
    for squeeze in squeezers().values():
        squeezed = tf.round(tf.clip_by_value(squeeze(images), 0.0, 255.0))  # files take whole pixels
        every.append(tf.reduce_sum(tf.abs(probabilities(squeezed) - own), -1))
    return tf.stack(every, 1)


def threshold(known, rate):
    """What an ordinary picture exceeds in at most a share of cases: the split conformal quantile (Vovk, Gammerman,
    Shafer 2005; arXiv:0706.3188), which holds in the mean over draws of the held-out pictures.

    known: scores of held-out pictures [N]. rate: above 0, below 1. Raises UsageError where they are too few.
    """
    if not 0 < rate < 1:
        raise UsageError(f"a false-positive rate of {rate:g}; allowed: above 0 and below 1, as in 0.01")
    place = math.ceil((len(known) + 1) * (1 - rate) - 1e-9)
    if place > len(known):
        least = math.ceil(1 / rate - 1 - 1e-9)
        raise UsageError(
            f"a false-positive rate of {rate:g} needs {least} or more held-out examples; there are {len(known)}"
        )
    return float(np.sort(known)[place - 1])


@dataclasses.dataclass(frozen=True)
class Squeezing:
    """probabilities: as in `disagreements`. threshold: above which a score is suspicious. rate: the share of ordinary
    pictures of which that is so. examples: the held-out pictures that the threshold is of.
    """

    arch: typing.Any
    probabilities: typing.Callable
    threshold: float
    rate: float
    examples: int

    def describe(self, inputs):
        """JSON of one example, serving inputs with a batch axis of 1: {"suspicious", "score": the largest disagreement,
        "threshold", "false_positive_rate", "examples", "squeezers": {name: disagreement}}.
        """
        (row,) = disagreements(self.probabilities, _prepared(self.arch, inputs)).numpy()
        score = float(row.max())
        return {
            "suspicious": score > self.threshold,
            "score": round(score, 5),
            "threshold": round(self.threshold, 5),
            "false_positive_rate": self.rate,
            "examples": self.examples,
            "squeezers": {name: round(float(v), 5) for name, v in zip(squeezers(), row, strict=True)},
        }


def squeezing_of(model, rate):
    """The `Squeezing` of a run or any file, fitted on the validation split of its data. model: an `api.Model`.

    Raises UsageError of what gives no probabilities of one class for an image, and of too few held-out examples.
    """
    arch = model.arch
    check(arch, model.recipe)
    if not 0 < rate < 1:
        threshold(np.zeros(1), rate)  # raises, before anything is computed
    probabilities = _asking(model)
    known = held_out(arch, model.recipe, probabilities)
    return Squeezing(arch, probabilities, threshold(known, rate), rate, len(known))


def check(arch, recipe):
    """Raise UsageError unless disagreement can be asked for."""
    is_one = tuple(arch.label_keys) == ("label",) and "probabilities" in arch.outputs
    if not is_one or list(arch.prepared_inputs()) != ["image"] or recipe is None:
        raise UsageError(
            f"{arch.registered_name}: disagreement of squeezed inputs is told of trained classifiers of one image into "
            "one of several classes, with the data they were trained on"
        )


def held_out(arch, recipe, probabilities):
    """Scores of at most `MOST` held-out pictures, float [N]. Raises UsageError where nothing was held out."""
    splits = splits_of(recipe)
    if SPLIT not in splits:
        raise UsageError("disagreement is judged by a validation split, and the model's data has none")
    return np.concatenate(
        [
            disagreements(probabilities, _prepared(arch, inputs)).numpy().max(1)
            for inputs, _, _ in raw_examples(thinned(splits[SPLIT], MOST), arch)
        ]
    )


def _prepared(arch, inputs):
    """Serving inputs -> float32 [B, h, w, 3] of the graph's size."""
    prepared, _ = arch.geometry({key: tf.constant(value) for key, value in inputs.items()})
    return tf.cast(arch.at_graph_size(prepared)["image"], tf.float32)


def _asking(model):
    """A function: float32 pictures of the graph's size, whole pixels -> the model's probabilities."""
    takes_prepared = model.runner.takes_prepared
    size = next(iter(model.arch.prepared_inputs().values())).shape[1:]
    if not takes_prepared and not model.arch.is_prepared({"image": np.zeros((1, *size), np.uint8)}):
        raise UsageError(
            f"a model that prepares pictures with resize={model.arch.resize} cannot be asked about squeezed ones; name "
            "its .tflite or .onnx"
        )
    ask = model.runner.infer if takes_prepared else model
    return lambda images: np.asarray(ask({"image": np.asarray(images).astype(np.uint8)})["probabilities"])
