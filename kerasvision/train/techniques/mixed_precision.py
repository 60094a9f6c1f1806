"""Mixed precision: float16 or bfloat16 arithmetic, float32 weights (Micikevicius et al. 2018, arXiv:1710.03740)."""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique


@techniques.register("mixed_precision")
@dataclasses.dataclass(frozen=True)
class MixedPrecision(Technique):
    """dtype: float16 wants a GPU with tensor cores and gets loss scaling; bfloat16 suits TPUs and recent processors.

    No global policy is set: the graph is rebuilt with the policy, and rebuilt in float32 afterwards, because TFLite
    cannot convert a mixed graph.
    """

    dtype: typing.Literal["float16", "bfloat16"] = "float16"

    def graph(self, arch, graph):
        if is_quantized(graph):
            raise KerasVisionError(
                "mixed_precision cannot follow qat, which works in float32; put it in a phase before"
            )
        return with_policy(graph, f"mixed_{self.dtype}")

    def strip(self, arch, graph):
        return with_policy(graph, "float32")


def with_policy(graph, policy):
    """The same graph with the same weights under another dtype policy; inputs stay as they are."""

    def clone(layer):
        config = layer.get_config()
        config["dtype"] = policy  # by name: a layer that was made with a Policy cannot be described again
        return layer.__class__.from_config(config)

    rebuilt = keras.models.clone_model(graph, clone_function=clone)
    rebuilt.set_weights(graph.get_weights())
    return rebuilt
