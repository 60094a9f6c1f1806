"""Captions by a transformer's decoder over the positions of a picture."""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.word_decoders import TransformerDecoder
from kerasvision.tasks.captioning.task import Captioning


@architectures.register("captioning/transformer")
@dataclasses.dataclass(frozen=True)
class TransformerCaptioning(Captioning):
    """The decoder of "Attention Is All You Need" (Vaswani et al. 2017, arXiv:1706.03762) over a convolutional network's
    last level, as "CPTR: Full Transformer Network for Image Captioning" (Liu et al. 2021, arXiv:2101.10804, section
    2.2) has it over patches. The fields are `Captioning`'s, and these. depth: blocks. heads: of each attention, a
    divisor of size. dropout is of each branch, too.
    """

    depth: int = 2
    heads: int = 4

    def __post_init__(self):
        super().__post_init__()
        if min(self.depth, self.heads) < 1 or self.size % self.heads:
            raise UsageError(
                f"{self.registered_name}: size={self.size}, depth={self.depth}, heads={self.heads}; allowed: 1 or "
                "more, a size that is a multiple of heads"
            )

    def decoder(self):
        held = (self.words, self.classes, self.size, self.beam, self.length_power, self.dropout)
        return TransformerDecoder(*held, depth=self.depth, heads=self.heads, name="decoder")
