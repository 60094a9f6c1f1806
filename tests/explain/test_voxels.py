"""The heat of a volume lies in the file where it lay in the graph; one position and one mask can be asked for."""

import nibabel
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.volumes import read_volume, write_values
from kerasvision.explain.voxels import in_voxels
from kerasvision.ops.masks import paste_masks
from kerasvision.tasks.detection._targets import BoxTarget
from kerasvision.tasks.instance_segmentation._targets import MaskTarget
from kerasvision.tasks.targets import Asked, score_of_inputs

GRAPH = (8, 16, 16)


def segmenter(**fields):
    return create("volume_segmentation/unet3d", num_classes=2, volume_size=GRAPH, window=(0.0, 1.0), **fields)


@pytest.mark.parametrize("size", [(8, 16, 16), (5, 12, 16), (13, 17, 30)])
def test_heat_lies_on_the_voxels_that_the_graph_saw(size):
    """A volume of random voxels is its own heat, in what the graph sees of it: the center of what is larger."""
    given = np.random.default_rng(0).random((1, *size, 1)).astype(np.float32)
    arch = segmenter()
    prepared, _ = arch.geometry({"volume": tf.constant(given), "spacing_mm": tf.ones([1, 3])})
    seen = arch.at_graph_size(prepared)["volume"][0, ..., 0].numpy()
    found = in_voxels(arch, (seen + 1) / 2, size, (1, 1, 1))
    assert found.shape == size
    inside = found != 0
    np.testing.assert_allclose(found[inside], given[0, ..., 0][inside], atol=1e-6)
    assert inside.sum() == np.prod(np.minimum(size, GRAPH))


@pytest.mark.parametrize(("spacing", "factor"), [((1.0, 1.0, 1.0), 0.5), ((4.0, 2.0, 2.0), 1.0)])
def test_heat_of_a_resampled_volume_is_linear_in_between(spacing, factor):
    """Voxels of 2 mm in the graph: the center of voxel i of a row lies at (i + 0.5) * factor - 0.5 of the graph's."""
    arch = segmenter(spacing_mm=(4.0, 2.0, 2.0))
    heat = np.broadcast_to(np.arange(16, dtype=np.float32), GRAPH)
    size = tuple(round(g * t / s) for g, t, s in zip(GRAPH, (4.0, 2.0, 2.0), spacing, strict=True))
    found = in_voxels(arch, heat, size, spacing)
    at = (np.arange(size[2]) + 0.5) * factor - 0.5
    np.testing.assert_allclose(found, np.broadcast_to(np.clip(at, 0, 15), size), atol=1e-5)


@pytest.mark.parametrize("size", [(4, 10, 40), (12, 16, 15)])
def test_a_classifier_s_cut_or_padded_volume_is_put_back(size):
    arch = create(
        "volume_classification/cnn3d", num_classes=2, volume_size=GRAPH, window=(0.0, 1.0), spacing_mm=(1.0, 1.0, 1.0)
    )
    given = np.random.default_rng(0).random((1, *size, 1)).astype(np.float32)
    prepared, _ = arch.geometry({"volume": tf.constant(given), "spacing_mm": tf.ones([1, 3])})
    found = in_voxels(arch, (prepared["volume"][0, ..., 0].numpy() + 1) / 2, size, (1, 1, 1))
    inside = found != 0
    np.testing.assert_allclose(found[inside], given[0, ..., 0][inside], atol=1e-6)
    assert inside.sum() == np.prod(np.minimum(size, GRAPH))


def test_the_file_lies_where_the_volume_does(tmp_path):
    """Axes that are turned and counted backwards, a shifted origin: nibabel finds what is hottest where it was lit."""
    affine = np.array([[0, -2.0, 0, 30], [1.5, 0, 0, -7], [0, 0, -3.0, 11], [0, 0, 0, 1]])
    stored = np.zeros((16, 12, 6), np.float32)
    stored[11, 3, 1] = 1.0
    nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "in.nii.gz")
    volume, arch = read_volume(tmp_path / "in.nii.gz"), segmenter()
    inputs = {"volume": tf.constant(volume.array)[None], "spacing_mm": tf.constant(volume.spacing_mm)[None]}
    seen = arch.at_graph_size(arch.geometry(inputs)[0])["volume"][0, ..., 0].numpy()
    heat = in_voxels(arch, (seen + 1) / 4, volume.grid.size_dhw, volume.spacing_mm)
    write_values(heat, volume, tmp_path / "out" / "heat.nii.gz")
    found = nibabel.load(tmp_path / "out" / "heat.nii.gz")
    np.testing.assert_allclose(found.affine, affine, atol=1e-6)
    assert found.get_data_dtype() == np.float32 and found.shape == stored.shape
    np.testing.assert_allclose(found.get_fdata(), stored / 2, atol=1e-6)
    with pytest.raises(UsageError, match="heat.npz: an array is written as .nii.gz or .nii"):
        write_values(heat, volume, tmp_path / "heat.npz")


def lit(arch, shape, place):
    """Raw whose class 1 is predicted where one pixel or voxel of an input shines; its geometry."""
    given = np.zeros((1, *shape, 3 if len(shape) == 2 else 1), np.float32)
    given[(0, *place)] = 255 if len(shape) == 2 else 1
    inputs = {"image": tf.cast(given, tf.uint8)}
    if len(shape) == 3:
        inputs = {"volume": tf.constant(given), "spacing_mm": tf.ones([1, 3])}
    prepared, geometry = arch.geometry(inputs)
    ((_, seen),) = arch.at_graph_size(prepared).items()
    seen = tf.cast(seen[..., 0], tf.float32).numpy()
    return tf.one_hot(seen == seen.max(), 2), geometry


WINDOWS = {"num_classes": 2, "image_size": (32, 32), "resize": "windows"}


@pytest.mark.parametrize(
    ("arch", "shape", "place"),
    [
        (create("semantic_segmentation/unet", **WINDOWS), (20, 50), (7, 31)),
        (create("semantic_segmentation/unet", **WINDOWS), (64, 33), (40, 2)),
        (segmenter(), (13, 12, 30), (6, 10, 20)),
    ],
    ids=["low picture", "high picture", "volume"],
)
def test_the_pixel_that_is_asked_for_is_the_one_that_shines(arch, shape, place):
    logits, geometry = lit(arch, shape, place)
    names, at = ("dark", "light"), place[::-1]
    (target,) = arch.targets().choose({"logits": logits}, geometry, names, Asked(at=at))
    assert target.index == 1 and target.text == f"light at {', '.join(map(str, at))}"
    assert target.region.sum() == 1 and logits.numpy()[0][target.region][0, 1] == 1
    (other,) = arch.targets().choose({"logits": logits}, geometry, names, Asked(("dark",), at=at))
    assert other.index == 0 and (other.region == target.region).all()
    for wrong, says in (
        ((-1, *at[1:]), "lies outside; allowed: x 0 to"),
        ((shape[-1], *at[1:]), "lies outside; allowed: x 0 to"),
        (at[:1], "this model takes"),
        ((0,) * len(at), "lies outside of the center"),
    ):
        with pytest.raises(UsageError, match=says):
            arch.targets().choose({"logits": logits}, geometry, names, Asked(at=wrong))
    with pytest.raises(UsageError, match="both say where to look"):
        arch.targets().choose({"logits": logits}, geometry, names, Asked(region="dark", at=at))


def mask_raw(logits):
    """Two proposals, the first with the given mask logits [m, m] of class 1."""
    masks = np.full((1, 2, *logits.shape, 2), -9.0, np.float32)
    masks[0, 0, ..., 1] = logits
    regions = np.array([[[4, 8, 12, 16], [20, 20, 30, 30]]], np.float32)
    return {"masks": tf.constant(masks), "regions_xyxy": tf.constant(regions)}


def test_an_object_s_mask_is_scored_by_its_own_cells():
    logits = np.float32([[2, -1], [4, -3]])
    raw, cells = mask_raw(logits), logits > 0
    box = BoxTarget(None, (4.0, 8.0, 12.0, 16.0), 1, (0.0, 0.0, 32.0, 32.0), "0: cup")
    region = paste_masks(1 / (1 + np.exp(-logits[None])), np.float32([[4, 8, 12, 16]]), (32, 32))[0]
    target = MaskTarget(box, cells, region, "mask of 0: cup")
    np.testing.assert_allclose(target.score(raw), [3.0])
    np.testing.assert_allclose(target.likely().score(raw), [np.mean(1 / (1 + np.exp(-np.float64([2, 4]))))], rtol=1e-6)
    moved = raw | {"regions_xyxy": raw["regions_xyxy"] + [2.0, 0, 2, 0]}  # IoU 6 / 10
    np.testing.assert_allclose(target.score(moved), [3.0])
    away = raw | {"regions_xyxy": raw["regions_xyxy"] + [3.0, 0, 3, 0]}  # IoU 5 / 11
    np.testing.assert_allclose(target.score(away), [0.0])
    with pytest.raises(KerasVisionError, match="no pixel of its box"):
        MaskTarget(box, ~cells & cells, region, "mask of 0: cup")


def test_the_gradient_of_a_mask_goes_to_its_own_cells_alone():
    image = keras.Input((2, 2, 1), name="image")
    raw = mask_raw(np.zeros((2, 2), np.float32))
    two = keras.layers.Lambda(lambda x: tf.stack([tf.stack([x[..., 0] * 0, x[..., 0]], -1)] * 2, 1), name="masks")(
        image
    )
    boxes = keras.layers.Lambda(lambda x: raw["regions_xyxy"] + 0 * x[:, :1, 0], name="boxes")(image)
    graph = keras.Model({"image": image}, {"masks": two, "regions_xyxy": boxes})
    cells = np.array([[True, False], [True, False]])
    box = BoxTarget(None, (4.0, 8.0, 12.0, 16.0), 1, (0.0, 0.0, 32.0, 32.0))
    target, values = MaskTarget(box, cells, None), tf.constant([[[[3.0], [5.0]], [[7.0], [9.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = score_of_inputs(graph, {"image": values}, target)
    np.testing.assert_allclose(found, [5.0])
    np.testing.assert_allclose(tape.gradient(found, values)[0, ..., 0], cells / 2)
