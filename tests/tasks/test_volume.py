"""How voxels reach the graph: intensities, spacing, padding; and that training and serving see the same."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.ops.dense import IGNORE

SHAPE, SPACING = (9, 14, 11), np.float32([3.0, 1.5, 2.0])


def scan():
    rng = np.random.default_rng(0)
    volume = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5)
    volume = (2000 * volume + 40).astype(np.float32)[..., None]
    return {
        "volume": volume,
        "spacing_mm": SPACING,
        "mask": (volume[..., 0] > 300).astype(np.uint8),
        "label": np.int32(1),
    }


def segmenter(**fields):
    held = {"num_classes": 2, "volume_size": (8, 16, 16), "strides": ((2, 2, 2),), "width": 2}
    return create("volume_segmentation/unet3d", **held | fields)


def prepared(arch, sample):
    batch = {k: tf.constant(sample[k][None]) for k in arch.serving_inputs()}
    volume, geometry = arch.geometry(batch)
    return volume["volume"].numpy()[0], geometry


def test_a_window_of_intensities_becomes_minus_one_to_one():
    found, _ = prepared(segmenter(window=(-100.0, 300.0)), scan())
    expected = np.clip((scan()["volume"] + 100) / 200 - 1, -1, 1)
    np.testing.assert_allclose(found[:9, :14, :11], expected, atol=1e-5)


def test_without_a_window_the_volume_is_its_own_measure():
    found, _ = prepared(segmenter(), scan())
    volume = scan()["volume"]
    np.testing.assert_allclose(found[:9, :14, :11], (volume - volume.mean()) / volume.std(), atol=1e-4)


def test_a_constant_volume_is_no_division_by_zero():
    found, _ = prepared(segmenter(), scan() | {"volume": np.full((*SHAPE, 1), 7, np.float32)})
    assert np.isfinite(found).all()


def test_volumes_are_resampled_to_the_spacing_and_answers_back():
    arch = segmenter(spacing_mm=(1.5, 1.5, 1.0), window=(-1000.0, 1000.0))
    found, geometry = prepared(arch, scan())
    assert geometry["fitted_dhw"].numpy().tolist() == [[18, 14, 22]]
    assert found.shape == (18, 16, 22, 1), "padded to the graph's size where it is smaller"
    one_axis = arch.standardized(tf.constant(scan()["volume"][None]), tf.constant(SPACING[None])).numpy()[0]
    centers = [(np.arange(n) + 0.5) * old / n - 0.5 for n, old in zip((18, 14, 22), SHAPE, strict=True)]
    grid = np.meshgrid(*centers, indexing="ij")
    expected = ndimage.map_coordinates(scan()["volume"][..., 0], grid, order=1, mode="nearest")
    np.testing.assert_allclose(one_axis[..., 0], np.clip(expected, -1000, 1000) / 1000, atol=0.02)
    probabilities = tf.one_hot(tf.cast(tf.constant(found[None, ..., 0]) > 0.3, tf.int32), 2)
    answer = arch.finish(probabilities, geometry)
    assert answer["mask"].shape == (1, *SHAPE)


@pytest.mark.parametrize("fields", [{}, {"spacing_mm": (1.5, 1.5, 1.0)}, {"window": (-100.0, 500.0)}])
def test_training_sees_what_serving_sees(fields):
    """`receive`, before augmentation, and `geometry`, which pads beside."""
    for arch in (segmenter(**fields), create("volume_classification/cnn3d", num_classes=2, **fields)):
        sample = {k: tf.constant(v) for k, v in scan().items()}
        received = arch.receive(sample)
        if "mask" in arch.label_keys:
            served, _ = prepared(arch, scan())
            d, h, w, _ = received["volume"].shape
            np.testing.assert_array_equal(received["volume"], served[:d, :h, :w])
            assert received["mask"].shape == received["volume"].shape[:3]
        else:
            trained, _ = arch.example(received)
            np.testing.assert_array_equal(trained["volume"], prepared(arch, scan())[0])
        if fields.get("spacing_mm"):
            np.testing.assert_array_equal(received["spacing_mm"], fields["spacing_mm"])


def test_a_volume_smaller_than_the_patch_is_padded_with_what_counts_nowhere():
    arch = segmenter(volume_size=(16, 16, 16))
    volume, targets = arch.example(arch.receive({k: tf.constant(v) for k, v in scan().items()}))
    assert volume["volume"].shape == (16, 16, 16, 1)
    annotated = (targets["logits"].numpy() != 0).any(-1)
    assert annotated.sum() == np.prod(SHAPE)
    assert annotated[3, 1, 2] and not annotated[2, 1, 2]
    assert IGNORE == 255


def test_a_spacing_that_is_no_length_is_said():
    arch = segmenter(spacing_mm=(1.0, 1.0, 1.0))
    for spacing in ([0.0, 1.0, 1.0], [np.nan, 1.0, 1.0], [-1.0, 1.0, 1.0]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="a volume's spacing is one positive length of mm"):
            prepared(arch, scan() | {"spacing_mm": np.float32(spacing)})


@pytest.mark.parametrize(
    "fields",
    [
        {"spacing_mm": (1.0, 1.0)},
        {"spacing_mm": (1.0, 0.0, 1.0)},
        {"window": (5.0, 5.0)},
        {"window": (1.0,)},
        {"volume_size": (0, 8, 8)},
        {"flips": (3,)},
    ],
)
def test_fields_beyond_what_is_possible_are_refused(fields):
    with pytest.raises(UsageError, match="allowed|give 1 or more"):
        segmenter(**fields)


@pytest.mark.parametrize("name", ["volume_segmentation/unet3d", "volume_classification/cnn3d"])
def test_a_size_that_its_strides_do_not_divide_is_refused(name):
    held = {"num_classes": 2, "volume_size": (10, 16, 16)}
    with pytest.raises(KerasVisionError, match=r"no multiple of \(4, 4, 4\)"):
        create(name, strides=((2, 2, 2), (2, 2, 2)), **held).build()
    with pytest.raises(KerasVisionError, match="give 1 or more along every axis"):
        create(name, strides=((0, 2, 2),), **held).build()
