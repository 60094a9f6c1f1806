"""What a finished run of a classifier was trained on, kept beside it to say how far out of distribution an image is.

Three scores (`robustness.outliers`) of an image are ranked among those of held-out images.
"""

import dataclasses
import io
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_bytes
from kerasvision.data.pipeline import raw_examples, thinned, with_validation
from kerasvision.robustness.outliers import Mahalanobis, Nearest, energy

FILE = "familiar.npz"  # in the run's folder
MOST = 5000  # training examples that are remembered, evenly from the split
NEIGHBOR = 50  # whose distance is the score; fewer where the training split is small
METHODS = ("energy", "mahalanobis", "nearest")
OUT_OF_DISTRIBUTION = 0.99  # rank from which a score is rare among images that were held out


@dataclasses.dataclass(frozen=True)
class InDistribution:
    """predict: serving inputs -> (features [B, D], logits [B, K]). mahalanobis, nearest: fitted on training images.
    known: method -> sorted scores of held-out images.
    """

    predict: typing.Callable
    mahalanobis: Mahalanobis
    nearest: Nearest
    known: dict

    def scores(self, inputs):
        """Serving inputs -> {method: (score [B], rank [B])}; the rank, 0..1, is the share of held-out images with a
        lower score.
        """
        features, logits = self.predict(inputs)
        return {
            name: (score, np.searchsorted(self.known[name], score) / len(self.known[name]))
            for name, score in self._scored(features, logits).items()
        }

    def describe(self, inputs):
        """JSON of one image, serving inputs with a batch axis of 1: {method: {"score", "rank"}} and `foreign`, the word
        that programs know for out of distribution: whether two of the three ranks are `OUT_OF_DISTRIBUTION` or more.
        """
        held = {name: (float(score[0]), float(rank[0])) for name, (score, rank) in self.scores(inputs).items()}
        rows = {name: {"score": round(score, 5), "rank": round(rank, 4)} for name, (score, rank) in held.items()}
        return rows | {"foreign": sum(rank >= OUT_OF_DISTRIBUTION for _, rank in held.values()) >= 2}

    def _scored(self, features, logits):
        return {
            "energy": energy(logits),
            "mahalanobis": self.mahalanobis.score(features),
            "nearest": self.nearest.score(features),
        }


def in_distribution_of(trained):
    """The `InDistribution` of a finished run: of its folder's file, which is written when it is not there.

    Raises UsageError of a run that is no classifier of one label or was trained with qat, KerasVisionError where its
    data has no held-out split.
    """
    predict = _predicting(trained)
    path = trained.folder / FILE
    if not path.exists() or _width(path) != trained.arch.embedding(trained.graph).shape[-1]:
        _remember(trained, predict, path)  # a file of another embedding is of an earlier release
    with np.load(path) as held:
        known = {name: held[name] for name in METHODS}
        return InDistribution(
            predict,
            Mahalanobis(held["means"], held["precision"]),
            Nearest(held["features"], int(held["k"])),
            known,
        )


def out_of_distribution_images(trained, batches):
    """Names of the images out of a run's distribution, the farthest out first. batches: of `raw_examples`."""
    in_distribution, rows = in_distribution_of(trained), []
    for inputs, _, names in batches:
        ranks = np.stack([rank for _, rank in in_distribution.scores(inputs).values()])
        is_out_of_distribution = (ranks >= OUT_OF_DISTRIBUTION).sum(0) >= 2
        rows += [(-ranks[:, i].mean(), names[i]) for i in np.flatnonzero(is_out_of_distribution)]
    return [name for _, name in sorted(rows)]


def _predicting(trained):
    """The run's embedding and its logits."""
    arch, graph = trained.arch, trained.graph
    if tuple(arch.label_keys) != ("label",):
        raise UsageError(
            f"{arch.registered_name}: how far out of distribution an image is, is told by what gives one class "
            "for each, such as classification/classifier"
        )
    inner = keras.Model(graph.input, {"features": arch.embedding(graph), "logits": graph.output["logits"]})

    @tf.function(input_signature=[arch.serving_specs()], autograph=False)
    def predict(inputs):
        found = inner(arch.preprocess(inputs)[0], training=False)
        return found["features"], found["logits"]

    return lambda inputs: tuple(v.numpy() for v in predict({k: tf.constant(v) for k, v in inputs.items()}))


def _width(path):
    with np.load(path) as held:
        return held["features"].shape[1]


def _remember(trained, predict, path):
    splits = with_validation(trained.recipe.data.open(), trained.recipe.validation_fraction)
    judging = next((splits[name] for name in ("validation", "test") if name in splits), None)
    if judging is None:
        raise KerasVisionError(f"{trained.folder}: its data has no validation or test split to compare with")
    features, _, labels = _seen(trained, predict, splits["train"])
    mahalanobis = Mahalanobis.fit(features, labels)
    nearest = Nearest.fit(features, min(NEIGHBOR, max(1, len(features) // 10)))
    fitted = InDistribution(predict, mahalanobis, nearest, {})
    held, logits, _ = _seen(trained, predict, judging)
    known = {name: np.sort(score) for name, score in fitted._scored(held, logits).items()}
    file = io.BytesIO()
    numbers = {"means": mahalanobis.means, "precision": mahalanobis.precision, "k": nearest.k}
    np.savez_compressed(file, features=nearest.held.astype(np.float32), **numbers, **known)
    write_bytes(path, file.getvalue())


def _seen(trained, predict, split):
    """(features, logits, labels) of at most `MOST` examples of a split."""
    rows = []
    for inputs, ground_truth, _ in raw_examples(thinned(split, MOST), trained.arch):
        rows.append((*predict(inputs), ground_truth["label"]))
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))
