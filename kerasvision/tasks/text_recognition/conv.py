"""Reading a line without recurrence: convolutions up to one row of frames, then context along the line."""

import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.norm import batch_norm
from kerasvision.ops.internals import called_with
from kerasvision.tasks.text_recognition.task import TextRecognition

_ROWS = 16  # the graph's height over that of the last map


@architectures.register("text_recognition/conv")
@dataclasses.dataclass(frozen=True)
class ConvRecognizer(TextRecognition):
    """Convolutions as of "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (Shi et al.
    2015, arXiv:1507.05717, table 1), halving the height more often than the width, and in place of its recurrence
    residual depthwise convolutions along the line, as "SVTR: Scene Text Recognition with a Single Visual Model" (Du et
    al. 2022, arXiv:2205.00159) does without recurrence: the same for a line of any width, small, and integer
    throughout after quantization.

    image_size: (h, w), h a multiple of 16. width: channels after the first convolution, up to four times as many at
    the end. depth: convolutions along the line. reach: frames that each of them looks at, odd. dropout: before the
    classes.
    """

    width: int = 32
    depth: int = 3
    reach: int = 9
    dropout: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "image_size": self.image_size[0] % _ROWS,
            "width": self.width < 1,
            "depth": self.depth < 0,
            "reach": self.reach < 1 or self.reach % 2 == 0,
            "dropout": not 0 <= self.dropout < 1,
        }
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise UsageError(
                f"model.{found[0]}={getattr(self, found[0])}; allowed: a height that is a multiple of {_ROWS}, width 1 "
                "or more, depth 0 or more, an odd reach, dropout 0 to less than 1"
            )

    def build(self):
        self.require_classes()
        image = keras.Input((*self.image_size, 3), name="image")
        x = _convolved(image, self.width, (2, 2), "stem")
        for number, (times, strides) in enumerate(((2, (2, 2)), (3, (2, 1)), (4, (2, 1))), start=1):
            x = _convolved(x, times * self.width, (1, 1), f"level{number}_in")
            x = _convolved(x, times * self.width, strides, f"level{number}")
        rows = self.image_size[0] // _ROWS
        if rows > 1:
            x = _normed(keras.layers.Conv2D(4 * self.width, (rows, 1), use_bias=False, name="rows")(x), "rows")
        for number in range(1, self.depth + 1):
            x = self._along(x, f"along{number}")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        x = keras.layers.Conv2D(self.num_classes + 1, 1, name="classes")(x)
        logits = keras.layers.Reshape((self.frames, self.num_classes + 1), name="logits")(x)
        return keras.Model({"image": image}, {"logits": logits}, name=self.name)

    def _along(self, x, name):
        """Context: a depthwise convolution along the line, then one over channels, beside what was there."""
        seen = keras.layers.DepthwiseConv2D((1, self.reach), padding="same", use_bias=False, name=f"{name}_depthwise")(
            x
        )
        seen = _normed(seen, f"{name}_depthwise")
        seen = keras.layers.Conv2D(4 * self.width, 1, use_bias=False, name=f"{name}_mix")(seen)
        seen = batch_norm(f"{name}_mix_bn")(seen)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, seen]))

    def embedding(self, graph):
        """The mean over the frames of what the classes are made of."""
        (classes,) = called_with(graph.output["logits"])
        (frames,) = called_with(classes)
        return keras.layers.GlobalAveragePooling2D()(frames)


def _convolved(x, filters, strides, name):
    x = keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, name=name)(x)
    return _normed(x, name)


def _normed(x, name):
    return keras.layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))
