"""A model that simplifies its pictures before it looks: in training, in serving and inside every file.

"Synthesizing Robust Adversarial Examples" (Athalye et al. 2018, arXiv:1707.07397) and "Obfuscated Gradients Give a
False Sense of Security" (arXiv:1802.00420) get past such steps: attacked rightly, little of what they seem to defend is
left. `kerasvision attack` names the steps without derivative, and asks again with gradients that pass them.
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.ops import squeezing
from kerasvision.systems.delegation import delegating
from kerasvision.tasks.base import Architecture

_OWN = ("preprocess", "after_training", "registered_name")


@systems.register("defended")
@delegating("of", own=_OWN)
@dataclasses.dataclass(frozen=True)
class Defended(Architecture):
    """Final. of: an architecture of photographs; what is no defense is its own.

    What is done, in this order, each only where it is asked for: least_side, each picture smaller, to this share of its
    side at least, at a place on gray that its own pixels draw; quality, what JPEG of 1 to 100 leaves; median, of 3 x 3
    pixels; bits, of 1 to 8 a color (`ops.squeezing`). Boxes and masks stay where they are, so least_side is for labels
    of whole pictures.
    """

    of: part("architectures")
    least_side: float = 0.0
    quality: int = 0
    median: bool = False
    bits: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.least_side < 1 or not 0 <= self.quality <= 100 or not 0 <= self.bits <= 8:
            raise UsageError(
                f"defended.least_side={self.least_side:g}, quality={self.quality}, bits={self.bits}; allowed: a share "
                "below 1, 1 to 100, 1 to 8, each 0 for without"
            )
        if not (self.least_side or self.quality or self.median or self.bits):
            raise UsageError("defended without a defense; set least_side, quality, median or bits")
        if list(self.of.prepared_inputs()) != ["image"]:
            raise UsageError(f"defended simplifies photographs; {self.of.registered_name} takes none alone")
        if self.least_side and not set(self.of.label_keys) <= {"label", "labels", "targets"}:
            raise UsageError(
                f"defended.least_side moves what is seen, and {self.of.registered_name} says where things are; leave "
                "it out"
            )

    def __getattr__(self, name):
        if name.startswith("_") or name == "of":
            raise AttributeError(name)
        return getattr(self.of, name)

    def for_classes(self, classes):
        return dataclasses.replace(self, of=self.of.for_classes(classes))

    def for_data(self, split):
        return dataclasses.replace(self, of=self.of.for_data(split))

    def fill(self, graph, batches):
        return dataclasses.replace(self, of=self.of.fill(graph, batches))

    def tune(self, predictions, ground_truths):
        return dataclasses.replace(self, of=self.of.tune(predictions, ground_truths))

    def normalize(self, prepared):
        return self.of.normalize(prepared | {"image": self.simplified(tf.cast(prepared["image"], tf.float32))})

    def simplified(self, pixels):
        """float32 [B, h, w, C], pixels 0..255 -> the same, defended."""
        pixels = squeezing.placed(pixels, self.least_side) if self.least_side else pixels
        pixels = squeezing.block_cosines(pixels, self.quality) if self.quality else pixels
        pixels = squeezing.median(pixels) if self.median else pixels
        return squeezing.reduced_depth(pixels, self.bits) if self.bits else pixels
