"""Every defense beside SciPy, Pillow and arithmetic; its gradients; what is refused."""

import io

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import tensorflow as tf
from PIL import Image, ImageOps

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, defenses
from kerasvision.defenses import cosine
from kerasvision.defenses.base import Defense

SHAPE = (3, 20, 28, 3)  # sides that are no multiple of 8
NAMES = ("bit_depth", "cosine", "median", "resize_pad")


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def smooth():
    """Pictures as photographs are: neighbors are alike."""
    walk = np.cumsum(np.random.default_rng(1).normal(0, 12, SHAPE), 2) + 128
    return np.rint(np.clip(scipy.ndimage.uniform_filter(walk, (0, 3, 3, 0)), 0, 255)).astype(np.float32)


def slope(defense, pixels):
    """Of the sum of what a defense makes, by each pixel."""
    x = tf.constant(pixels)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(defense(x))
    return tape.gradient(total, x)


def test_these_are_all():
    assert tuple(n for n in defenses if defenses[n].__module__.startswith("kerasvision.")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_shape_dtype_and_range_and_looks_at_each_picture_alone(name, noise):
    defense = create(f"defenses/{name}")
    assert isinstance(defense, Defense) and from_json(to_json(defense)) == defense
    found = defense(tf.constant(noise))
    assert found.shape == SHAPE and found.dtype == tf.float32
    assert found.numpy().min() >= -1e-3 and found.numpy().max() <= 255 + 1e-3
    for number in range(len(noise)):
        np.testing.assert_allclose(defense(tf.constant(noise[number : number + 1]))[0], found[number], atol=1e-4)


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 7])
def test_bit_depth_gives_the_nearest_of_its_levels(bits, noise):
    every = np.arange(256.0)
    levels = np.arange(2**bits) * 255 / (2**bits - 1)
    apart = np.abs(every[:, None] - levels)
    assert (np.sort(apart, 1)[:, 1] - apart.min(1)).min() > 5e-3, "no pixel is halfway, whatever rounds"
    found = create("defenses/bit_depth", bits=bits)(tf.constant(noise)).numpy()
    np.testing.assert_allclose(found, levels[apart.argmin(1)][noise.astype(int)], atol=1e-4)


def test_bit_depth_parts_pixels_as_posterize_does_where_levels_are_even(noise):
    """Pillow cuts bits off, and its parts are equal: of 4 bits 16 values each. Ours lie around the levels 17 n."""
    found = create("defenses/bit_depth", bits=4)(tf.constant(noise)).numpy()
    moved = ((noise.astype(int) * 16 + 136) // 17).astype(np.uint8)  # 17 n goes to the middle of part n
    cut = np.stack([np.asarray(ImageOps.posterize(Image.fromarray(picture), 4)) for picture in moved])
    np.testing.assert_array_equal(np.rint(found / 17), cut / 16)


def test_the_median_is_scipys(noise, smooth):
    for pixels in (noise, smooth):
        expected = scipy.ndimage.median_filter(pixels, (1, 3, 3, 1), mode="nearest")
        np.testing.assert_array_equal(create("defenses/median")(tf.constant(pixels)), expected)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_steps_are_those_of_a_jpeg(quality):
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
    np.testing.assert_array_equal(Image.open(file).quantization[0], cosine.table(quality).ravel())


def frequencies(blocks):
    return scipy.fft.dctn(blocks, axes=(1, 2), norm="ortho")


def test_its_transform_is_the_cosine_transform(noise):
    blocks = noise[:, :8, :8, 0] - 128
    whole = blocks.reshape(-1, 64) @ cosine.transform()
    assert (whole == np.rint(whole)).all() and np.abs(cosine.transform()).sum(0).max() * 128 <= 2**21
    apart = np.abs(whole.reshape(blocks.shape) / 2**11 - frequencies(blocks))
    assert apart.max() <= 64 * 128 / 2**12 and apart.mean() < 0.15


@pytest.mark.parametrize("quality", [10, 75])
def test_cosine_quantization_is_that_of_scipy_where_no_frequency_is_close_to_a_half(quality, smooth):
    """Frequency by frequency of a padded picture without black and white, so that nothing is cut off."""
    pixels = np.rint(48 + smooth * 160 / 255)
    found = create("defenses/cosine", quality=quality)(tf.constant(pixels)).numpy()
    padded = np.pad(pixels, ((0, 0), (0, 4), (0, 4), (0, 0)), mode="edge")
    steps = cosine.table(quality)
    mine, theirs = ([], [])
    for held, rows in ((found, mine), (padded, theirs)):
        for top in range(0, 16, 8):
            for left in range(0, 24, 8):
                blocks = np.moveaxis(held[:, top : top + 8, left : left + 8], 3, 1).reshape(-1, 8, 8)
                rows.append(frequencies(blocks - 128.0) / steps)
    mine, theirs = np.concatenate(mine), np.concatenate(theirs)
    np.testing.assert_allclose(mine, np.rint(mine), atol=0.6 / steps.min(), err_msg="all are whole steps")
    clear = np.abs(theirs - np.floor(theirs) - 0.5) > 0.6 / steps
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(np.rint(mine)[clear], np.rint(theirs)[clear])
    assert np.abs(mine - theirs).max() > 0.4, "something is lost"


def test_cosine_quantization_is_what_a_gray_jpeg_loses(smooth):
    """libjpeg rounds pixels after it, and transforms in integers of its own."""
    gray = smooth[0, :16, :24, 0].astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "JPEG", quality=50)
    theirs = np.asarray(Image.open(file), np.float32)
    mine = create("defenses/cosine", quality=50)(tf.constant(gray[None, ..., None], tf.float32))[0, ..., 0].numpy()
    assert np.abs(mine - theirs).mean() < 0.5 < np.abs(gray - theirs).mean()


def test_halves_go_up_so_that_all_runtimes_agree():
    """A block of one gray value has 8 times it as its first frequency: steps of 16 are two gray values wide."""
    flat = np.stack([np.full((8, 8, 1), value, np.float32) for value in range(100, 140)])
    found = create("defenses/cosine", quality=50)(tf.constant(flat)).numpy()
    expected = 128 + 2 * np.floor((np.arange(100, 140) - 128) / 2 + 0.5)
    np.testing.assert_allclose(found[:, 3, 3, 0], expected, atol=1e-3)


def test_resize_pad_shrinks_places_and_frames():
    """White pictures: a white rectangle of the chosen size at the chosen place, black around it."""
    defense = create("defenses/resize_pad", least=0.5, choices=8)
    white = np.full((1, *SHAPE[1:]), 255, np.float32)
    chosen = int(defense.choice(tf.constant(white))[0])
    found = defense(tf.constant(white)).numpy()[0]
    inside = np.zeros(SHAPE[1:3], bool)
    (high, top), (wide, left) = ((int(part[chosen]) for part in defense.places(side)) for side in SHAPE[1:3])
    inside[top : top + high, left : left + wide] = True
    np.testing.assert_allclose(found, np.where(inside, 255, 0)[..., None].repeat(3, -1), atol=1e-3)
    for side in SHAPE[1:3]:
        sizes, begins = defense.places(side)
        assert (sizes >= side / 2).all() and (begins >= 0).all() and (sizes + begins <= side).all()
        assert len(set(zip(sizes, begins, strict=True))) > 4


def test_resize_pad_resizes_as_tensorflow_does(smooth):
    defense = create("defenses/resize_pad", least=0.7)
    chosen, found = defense.choice(tf.constant(smooth)).numpy(), defense(tf.constant(smooth)).numpy()
    for picture, number, mine in zip(smooth, chosen, found, strict=True):
        (high, top), (wide, left) = ((int(part[number]) for part in defense.places(side)) for side in SHAPE[1:3])
        theirs = tf.image.resize(picture, (high, wide)).numpy()
        np.testing.assert_allclose(mine[top : top + high, left : left + wide], theirs, atol=1e-2)


def test_the_choice_is_a_sum_of_whole_pixels_that_spreads(noise):
    """The same wherever it is computed; each choice about as often; another where a pixel differs by a gray level."""
    defense, many = create("defenses/resize_pad"), np.random.default_rng(2).integers(0, 256, (800, 6, 6, 3))
    chosen = defense.choice(tf.constant(many, tf.float32)).numpy()
    counts = np.bincount(chosen, minlength=16)
    assert len(counts) == 16 and counts.min() > 20 and counts.max() < 90  # 50 each; five standard deviations are 34
    np.testing.assert_array_equal(defense.choice(tf.constant(many + 0.4, tf.float32)), chosen)
    near = many.copy()
    near[:, 2, 3, 1] = near[:, 2, 3, 1] % 255 + 1
    assert (defense.choice(tf.constant(near, tf.float32)).numpy() != chosen).mean() > 0.8
    other = create("defenses/resize_pad", seed=1).choice(tf.constant(many, tf.float32)).numpy()
    assert (other != chosen).mean() > 0.8


@pytest.mark.parametrize("name", ["bit_depth", "cosine"])
def test_what_rounds_lets_gradients_through_unless_told_otherwise(name, smooth):
    through, masked = (create(f"defenses/{name}", straight_through=way) for way in (True, False))
    np.testing.assert_array_equal(through(tf.constant(smooth)), masked(tf.constant(smooth)))
    np.testing.assert_array_equal(slope(through, smooth), np.ones_like(smooth))
    found = slope(masked, smooth)
    assert found is None or not np.asarray(found).any()


def test_the_other_gradients_are_their_own(noise):
    """Of a median one pixel has it all; of a resized picture what each pixel gives to the sum."""
    np.testing.assert_allclose(np.asarray(slope(create("defenses/median"), noise)).sum(), noise.size)
    moved = create("defenses/resize_pad")
    found = np.asarray(slope(moved, noise))
    step = noise.copy()
    step[:, 5, 5, 0] += 0.25  # which leaves the choice as it is
    change = (moved(tf.constant(step)) - moved(tf.constant(noise))).numpy().sum((1, 2, 3))
    np.testing.assert_allclose(change, found[:, 5, 5, 0] * 0.25, atol=0.05)


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("bit_depth", {"bits": 0}, "bits=0; allowed: 1 to 7"),
        ("bit_depth", {"bits": 8}, "bits=8; allowed: 1 to 7"),
        ("cosine", {"quality": 0}, "quality=0; allowed: 1 to 100"),
        ("cosine", {"quality": 101}, "quality=101; allowed"),
        ("resize_pad", {"least": 0.0}, "least=0; allowed: above 0 and below 1"),
        ("resize_pad", {"least": 1.0}, "least=1; allowed"),
        ("resize_pad", {"choices": 1}, "choices=1; allowed: 2 to"),
    ],
)
def test_what_cannot_be_is_one_line(name, fields, says):
    with pytest.raises(UsageError, match=says):
        create(f"defenses/{name}", **fields)


def test_a_picture_too_long_for_the_sum_is_one_line():
    with pytest.raises(UsageError, match="1 x 8193 pixels; allowed: sides up to 8192"):
        create("defenses/resize_pad")(tf.zeros([1, 1, 8193, 3]))
