"""The preprocessing that is written from a contract's words alone gives what the graph is given, to the bit."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from kerasvision.core.registry import create
from kerasvision.data.decode import decode as in_graph
from kerasvision.edge.independent import NotDescribedError, decode, prepare
from kerasvision.edge.independent.resampling import resize, shrink, to_bytes
from kerasvision.export import examples

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))
PHOTO = {"num_classes": 4, "backbone": BACKBONE, "image_size": (24, 40)}
SMALL = {"image_size": (16, 16), "width": 4, "depth": 2}
SCAN = {"num_classes": 3, "volume_size": (8, 16, 16), "width": 4}
FAMILIES = {
    "stretch": ("classification/classifier", PHOTO),
    "letterbox": ("detection/retinanet", PHOTO | {"image_size": (64, 128), "resize": "letterbox"}),
    "letterbox area": ("classification/classifier", PHOTO | {"resize": "letterbox", "resample": "area"}),
    "center_crop": ("classification/multi_label", PHOTO | {"resize": "center_crop", "crop_fraction": 0.875}),
    "bicubic": ("classification/classifier", PHOTO | {"resample": "bicubic"}),
    "nearest": ("classification/classifier", PHOTO | {"resample": "nearest"}),
    "windows": ("semantic_segmentation/unet", PHOTO | {"image_size": (64, 64), "resize": "windows"}),
    "present": ("classification/incomplete_classifier", PHOTO | {"resize": "letterbox"}),
    "noise": ("generation/cvae", SMALL | {"latent": 3}),
    "large": ("classification/classifier", PHOTO | {"image_size": (320, 256)}),
    "volume": ("volume_segmentation/unet3d", SCAN),
    "volume window": ("volume_classification/cnn3d", SCAN | {"window": (-50.0, 100.0)}),
    "volume spacing": ("volume_segmentation/unet3d", SCAN | {"spacing_mm": (1.5, 1.2, 1.2)}),
    "volume cut": ("volume_classification/cnn3d", SCAN | {"spacing_mm": (1.5, 1.2, 1.2)}),
}


def read(packed, number):
    """What the file of examples holds of one number, and the example as `prepare` takes it."""
    start = f"/{number:02d}"
    held = {k.replace(start, ""): v for k, v in packed.items() if start in k}
    if "encoded" in held:
        return held, {"encoded": held["encoded"].tobytes()}
    return held, {k: held[k] for k in ("volume", "spacing_mm")}


@pytest.mark.parametrize("family", FAMILIES)
def test_prepared_examples_are_made_again_from_the_contract_alone(family):
    """Pictures to the bit; volumes but for the rounding of their mean, a sum of numbers in another order."""
    name, fields = FAMILIES[family]
    arch = create(name, **fields)
    content = examples.examples_of(arch)
    packed = dict(np.load(io.BytesIO(content)))
    is_volume = "volume" in arch.serving_inputs()
    count = examples.VOLUMES if is_volume else examples.PICTURES
    assert len(content) < 1_000_000 and len({k.split("/")[1] for k in packed}) == count
    for number in range(count):
        held, example = read(packed, number)
        inputs, geometry = prepare(arch.preprocessing(), **example)
        assert set(inputs) == set(arch.prepared_inputs())
        for key, whole in inputs.items():
            begin, part = held[f"begin/{key}"], held[f"prepared/{key}"]
            assert whole.dtype == part.dtype and list(whole.shape) == list(held[f"size/{key}"])
            mine = whole[tuple(slice(b, b + s) for b, s in zip(begin, part.shape, strict=True))]
            np.testing.assert_allclose(mine, part, rtol=0, atol=3e-6 if is_volume else 0)
        for key in (k for k in held if k.startswith("geometry/")):
            np.testing.assert_allclose(geometry[key.removeprefix("geometry/")], held[key], rtol=1e-6)


def test_examples_are_the_same_each_time_and_show_every_part_of_the_input():
    arch = create("classification/classifier", **PHOTO | {"image_size": (320, 256)})
    content = examples.examples_of(arch)
    assert content == examples.examples_of(arch)
    begins = {tuple(v) for k, v in np.load(io.BytesIO(content)).items() if k.startswith("begin")}
    assert len(begins) >= 5, "corners and the middle"


def test_an_architecture_that_does_not_say_how_is_told_so():
    with pytest.raises(NotDescribedError, match="preprocess 1 of 'other' is not described"):
        prepare({"version": 1, "kind": "other"}, encoded=examples.drawn(0))
    rules = create("classification/classifier", **PHOTO).preprocessing()
    with pytest.raises(NotDescribedError, match="preprocess 2"):
        prepare(rules | {"version": 2}, encoded=examples.drawn(0))


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest", "area"])
def test_resizing_is_tensorflows(method):
    """40 sizes up and down, odd and of one pixel. Bytes may differ by 1 where a processor fuses multiply and add."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        h, w, new_h, new_w = rng.integers(1, 90, 4)
        pixels = rng.integers(0, 256, (h, w, 3)).astype(np.uint8)
        theirs = tf.image.resize(pixels, (new_h, new_w), method=method).numpy().astype(np.float32)
        mine = resize(pixels, (new_h, new_w), method)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=2e-4)
        apart = to_bytes(mine) != np.clip(np.round(theirs), 0, 255).astype(np.uint8)
        assert apart.mean() <= 1e-3


def test_bilinear_finds_a_ramp_where_it_was_drawn():
    """Closed form: a ramp over x has at (i + 0.5) * 4 / 3 - 0.5 its own value, away from the border."""
    ramp = np.tile(np.arange(40, dtype=np.uint8)[None, :, None], (4, 1, 3))
    places = (np.arange(30) + 0.5) * 4 / 3 - 0.5
    np.testing.assert_allclose(resize(ramp, (4, 30))[0, :, 0], places, atol=1e-5)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_sides_that_shrink_by_more_than_two_are_means(method):
    """Closed form: sides that are multiples of three; and one that shrinks by two alone, which is interpolated."""
    pixels = np.random.default_rng(1).integers(0, 256, (15, 21, 3)).astype(np.uint8)
    means = pixels.reshape(5, 3, 7, 3, 3).mean((1, 3))
    np.testing.assert_allclose(shrink(pixels, (5, 7), method), means, rtol=1e-6)
    rows = pixels.reshape(5, 3, 21, 3).mean(1)
    np.testing.assert_allclose(shrink(pixels, (5, 12), method), resize(rows, (5, 12), method), rtol=1e-5)
    np.testing.assert_array_equal(shrink(pixels, (8, 11), method), resize(pixels, (8, 11), method))


def test_averages_keep_a_ramp_in_its_place():
    """Closed form, also where sides are no multiples: a pixel at x is the mean of its own x * W / w."""
    ramp = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 1))
    found = shrink(ramp, (17, 17), "bilinear")[8, :, 0]
    np.testing.assert_allclose(found, (np.arange(17) + 0.5) * 100 / 17 - 0.5, atol=0.2)


@pytest.mark.parametrize("number", range(examples.PICTURES))
def test_pictures_are_decoded_as_in_the_graph_and_as_pillow_shows_them(number):
    encoded = examples.drawn(number)
    rule = create("classification/classifier", **PHOTO).preprocessing()["exif_orientation"]
    np.testing.assert_array_equal(decode(encoded, rule), in_graph(tf.constant(encoded)))
    image = Image.open(io.BytesIO(encoded))
    if image.mode in ("RGB", "L"):
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        np.testing.assert_array_equal(decode(encoded, "applied"), upright)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_pillows(orientation):
    pixels, exif, packed = np.arange(30, dtype=np.uint8).reshape(2, 5, 3), Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(packed, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(packed.getvalue())))
    np.testing.assert_array_equal(decode(packed.getvalue(), "applied"), np.asarray(upright))
    np.testing.assert_array_equal(decode(packed.getvalue(), "ignored"), pixels)


FAULTS = {
    "black padding": lambda rules: rules | {"letterbox": rules["letterbox"] | {"gray": 0}},
    "stretched": lambda rules: rules | {"resize": "stretch"},
    "another resampling": lambda rules: rules | {"resample": "nearest", "antialias": "none"},
    "width and height": lambda rules: rules | {"size_hw": rules["size_hw"][::-1]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_contract_that_says_other_than_the_graph_does_is_seen(fault):
    arch = dataclasses.replace(create("classification/classifier", **PHOTO), resize="letterbox")
    packed = dict(np.load(io.BytesIO(examples.examples_of(arch))))
    apart = 0
    for number in range(examples.PICTURES):
        held, example = read(packed, number)
        inputs, _ = prepare(FAULTS[fault](arch.preprocessing()), **example)
        apart += not np.array_equal(inputs["image"], held["prepared/image"])
    assert apart > examples.PICTURES / 2
