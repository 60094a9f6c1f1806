"""What a relative error is relative to: the largest score of each example, in the unit of the absolute one."""

import numpy as np
import pytest

from kerasvision.core.registry import create

PICTURE = np.zeros((2, 4, 4, 3), np.float32)
PICTURE[0, 1, 2, 0], PICTURE[1, 0, 0, 2] = 51.0, 255.0
CASES = {
    "classification/classifier": (
        {"num_classes": 2},
        {"probabilities": np.float32([[0.7, 0.3], [0.1, 0.9]])},
        [0.7, 0.9],
    ),
    "semantic_segmentation/unet": (
        {"num_classes": 9},
        {"mask": np.full((2, 1, 2), 8, np.uint8), "confidence": np.float32([[[0.6, 0.5]], [[0.8, 0.9]]])},
        [0.6, 0.9],
    ),
    "detection/retinanet": (
        {"num_classes": 2},
        {"boxes_xyxy": np.full((2, 1, 4), 300.0), "scores": np.float32([[0.4], [0.0]]), "count": np.int32([1, 0])},
        [0.4, 0.0],
    ),
    "regression/regressor": (
        {"num_outputs": 2, "center": (0.0, 5.0), "scale": (10.0, 0.5)},
        {"values": np.float32([[-40.0, 1.0], [0.0, 0.0]])},
        [4.0, 0.0],
    ),
    "generation/partial_unet": ({}, {"picture": PICTURE}, [0.2, 1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_largest_score_in_the_unit_of_the_error(name):
    fields, prediction, expected = CASES[name]
    arch = create(name, **fields)
    assert arch.magnitude(prediction) == pytest.approx(expected)
    if name == "detection/retinanet":  # whose errors are those of boxes that overlap
        return
    grown = {k: v * 1.5 if v.dtype == np.float32 else v for k, v in prediction.items()}
    error, _ = arch.compare(prediction, grown)
    assert error == pytest.approx(0.5 * np.array(expected))
