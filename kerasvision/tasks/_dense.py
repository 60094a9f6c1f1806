"""What segmentation in the plane and in volumes shares: the terms of the loss, windows, and what becomes of answers."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.losses import segmentation as losses
from kerasvision.ops import dense, windows
from kerasvision.tasks._pixel_promises import LEAST, PixelPromises
from kerasvision.tasks._region_targets import RegionTargets
from kerasvision.tasks._weighted_terms import require_weights, weighted
from kerasvision.tasks.base import Output

FLIPPED = 1e-4  # part of the positions from which a changed class is a changed decision, in `compare`


@plain("dense_loss")
@dataclasses.dataclass(frozen=True)
class DenseLoss(Component):
    """A sum of terms of `losses.segmentation`, each with its weight; 0 leaves it out.

    class_weights: of the cross-entropy, one a class; empty: all 1. dice_background: whether class 0 has a part in Dice.
    tversky_alpha, tversky_beta: of false positives and false negatives. focal_gamma: of the focal Tversky loss.
    """

    cross_entropy: float = 1.0
    dice: float = 1.0
    generalized_dice: float = 0.0
    tversky: float = 0.0
    focal_tversky: float = 0.0
    lovasz: float = 0.0
    boundary: float = 0.0
    class_weights: tuple[float, ...] = ()
    dice_background: bool = True
    tversky_alpha: float = 0.3
    tversky_beta: float = 0.7
    focal_gamma: float = 4.0 / 3.0

    def __post_init__(self):
        super().__post_init__()
        require_weights(self, TERMS)

    def __call__(self, targets, logits):
        """targets: `logits`, one-hot [B, ..., K], all 0 where ignored; `distances` for `boundary`. -> name -> [B]"""
        true = targets["logits"]
        terms = {
            "cross_entropy": lambda: losses.cross_entropy(true, logits, self._class_weights(logits.shape[-1])),
            "dice": lambda: losses.dice(true, logits, background=self.dice_background),
            "generalized_dice": lambda: losses.generalized_dice(true, logits),
            "tversky": lambda: losses.tversky(true, logits, self.tversky_alpha, self.tversky_beta),
            "focal_tversky": lambda: losses.focal_tversky(
                true, logits, self.tversky_alpha, self.tversky_beta, self.focal_gamma
            ),
            "lovasz": lambda: losses.lovasz_softmax(true, logits),
            "boundary": lambda: losses.boundary(targets["distances"], logits),
        }
        return weighted(self, terms)

    def _class_weights(self, count):
        if self.class_weights and len(self.class_weights) != count:
            raise UsageError(f"DenseLoss.class_weights: {len(self.class_weights)} values for {count} classes")
        return tf.constant(self.class_weights, tf.float32) if self.class_weights else None

    def targets(self, one_hot, spacing_mm=None):
        """Targets of one example [..., K]; the distances that `boundary` wants are made on the host.

        spacing_mm: float32, one length for each axis; None: 1.
        """
        if not self.boundary:
            return {"logits": one_hot}
        spacing = () if spacing_mm is None else (spacing_mm,)
        distances = tf.numpy_function(losses.signed_distances, [one_hot, *spacing], tf.float32)
        return {"logits": one_hot, "distances": tf.ensure_shape(distances, one_hot.shape)}


TERMS = ("cross_entropy", "dice", "generalized_dice", "tversky", "focal_tversky", "lovasz", "boundary")


class Dense(PixelPromises):
    """Abstract. Raw is `{"logits": [B, *size, K]}`; files of the graph's own size give `probabilities` [B, *size, K].

    Concrete ones have these fields: num_classes, objective, overlap, flips; and `last_level`, graph -> its coarsest
    features, a Keras tensor [B, ..., C].
    """

    num_classes: int
    objective: DenseLoss
    overlap: float
    flips: tuple[int, ...]

    class_logits: typing.ClassVar[dict[str, str]] = {"logits": "softmax"}

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.overlap < 1:
            raise UsageError(f"{type(self).__name__}: overlap={self.overlap:g}; allowed: 0 to less than 1")
        if len(set(self.flips)) < len(self.flips) or any(axis not in range(len(self.size)) for axis in self.flips):
            allowed = ", ".join(map(str, range(len(self.size))))
            raise UsageError(
                f"{type(self).__name__}: flips={self.flips}; allowed: axes of the mask, each once: {allowed}"
            )

    @property
    @abc.abstractmethod
    def size(self):
        """Of the graph's input, one number an axis."""

    @property
    @abc.abstractmethod
    def in_windows(self):
        """Whether inputs keep their size, and windows of `size` are blended."""

    @property
    @abc.abstractmethod
    def enlarging(self):
        """How `finish` makes probabilities as large as the original: "bilinear", "trilinear"; "none": it cuts them."""

    @abc.abstractmethod
    def finish(self, probabilities, geometry, margin=False):
        """Probabilities [B, ..., K] of prepared inputs -> the prediction, in the positions of the original inputs.

        margin: also `margin` float32, by how much the class of each position is likelier than the next.
        """

    def targets(self):
        return RegionTargets(self)

    @property
    def mixes(self):
        """Distances to a boundary are not those of a pasted part."""
        return {} if self.objective.boundary else {"logits": "pixels"}

    def check_classes(self):
        """Raises when the number of classes is not known, or more than a mask of bytes can hold."""
        if not 2 <= self.num_classes <= dense.IGNORE:
            raise KerasVisionError(
                f"{self.registered_name} needs 2 to {dense.IGNORE} classes, the background among them, and has "
                f"num_classes={self.num_classes}; set model.num_classes, or let the data decide with 0"
            )

    @property
    def keeps_input_size(self):
        return self.in_windows

    def at_graph_size(self, prepared):
        """The center."""
        if not self.in_windows:
            return prepared
        ((key, whole),) = prepared.items()
        begin = (tf.shape(whole)[1:-1] - self.size) // 2
        part = tf.slice(whole, tf.concat([[0], begin, [0]], 0), [-1, *self.size, -1])
        return {key: tf.ensure_shape(part, [None, *self.size, whole.shape[-1]])}

    def preprocessing(self):
        """Also what a client owes around a file of the graph's size: windows and mirror images."""
        owed = super().preprocessing()
        if self.in_windows:
            owed["windows"] = {
                "size": list(self.size),
                "overlap": self.overlap,
                "starts": "even",
                "rounding": "half_to_even",
                "weights": "gaussian",
                "sigma": windows.SIGMA,
                "of": "probabilities",
            }
        if self.flips:
            owed["mirrored_axes"] = [list(axes) for axes in windows.mirrors(self.flips)]
        return owed

    def file_outputs(self):
        shape = (*self.size, self.num_classes)
        return {"probabilities": Output("float32", "probability", shape)} | self.least_output()

    def restoring(self):
        return {
            "rule": "class_map",
            "probabilities": "probabilities",
            "enlarge": self.enlarging,
            "border": "repeat",
            "order": "enlarge_then_argmax",
        } | ({"may_be_from": LEAST} if self.pixel_sets.is_fitted else {})

    def encode(self, sample):
        return self.objective.targets(dense.one_hot(sample["mask"], self.num_classes), sample.get("spacing_mm"))

    def loss(self, targets, raw):
        return self.objective(targets, raw["logits"])

    def ideal_raw(self, targets):
        return {"logits": 40.0 * targets["logits"] - 20.0}

    def no_geometry(self, prepared):
        return {}

    def is_prepared(self, inputs):
        return False  # probabilities always become classes in `to_original_pixels`

    def decode(self, raw, geometry):
        probabilities = tf.nn.softmax(raw["logits"])
        found = self.finish(probabilities, geometry) if geometry else {"probabilities": probabilities}
        return found | self.least(tf.shape(probabilities)[0])

    def to_original_pixels(self, prediction, geometry):
        probabilities = tf.constant(prediction["probabilities"], tf.float32)
        found = self.told(prediction).finish(probabilities, {k: tf.constant(v) for k, v in geometry.items()})
        return {k: v.numpy() for k, v in found.items()} | {k: prediction[k] for k in (LEAST,) if k in prediction}

    def predict(self, run_graph, prepared, geometry, decode=None):
        (key,) = prepared

        def probabilities(inputs):
            return run_graph({key: inputs}, lambda raw: self.decode(raw, {}))["probabilities"]

        whole = self._blended(probabilities, prepared[key])
        return self.finish(whole, geometry, margin=decode is not None) | self.least(tf.shape(whole)[0])

    def predict_through(self, infer, prepared, geometry):
        if not (self.in_windows or self.flips):
            return super().predict_through(infer, prepared, geometry)
        (key,), stated = prepared, {}

        def once(part):
            answer = infer({key: part})
            stated.update({k: answer[k] for k in (LEAST,) if k in answer})
            return answer["probabilities"]

        def probabilities(inputs):
            found = tf.numpy_function(once, [inputs], tf.float32)
            return tf.ensure_shape(found, [None, *self.size, self.num_classes])

        whole = tf.function(lambda inputs: self._blended(probabilities, inputs), autograph=False)
        answer = whole(tf.constant(prepared[key]))
        least = {k: np.repeat(v[:1], len(answer), 0) for k, v in stated.items()}
        return self.to_original_pixels({"probabilities": answer} | least, geometry)

    def _blended(self, probabilities, inputs):
        """probabilities: [B, *size, C] -> [B, *size, K]. Here of inputs that are as large as `geometry` left them."""
        averaged = windows.mirrored(probabilities, tuple(axis + 1 for axis in self.flips))
        if not self.in_windows:
            return averaged(inputs)
        return windows.blended(averaged, inputs, self.size, self.overlap, self.num_classes)

    def compare(self, reference, other):
        """error: the largest difference of a probability: of that of the class, where it is the same; where it is not,
        at least half the `margin` between the two likeliest, if the reference has it: the least by which one of them
        must have moved. flip: more than 0.01 % of the positions have another class.
        """
        same = reference["mask"] == other["mask"]
        moved = reference["margin"] / 2 if "margin" in reference else 0.0
        apart = np.where(same, np.abs(reference["confidence"] - other["confidence"]), moved)
        axes = tuple(range(1, same.ndim))
        return apart.max(axes).astype(np.float64), (~same).mean(axes) > FLIPPED
