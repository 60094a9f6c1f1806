"""Backbones of `keras.applications`: the same layers and weights, in the caller's flat graph, without preprocessing."""

import abc

import tf_keras as keras

from kerasvision.backbones import _flat
from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.backbones.weights import PREFIX
from kerasvision.core.errors import KerasVisionError
from kerasvision.layers.attention import GATES, Attention, gate, look_around

IMAGENET = Normalization(
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), std=(0.229 * 255, 0.224 * 255, 0.225 * 255)
)  # keras.applications' mode "torch"


class Application(Backbone):
    """Abstract. A final subclass says which published model it is, where its levels end, and where its blocks' branches
    do.
    """

    attention: Attention

    @abc.abstractmethod
    def published(self, weights, input_shape) -> keras.Model:
        """The published model without its top."""

    @abc.abstractmethod
    def ends(self, names) -> dict[str, str]:
        """Level -> name of the layer it ends with. names: stable names of all layers, in order."""

    def branches(self, names) -> list[str]:
        """Names of the layers that end a block's branch, behind which a gate stands. names: as `ends` gets them."""
        return []

    def attended(self, names) -> list[str]:
        """Names of the layers behind which `attention` stands: gates in each block, the others at the last level."""
        if self.attention == "none":
            return []
        levels = {level: name for level, name in self.ends(names).items() if level != "head"}
        return self.branches(names) if self.attention in GATES else [levels[max(levels)]]

    def exchange(self, layer, name):
        """The layer to put in place of a published one, or None to leave it out."""
        return _flat.clone(layer, name)

    def __call__(self, x):
        shape = tuple(x.shape[1:])
        try:
            published = self.published(None, shape)
        except ValueError as error:
            raise KerasVisionError(f"{self.registered_name} cannot take images of {shape[:2]} px: {error}") from None
        names = tuple(_flat.stable_names([layer.name for layer in published.layers]).values())
        attended = {PREFIX + name for name in self.attended(names)}

        def exchange(layer, name):
            fresh = self.exchange(layer, name)
            return self._with_attention(fresh, f"{name}_attention") if name in attended else fresh

        tensors = _flat.replay(published, x, exchange)
        return {level: tensors[name] for level, name in self.ends(tuple(tensors)).items()}

    def _with_attention(self, layer, name):
        return lambda x: look_around(gate(layer(x), self.attention, name), self.attention, name)

    def published_weights(self, source):
        return _flat.named_weights(fetch(self.registered_name, source, lambda: self.published(source, (None, None, 3))))


def fetch(name, source, build):
    """What `build()` returns; a download or a file that fails is one clear error. source: "imagenet" or a path."""
    try:
        return build()
    except Exception as error:  # the downloaders raise a bare Exception
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise KerasVisionError(
            f"weights={str(source)!r} of {name} cannot be had: {reason}; "
            "weights= also takes None or the path of an .h5 file"
        ) from None


def last(names, prefix):
    """The last of the names that starts with `prefix`."""
    return [n for n in names if n.startswith(prefix)][-1]
