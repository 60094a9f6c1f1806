"""The signature `suspect` of a SavedModel: whether a picture was made to deceive, or is unlike what was trained on.

Disagreement of squeezed pictures ("Feature Squeezing", Xu et al. 2018, arXiv:1704.01155, section 5) and the Mahalanobis
distance of features ("A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
Lee et al. 2018, arXiv:1807.03888), both ranked among held-out pictures: `robustness.squeezing` and
`robustness.in_distribution`, computed where the model is served.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.robustness import squeezing
from kerasvision.robustness.in_distribution import OUT_OF_DISTRIBUTION, in_distribution_of

SIGNATURE = "suspect"
WORD = "suspect"  # behind an exporter's name
SCORES = ("disagreement", "mahalanobis")
RANK, HELD_OUT, SUSPICIOUS = "_rank", "held_out", "suspicious"
RARE = OUT_OF_DISTRIBUTION  # rank from which a score is suspicious
_APART = 1e-3  # of a score: far above float32's rounding, far below another picture's


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What a trained classifier's pictures are compared with. disagreement, mahalanobis: scores of held-out pictures,
    sorted. means [K, D], precision [D, D]: of the features that it was trained on.
    """

    disagreement: np.ndarray
    mahalanobis: np.ndarray
    means: np.ndarray
    precision: np.ndarray


def held_out_of(trained):
    """The `HeldOut` of a `Trained` run. Raises UsageError of what is no classifier of one image, KerasVisionError
    where its data has no held-out split.
    """
    squeezing.check(trained.arch, trained.recipe)
    if not trained.folder:
        raise UsageError(f"{WORD}: a pretrained model has no training images to compare with; export a run")
    ask, known = _Asked(trained.arch, trained.graph), in_distribution_of(trained)
    scores = squeezing.held_out(trained.arch, trained.recipe, tf.function(ask.probabilities, reduce_retracing=True))
    fitted = known.mahalanobis
    return HeldOut(np.sort(scores), known.known["mahalanobis"], fitted.means, fitted.precision)


class _Asked:
    """Final. Probabilities and features by pixels of the graph's size."""

    def __init__(self, arch, graph):
        self._arch = arch
        # in a function, so that no Keras object is tracked
        inner = keras.Model(graph.input, {"raw": graph.output, "features": arch.embedding(graph)})
        self._run = lambda image: inner(arch.normalize({"image": image}), training=False)

    def probabilities(self, image):
        """float32 [B, h, w, 3] -> [B, K]."""
        raw = {k: tf.cast(v, tf.float32) for k, v in self._run(image)["raw"].items()}
        return self._arch.decode(raw, self._arch.no_geometry({"image": image}))["probabilities"]

    def features(self, image):
        """float32 [B, h, w, 3] -> [B, D]."""
        return tf.cast(self._run(image)["features"], tf.float64)


def suspecting(arch, graph, held):
    """A tf.function: serving inputs -> `disagreement`, `mahalanobis` float32 [B] and each with `_rank`, 0..1: the share
    of held-out pictures with a lower score; `held_out` int32 [B], among how many; `suspicious` bool [B]: a rank of 0.99
    or more, which about 1 in 100 ordinary pictures has of each where hundreds were held out, and 1 in n + 1 of n below
    100. held: a `HeldOut`.
    """
    asked = _Asked(arch, graph)

    def suspect(inputs):
        prepared, _ = arch.geometry(inputs)
        image = tf.cast(arch.at_graph_size(prepared)["image"], tf.float32)
        found = {
            "disagreement": tf.cast(tf.reduce_max(squeezing.disagreements(asked.probabilities, image), 1), tf.float64),
            "mahalanobis": _mahalanobis(asked.features(image), held),
        }
        ranks = {name: _rank(getattr(held, name), found[name]) for name in SCORES}
        rare = tf.reduce_any(tf.stack(list(ranks.values())) >= np.float32(RARE), 0)
        scores = {name: tf.cast(value, tf.float32) for name, value in found.items()}
        return (
            scores
            | {name + RANK: value for name, value in ranks.items()}
            | {HELD_OUT: tf.fill(tf.shape(rare), len(held.disagreement)), SUSPICIOUS: rare}
        )

    return tf.function(suspect, input_signature=[arch.serving_specs()], autograph=False)


def _mahalanobis(features, held):
    apart = features[:, None] - held.means  # [B, K, D]
    return tf.reduce_min(tf.reduce_sum(tf.matmul(apart, tf.constant(held.precision)) * apart, -1), 1)


def _rank(known, scores):
    return tf.cast(tf.searchsorted(tf.constant(known, tf.float64), scores), tf.float32) / np.float32(len(known))


def check(signature, judge):
    """Yields a line unless the signature says of examples what the trained model says. judge: a `Judge`."""
    job = judge.job
    mine = suspecting(job.served.arch, job.served.answering(), job.held_out)
    for sample in judge.samples[:2]:
        asked = {key: tf.constant(value) for key, value in sample.items()}
        wanted, given = mine(asked), signature(**asked)
        for name in SCORES:
            value, other = wanted[name].numpy(), given[name].numpy()
            if value.shape != other.shape or (np.abs(value - other) > _APART * np.maximum(1.0, np.abs(value))).any():
                yield f"{SIGNATURE} gives another {name} than the trained model"
                return
