"""Logit adjustment: the loss knows how frequent classes are, so that the model need not.

"Long-tail learning via logit adjustment" (Menon, Jayasumana, Rawat, Jain, Veit, Kumar 2021, arXiv:2007.07314, equation
10). tau=1 is the balanced softmax of "Balanced Meta-Softmax for Long-Tailed Visual Recognition" (Ren et al. 2020,
arXiv:2007.10740, equation 4).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import class_counts, labels_of
from kerasvision.train.techniques._balance import require_label
from kerasvision.train.techniques.base import Technique


@techniques.register("logit_adjustment")
@dataclasses.dataclass(frozen=True)
class LogitAdjustment(Technique):
    """In training tau * log(share of the class) is added to each logit; what is exported answers without it, as if all
    classes were equally frequent.

    priors: the shares, one a class; (): those of the training split.
    """

    tau: float = 1.0
    priors: tuple[float, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not self.tau > 0:
            raise UsageError(f"logit_adjustment.tau={self.tau:g}; allowed: above 0 (1 is usual)")
        if self.priors and not min(self.priors) > 0:
            raise UsageError(f"logit_adjustment.priors={self.priors}; allowed: shares above 0, one a class")

    def look_at(self, arch, split):
        require_label(self, arch)
        if self.priors:
            if len(self.priors) != arch.num_classes:
                raise UsageError(f"logit_adjustment has {len(self.priors)} priors for {arch.num_classes} classes")
            return self
        counts = class_counts(labels_of(split), arch.num_classes)
        return dataclasses.replace(self, priors=tuple(map(float, counts / counts.sum())))

    def objective(self, loss):
        def adjusted(targets, raw):
            offset = tf.constant(self.tau * np.log(self.priors), tf.float32)
            return loss(targets, raw | {"logits": raw["logits"] + offset})

        return adjusted
