"""Cases of photographs with missing pixels: windows of photographs less one quarter."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import PHOTOGRAPHS, Case, crops

# of the largest of 768 pixel values: renormalization multiplies rounding too, up to 25 times under a 5x5 kernel
INT8_ERROR = {"generation/partial_unet": 0.2}
# its loss sums pixels, so at the common rate weights move by a quarter, and rounding parts two runs by 1e-6
SGD_RATE = {"generation/cvae": 2e-4}
EXPORTS = ("tf_serving", "tflite:float32", "tflite:int8", "onnx")


def samples():
    """Each window twice would show another quarter; here the quarter goes around."""
    held = []
    for number, (image, label) in enumerate(crops()):
        present = np.ones(image.shape[:2], np.uint8)
        h, w = (side // 2 for side in present.shape)
        y, x = divmod(number % 4, 2)
        present[y * h : y * h + h, x * w : x * w + w] = 0
        held.append({"image": image * present[..., None], "present": present, "whole": image, "label": np.int32(label)})
    return held


def _classifier():
    return create(
        "classification/incomplete_classifier",
        num_classes=4,
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        image_size=(16, 16),
        filling="inpaint",
        stem="channel",
        attends=True,
    )


def default(name):
    """The case of any architecture that fills in."""
    own = {"latent": 4} if name == "generation/cvae" else {}
    return Case(
        lambda: create(name, image_size=(16, 16), width=4, depth=2, **own),
        samples,
        PHOTOGRAPHS,
        overfit=(150, 0.2),
        epochs=12,
        sgd_rate=SGD_RATE.get(name, 0.002),
        exports=EXPORTS,
        int8_error=INT8_ERROR.get(name, 0.1),
    )


CASES = {"classification/incomplete_classifier": Case(_classifier, samples, PHOTOGRAPHS, exports=EXPORTS)}
