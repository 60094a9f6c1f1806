"""The contract of every backbone."""

import abc
import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones import weights as weights_file
from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError


@dataclasses.dataclass(frozen=True)
class Normalization:
    """graph input = (pixels in 0..255 - mean) / std; one value for all channels or one each, in RGB order.

    channels: the order the graph expects. "bgr" is what weights converted from Caffe were trained with.
    """

    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)
    channels: typing.Literal["rgb", "bgr"] = "rgb"

    def __call__(self, pixels):
        """pixels: float32 RGB [B, H, W, 3]."""
        pixels = (pixels - tf.constant(self.mean)) / tf.constant(self.std)
        return pixels if self.channels == "rgb" else pixels[..., ::-1]


class Backbone(Component):
    """Abstract. Final subclasses are frozen dataclasses whose fields are the variant: `ResNet(depth=50)`.

    weights: None (random), "imagenet", or a path; pretrained weights carry their normalization.
    quantizable: False if the graph holds layers that quantization-aware training cannot wrap.
    """

    kind = "backbones"
    quantizable: typing.ClassVar[bool] = True
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

    def imagenet(self) -> dict[str, list]:
        """The published ImageNet weights: layer name (with `backbone_`) -> arrays in Keras's order."""
        raise KerasVisionError(
            f"{self.registered_name} has no ImageNet weights; weights= takes None or the path of a weights file"
        )

    def load(self, graph):
        """Put pretrained weights into the layers that `__call__` made in `graph`, by name. None: nothing to do."""
        if self.weights is not None:
            named = self.imagenet() if self.weights == "imagenet" else weights_file.read(self.weights)
            weights_file.put(graph, named, source=self.weights)
        return graph

    def stages(self, graph):
        """Layer names from the input to the output in groups `[stem, stage 1, ...]`, for gradual unfreezing.

        A group is the layers of one stride against the input; layers that only lead into a strided one (the
        expansion before a strided depthwise convolution) stand with the resolution they compute at.
        """
        stride, groups = {}, {}
        for layer in graph.layers:  # in topological order
            before = max((stride[p] for p in _parents(layer, graph)), default=1)
            stride[layer.name] = before * _own_stride(layer)
            if _is_backbone(layer):
                groups.setdefault(stride[layer.name], []).append(layer.name)
        return [groups[s] for s in sorted(groups)]


def _is_backbone(layer):
    return "backbone_" in layer.name and _inner(layer).name.startswith("backbone_")


def _inner(layer):
    """The layer inside quantization and pruning wrappers."""
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    return layer


def _own_stride(layer):
    strides = getattr(_inner(layer), "strides", 1)
    return strides if isinstance(strides, int) else strides[0]


def _parents(layer, graph):
    """Names of the layers that feed this one inside `graph`."""
    held = {layer.name for layer in graph.layers}
    nodes = [n for n in layer.inbound_nodes if not n.is_input]
    inputs = [t for n in nodes for t in tf.nest.flatten(n.keras_inputs)]
    return [name for t in inputs if (name := t._keras_history.layer.name) in held]
