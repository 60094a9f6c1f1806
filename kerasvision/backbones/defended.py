"""Any backbone behind defenses: its levels, its weights and its normalization, of pixels that were squeezed before.

As "Countering Adversarial Images using Input Transformations" (Guo et al. 2018, arXiv:1711.00117, section 4) puts them:
in front of a network that was trained with them.
"""

import dataclasses

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones, defenses
from kerasvision.layers.defended import Defended


@backbones.register("defended")
@dataclasses.dataclass(frozen=True)
class DefendedBackbone(Backbone):
    """inner: the backbone. defenses: one or more, in order. What a client prepares stays as of `inner`; the defenses
    are layers of the graph, in float32 in every file, int8 files included. weights: of this backbone, or as of `inner`.
    """

    inner: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    defenses: tuple[part("defenses"), ...] = dataclasses.field(default_factory=lambda: (defenses["bit_depth"](),))
    weights: str | None = None

    def __post_init__(self):
        super().__post_init__()
        if not self.defenses:
            raise UsageError('defended.defenses=(); give one or more, as in (create("defenses/bit_depth", bits=4),)')
        for number, first in enumerate(self.defenses):
            after = [d for d in self.defenses[number + 1 :] if d.rounds and not first.keeps_apart]
            if after:
                raise UsageError(
                    f"defended.defenses: {after[0].registered_name} rounds what {first.registered_name} has made, "
                    "which runtimes would not do alike; put it before, or leave one of them out"
                )

    @property
    def quantizable(self):
        """As of the inner backbone."""
        return self.inner.quantizable

    @property
    def moves(self):
        """Names of the defenses that move pixels."""
        return (*(d.registered_name for d in self.defenses if d.moves), *self.inner.moves)

    @property
    def normalization(self):
        return self.inner.normalization

    def __call__(self, x):
        held = self.normalization
        mean, std = (v[::-1] if held.channels == "bgr" else v for v in (held.mean, held.std))
        return self.inner(Defended(self.defenses, mean, std, name="backbone_defense")(x))

    def published_weights(self, source):
        return self.inner.published_weights(source)

    def load(self, graph):
        return super().load(graph) if self.weights is not None else self.inner.load(graph)
