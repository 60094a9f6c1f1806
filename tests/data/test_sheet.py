"""The contact sheet shows the pixels and labels it was given."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import architectures, augmentations, sources
from kerasvision.data.inspect import sheet
from kerasvision.data.inspect.sheet import CAPTION_PX, TILE_PX, recipe_sheet, write_sheet
from kerasvision.drawing.pictures import color_of

GAP = 6


def tiles_of(path, columns):
    """uint8 [tiles, TILE_PX, TILE_PX, 3] and the captions' strips, from the file."""
    pixels = np.asarray(Image.open(path))
    assert pixels.shape[1] == columns * (TILE_PX + GAP) + GAP
    rows = (pixels.shape[0] - GAP) // (TILE_PX + CAPTION_PX + GAP)
    tiles, captions = [], []
    for row in range(rows):
        for column in range(columns):
            y, x = row * (TILE_PX + CAPTION_PX + GAP) + GAP, column * (TILE_PX + GAP) + GAP
            tiles.append(pixels[y : y + TILE_PX, x : x + TILE_PX])
            captions.append(pixels[y + TILE_PX : y + TILE_PX + CAPTION_PX, x : x + TILE_PX])
    return np.stack(tiles), np.stack(captions)


def test_pixels_boxes_masks_and_keypoints_are_drawn_in_place(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (TILE_PX, TILE_PX, 3), np.uint8)
    mask = np.zeros((1, TILE_PX, TILE_PX), np.uint8)
    mask[0, 120:140, 100:150] = 1
    plain = {"image": image, "label": np.int32(1)}
    labeled = {
        "image": tf.constant(image),
        "boxes_xyxy": np.array([[20, 30, 90, 100]], np.float32),
        "labels": np.array([1]),
        "instance_masks": mask,
        "keypoints_xyv": np.array([[[150, 20, 2], [10, 160, 0]]], np.float32),
    }
    write_sheet([plain, labeled, {"image": image[:88]}], tmp_path / "sheet.png", 2, ("cat", "dog"))
    (first, second, third, nothing), captions = tiles_of(tmp_path / "sheet.png", 2)
    np.testing.assert_array_equal(first, image)
    np.testing.assert_array_equal(third[44:132], image[:88])  # in the middle of its tile
    assert (nothing == 255).all() and (third[:44] == 255).all()
    assert (captions[0] < 100).any() and (captions[2:] == 255).all()
    color = np.array(color_of(1))
    for edge in (second[30:32, 60:90], second[98:100, 20:90], second[50:100, 20:22], second[30:100, 88:90]):
        assert (edge == color).all()
    np.testing.assert_array_equal(second[60:95, 30:80], image[60:95, 30:80])
    covered = 0.5 * image[120:140, 100:150] + 0.5 * np.array(color_of(0))
    assert np.abs(second[120:140, 100:150] - covered).max() <= 1
    assert (second[20, 150] == color_of(0)).all()
    np.testing.assert_array_equal(second[150:170, 2:20], image[150:170, 2:20])  # a keypoint with v = 0 is not shown


def test_small_images_are_magnified_by_whole_pixels(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    write_sheet([{"image": image}], tmp_path / "sheet.png")
    tiles, _ = tiles_of(tmp_path / "sheet.png", 1)
    np.testing.assert_array_equal(tiles[0], image.repeat(22, 0).repeat(22, 1))


@pytest.mark.parametrize(
    ("sample", "caption"),
    [
        ({"label": 1}, "dog"),
        ({"label": 7}, "7"),
        ({"labels": [0, 1]}, "cat, dog"),
        ({"labels": [0], "boxes_xyxy": np.zeros((1, 4))}, ""),
        ({"label": 0, "text": np.array(b"a sign")}, "cat, a sign"),
        ({"caption": "dog 0.80", "label": 0}, "dog 0.80"),
    ],
)
def test_captions(sample, caption):
    assert sheet._caption({k: np.asarray(v) for k, v in sample.items()}, ("cat", "dog")) == caption


def test_shares():
    assert sheet._shares(np.array([0.19, 0.0, 0.81]), ("a", "b", "c")) == "c 0.81  a 0.19"
    assert sheet._shares(np.array([0.0, 1.0, 0.0]), ("a", "b", "c")) == "b 1.00"


def test_unwritable_path_leaves_nothing(tmp_path):
    samples = [{"image": np.zeros((4, 4, 3), np.uint8)}]
    with pytest.raises(KerasVisionError, match="cannot write .*No such file"):
        write_sheet(samples, tmp_path / "missing" / "sheet.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(KerasVisionError, match="cannot write"):
        write_sheet(samples, tmp_path / "folder.png")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]
    with pytest.raises(KerasVisionError, match="no samples"):
        write_sheet([], tmp_path / "sheet.png")


@pytest.fixture(scope="module")
def recipe():
    model = architectures["classification/classifier"](backbone="convnet", image_size=(16, 16))
    augment = (augmentations["geometric/translation"](), augmentations["photometric/gaussian_noise"]((20.0, 30.0)))
    return Recipe("sheet", model, sources["digits"](), augment=augment)


def test_recipe_sheet_shows_each_image_then_its_augmentations(tmp_path, recipe):
    recipe_sheet(recipe, tmp_path / "sheet.png", count=10, columns=5)
    tiles, captions = tiles_of(tmp_path / "sheet.png", 5)
    assert len(tiles) == 10
    split = recipe.data.open().splits["train"]
    train = {r["image"].tobytes() for r in split.records.as_numpy_iterator()}
    for number in range(0, 10, 5):
        small = tiles[number, 11::22, 11::22]
        assert np.ascontiguousarray(small).tobytes() in train
        row = tiles[number : number + 5, 11::22, 11::22].astype(int)
        changes = {np.abs(a - row[0]).sum() for a in row[1:]}
        assert 0 not in changes and len(changes) == 4
        for caption in captions[number : number + 5]:
            np.testing.assert_array_equal(caption, captions[number])
    first = (tmp_path / "sheet.png").read_bytes()
    recipe_sheet(recipe, tmp_path / "again.png", count=10, columns=5)
    assert (tmp_path / "again.png").read_bytes() == first


def test_recipe_sheet_mixes_batches(tmp_path, recipe, monkeypatch):
    drawn = []
    monkeypatch.setattr(sheet, "write_sheet", lambda samples, *rest: drawn.extend(samples))
    mixed = dataclasses.replace(recipe, augment=(*recipe.augment, augmentations["batch/mixup"](1.0)))
    recipe_sheet(mixed, tmp_path / "sheet.png", count=12, columns=4)
    captions = [s["caption"] for s in drawn if "caption" in s]
    assert len(drawn) == 12 and len(captions) == 9
    assert all(s["image"].shape == (16, 16, 3) for s in drawn if "caption" in s)
    assert any(len(c.split()) == 4 for c in captions)
    for caption in captions:
        assert abs(sum(map(float, caption.split()[1::2])) - 1) < 0.02


def test_recipe_sheet_of_nothing(tmp_path, recipe):
    with pytest.raises(UsageError, match="count=0"):
        recipe_sheet(recipe, tmp_path / "sheet.png", count=0)
