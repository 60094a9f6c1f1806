"""What is made of a file's answer by a contract's words alone is what `predict` makes of it, for every rule there is.

The files are stand-ins: a function of the prepared input with the outputs that a real file of that architecture has.
`tests/contract/test_exports.py` asks real files of every architecture and exporter.
"""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.registry import create
from kerasvision.edge.independent import NotDescribedError, paste, predict, restore
from kerasvision.export import described
from kerasvision.export.base import Runner
from kerasvision.ops.masks import paste_masks

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))
CLASSES = 5
RNG = np.random.default_rng(7)
MIX = RNG.normal(0, 3, (3, CLASSES))


def probabilities(inputs):
    """A softmax of sines of each pixel's color: many classes, and sharp borders between them."""
    ((key, values),) = inputs.items()
    values = values.astype(np.float64) / (255.0 if key == "image" else 1.0)
    values = np.repeat(values, 3, -1) if values.shape[-1] == 1 else values
    scores = np.exp(3 * np.sin(2 * values @ MIX))
    return {"probabilities": np.float32(scores / scores.sum(-1, keepdims=True))}


def found(arch, masks=False):
    """Boxes of all over the prepared image and beyond it, and a few rows that are empty."""
    h, w = arch.image_size
    gives, most = arch.file_outputs(), arch.suppression.max_detections
    corners = RNG.uniform(-4, 1.1 * max(h, w), (most, 2, 2)).clip(0, [w, h])
    boxes, real = np.concatenate([corners.min(1), corners.max(1)], -1), np.arange(most) < most - 3
    answer = {
        "boxes_xyxy": np.float32(boxes * real[:, None]),
        "scores": np.float32(np.sort(RNG.uniform(0, 1, most))[::-1] * real),
        "labels": np.where(real, RNG.integers(0, 4, most), -1).astype(np.int32),
        "count": np.int32(most - 3),
    }
    if masks:
        answer["masks"] = np.float32(RNG.uniform(0, 1, (most, *gives["masks"].shape[1:])) * real[:, None, None])
        answer["image_hw"] = np.int32([h, w])
    return lambda inputs: {k: v[None] for k, v in answer.items()}


class Stand(Runner):
    """A `Runner` of a function."""

    def __init__(self, arch, ask):
        super().__init__(arch)
        self.infer = ask

    def infer(self, inputs):
        """Replaced in `__init__`."""


def contract_of(arch):
    """A contract with one row, of a file of the graph's own size."""
    inputs = {k: {"dtype": s.dtype.name, "shape": [1, *s.shape[1:]]} for k, s in arch.prepared_inputs().items()}
    outputs = {k: {"dtype": g.dtype, "shape": [1, *g.shape]} for k, g in arch.file_outputs().items()}
    row = described.file(arch, {"inputs": inputs, "outputs": outputs})
    return {"preprocess": arch.preprocessing(), "artifacts": [row]}


def both(arch, ask, example):
    """(prediction by `predict`'s code, by the contract), without batch axis."""
    contract = contract_of(arch)
    if "encoded" in example:
        pixels = np.asarray(Image.open(io.BytesIO(example["encoded"])))
        by_code = Stand(arch, ask)({"image": pixels[None]})
    else:
        by_code = Stand(arch, ask)({k: np.float32(v)[None] for k, v in example.items()})
    return {k: v[0] for k, v in by_code.items()}, predict(contract, contract["artifacts"][0], ask, **example)


def picture(photographs, name, h, w):
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(photographs[name][40 : 40 + h, 60 : 60 + w])).save(packed, "PNG")
    return {"encoded": packed.getvalue()}


SIZES = ((50, 70), (91, 33), (20, 24))
PHOTO = {"num_classes": CLASSES, "backbone": BACKBONE, "image_size": (32, 48)}
FITS = {
    "stretch": {"resize": "stretch"},
    "letterbox": {"resize": "letterbox"},
    "center_crop": {"resize": "center_crop", "crop_fraction": 0.9},
    "windows": {"resize": "windows"},
    "windows, flips": {"resize": "windows", "overlap": 0.3, "flips": (0, 1)},
    "flips": {"resize": "letterbox", "flips": (1,)},
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", SIZES)
def test_class_maps_of_pictures(fit, size, photographs):
    arch = create("semantic_segmentation/unet", **PHOTO, **FITS[fit])
    by_code, by_words = both(arch, probabilities, picture(photographs, "chelsea", *size))
    assert by_words["mask"].shape == size and len(np.unique(by_words["mask"])) > 1
    assert (by_code["mask"] == by_words["mask"]).mean() >= 0.999
    same = by_code["mask"] == by_words["mask"]
    np.testing.assert_allclose(by_words["confidence"][same], by_code["confidence"][same], atol=1e-4)


SCAN = {"num_classes": CLASSES, "volume_size": (6, 12, 12), "width": 4, "strides": ((1, 2, 2),)}
VOLUMES = {
    "its own spacing": {},
    "resampled": {"spacing_mm": (2.0, 1.1, 1.1)},
    "window, flips": {"window": (-1.0, 2.0), "flips": (0, 2), "overlap": 0.25},
}


@pytest.mark.parametrize("how", VOLUMES)
@pytest.mark.parametrize("size", [(9, 20, 15), (4, 12, 30)])
def test_class_maps_of_volumes(how, size):
    arch = create("volume_segmentation/unet3d", **SCAN, **VOLUMES[how])
    volume = np.random.default_rng(1).normal(0, 1, (*size, 1)).astype(np.float32)
    by_code, by_words = both(arch, probabilities, {"volume": volume, "spacing_mm": np.float32([2.5, 1.0, 0.9])})
    assert by_words["mask"].shape == size
    assert (by_code["mask"] == by_words["mask"]).mean() >= 0.999


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "center_crop"])
@pytest.mark.parametrize("size", SIZES)
def test_boxes(resize, size, photographs):
    arch = create("detection/retinanet", **PHOTO | {"image_size": (64, 128)}, resize=resize)
    by_code, by_words = both(arch, found(arch), picture(photographs, "coffee", *size))
    assert by_words["count"] == arch.suppression.max_detections - 3
    np.testing.assert_allclose(by_words["boxes_xyxy"], by_code["boxes_xyxy"], atol=1e-3)
    for key in ("scores", "labels", "count"):
        np.testing.assert_array_equal(by_words[key], by_code[key])


def test_a_box_around_what_was_drawn_is_found_where_it_was_drawn():
    """No code of ours on the other side: black on white, found on the prepared picture by its color."""
    page = np.full((90, 170, 3), 255, np.uint8)
    page[20:60, 100:150] = 0
    packed = io.BytesIO()
    Image.fromarray(page).save(packed, "PNG")
    arch = create("detection/retinanet", **PHOTO | {"image_size": (64, 64)}, resize="letterbox")

    def ask(inputs):
        rows, columns = np.nonzero(inputs["image"][0].max(-1) < 64)
        answer = {k: np.zeros((1, *g.shape), g.dtype) for k, g in arch.file_outputs().items()}
        answer["boxes_xyxy"][0, 0] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        return answer | {"count": np.int32([1])}

    contract = contract_of(arch)
    box = predict(contract, contract["artifacts"][0], ask, encoded=packed.getvalue())["boxes_xyxy"][0]
    np.testing.assert_allclose(box, [100, 20, 150, 60], atol=170 / 64)  # one pixel of the graph


@pytest.mark.parametrize("size", SIZES)
def test_instance_masks(size, photographs):
    fields = PHOTO | {"image_size": (64, 64), "resize": "center_crop"}  # boxes end inside of what they were
    arch = create("instance_segmentation/mask_rcnn", **fields)
    by_code, by_words = both(arch, found(arch, masks=True), picture(photographs, "rocket", *size))
    np.testing.assert_allclose(by_words["boxes_xyxy"], by_code["boxes_xyxy"], atol=1e-3)
    np.testing.assert_array_equal(by_words["image_hw"], by_code["image_hw"])
    rows = slice(0, 20)
    rule = contract_of(arch)["artifacts"][0]["paste"]
    mine = paste(by_words["masks"][rows], by_words["boxes_xyxy"][rows], size, rule["threshold"])
    theirs = paste_masks(by_code["masks"][rows], by_code["boxes_xyxy"][rows], size)
    assert mine.any() and (mine == theirs).mean() >= 0.999


def test_mediapipes_detections_become_boxes_of_the_original(photographs):
    """Parts of the sides of the prepared picture, top first; rows beyond the count mean nothing."""
    arch = create("detection/retinanet", **PHOTO | {"image_size": (64, 128)}, resize="letterbox")
    image = {"image": {"dtype": "uint8", "shape": [1, 64, 128, 3]}}
    shapes = dict(zip(described.DETECTIONS, ([1, 2, 4], [1, 2], [1, 2], [1]), strict=True))
    row = described.file(
        arch, {"inputs": image, "outputs": {k: {"dtype": "float32", "shape": s} for k, s in shapes.items()}}
    )
    outputs = {
        "location": np.float32([[0.25, 0.5, 0.75, 1.2], [0.1, 0.1, 9.0, 9.0]]),
        "category": np.float32([3, 7]),
        "score": np.float32([0.9, 0.8]),
        "count": np.float32(1),
    }
    geometry = {"scale_xy": np.float32([2, 2]), "offset_xy": np.float32([0, 8]), "image_hw": np.int32([24, 64])}
    answer = restore(row, outputs, geometry)
    np.testing.assert_allclose(answer["boxes_xyxy"], [[32, 4, 64, 20], [0, 0, 0, 0]])
    np.testing.assert_array_equal(answer["labels"], [3, -1])
    assert answer["count"] == 1 and answer["scores"][1] == 0
    assert row["outputs"]["location"]["unit"].startswith("part of the prepared image's height or width")


def test_integers_that_stand_for_numbers_are_read_as_these():
    arch = create("classification/classifier", **PHOTO)
    contract = contract_of(arch)
    (row,) = contract["artifacts"]
    row["inputs"]["image"] |= {"dtype": "uint8", "quantization": [2.0, 1]}
    row["outputs"]["probabilities"] |= {"dtype": "uint8", "quantization": [0.25, 10]}
    seen = []

    def ask(inputs):
        seen.append(inputs["image"])
        return {"probabilities": np.uint8([[10, 11, 14, 10, 9]])}

    packed = io.BytesIO()
    Image.fromarray(np.full((32, 48, 3), 101, np.uint8)).save(packed, "PNG")
    answer = predict(contract, row, ask, encoded=packed.getvalue())
    np.testing.assert_array_equal(answer["probabilities"], [0, 0.25, 1, 0, -0.25])
    assert seen[0].dtype == np.uint8 and (seen[0] == 51).all()  # 50.5 rounds to the even 50, and the zero point is 1


def test_units_are_those_of_the_file():
    detector = contract_of(create("detection/retinanet", **PHOTO | {"image_size": (64, 64)}))["artifacts"][0]
    assert detector["outputs"]["boxes_xyxy"]["unit"] == "pixel of the prepared image"
    segmenter = create("semantic_segmentation/unet", **PHOTO)
    outputs = contract_of(segmenter)["artifacts"][0]["outputs"]
    assert outputs == {"probabilities": {"dtype": "float32", "shape": [1, 32, 48, CLASSES], "unit": "probability"}}
    assert described.architecture(segmenter)["outputs"]["mask"]["unit"].startswith("class index")


def test_what_an_architecture_does_not_describe_is_no_guess():
    @dataclasses.dataclass(frozen=True)
    class Odd(type(create("classification/classifier", **PHOTO))):
        def to_original_pixels(self, prediction, geometry):
            return {k: 2 * v for k, v in prediction.items()}

    arch = Odd(**PHOTO)
    (row,) = contract_of(arch)["artifacts"]
    assert row["restore"] == {"rule": "other"}
    with pytest.raises(NotDescribedError, match="restore rule 'other' is not described"):
        restore(row, {"probabilities": np.zeros(CLASSES)}, {})
