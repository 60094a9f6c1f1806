"""The contract of every fusion: senses, of which some may be missing, become a vector, and this becomes raw outputs."""

import abc
import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.component import Component
from kerasvision.layers.senses import StandIn
from kerasvision.ops.internals import called_with


@dataclasses.dataclass(frozen=True, eq=False)
class Sense:
    """What is known of one sense, as Keras tensors. name: "image", "text" or "numbers". values: of a picture its last
    level [B, H, W, C], of a text its encoder's vector [B, D], of numbers [B, 2 columns], the standardized ones and then
    1 for each that is known. there: [B, 1], 1 where an example has it. Each method makes layers, so it is called once.
    """

    name: str
    values: typing.Any
    there: typing.Any

    def seen(self, width):
        """[B, width], whatever is there."""
        x = self.values
        if len(x.shape) == 4:
            x = keras.layers.GlobalAveragePooling2D(name=f"{self.name}_pooled")(x)
        return keras.layers.Dense(width, activation="relu", name=f"{self.name}_vector")(x)

    def vector(self, width):
        """[B, width]; a learned vector where it is missing."""
        return StandIn(name=f"{self.name}_or_stand_in")([self.seen(width), self.there])


class Fusion(Component):
    """Abstract. Final subclasses are frozen dataclasses. weighs_log_odds: whether raw outputs are a sum of each sense's
    log-odds, whose weights `settle` takes from the validation split.
    """

    kind = "fusions"
    weighs_log_odds: typing.ClassVar[bool] = False

    def check(self, senses, width):
        """Raise UsageError of names of senses, or a width of their vectors, that it cannot join."""

    @abc.abstractmethod
    def __call__(self, senses, flags, width):
        """[`Sense`] and their flags [B, M], in this order -> a vector [B, D]. What is given for a sense that is missing
        has no part in it. Only Keras layers, no nested model, no Lambda.
        """

    def units(self, vector, senses, count, name):
        """The vector -> a Keras tensor [B, count]."""
        return keras.layers.Dense(count, name=name)(vector)

    def vector_of(self, made):
        """What `units` made -> the vector that it was made of, in the graph as it is now."""
        (vector,) = called_with(made)
        return vector

    def settle(self, graph, batches, loss):
        """Put the weights of the senses into a trained graph, by the least loss of held-out examples.

        batches: an iterable of (inputs of the graph, targets). loss: (targets, raw) -> {name: [B]}.
        """
        raise NotImplementedError(f"{self.registered_name} settles nothing")
