"""Captions by a recurrent decoder that looks at a part of the picture for each word."""

import dataclasses

from kerasvision.core.registry import architectures
from kerasvision.layers.word_decoders import GRUDecoder
from kerasvision.tasks.captioning.task import Captioning


@architectures.register("captioning/gru")
@dataclasses.dataclass(frozen=True)
class GRUCaptioning(Captioning):
    """ "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention" (Xu et al. 2015,
    arXiv:1502.03044), with soft attention and a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078). The fields are
    `Captioning`'s.
    """

    def decoder(self):
        return GRUDecoder(
            self.words, self.classes, self.size, self.beam, self.length_power, self.dropout, name="decoder"
        )
