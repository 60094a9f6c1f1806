"""Boxes cut out of pictures in a graph, against the geometry that fits a picture by itself, which rounds to pixels."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.cutting import cut_boxes
from kerasvision.ops.geometry import fit_images

BOXES = [[3, 5, 27, 17], [0, 0, 40, 30], [10, 2, 16, 26], [33, 21, 40, 30]]  # x1, y1, x2, y2


@pytest.mark.parametrize(
    ("resize", "fraction", "size"),
    [("stretch", 1.0, (12, 16)), ("letterbox", 1.0, (24, 24)), ("center_crop", 1.0, (12, 12))],
)
def test_a_box_of_whole_pixels_is_fitted_as_a_picture_of_its_own(resize, fraction, size):
    """Sides of letterboxes and of centers are whole pixels here, so that nothing but pixels is rounded."""
    boxes = [box for box in BOXES if resize == "stretch" or box in (BOXES[0], BOXES[2])]
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3)).astype(np.uint8)
    found = cut_boxes(tf.constant(images), tf.constant([boxes] * 2, tf.float32), size, resize, fraction).numpy()
    assert found.shape == (2, len(boxes), *size, 3) and found.dtype == np.float32
    for n, image in enumerate(images):
        for box, part in zip(boxes, found[n], strict=True):
            x1, y1, x2, y2 = box
            wanted = fit_images(tf.constant(image[None, y1:y2, x1:x2]), size, resize, "bilinear", fraction)[0][0]
            np.testing.assert_allclose(part, wanted, atol=0.5 + 1e-3, rtol=0)


def test_a_fraction_of_the_side_is_cut_about_the_middle_in_closed_form():
    """Columns are their own numbers: of 0 to 8, half of the side is 2 to 6, and four pixels of it are these columns."""
    ramp = np.tile(np.arange(8, dtype=np.float32)[None, None, :, None], (1, 8, 1, 3))
    found = cut_boxes(tf.constant(ramp), tf.constant([[[0, 0, 8, 8.0]]]), (4, 4), "center_crop", 0.5).numpy()
    np.testing.assert_allclose(found[0, 0, 0, :, 0], [2, 3, 4, 5], atol=1e-5)


def test_what_lies_outside_of_the_picture_is_cut_off_and_a_pixel_is_left():
    ramp = np.tile(np.arange(8, dtype=np.float32)[None, None, :, None], (1, 8, 1, 3))
    boxes = [[-8, 0, 4, 8], [0, 0, 4, 8], [20, 3, 30, 3], [np.float32(0), 0, 0, 0]]
    found = cut_boxes(tf.constant(ramp), tf.constant([boxes], tf.float32), (2, 4)).numpy()[0]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[2] == 7).all() and (found[3] == 0).all()
