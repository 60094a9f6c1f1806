"""Binary relevance: a sigmoid a class, each learned as if there were no other.

"Multi-Label Classification: An Overview" (Tsoumakas, Katakis 2007, International Journal of Data Warehousing and Mining
3(3), 1-13).
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.tasks.classification._several import SeveralOfManyImages


@architectures.register("classification/multi_label")
@dataclasses.dataclass(frozen=True)
class MultiLabelClassifier(SeveralOfManyImages):
    """Like `classification/classifier`, with independent classes. thresholds, top_k: see `SeveralOfMany`."""

    def head(self, x):
        return keras.layers.Dense(self.num_classes, name="logits")(self.pooled(x))
