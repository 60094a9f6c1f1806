"""A classifier out of an embedder and a few pictures of each class, without training, that knows when it does not know.

The vectors that stand for the classes are constants of the graph, so a file goes from pixels to names; weights that
are set so are those of "Low-Shot Learning with Imprinted Weights" (Qi, Brown, Lowe 2018, arXiv:1712.07136), and may
be trained on. Vectors of the classes' names, by a model of pictures and words, make a zero-shot classifier: "Learning
Transferable Visual Models From Natural Language Supervision" (Radford et al. 2021, arXiv:2103.00020, section 3.1).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures, backbones
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.edge.describing import TOP, score_rows
from kerasvision.layers.rows import Rows
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.known_classes import KnownClasses
from kerasvision.ops import few_examples as few
from kerasvision.tasks._class_targets import ClassTargets
from kerasvision.tasks._vectors import Vectors
from kerasvision.tasks.base import Output

SCALE = 16.0  # of scores, in the loss and in what is made of them
UNKNOWN = -1


@architectures.register("classification/nearest_class")
@dataclasses.dataclass(frozen=True)
class NearestClass(Vectors):
    """Raw is `embedding` [B, D] and its `products` [B, R] with the vectors that stand for the classes.

    Every prediction has `scores` [B, K]: of the heads "means" and "nearest" the mean cosine with the `neighbors`
    nearest of each class, which other classes have no part in; of "ridge" the product with the class's row, which
    pictures of all classes have made. `label` [B] is the class with the highest, or -1, unknown, where no score is
    above `threshold`; `probabilities` [B, K] are sigmoids of 16 times the score above the threshold, which do not add
    up to 1.

    The fields of the embedder are `Vectors`'s; dimension=0 is a pretrained backbone as it is. head: "means", a vector
    a class, "nearest", its pictures' own, at most `keep` of them (0: all), or "ridge", a row a class of a regression on
    all pictures, whose score is no cosine: about 1 for a class's own pictures. neighbors: of "nearest". penalty: of the
    rows of "ridge"; no class can be added to those, since each depends on all. false_accept: the share of pictures of
    none of the classes that may be taken for one; `threshold` follows from it and the training split. rows: how many
    vectors stand for each class; they follow too. class_vectors: one a class, of "means", in place of those that follow
    from the pictures, such as the vectors of the classes' names; the pictures then decide the threshold alone.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["efficientnet_lite"](weights="imagenet"))
    image_size: tuple[int, int] = (224, 224)
    dimension: int = 0
    head: typing.Literal["means", "nearest", "ridge"] = "means"
    neighbors: int = 1
    keep: int = 0
    penalty: float = 1.0
    false_accept: float = 0.05
    threshold: float = -1.0
    rows: tuple[int, ...] = ()
    class_vectors: tuple[tuple[float, ...], ...] = ()

    name: typing.ClassVar[str] = "classification"
    main_metric: typing.ClassVar[str] = "accuracy"
    showing: typing.ClassVar[Showing] = ClassesShowing("top", most=3)
    after_training: typing.ClassVar[tuple[str, ...]] = ("threshold",)
    fills: typing.ClassVar[bool] = True
    may_be_pooled: typing.ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        for name, least in (("neighbors", 1), ("keep", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"model.{name}={getattr(self, name)}; allowed: {least} or more")
        if not 0 < self.false_accept < 1:
            raise UsageError(f"model.false_accept={self.false_accept:g}; allowed: above 0 and below 1")
        if self.head != "nearest" and self.neighbors > 1:
            raise UsageError(f"model.neighbors={self.neighbors} goes with head=nearest; a class has one row here")
        if not 0 < self.penalty < float("inf"):
            raise UsageError(f"model.penalty={self.penalty:g}; allowed: above 0")
        if self.class_vectors:
            self._check_class_vectors()

    def _check_class_vectors(self):
        sizes, count = sorted({len(row) for row in self.class_vectors}), len(self.class_vectors)
        if self.head != "means" or self.num_classes not in (0, count) or len(sizes) > 1:
            raise UsageError(
                f"model.class_vectors: {count} vectors of {', '.join(map(str, sizes))} numbers, with head={self.head} "
                f"and num_classes={self.num_classes}; allowed: one a class, all of one size, with head=means"
            )

    @property
    def outputs(self):
        return {
            "probabilities": Output("float32", "probability", (self.num_classes,)),
            "scores": Output("float32", "score" if self.head == "ridge" else "cosine", (self.num_classes,)),
            "label": Output("int32", "class index, or -1 of none"),
        }

    def evaluator(self, classes):
        return KnownClasses(classes)

    def targets(self):
        return ClassTargets(self)

    def for_data(self, split):
        labels = [int(k) for k in split.records.map(lambda r: split.read(r)["label"]).as_numpy_iterator()]
        counts = np.bincount(labels, minlength=self.num_classes)
        if len(counts) < 2 or not counts.all():
            empty = [split.classes[k] if split.classes else str(k) for k in np.flatnonzero(counts == 0)]
            seen = f"no picture of {', '.join(empty)}" if empty else "one class"
            raise KerasVisionError(
                f"{self.registered_name} needs two classes with a picture each or more, and has {seen}"
            )
        each = (1 if self.head != "nearest" else int(min(n, self.keep or n)) for n in counts)
        return dataclasses.replace(self, rows=tuple(each))

    def build(self):
        if self.num_classes < 2 or len(self.rows) != self.num_classes:
            raise KerasVisionError(
                f"{self.registered_name} is built for its classes and their rows, which training takes from its data; "
                f"it has num_classes={self.num_classes} and {len(self.rows)} of rows"
            )
        image = keras.Input((*self.image_size, 3), name="image")
        vector = self.vector(image)
        products = Rows(sum(self.rows), name="products")(vector)
        return keras.Model({"image": image}, {"embedding": vector, "products": products}, name=self.name)

    def fill(self, graph, batches):
        vectors, labels = self.embedded(graph, batches)
        if self.head == "ridge":
            rule = vectors, labels, self.num_classes, self.penalty
            graph.get_layer("products").set_rows(few.ridge(*rule))
            return dataclasses.replace(self, threshold=few.ridge_threshold(*rule, self.false_accept))
        if self.class_vectors:
            held = self._given(vectors.shape[1])
        else:
            held = [few.standing(vectors[labels == k], self.head, self.keep) for k in range(self.num_classes)]
        graph.get_layer("products").set_rows(np.concatenate(held))
        scores = few.scores_of(vectors, held, self.neighbors)
        return dataclasses.replace(self, threshold=few.threshold(scores, labels, self.false_accept))

    def _given(self, size):
        """`class_vectors`, of length 1, a list of [1, size]."""
        rows = np.array(self.class_vectors, np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if rows.shape[1] != size or not np.isfinite(rows).all() or not lengths.all():
            raise KerasVisionError(
                f"class_vectors have {rows.shape[1]} numbers and the embedder gives {size}, or one of them is of "
                "zeros or not finite; make them by this embedder's own model of words"
            )
        return list(np.float32(rows / lengths)[:, None])

    def embedded(self, graph, batches):
        """(float32 [N, D] of length 1, labels int [N]) of batches as `fill` has them."""
        inner, vectors, labels = keras.Model(graph.input, graph.output["embedding"]), [], []
        for prepared, ground_truth in batches:
            vectors.append(inner(self.normalize(prepared), training=False).numpy())
            labels.append(np.asarray(ground_truth["label"]))
        vectors = np.concatenate(vectors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or not lengths.all():
            raise KerasVisionError("the embedder gives vectors of zeros, or with numbers that are not finite")
        return vectors / lengths, np.concatenate(labels)

    def scores(self, raw):
        """raw -> [B, K]."""
        lengths = tf.maximum(tf.norm(raw["embedding"], axis=-1, keepdims=True), 1e-12)
        cosines = raw["products"] / lengths
        if set(self.rows) == {1}:
            return cosines
        return tf.stack([self._mean_of_nearest(part) for part in tf.split(cosines, list(self.rows), -1)], -1)

    def _mean_of_nearest(self, cosines):
        """[B, R] of one class -> [B]: summed one by one, so that the order is always the same."""
        count = min(self.neighbors, cosines.shape[-1])
        if count == 1:
            return tf.reduce_max(cosines, -1)
        return tf.add_n(tf.unstack(tf.math.top_k(cosines, count).values, axis=-1)) / count

    def class_scores(self, raw):
        """raw -> [B, K], above 0 where a score is above the threshold."""
        return SCALE * (self.scores(raw) - self.threshold)

    def encode(self, sample):
        return {
            "embedding": self.direction(sample["label"]),
            "products": tf.repeat(tf.one_hot(sample["label"], self.num_classes), list(self.rows)),
        }

    def loss(self, targets, raw):
        first = np.cumsum((0, *self.rows[:-1]))
        classes = tf.gather(targets["products"], first, axis=-1)
        return {"cross_entropy": softmax_cross_entropy(classes, SCALE * self.scores(raw), 0.0)}

    def ideal_raw(self, targets):
        return {"embedding": targets["embedding"], "products": 2.0 * targets["products"] - 1.0}

    def decode(self, raw, geometry):
        scores = self.scores(raw)
        best = tf.argmax(scores, -1, output_type=tf.int32)
        known = tf.reduce_max(scores, -1) > self.threshold
        probabilities = tf.sigmoid(SCALE * (scores - self.threshold))
        return {"probabilities": probabilities, "scores": scores, "label": tf.where(known, best, UNKNOWN)}

    def compare(self, reference, other):
        apart = np.abs(reference["probabilities"] - other["probabilities"]).max(1)
        return apart, reference["label"] != other["label"]

    def describe(self, prediction, classes):
        scores = prediction["scores"]
        label = int(prediction["label"])
        rows = score_rows(scores, classes, np.argsort(-scores, kind="stable")[:TOP])
        return {"label": "unknown" if label == UNKNOWN else classes[label], "index": label, "top": rows}

    def with_class(self, vectors):
        """(this architecture with one class more, the vectors that stand for it). vectors: [N, D] of length 1. Raises
        UsageError of head=ridge and of class_vectors.
        """
        if self.class_vectors:
            raise UsageError(
                "these classes are known by words, whose cosines are lower than those of pictures; build it "
                "again with a folder of the new class"
            )
        if self.head == "ridge":
            raise UsageError("with head=ridge each class depends on all others; build it again from all folders")
        held = few.standing(vectors, self.head, self.keep)
        rows = (*self.rows, len(held))
        return dataclasses.replace(self, num_classes=self.num_classes + 1, rows=rows), held
