"""Predictions drawn on their photographs, and which images an evaluation's pictures read."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pycocotools import mask as coco_mask

from kerasvision.data.sources.base import Split
from kerasvision.drawing.pictures import color_of, marked, save
from kerasvision.drawing.showing import base
from kerasvision.drawing.showing.base import picture_of
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.drawing.showing.objects import ObjectsShowing, worth_showing
from kerasvision.drawing.showing.quads import QuadsShowing
from kerasvision.inference.evaluation import draw_evaluation
from kerasvision.metrics.base import Evaluator

GRAY = np.full((720, 960, 3), 120, np.uint8)  # as large as a single picture is drawn


def found(index, score, box=(300, 200, 500, 400), mask=None):
    row = {"label": ("bird", "coin", "fish")[index], "index": index, "score": score, "box_xyxy": list(box)}
    if mask is not None:
        packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        row["mask"] = {"size": packed["size"], "counts": packed["counts"].decode()}  # as JSON holds it
    return row


SHOWINGS = {
    "objects": ObjectsShowing(),
    "quads": QuadsShowing(),
    "top": ClassesShowing("top", 3),
    "labels": ClassesShowing("labels"),
}


def draw_predictions(rows, path):
    """rows: (image, name, JSON of a prediction)."""
    views = [SHOWINGS[next(iter(told))].view(image, name, {}, told, ()) for image, name, told in rows]
    save(picture_of(views), path)


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def count(pixels, index):
    return (pixels == color_of(index)).all(-1).sum()


@pytest.fixture
def tiles(monkeypatch):
    """What was put on the sheet: (picture, title, caption) of each; the file is the first picture alone."""
    held = []

    def keep(tiles, columns):
        held.extend(tiles)
        return tiles[0][0]

    monkeypatch.setattr(base, "sheet", keep)
    return held


def test_boxes_of_a_color_a_class_in_their_places(tmp_path, tiles):
    objects = [found(0, 0.9), found(1, 0.8, (600, 50, 900, 150)), found(2, 0.2, (50, 500, 250, 700))]
    draw_predictions([(GRAY, "photos/a.png", {"objects": objects})], tmp_path / "a.png")
    pixels = pixels_of(tmp_path / "a.png")
    assert pixels.shape == GRAY.shape
    assert (pixels[200:203, 300:500] == color_of(0)).all() and (pixels[397:400, 300:500] == color_of(0)).all()
    assert (pixels[50:53, 600:900] == color_of(1)).all()
    assert (pixels[204:396, 304:496] == 120).all()  # the object itself is left as it is
    assert not count(pixels, 2)
    assert tiles[0][1:] == ("2 objects: 1 bird, 1 coin", "a.png; 1 below 0.3 left out")


def test_masks_are_laid_over_their_pixels_only(tmp_path, tiles):
    mask = np.zeros(GRAY.shape[:2], bool)
    mask[250:350, 320:420] = True
    draw_predictions([(GRAY, "a.png", {"objects": [found(0, 0.9, mask=mask)]})], tmp_path / "a.png")
    inside_box = pixels_of(tmp_path / "a.png")[205:395, 305:495]
    np.testing.assert_array_equal((inside_box != 120).any(-1), mask[205:395, 305:495])
    covered = inside_box[60:130, 30:100]
    np.testing.assert_allclose(covered, np.broadcast_to(0.6 * 120 + 0.4 * np.array(color_of(0)), (70, 70, 3)), atol=1)


@pytest.mark.parametrize(
    ("scores", "shown", "left_out"),
    [([], [], 0), ([0.9, 0.3, 0.29], [0.9, 0.3], 1), ([0.1, 0.2, 0.05], [0.2], 2), ([0.2, 0.7], [0.7], 1)],
)
def test_objects_worth_showing(scores, shown, left_out):
    kept, without = worth_showing([found(0, s) for s in scores])
    assert ([row["score"] for row in kept], without) == (shown, left_out)


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ({"objects": [found(1, 0.9), found(0, 0.8), found(0, 0.7)]}, "3 objects: 2 bird, 1 coin"),
        ({"objects": [found(1, 0.9), found(0, 0.01)]}, "1 object: 1 coin"),
        ({"objects": [found(1, 0.1), found(0, 0.15)]}, "no object of 0.3 or more; the best: bird 0.15"),
        ({"objects": []}, "no objects"),
        ({"top": [{"label": "cat", "score": 0.8}, {"label": "dog", "score": 0.1}]}, "cat  0.80\ndog  0.10"),
        ({"labels": []}, "nothing"),
    ],
)
def test_titles(tmp_path, tiles, answer, title):
    draw_predictions([(GRAY, "a.png", answer)], tmp_path / "a.png")
    assert tiles[0][1] == title


def test_a_sheet_of_odd_pictures(tmp_path, photographs):
    rows = [
        (photographs["coffee"], "coffee.png", {"objects": [found(0, 0.9, (0, 0, 600, 400)), found(1, 0.5)]}),
        (np.zeros((1, 1, 3), np.uint8), "one.png", {"objects": []}),
        (np.zeros((1, 1, 3), np.uint8), "box.png", {"objects": [found(2, 0.5, (0, 0, 1, 1))]}),
        (np.zeros((40, 20, 3), np.uint8), "small.png", {"objects": [found(2, 0.4, (-3, 10, 25, 60))]}),
        (photographs["camera"], "camera.png", {"top": [{"label": "camera", "score": 0.5}]}),
    ]
    draw_predictions(rows, tmp_path / "sheet.png")
    pixels = pixels_of(tmp_path / "sheet.png")
    assert all(count(pixels, index) > 500 for index in (0, 1, 2))
    assert 1900 < pixels.shape[1] < 2100
    draw_predictions(rows[1:2], tmp_path / "one.png")
    assert (pixels_of(tmp_path / "one.png") == 0).all(-1).sum() > 900**2  # a pixel, enlarged
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "sheet.png"]


class Curious(Evaluator):
    """Asks for some images when it draws."""

    draws = True

    def __init__(self, wanted):
        self.wanted, self.held = wanted, None

    @property
    def directions(self):
        return {}

    def update(self, prediction, ground_truth):
        pass

    def figures(self, examples=None):
        return {}

    def draw(self, folder, images):
        self.held = images(self.wanted)
        return [folder / "a.png"]


@pytest.mark.parametrize("wanted", [{30, 4, 17}, {0}, set()])
def test_only_the_images_that_are_drawn_are_read(digits_recipe, tmp_path, wanted):
    seen = []

    def read(number):
        number = tf.numpy_function(lambda n: seen.append(int(n)) or n, [number], tf.int64)
        image = tf.ensure_shape(tf.cast(tf.fill([5 + number, 8, 3], number), tf.uint8), [None, 8, 3])
        return {"image": image, "label": tf.constant(0)}

    evaluator = Curious(wanted)
    arch = digits_recipe.model.for_classes(("a", "b"))
    paths = draw_evaluation(evaluator, tmp_path, Split(tf.data.Dataset.range(40), read, 40), arch)
    assert paths == [tmp_path / "a.png"] and sorted(seen) == sorted(wanted)
    assert {n: (len(image), image.max()) for n, image in evaluator.held.items()} == {n: (5 + n, n) for n in wanted}


def test_quads_are_drawn_along_their_sides():
    """A diamond: its sides are seen, and not those of the box around it."""
    told = {"quads": [{"score": 0.9, "quad_xy": [[480, 200], [640, 360], [480, 520], [320, 360]]}]}
    pixels = np.asarray(marked(GRAY, QuadsShowing().marks(told), 960)).astype(int)
    for x, y in ((560, 280), (560, 440), (400, 440), (400, 280)):
        assert np.abs(pixels[y, x] - color_of(0)).max() < 12
    for x, y in ((639, 519), (321, 519), (480, 360), (639, 440), (560, 519)):
        assert (pixels[y, x] == 120).all()
    assert SHOWINGS["quads"].in_words(told) == "1 line of text"
    assert SHOWINGS["quads"].in_words({"quads": []}) == "no text"
    wanted = {"x0": 480, "y0": 200, "x1": 640, "y1": 360, "x2": 480, "y2": 520, "x3": 320, "y3": 360}
    assert SHOWINGS["quads"].rows(told) == [{"score": 0.9} | wanted]
