"""Tokens of all senses and a class token, which attention lets look at one another: "An Image is Worth 16x16 Words"
(Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1) over the senses' tokens together, as single-stream models of
pictures and words are ("VisualBERT", Li et al. 2019, arXiv:1908.03557, section 3.2), with normalization before each
branch (Xiong et al. 2020, arXiv:2002.04745).

A picture has a token for each position of its last level, each number one of its own ("Revisiting Deep Learning Models
for Tabular Data", Gorishniy et al. 2021, arXiv:2106.11959, section 3.3), and a text one, its encoder's vector. The
tokens of a sense that is missing are a learned vector.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import fusions
from kerasvision.fusions.base import Fusion
from kerasvision.layers.missing import MaskToken
from kerasvision.layers.pre_norm import attended, branch, normed, widened
from kerasvision.layers.senses import ClassToken, FeatureTokens, FirstToken
from kerasvision.layers.tokens import Positions


@fusions.register("attention")
@dataclasses.dataclass(frozen=True)
class Attention(Fusion):
    """depth: blocks of attention and two dense layers. heads: of attention; the model's width is a multiple of them.
    dropout: of each branch.
    """

    depth: int = 1
    heads: int = 4
    dropout: float = 0.0

    def check(self, senses, width):
        wrong = min(self.depth, self.heads) < 1 or width % max(1, self.heads)
        if wrong or not 0 <= self.dropout < 1:
            raise UsageError(
                f"fusions/attention: depth={self.depth}, heads={self.heads}, dropout={self.dropout:g} of a model of "
                f"width={width}; allowed: 1 or more, a width that is a multiple of heads, dropout 0 to less than 1"
            )

    def __call__(self, senses, flags, width):
        x = keras.layers.Concatenate(axis=1, name="tokens")([_tokens(sense, width) for sense in senses])
        x = ClassToken(name="class_token")(x)
        for number in range(1, self.depth + 1):
            x = branch(x, lambda y, name: attended(y, width, self.heads, name), f"look{number}", self.dropout)
            x = branch(x, lambda y, name: widened(y, width, name), f"think{number}", self.dropout)
        return FirstToken(name="fused")(normed(x, "fused_norm"))


def _tokens(sense, width):
    """[B, T, 1, width] of one sense."""
    name, x = sense.name, sense.values
    if len(x.shape) == 4:
        x = keras.layers.Conv2D(width, 1, name=f"{name}_tokens")(x)
        x = keras.layers.Reshape((x.shape[1] * x.shape[2], 1, width), name=f"{name}_rows")(x)
        x = Positions(name=f"{name}_positions")(x)
    elif name == "numbers":
        x = FeatureTokens(width, name=f"{name}_tokens")(x)
    else:
        x = keras.layers.Dense(width, name=f"{name}_tokens")(x)
        x = keras.layers.Reshape((1, 1, width), name=f"{name}_rows")(x)
    there = keras.layers.Reshape((1, 1, 1), name=f"{name}_there_rows")(sense.there)
    return MaskToken(name=f"{name}_or_stand_in")([x, there])
