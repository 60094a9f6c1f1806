"""`ops.volumes` against scipy, float64 numpy and `tf.image.resize`."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from scipy.interpolate import BSpline

from kerasvision.ops import volumes
from kerasvision.ops.dense import IGNORE

SPACING = np.array([3.0, 0.8, 1.3])


def volume_of(size=(9, 14, 11), channels=2, seed=0):
    return np.random.default_rng(seed).normal(size=(*size, channels)).astype(np.float32)


def sample_of(size=(9, 14, 11), channels=2, seed=0):
    mask = np.random.default_rng(seed).integers(0, 5, size).astype(np.uint8)
    sample = {"volume": volume_of(size, channels, seed), "mask": mask, "spacing_mm": SPACING.astype(np.float32)}
    return {k: tf.constant(v) for k, v in sample.items()} | {"label": tf.constant(7)}


def some_matrix(seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)), rng.uniform(-4, 4, (3, 1))], 1)


def source_index(size, matrix, displacement=0.0):
    """float64 [3, D, H, W]: index of the original that is seen at each voxel."""
    center = (np.array(size) - 1) / 2
    at = (np.moveaxis(np.indices(size), 0, -1) - center) * SPACING + displacement
    at = (at - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    return np.moveaxis(at / SPACING + center, -1, 0)


def check_warp(sample, moved, index, fill, mask_fill):
    for channel in range(sample["volume"].shape[-1]):
        volume = sample["volume"][..., channel].numpy().astype(float)
        wanted = ndimage.map_coordinates(volume, index, order=1, mode="grid-constant", cval=fill[channel])
        np.testing.assert_allclose(moved["volume"][..., channel], wanted, atol=2e-4)
    wanted = ndimage.map_coordinates(sample["mask"].numpy(), index, order=0, mode="grid-constant", cval=mask_fill)
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-3).all(0)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(moved["mask"].numpy()[clear], wanted[clear])


@pytest.mark.parametrize("new", [(9, 14, 11), (4, 30, 11), (17, 5, 23), (1, 1, 1), (9, 14, 5)])
def test_resize_as_scipy(new):
    old = (9, 14, 11)
    volume = np.stack([volume_of(seed=s) for s in range(2)])
    resized = volumes.resize(tf.constant(volume), new).numpy()
    nearest = volumes.resize(tf.constant(volume), new, smooth=False).numpy()
    at = np.meshgrid(*[(np.arange(n) + 0.5) * o / n - 0.5 for o, n in zip(old, new, strict=True)], indexing="ij")
    whole = tuple(np.floor(a + 0.5 + 1e-6).astype(int) for a in at)  # a tie goes up
    for batch in range(2):
        for channel in range(2):
            values = volume[batch, ..., channel].astype(float)
            wanted = ndimage.map_coordinates(values, at, order=1, mode="nearest")
            np.testing.assert_allclose(resized[batch, ..., channel], wanted, atol=1e-5)
            np.testing.assert_array_equal(nearest[batch, ..., channel], values[whole].astype(np.float32))
    if new == old:
        np.testing.assert_array_equal(resized, volume)


def test_resize_of_one_slice_is_that_of_an_image():
    image = np.random.default_rng(0).normal(size=(3, 13, 8, 2)).astype(np.float32)
    for smooth, method in ((True, "bilinear"), (False, "nearest")):
        resized = volumes.resize(tf.constant(image[:, None]), (4, 21, 5), smooth).numpy()
        for layer in range(4):
            np.testing.assert_array_equal(resized[:, layer], tf.image.resize(image, (21, 5), method))


def test_resize_in_a_graph_that_knows_no_sizes():
    volume = tf.constant(volume_of()[None])
    unknown = tf.TensorSpec([None, None, None, None, 2])
    graph = tf.function(volumes.resize, input_signature=[unknown, tf.TensorSpec([3], tf.int32)], autograph=False)
    for new in ((9, 14, 11), (5, 6, 20)):
        np.testing.assert_array_equal(graph(volume, tf.constant(new)), volumes.resize(volume, new))
    concrete = tf.function(lambda v: volumes.resize(v, (4, 5, 6)), autograph=False).get_concrete_function(unknown)
    assert concrete.output_shapes.as_list() == [None, 4, 5, 6, 2]
    mask = tf.cast(volume > 0, tf.uint8)
    assert volumes.resize(mask, (3, 3, 3), smooth=False).dtype == tf.uint8


def test_resize_has_a_gradient():
    volume = tf.constant(volume_of()[None])
    with tf.GradientTape() as tape:
        tape.watch(volume)
        total = tf.reduce_sum(volumes.resize(volume, (18, 28, 22)))
    np.testing.assert_allclose(tf.reduce_sum(tape.gradient(total, volume)), 8 * 9 * 14 * 11 * 2, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_displacement", [False, True])
@pytest.mark.parametrize("size", [(9, 14, 11), (1, 1, 1), (1, 12, 9)])
def test_warp_as_scipy(size, with_displacement, seed):
    sample, matrix = sample_of(size, seed=seed), some_matrix(seed)
    displacement = np.random.default_rng(seed).normal(0, 2, (*size, 3)) if with_displacement else None
    given = tf.constant(displacement, tf.float32) if with_displacement else None
    index = source_index(size, matrix, displacement if with_displacement else 0.0)
    moved = volumes.warp(sample, tf.constant(matrix, tf.float32), given)
    check_warp(sample, moved, index, sample["volume"].numpy().min((0, 1, 2)), IGNORE)
    four_rows = tf.constant(np.concatenate([matrix, [[0, 0, 0, 1]]]), tf.float32)
    check_warp(sample, volumes.warp(sample, four_rows, given, 0.5, 9), index, [0.5, 0.5], 9)
    assert moved["label"] == 7
    np.testing.assert_array_equal(moved["spacing_mm"], sample["spacing_mm"])


def test_warp_as_affine_transform_of_scipy():
    sample, matrix = sample_of(), some_matrix(5)
    inverse = np.linalg.inv(matrix[:, :3]) * SPACING / SPACING[:, None]
    center = (np.array([9, 14, 11]) - 1) / 2
    shift = np.linalg.inv(matrix[:, :3]) @ matrix[:, 3] / SPACING
    wanted = ndimage.affine_transform(
        *(sample["volume"][..., 0].numpy().astype(float), inverse, center - inverse @ center - shift),
        order=1,
        mode="grid-constant",
        cval=-2.0,
    )
    moved = volumes.warp(sample, tf.constant(matrix, tf.float32), fill=-2.0)
    np.testing.assert_allclose(moved["volume"][..., 0], wanted, atol=2e-4)


def test_an_identity_keeps_every_value():
    sample = sample_of()
    for displacement in (None, tf.zeros([9, 14, 11, 3])):
        moved = volumes.warp(sample, tf.eye(4), displacement)
        for key in sample:
            np.testing.assert_array_equal(moved[key], sample[key], key)


def test_warp_in_a_graph_that_knows_no_sizes():
    sample, matrix = sample_of(), tf.constant(some_matrix(1), tf.float32)
    specs = {"volume": tf.TensorSpec([None, None, None, None]), "mask": tf.TensorSpec([None] * 3, tf.uint8)}
    specs |= {"spacing_mm": tf.TensorSpec([3]), "label": tf.TensorSpec([], tf.int32)}
    graph = tf.function(
        lambda s, m: volumes.warp(s, m), input_signature=[specs, tf.TensorSpec([3, 4])], autograph=False
    )
    moved, eager = graph(sample, matrix), volumes.warp(sample, matrix)
    np.testing.assert_allclose(moved["volume"], eager["volume"], atol=5e-5)
    np.testing.assert_array_equal(moved["mask"], eager["mask"])
    del sample["mask"]
    assert volumes.warp(sample, matrix).keys() == sample.keys()


def test_a_matrix_takes_the_original_to_where_it_is_seen():
    """A dot 6 mm along D and 5.2 mm along W of the center, turned by 90 degrees about H: W turns to D, D to -W."""
    at = (np.moveaxis(np.indices((15, 31, 31)), 0, -1) - [7, 15, 15]) * SPACING - [6.0, 0.0, 5.2]
    dot = np.exp(-(at**2).sum(-1) / 18)[..., None]
    sample = {"volume": tf.constant(dot, tf.float32), "spacing_mm": tf.constant(SPACING, tf.float32)}
    turn = volumes.rotation(tf.constant([0.0, np.pi / 2, 0.0]))
    moved = volumes.warp(sample, tf.concat([turn, tf.zeros([3, 1])], 1))["volume"].numpy()[..., 0]
    middle = ndimage.center_of_mass(moved)
    np.testing.assert_allclose((np.array(middle) - [7, 15, 15]) * SPACING, [5.2, 0.0, -6.0], atol=0.05)


def test_rotation_turns_about_d_then_h_then_w():
    angles = np.array([0.3, -0.7, 1.1])
    wanted = np.eye(3)
    for axis in range(3):  # Rodrigues' formula
        cross = np.cross(np.eye(3)[axis], np.eye(3)).T
        wanted = (np.eye(3) + np.sin(angles[axis]) * cross + (1 - np.cos(angles[axis])) * cross @ cross) @ wanted
    np.testing.assert_allclose(volumes.rotation(tf.constant(angles, tf.float32)), wanted, atol=1e-6)


@pytest.mark.parametrize("start", [(1, 2, 3), (-3, 0, 4), (5, 12, -2), (-20, 0, 0), (0, 40, 0)])
@pytest.mark.parametrize("size", [(4, 5, 6), (12, 14, 20)])
@pytest.mark.parametrize("fill", [None, 3.5, (1.0, 2.0)])
def test_crop_or_pad(start, size, fill):
    sample = sample_of()
    moved = volumes.crop_or_pad(sample, start, size, fill, mask_fill=77 if fill else IGNORE)
    values = {"volume": sample["volume"].numpy(), "mask": sample["mask"].numpy()}
    fills = {"volume": values["volume"].min((0, 1, 2)) if fill is None else fill, "mask": 77 if fill else IGNORE}
    for key, held in values.items():
        around = np.full((100, 100, 100, *held.shape[3:]), fills[key], held.dtype)
        around[40:49, 40:54, 40:51] = held
        inside = tuple(slice(40 + a, 40 + a + n) for a, n in zip(start, size, strict=True))
        np.testing.assert_array_equal(moved[key], around[inside], key)
        assert moved[key].dtype == held.dtype
    assert moved["label"] == 7
    np.testing.assert_array_equal(moved["spacing_mm"], sample["spacing_mm"])


def test_a_graph_knows_the_size_of_a_window():
    specs = {"volume": tf.TensorSpec([None, None, None, 1]), "mask": tf.TensorSpec([None] * 3, tf.uint8)}
    graph = tf.function(lambda s, start: volumes.crop_or_pad(s, start, (4, 5, 6)), autograph=False)
    shapes = graph.get_concrete_function(specs, tf.TensorSpec([3], tf.int32)).structured_outputs
    assert shapes["volume"].shape == [4, 5, 6, 1]
    assert shapes["mask"].shape == [4, 5, 6]


def test_separable_field():
    rng = np.random.default_rng(0)
    coefficients, weights = rng.normal(size=(3, 4, 5, 2)), [rng.normal(size=s) for s in ((7, 3), (6, 4), (8, 5))]
    wanted = np.einsum("ijkc,di,hj,wk->dhwc", coefficients, *weights)
    given = tf.constant(coefficients, tf.float32), [tf.constant(w, tf.float32) for w in weights]
    np.testing.assert_allclose(volumes.separable(*given), wanted, atol=1e-5)


@pytest.mark.parametrize(("count", "step"), [(20, 0.13), (1, 0.5), (7, 1.0), (5, 2.6)])
def test_spline_weights_as_scipy(count, step):
    at = np.arange(count) * step
    points = int(np.floor(at[-1])) + 4
    wanted = BSpline.design_matrix(at + 3, np.arange(points + 4), 3).toarray()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(volumes.spline_weights(count, step), wanted, atol=2e-5)
