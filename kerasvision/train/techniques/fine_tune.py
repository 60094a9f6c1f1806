"""Fine-tuning: the upper stages of the backbone learn too, the deeper ones more slowly.

Discriminative learning rates: Howard & Ruder 2018, arXiv:1801.06146, section 3.2.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.co_teaching import PREFIX
from kerasvision.train.techniques.freeze import freeze_layers


@techniques.register("fine_tune")
@dataclasses.dataclass(frozen=True)
class FineTune(Technique):
    """stages: how many of the backbone's last stages learn; -1 for all. decay: each stage below the top learns at this
    factor, above 0 to 1, of the rate of the stage above it. freeze_norms: batch normalizations keep their pretrained
    statistics, which is right for small batches and small data.
    """

    stages: int = -1
    decay: float = 0.5
    freeze_norms: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.decay <= 1:
            raise UsageError(f"fine_tune.decay={self.decay:g}; allowed: above 0, to 1 (every stage at the same rate)")

    def start(self, arch, graph):
        every = self._stages(arch, graph)
        kept = len(every) if self.stages < 0 else self.stages
        if kept > len(every):
            raise KerasVisionError(f"fine_tune.stages={kept}, but the backbone has {len(every)}; -1 means all")
        frozen = [name for names in every[: len(every) - kept] for name in names]
        norms = [name for names in every for name in names if self.freeze_norms and _is_norm(graph.get_layer(name))]
        freeze_layers(graph.get_layer(name) for name in [*frozen, *norms])

    def learning_rates(self, arch, graph):
        every = self._stages(arch, graph)
        rates = {name: self.decay ** (len(every) - i) for i, names in enumerate(every) for name in names}
        originals = {layer.name: layer.name.removeprefix(PREFIX) for layer in graph.layers}  # a twin learns alike
        return {name: rates[original] for name, original in originals.items() if original in rates}

    def _stages(self, arch, graph):
        if not hasattr(arch, "backbone"):
            raise UsageError(f"fine_tune is for architectures with a backbone; {arch.registered_name} has none")
        return [[n for n in names if graph.get_layer(n).weights] for names in arch.backbone.stages(graph)]


def _is_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)
