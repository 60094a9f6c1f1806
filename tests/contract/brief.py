"""What is exported of an architecture by day, where all of its case takes long: shorter training, fewer files."""

import dataclasses

from tests.contract import contracts
from tests.contract.cases import CASES

# architecture -> fields of its case by day; MediaPipe's file of a detector by day: tests/export/test_mediapipe.py
BRIEF = {
    "detection/retinanet": {"epochs": 8, "exports": ("tf_serving", "tflite:float32", "tflite:int8", "onnx")},
    "instance_segmentation/mask_rcnn": {"epochs": 2, "exports": ("tflite:float32",)},
    "semantic_segmentation/unet": {"epochs": 4},
}
IN_FULL = " in full"


def case_of(name):
    """The case of an architecture by day; of its name with IN_FULL behind it, all of it."""
    whole = name.removesuffix(IN_FULL)
    return dataclasses.replace(CASES[whole], **({} if name.endswith(IN_FULL) else BRIEF.get(name, {})))


def recipe_of(name, copies=15):
    """The recipe of the run that is exported."""
    case = case_of(name)
    return contracts.recipe_of(name.removesuffix(IN_FULL), case.make(), epochs=case.epochs, copies=copies)
