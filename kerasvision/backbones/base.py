"""The contract of every backbone."""

import abc
import dataclasses
import typing

import tensorflow as tf

from kerasvision.backbones import weights as weights_file
from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError
from kerasvision.ops.graphs import coarsest, made_of, unwrapped
from kerasvision.ops.internals import called_with, fed_by, made_by

ATTENTION = "_attention"  # in the names of layers that an option adds, so that published weights have none for them


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
    quantizable: False if the graph holds layers that quantization-aware training cannot wrap. moves: the names of what
    in it puts pixels elsewhere before it looks at them.
    """

    kind = "backbones"
    quantizable: typing.ClassVar[bool] = True
    moves: typing.ClassVar[tuple[str, ...]] = ()
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

    def published_weights(self, source) -> dict[str, list]:
        """Layer name (with `backbone_`) -> arrays in Keras's order.

        source: "imagenet", or the path of an .h5 file in the publisher's own layout.
        """
        raise KerasVisionError(
            f"{self.registered_name} has no published weights and weights={str(source)!r} holds no layers of it; "
            "weights= takes None or the path of a file that holds this backbone"
        )

    def load(self, graph):
        """Put pretrained weights into the layers that `__call__` made in `graph`, by name. None: nothing to do."""
        if self.weights is not None:
            named, fresh = {} if self.weights == "imagenet" else weights_file.read(self.weights), None
            if not any(name.startswith(weights_file.PREFIX) for name in named):
                named, fresh = self.published_weights(self.weights), ATTENTION
            weights_file.put(graph, named, self.weights, fresh)
        return graph

    def last_level(self, graph):
        """The coarsest of the levels that anything beyond the backbone looks at, a Keras tensor [B, h, w, C] of a graph
        that this backbone was built into, whatever wraps its layers or begins their names.
        """
        tensors = made_of(graph)
        taken = {id(t) for one in tensors if "backbone_" not in made_by(one).name for t in called_with(one)}
        return coarsest([t for t in tensors if id(t) in taken and "backbone_" in made_by(t).name])

    def stages(self, graph):
        """Layer names from the input to the output in groups `[stem, stage 1, ...]`, for gradual unfreezing.

        A group is the layers of one stride against the input; layers that only lead into a strided one (the
        expansion before a strided depthwise convolution) stand with the resolution they compute at, and a detour at
        a coarser resolution (attention over a reduced sequence) with the layers it comes back to.
        """
        held = {layer.name for layer in graph.layers}
        parents = {layer.name: _parents(layer, held) for layer in graph.layers}  # in topological order
        stride = {}
        for layer in graph.layers:
            stride[layer.name] = min((stride[p] for p in parents[layer.name]), default=1) * _own_stride(layer)
        own = {layer.name: stride[layer.name] for layer in graph.layers if _is_backbone(layer)}
        for name in reversed(own):
            for parent in own.keys() & parents[name]:
                own[parent] = min(own[parent], own[name])
        groups = [[n for n in own if own[n] == s] for s in sorted(set(own.values()))]
        first = next((i for i, g in enumerate(groups) if any(graph.get_layer(n).weights for n in g)), 0)
        return [sum(groups[: first + 1], []), *groups[first + 1 :]]  # padding alone is no stage


def _is_backbone(layer):
    return "backbone_" in layer.name and unwrapped(layer).name.startswith("backbone_")


def _own_stride(layer):
    strides = getattr(unwrapped(layer), "strides", 1)
    return strides if isinstance(strides, int) else strides[0]


def _parents(layer, held):
    """Names of the layers in `held` that feed this one."""
    return {source.name for call in fed_by(layer) for source in call} & held
