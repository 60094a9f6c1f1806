"""What the contract tests know of one architecture, and the photographs that cases cut their samples from."""

import dataclasses
import functools
import typing

import numpy as np

from kerasvision.core.registry import create


@dataclasses.dataclass(frozen=True)
class Case:
    """make: () -> a tiny instance. samples: () -> dicts of numpy arrays as a source would give, one batch of them.

    classes: names. assigns_in_loss: why the targets are not shaped like raw, or "". overfit: (steps, the fraction of
    the first loss that must be reached). learning_rate: of AdamW, for these steps. sgd_rate: of SGD, for the steps
    after which one replica and two are compared; replicas_apart: how far apart their weights may end. epochs: of the
    run that is exported. exports: specs. perfect: what the main metric is when every prediction is right. int8_error:
    the largest error of an int8 score that is still close. least_loss: what a term of the loss may be when every
    prediction is right. augment, techniques: (name, fields) of parts that a recipe must have. told_from: raw keys that
    are compared with the others, so that they are wrong only where they belong to another example than those.
    """

    make: typing.Callable
    samples: typing.Callable
    classes: tuple[str, ...]
    assigns_in_loss: str = ""
    overfit: tuple[int, float] = (80, 0.05)
    learning_rate: float = 1e-2
    sgd_rate: float = 0.02
    replicas_apart: float = 1e-6
    epochs: int = 2
    exports: tuple[str, ...] = ("tf_serving", "tflite:float32", "tflite:int8", "onnx")
    perfect: float = 1.0
    int8_error: float = 0.1
    least_loss: float = 1e-3
    augment: tuple = ()
    techniques: tuple = ()
    told_from: tuple = ()

    def parts(self):
        """{field of a recipe: the parts without which the architecture is not trained}."""
        return {
            field: tuple(create(f"{kind}/{name}", **fields) for name, fields in getattr(self, field))
            for field, kind in (("augment", "augmentations"), ("techniques", "techniques"))
        }


PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


@functools.cache
def crops():
    """Eight windows of four photographs, each of its own size: [(uint8 [H, W, 3], which photograph)]."""
    from skimage import data

    found = []
    for label, name in enumerate(PHOTOGRAPHS):
        image = getattr(data, name)()
        for y, x, side in ((60, 110, 26), (150, 200, 37)):
            found.append((np.ascontiguousarray(image[y : y + side + 2 * label, x : x + side + 5]), label))
    return found
