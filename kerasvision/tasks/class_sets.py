"""Sets of classes that hold the right one with a promised chance, as a part of the graph that is exported.

lac: every class whose probability is high enough, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels"
(Sadinle, Lei, Wasserman 2019, arXiv:1609.00451); the smallest sets on average, empty where no class is likely enough.
aps: the likeliest classes until their sum is high enough, "Classification with Valid and Adaptive Coverage" (Romano,
Sesia, Candes 2020, arXiv:2006.02544); larger for harder examples. raps: with a penalty on sets of many classes,
"Uncertainty Sets for Image Classifiers using Conformal Prediction" (Angelopoulos et al. 2021, arXiv:2009.14193).
by_class: a threshold a class, so that rare and hard classes have the promise too (Mondrian; Vovk 2012,
arXiv:1209.2673). A file answers the same picture alike, so aps and raps draw nothing: of their score the likeliest
class has none of the sum (u = 1 of the papers), which never leaves a set empty, and covers more than was promised where
the likeliest class alone does.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import plain
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops import conformal
from kerasvision.tasks._promise import Promise


@plain("class_sets")
@dataclasses.dataclass(frozen=True)
class ClassSets(Promise):
    """coverage: the promised chance that the right class is in the set; 0: there are no sets. method: see above.
    by_class: whether the promise holds for the examples of each class, and not of all together. penalty: of raps, on
    each class of a set beyond the first `free`. thresholds: one, or one a class; empty until they are fitted, on
    `examples` examples.
    """

    field: typing.ClassVar[str] = "class_sets"
    why_not_1: typing.ClassVar[str] = "only the set of all classes has a promise of 1"
    nothing: typing.ClassVar[str] = "no sets"
    counted: typing.ClassVar[str] = "examples"

    method: typing.Literal["lac", "aps", "raps"] = "lac"
    by_class: bool = False
    penalty: float = 0.01
    free: int = 1
    thresholds: tuple[float, ...] = ()
    examples: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.penalty < 0 or self.free < 0:
            raise UsageError(f"class_sets.penalty={self.penalty:g}, free={self.free}; allowed: 0 or more")

    @property
    def fitted_to(self):
        return self.thresholds

    def scores(self, probabilities):
        """How unlike an example of each class is, in order of joining the set. [B, K] -> float32 [B, K]. TensorFlow."""
        if self.method == "lac":
            return 1.0 - probabilities
        classes = probabilities.shape[-1]
        ordered, indices = tf.math.top_k(probabilities, classes)
        before = tf.cumsum(ordered, -1, exclusive=True)
        if self.method == "raps":
            before += tf.constant(self.penalty * np.maximum(0, np.arange(1, classes + 1) - self.free), before.dtype)
        # the place of each class among the ordered ones: the inverse of a permutation
        places = tf.math.top_k(-tf.cast(indices, tf.float32), classes).indices
        return tf.gather(before, places, batch_dims=1)

    def members(self, probabilities):
        """[B, K] -> int32 [B, K], 1 where a class is in the set. TensorFlow."""
        whole = np.float32(self.thresholds)
        high = np.float32(np.float16(whole))  # a float16 file rounds each constant: of two parts hardly any is lost
        return tf.cast(self.scores(probabilities) - high <= whole - high, tf.int32)

    def check(self, examples, classes):
        """Raises UsageError where so many examples of so many classes cannot support the promise."""
        self.require(examples, classes if self.by_class else 1)

    def fitted(self, probabilities, labels):
        """With thresholds for these examples. probabilities: [N, K]; labels: int [N]. Raises KerasVisionError where
        they are too few.
        """
        classes = probabilities.shape[1]
        self.check(len(labels), classes)
        every = self.scores(tf.constant(probabilities)).numpy()
        own = every[np.arange(len(labels)), labels]
        if not self.by_class:
            return dataclasses.replace(
                self, thresholds=(conformal.threshold(own, self.coverage),), examples=len(labels)
            )
        counts, least = np.bincount(labels, minlength=classes), self.least_examples()
        if counts.min() < least:
            short = int(counts.argmin())
            raise KerasVisionError(
                f"class_sets.by_class with coverage={self.coverage:g} needs {least} held-out examples of each class, "
                f"and class {short} has {counts[short]}; hold more out, or promise less"
            )
        found = tuple(conformal.threshold(own[labels == k], self.coverage) for k in range(classes))
        return dataclasses.replace(self, thresholds=found, examples=len(labels))

    def covered(self, probabilities, labels):
        """The share of examples whose class is in the set."""
        held = self.members(tf.constant(probabilities)).numpy()
        return float(held[np.arange(len(labels)), labels].mean())

    def promise(self):
        """What is promised, JSON; {} where nothing is. `between`: 95 % of what the chance may really be, for the few
        examples that it was fitted on.
        """
        if not self.is_fitted:
            return {}
        held = {"kind": "class_set", "coverage": self.coverage, "of": "each class" if self.by_class else "examples"}
        held |= {"method": self.method, "thresholds": list(self.thresholds), "examples": self.examples}
        return held | ({} if self.by_class else {"between": list(conformal.spread(self.examples, self.coverage))})
