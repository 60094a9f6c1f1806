"""The sheet of the worst cases: which they are, what is asked for and kept, and what is seen."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.drawing.pictures import color_of
from kerasvision.metrics.segmentation import Segmentation

CLASSES = ("background", "cat", "dog")
SIDE, GRAY = 320, 70  # as large as a panel: pixels of the picture are those of the image
HATCHED = (174, 174, 174)  # 0.8 of the hatch's gray on the image's


def evaluator(right, ground_truth=None, **options):
    """A row of 20 cats for each number in `right`, of which as many are found."""
    seen = Segmentation(CLASSES, **options)
    for count in right:
        row = np.ones((1, 20), np.uint8) if ground_truth is None else ground_truth
        found = np.broadcast_to(np.arange(20) < count, row.shape).astype(np.uint8)
        seen.update({"mask": found[None]}, {"mask": row[None]})
    return seen


def drawn(seen, folder, images):
    (path,) = seen.draw(folder, images)
    assert path == folder / "worst.png" and list(folder.iterdir()) == [path]
    return np.asarray(Image.open(path).convert("RGB"))


def panels(pixels):
    """Left ends of the three panels of the only case, and their top."""
    gray = (pixels == GRAY).all(-1)
    top, left = (np.flatnonzero(gray.sum(axis) > 20)[0] for axis in (1, 0))  # letters have few such pixels
    return top, [left + i * (SIDE + 8) for i in range(3)]


def test_the_worst_are_asked_for(tmp_path):
    asked = []

    def images(numbers):
        asked.append(set(numbers))
        return {n: np.full((1, 20, 3), GRAY, np.uint8) for n in numbers}

    right = [20, 3, 19, 18, 17, 16, 5, 15, 14, 13, 12, 11, 10, 9, 3, 0]
    seen = evaluator(right)
    drawn(seen, tmp_path, images)
    assert asked == [set(np.argsort(right, kind="stable")[:12].tolist())]
    assert len(seen._worst) == 12  # no more masks are held
    assert [case.number for case in seen._worst[:4]] == [15, 1, 14, 6]


def test_ties_keep_the_first():
    assert [case.number for case in evaluator([4] * 20)._worst] == list(range(12))


def test_image_truth_and_prediction(tmp_path):
    ground_truth, found = np.zeros((2, SIDE, SIDE), np.uint8)
    ground_truth[100:200, 50:150], found[100:200, 80:180] = 1, 1
    ground_truth[250:300], found[250:300] = 255, 2  # what is predicted there is not shown
    found[10:60, 10:60] = 2
    seen = Segmentation(CLASSES)
    seen.update({"mask": found[None]}, {"mask": ground_truth[None]})
    pixels = drawn(seen, tmp_path, lambda numbers: {n: np.full((SIDE, SIDE, 3), GRAY, np.uint8) for n in numbers})
    top, lefts = panels(pixels)
    image, true, said = (pixels[top : top + SIDE, left : left + SIDE] for left in lefts)
    assert (image == GRAY).all()
    for panel, first in ((true, 50), (said, 80)):
        outlined = np.argwhere((panel == color_of(1)).all(-1))
        assert outlined.min(0).tolist() == [100, first] and outlined.max(0).tolist() == [199, first + 99]
        mixed = 0.55 * GRAY + 0.45 * np.array(color_of(1))
        assert np.abs(panel[150, first + 50] - mixed).max() <= 1
        hatched = (panel == HATCHED).all(-1)
        assert 0.4 < hatched[250:300].mean() < 0.6 and not hatched[:250].any() and not hatched[300:].any()
    assert not (true == color_of(2)).all(-1).any() and (said == color_of(2)).all(-1)[10:60, 10:60].any()
    assert not (said == color_of(2)).all(-1)[60:].any()
    legend = [(pixels[top + SIDE :] == color_of(k)).all(-1).sum() > 50 for k in range(3)]
    assert legend == [False, True, True]


def test_the_border_of_the_image_is_no_outline(tmp_path):
    image = np.full((20, 20, 3), GRAY, np.uint8)
    pixels = drawn(evaluator([5], np.ones((20, 20), np.uint8)), tmp_path, lambda numbers: dict.fromkeys(numbers, image))
    top, lefts = panels(pixels)
    true, said = ((pixels[top : top + SIDE, left : left + SIDE] == color_of(1)).all(-1) for left in lefts[1:])
    assert not true.any() and np.unique(np.nonzero(said)[1]).tolist() == [SIDE // 4 - 1]


def test_a_long_legend_goes_on_in_the_next_line(tmp_path):
    names = [f"a class whose name is rather long, number {k}" for k in range(30)]
    seen, mask = Segmentation(names), np.arange(30, dtype=np.uint8)[None]
    seen.update({"mask": mask[None]}, {"mask": mask[None]})
    pixels = drawn(seen, tmp_path, lambda numbers: {n: np.full((1, 30, 3), GRAY, np.uint8) for n in numbers})
    below = np.flatnonzero((pixels == GRAY).all(-1).sum(1) > SIDE)[-1] + 1
    assert all((pixels[below:] == color_of(k)).all(-1).sum() > 100 for k in range(1, 30))


def test_a_name_only_for_what_is_seen(tmp_path):
    pixels = drawn(evaluator([5]), tmp_path, lambda numbers: {n: np.full((1, 20, 3), GRAY, np.uint8) for n in numbers})
    assert (pixels == color_of(1)).all(-1).any() and not (pixels == color_of(2)).all(-1).any()


@pytest.mark.parametrize("kind", ["gray", "color", "channel", "hounsfield"])
def test_the_worst_slice_of_a_volume(tmp_path, kind):
    ground_truth, found = np.zeros((2, 5, SIDE, SIDE), np.uint8)
    ground_truth[:, 100:120, 100:120], found[:, 100:120, 100:120] = 1, 1
    found[3, 200:220, 200:220] = 1
    ground_truth[1, 300:] = 255  # disagrees, but does not count
    volume = np.zeros((5, SIDE, SIDE), np.uint8)
    volume[3] = GRAY
    if kind == "hounsfield":
        volume = np.full(volume.shape, 100, np.float32)
        volume[3, :, :160], volume[3, 0, 0] = 120, np.nan
    elif kind != "gray":
        volume = np.repeat(volume[..., None], 3 if kind == "color" else 1, -1)
    seen = Segmentation(CLASSES)
    seen.update({"mask": found[None]}, {"mask": ground_truth[None]})
    (case,) = seen._worst
    assert case.at == (3, 5) and case.ground_truth.shape == (SIDE, SIDE) and case.ground_truth.base is None
    pixels = drawn(seen, tmp_path, lambda numbers: dict.fromkeys(numbers, volume))
    if kind == "hounsfield":  # from the darkest to the lightest of the slice
        assert 2.9 < (pixels == 0).all(-1).sum() / (SIDE * 160) <= 3.1  # half of each panel
        return
    top, lefts = panels(pixels)
    true, said = (pixels[top : top + SIDE, left : left + SIDE][::-1] for left in lefts[1:])  # anterior at the top
    assert (said[200, 200:220] == color_of(1)).all() and (true[200, 200:220] == GRAY).all()


def test_a_right_volume_shows_its_fullest_slice():
    volume = np.zeros((5, 4, 4), np.uint8)
    volume[1, 0, 0], volume[2, :2], volume[3, 0] = 1, 2, 1
    seen = Segmentation(CLASSES)
    seen.update({"mask": volume[None]}, {"mask": volume[None]})
    assert seen._worst[0].at == (2, 5) and seen._worst[0].mean == 1


def test_without_background_every_class_has_a_color(tmp_path):
    seen = evaluator([10], background=None)
    pixels = drawn(seen, tmp_path, lambda numbers: {n: np.full((1, 20, 3), GRAY, np.uint8) for n in numbers})
    mixed = np.round(0.55 * GRAY + 0.45 * np.array(color_of(0)))
    assert (np.abs(pixels - mixed) <= 1).all(-1).sum() > 2000  # half of the prediction


def test_nothing_to_show(tmp_path):
    seen = evaluator([0], ground_truth=np.zeros((1, 20), np.uint8))
    pixels = drawn(seen, tmp_path, None)
    assert (pixels < 100).all(-1).any()
