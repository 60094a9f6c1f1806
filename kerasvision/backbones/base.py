"""The contract of every backbone."""

import abc
import dataclasses

import tensorflow as tf

from kerasvision.core.component import Component


@dataclasses.dataclass(frozen=True)
class Normalization:
    """graph input = (RGB in 0..255 - mean) / std; one value for all channels or one each."""

    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)

    def __call__(self, pixels):
        """pixels: float32 [B, H, W, 3]."""
        return (pixels - tf.constant(self.mean)) / tf.constant(self.std)


class Backbone(Component):
    """Abstract. Final subclasses are frozen dataclasses whose fields are the variant: `ResNet(depth=50)`.

    weights: None (random), "imagenet", or a path; pretrained weights carry their normalization.
    """

    kind = "backbones"
    weights: str | None

    @property
    def normalization(self) -> Normalization:
        """How pixels must be normalized for this backbone (and its weights)."""
        return Normalization()

    @abc.abstractmethod
    def __call__(self, x):
        """Apply the layers to a Keras tensor [B, H, W, 3] -> `{"c1": ..., "c5": ...}` (those levels that exist).

        Level `ck` has stride 2**k. Only Keras layers, no nested model, no Lambda, no TFOpLambda: the caller's
        functional model stays flat. Layer names start with `backbone_`.
        """

    def load(self, graph):
        """Put pretrained weights into the layers that `__call__` made in `graph`, by name. None: nothing to do."""
        return graph

    def stages(self, graph):
        """Layer names from the input to the output in groups `[stem, stage 1, ..., head]`, for gradual unfreezing."""
        raise NotImplementedError
