"""How the page prepares pictures in JavaScript, against TensorFlow's graph, Pillow and closed forms. Under node."""

import gzip
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kerasvision.core.registry import create
from kerasvision.edge import golden as goldens
from kerasvision.edge.independent.predicting import typed
from tests.export.page_modules import SITE, called, needs_node, picture, pixels_of

pytestmark = needs_node

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))
PHOTO = {"num_classes": 4, "backbone": BACKBONE, "image_size": (24, 40)}
WAYS = {
    "stretch": PHOTO,
    "no antialias": PHOTO | {"antialias": False},
    "letterbox": PHOTO | {"resize": "letterbox"},
    "letterbox area": PHOTO | {"resize": "letterbox", "resample": "area"},
    "center_crop": PHOTO | {"resize": "center_crop", "crop_fraction": 0.875},
    "bicubic": PHOTO | {"resample": "bicubic"},
    "nearest": PHOTO | {"resample": "nearest"},
    "large": PHOTO | {"image_size": (160, 96)},
}
SIDES = [(1, 1), (24, 40), (23, 41), (49, 80), (131, 97), (67, 300)]


def drawn(side, seed=0):
    """Smooth and hard edges, and noise: uint8 [H, W, 3]."""
    rng, (h, w) = np.random.default_rng(seed), side
    y, x = np.mgrid[:h, :w]
    smooth = 127 + 100 * np.sin(x / 7 + y / 11)[..., None] * [1, 0.5, -1]
    noise = rng.integers(-60, 61, (h, w, 3)) * ((x // 8 + y // 8) % 2)[..., None]
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def fitted():
    """[(way, pixels, what TensorFlow's graph makes of them, its geometry, what the page's module makes)]."""
    archs = {way: create("classification/classifier", **fields) for way, fields in WAYS.items()}
    fields = PHOTO | {"image_size": (64, 64), "resize": "windows"}
    archs["windows"] = create("semantic_segmentation/unet", **fields)
    rows = []
    for way, arch in archs.items():
        for number, side in enumerate(SIDES):
            pixels = drawn(side, number)
            inputs, geometry = arch.geometry({"image": tf.constant(pixels[None])})
            rows.append((way, arch, pixels, inputs["image"][0].numpy(), {k: v[0].numpy() for k, v in geometry.items()}))
    mine = called(*(("fitting.js", "fit", picture(pixels), arch.preprocessing()) for _, arch, pixels, _, _ in rows))
    return [(way, p, theirs, g, ours) for (way, _, p, theirs, g), ours in zip(rows, mine, strict=True)]


@pytest.mark.parametrize("way", [*WAYS, "windows"])
def test_pictures_are_prepared_as_in_the_graph_within_a_gray_level(fitted, way):
    rows = [row for row in fitted if row[0] == way]
    assert len(rows) == len(SIDES)
    changed = 0
    for _, pixels, theirs, geometry, ours in rows:
        mine = pixels_of(ours["fitted"])
        assert mine.shape == theirs.shape, pixels.shape
        away = np.abs(mine.astype(int) - theirs)
        assert away.max() <= goldens.MOST_GRAY
        changed += (away > 0).sum()
        np.testing.assert_allclose(ours["geometry"]["scale"], geometry["scale_xy"], rtol=1e-6)
        np.testing.assert_allclose(ours["geometry"]["offset"], geometry["offset_xy"], rtol=1e-6)
        assert (ours["geometry"]["height"], ours["geometry"]["width"]) == pixels.shape[:2]
    assert changed == 0, "the same operations in the same order, each rounded to float32"


def test_a_ramp_stays_a_ramp_and_an_area_is_a_mean():
    """Closed forms: bilinear is exact on a linear ramp away from the border, and area of whole pixels is their mean."""
    ramp = np.tile((np.arange(20, dtype=np.uint8) * 4)[None, :, None], (3, 1, 3))
    blocks = drawn((12, 18))
    twice, means = called(
        ("resampling.js", "bilinear", picture(ramp), 3, 40), ("resampling.js", "area", picture(blocks), 4, 6)
    )
    expected = ((np.arange(40) + 0.5) / 2 - 0.5) * 4
    assert np.abs(pixels_of(twice)[:, 1:-1, 0] - expected[1:-1]).max() < 1e-5
    whole = blocks.reshape(4, 3, 6, 3, 3).astype(np.float64).mean((1, 3))
    assert np.abs(pixels_of(means) - whole).max() < 1e-4


def test_what_cannot_be_prepared_is_one_line():
    rules = create("classification/classifier", **PHOTO).preprocessing()
    wrong = [rules | {"version": 2}, {"version": 1, "kind": "text"}, rules | {"present": {}}, rules | {"resize": "x"}]
    for held, words in zip(
        called(*(("fitting.js", "fit", picture(drawn((3, 3))), one) for one in wrong)),
        ("this client knows 1", "prepares pictures alone", "which pixels are missing", '"x" with resample'),
        strict=True,
    ):
        assert words in held["error"] and "\n" not in held["error"]


NUMBERS = [
    0.0,
    6e-08,
    1.2e-7,
    0.00032,
    1e-4,
    9.96e-5,
    0.0995,
    0.125,
    0.375,
    2.5,
    0.25,
    1.0,
    9.95,
    99.4,
    99.6,
    255.0,
    1e9,
]


def test_numbers_are_written_as_in_python():
    assert called(*(("tensors.js", "twoDigits", value) for value in NUMBERS)) == [f"{value:.2g}" for value in NUMBERS]


def test_numbers_of_files_are_rounded_half_to_even():
    row = {"dtype": "int8", "quantization": [0.5, 3]}
    values = np.float32([-100, -0.75, -0.25, 0.25, 0.75, 1.25, 80])
    (mine,) = called(("tensors.js", "typed", values, row))
    assert mine.view(np.int8).tolist() == typed(values, row).tolist() == [-128, 1, 3, 3, 5, 5, 127]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright_as_by_pillow(orientation):
    pixels, held, exif = drawn((5, 9)), io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(held, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(held)))
    encoded = np.frombuffer(held.getvalue(), np.uint8)
    cleaned, mine = called(
        ("decoding.js", "cleaned", encoded), ("decoding.js", "upright", picture(pixels), orientation)
    )
    assert cleaned["orientation"] == orientation and np.array_equal(pixels_of(mine), upright)
    kept = Image.open(io.BytesIO(b"".join(part.tobytes() for part in cleaned["kept"])))
    assert not kept.getexif() and np.array_equal(np.asarray(kept), pixels)


def encoded_as(form, exif):
    held, pixels = io.BytesIO(), drawn((16, 16))
    Image.fromarray(pixels).save(held, form, exif=exif) if exif else Image.fromarray(pixels).save(held, form)
    return np.frombuffer(held.getvalue(), np.uint8)


def test_tags_are_found_in_every_form_and_damaged_ones_count_for_nothing():
    exif = Image.Exif()
    exif[0x0112] = 6
    forms = ("JPEG", "PNG", "WEBP")
    files = [encoded_as(form, exif) for form in forms] + [encoded_as(form, None) for form in (*forms, "GIF", "BMP")]
    told = called(*(("decoding.js", "cleaned", file) for file in files))
    assert [held["orientation"] for held in told] == [6, 6, 6, 1, 1, 1, 1, 1]
    cut = np.frombuffer(exif.tobytes()[6:], np.uint8)
    assert called(("decoding.js", "orientationOf", cut), ("decoding.js", "orientationOf", cut[:12])) == [6, 1]
    (no,) = called(("decoding.js", "kindOf", np.frombuffer(b"no picture", np.uint8)))
    assert "no JPEG, PNG" in no["error"]


def test_what_is_compressed_is_unpacked_and_what_a_browser_has_unpacked_stays():
    whole = np.frombuffer(b"\0asm" + bytes(range(256)) * 99, np.uint8)
    packed = np.frombuffer(gzip.compress(whole.tobytes()), np.uint8)
    for held in called(("packed.js", "inflated", packed), ("packed.js", "inflated", whole)):
        np.testing.assert_array_equal(held, whole)


def test_modules_and_functions_are_short():
    """As `tests/test_architecture.py` has it of Python: 300 lines a file; functions of 40, by their indented bodies."""
    files = sorted(SITE.iterdir())
    assert {path.suffix for path in files} == {".js", ".html", ".css"}
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 300 and max(map(len, lines)) <= 120, path
        begun = None
        for number, line in enumerate(lines):
            if line.lstrip().startswith(("export function", "function", "export async function", "async ")):
                begun = (number, len(line) - len(line.lstrip()))
            elif begun and line.startswith(" " * begun[1] + "}"):
                assert number - begun[0] < 40, f"{path.name}:{begun[0] + 1}"
                begun = None
