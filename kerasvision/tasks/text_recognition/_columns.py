"""What recognizers share that look at columns of a line: convolutions up to one row of frames, and a class of each."""

import abc
import dataclasses

import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.layers.inside import InsideNorm, Silent
from kerasvision.layers.norm import batch_norm
from kerasvision.ops.internals import called_with, made_by
from kerasvision.tasks.text_recognition.task import TextRecognition

_ROWS = 16  # the graph's height over that of the last map


@dataclasses.dataclass(frozen=True)
class ColumnRecognizer(TextRecognition):
    """Abstract. Convolutions as of "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (Shi
    et al. 2015, arXiv:1507.05717, table 1), halving the height more often than the width, then what `along` makes of
    the row of frames.

    image_size: (h, w), h a multiple of 16. width: channels after the first convolution, up to four times as many at
    the end. dropout: before the classes.
    """

    width: int = 32
    dropout: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "image_size": self.image_size[0] % _ROWS,
            "width": self.width < 1,
            "dropout": not 0 <= self.dropout < 1,
        }
        self.refuse(wrong, f"a height that is a multiple of {_ROWS}, width 1 or more, dropout 0 to less than 1")

    def refuse(self, wrong, allowed):
        """Raise of the first field that is wrong. wrong: name of a field -> whether it is."""
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise UsageError(f"model.{found[0]}={getattr(self, found[0])}; allowed: {allowed}")

    @abc.abstractmethod
    def along(self, x, inside):
        """Keras tensor [B, 1, T, C], the frames -> [B, 1, T, D], each with what is around it. inside: of `inputs`."""

    def inputs(self):
        """({name: Keras input}, what is convolved, masks for `normed` of half of the width, and of frames; None: all
        counts).
        """
        image = keras.Input((*self.image_size, 3), name="image")
        return {"image": image}, image, None, None

    def build(self):
        self.require_classes()
        inputs, x, halves, inside = self.inputs()
        x = _convolved(x, self.width, (2, 2), "stem", halves)
        for number, (times, strides) in enumerate(((2, (2, 2)), (3, (2, 1)), (4, (2, 1))), start=1):
            x = _convolved(x, times * self.width, (1, 1), f"level{number}_in", halves if number == 1 else inside)
            x = _convolved(x, times * self.width, strides, f"level{number}", inside)
        rows = self.image_size[0] // _ROWS
        if rows > 1:
            x = normed(keras.layers.Conv2D(4 * self.width, (rows, 1), use_bias=False, name="rows")(x), "rows", inside)
        x = self.along(x, inside)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        x = keras.layers.Conv2D(self.num_classes + 1, 1, name="classes")(x)
        x = x if inside is None else Silent(name="silent")([x, inside])
        frames = self.frames if inside is None else -1
        logits = keras.layers.Reshape((frames, self.num_classes + 1), name="logits")(x)
        return keras.Model(inputs, {"logits": logits}, name=self.name)

    def embedding(self, graph):
        """The mean over the frames of what the classes are made of."""
        (classes, *_) = called_with(graph.output["logits"])
        classes = called_with(classes)[0] if isinstance(made_by(classes), Silent) else classes
        (frames,) = called_with(classes)
        return keras.layers.GlobalAveragePooling2D()(frames)


def normed(x, name, inside):
    """Batch normalization and a ReLU of a Keras tensor [B, H, W, C]. name: what begins the names of both layers."""
    return keras.layers.ReLU(name=f"{name}_relu")(normalized(x, f"{name}_bn", inside))


def normalized(x, name, inside):
    """Batch normalization of a Keras tensor [B, H, W, C]; of what is inside alone, where a mask [B, 1, W, 1] says."""
    if inside is None:
        return batch_norm(name)(x)
    return InsideNorm(momentum=0.9, epsilon=1e-3, name=name)([x, inside])


def _convolved(x, filters, strides, name, inside):
    x = keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, name=name)(x)
    return normed(x, name, inside)
