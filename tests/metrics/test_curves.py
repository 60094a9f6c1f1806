"""A detector's pictures: which there are, which images they ask for, and what is seen in them."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.drawing.pictures import line_px
from kerasvision.metrics.detection import Detection

SIDE = 480  # as large as a tile: pixels of the picture are those of the image
RED, GREEN = (214, 39, 40), (44, 160, 44)


def evaluator(found, masks=False):
    """Three images with an ant at the same place; found: a box of each image, or None."""
    seen, slots = Detection(("ant", "bee"), masks), np.zeros((2, SIDE, SIDE), np.uint8)
    for box in found:
        rows = [] if box is None else [box]
        prediction = {
            "boxes_xyxy": np.array([*rows, *[[0, 0, 0, 0]] * (2 - len(rows))], np.float32)[None],
            "scores": np.array([[0.75, 0.0]]),
            "labels": np.array([[0, -1]]),
            "count": np.array([len(rows)]),
        }
        ground_truth = {"boxes_xyxy": [np.array([[100, 100, 200, 200.0]])], "labels": [np.array([0])]}
        if masks:
            prediction |= {"masks": slots[None]}
            ground_truth |= {"instance_masks": [slots[:1]]}
        seen.update(prediction, ground_truth)
    return seen


@pytest.mark.parametrize("masks", [False, True])
def test_pictures_of_a_detector(tmp_path, masks):
    asked = []

    def images(numbers):
        asked.append(set(numbers))
        return {n: np.full((SIDE, SIDE, 3), 90, np.uint8) for n in numbers}

    seen = evaluator([[100, 100, 200, 200], [300, 300, 400, 420], None], masks)
    paths = seen.draw(tmp_path, images)
    more = ["precision_recall_masks.png"] if masks else []
    assert [p.name for p in paths] == ["precision_recall.png", *more, "errors.png"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert asked == [{1}]  # of the one false alarm
    with Image.open(paths[0]) as picture:
        assert picture.size == (1200, 500)
    pixels = np.asarray(Image.open(paths[-1]).convert("RGB"))
    red, green = ((pixels == color).all(-1) for color in (RED, GREEN))
    assert red.sum() > 2 * line_px(SIDE) * 2 * 220 and green.sum() > line_px(SIDE) * 4 * 90
    (top, left), corner = np.argwhere(green)[0] - [0, 0], np.argwhere(pixels.max(-1) == 90)[0]
    assert left - corner[1] == 100 and 75 < top - corner[0] < 100  # the name stands over the box
    assert np.argwhere(red)[-1][0] - corner[0] == 419  # the last line of what was said


def test_nothing_wrong(tmp_path):
    seen = evaluator([[100, 100, 200, 200]])
    seen.draw(tmp_path, lambda numbers: dict.fromkeys(numbers))
    pixels = np.asarray(Image.open(tmp_path / "errors.png").convert("RGB"))
    assert (pixels < 100).all(-1).any() and not (pixels == RED).all(-1).any()
