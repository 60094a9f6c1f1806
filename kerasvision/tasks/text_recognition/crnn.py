"""Reading a line with recurrence: convolutions up to one row of frames, then a memory in each direction along it."""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.tasks.text_recognition._columns import ColumnRecognizer

# as cells: what LiteRT makes of Keras's LSTM layer remembers its state from one picture to the next
_CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}


@architectures.register("text_recognition/crnn")
@dataclasses.dataclass(frozen=True)
class CRNN(ColumnRecognizer):
    """The CRNN of "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (Shi et al. 2015,
    arXiv:1507.05717): recurrent layers over the row of frames, from both ends. Differs from the paper: strided
    convolutions in place of pooling, batch normalization after each, a frame for each 4 pixels.

    The fields are `ColumnRecognizer`'s, and these. depth: recurrent layers. cell: long short-term memory (Hochreiter,
    Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735), as in the paper, or a gated recurrent unit (Cho et al. 2014,
    arXiv:1406.1078). units: of each direction. unroll: a copy of the cell for each frame in place of a loop: needed for
    a .tflite in int8, for loops have no integer form, and larger.
    """

    depth: int = 2
    cell: typing.Literal["lstm", "gru"] = "lstm"
    units: int = 128
    unroll: bool = False

    def __post_init__(self):
        super().__post_init__()
        self.refuse({"depth": self.depth < 1, "units": self.units < 1}, "depth and units 1 or more")

    def along(self, x, inside):
        x = keras.layers.Reshape((self.frames, x.shape[-1]), name="frames")(x)
        for number in range(1, self.depth + 1):
            name = f"recurrent{number}"
            cell = _CELLS[self.cell](self.units, name=f"{name}_cell")
            layer = keras.layers.RNN(cell, return_sequences=True, unroll=self.unroll, name=f"{name}_{self.cell}")
            x = keras.layers.Bidirectional(layer, name=name)(x)
        return keras.layers.Reshape((1, self.frames, 2 * self.units), name="row")(x)
