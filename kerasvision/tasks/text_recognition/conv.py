"""Reading a line without recurrence: convolutions up to one row of frames, then context along the line."""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.norm import batch_norm
from kerasvision.tasks.text_recognition._columns import ColumnRecognizer, normed


@architectures.register("text_recognition/conv")
@dataclasses.dataclass(frozen=True)
class ConvRecognizer(ColumnRecognizer):
    """In place of CRNN's recurrence residual depthwise convolutions along the line, as "SVTR: Scene Text Recognition
    with a Single Visual Model" (Du et al. 2022, arXiv:2205.00159) does without recurrence: the same for a line of any
    width, small, and integer throughout after quantization.

    The fields are `ColumnRecognizer`'s, and these. depth: convolutions along the line. reach: frames that each of them
    looks at, odd.
    """

    depth: int = 3
    reach: int = 9

    def __post_init__(self):
        super().__post_init__()
        wrong = {"depth": self.depth < 0, "reach": self.reach < 1 or self.reach % 2 == 0}
        self.refuse(wrong, "depth 0 or more, an odd reach")

    def along(self, x):
        """Context: a depthwise convolution along the line, then one over channels, beside what was there."""
        for number in range(1, self.depth + 1):
            name = f"along{number}"
            depthwise = keras.layers.DepthwiseConv2D(
                (1, self.reach), padding="same", use_bias=False, name=f"{name}_depthwise"
            )
            seen = normed(depthwise(x), f"{name}_depthwise")
            seen = keras.layers.Conv2D(4 * self.width, 1, use_bias=False, name=f"{name}_mix")(seen)
            seen = batch_norm(f"{name}_mix_bn")(seen)
            x = keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, seen]))
        return x
