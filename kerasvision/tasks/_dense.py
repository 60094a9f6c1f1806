"""What segmentation in the plane and in volumes shares: the terms of the loss."""

import dataclasses

import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.losses import segmentation as losses


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
        weights = {name: getattr(self, name) for name in TERMS}
        if min(weights.values()) < 0 or not any(weights.values()):
            listed = ", ".join(f"{name}={value:g}" for name, value in weights.items())
            raise UsageError(f"DenseLoss: {listed}; give weights of 0 or more, and one above 0")

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
        return {name: getattr(self, name) * term() for name, term in terms.items() if getattr(self, name)}

    def _class_weights(self, count):
        if self.class_weights and len(self.class_weights) != count:
            raise UsageError(f"DenseLoss.class_weights: {len(self.class_weights)} values for {count} classes")
        return tf.constant(self.class_weights, tf.float32) if self.class_weights else None

    def targets(self, one_hot):
        """Targets of one example [..., K]; the distances that `boundary` wants are made on the host."""
        if not self.boundary:
            return {"logits": one_hot}
        distances = tf.numpy_function(losses.signed_distances, [one_hot], tf.float32)
        return {"logits": one_hot, "distances": tf.ensure_shape(distances, one_hot.shape)}


TERMS = ("cross_entropy", "dice", "generalized_dice", "tversky", "focal_tversky", "lovasz", "boundary")
