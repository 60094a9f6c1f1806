"""Histograms of oriented gradients against scikit-image's."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.gradients import BINS, oriented_gradients


@pytest.mark.parametrize("cell", [4, 8])
def test_they_are_scikit_images(cell):
    from skimage.feature import hog

    picture = np.random.default_rng(0).uniform(size=(16, 24, 3)).astype(np.float32)
    found = oriented_gradients(tf.constant(picture), cell).numpy()
    for c in range(3):
        held = hog(picture[..., c], BINS, (cell, cell), (1, 1), block_norm="L2", feature_vector=False)[:, :, 0, 0]
        np.testing.assert_allclose(found[..., BINS * c : BINS * (c + 1)], held, atol=1e-5)


def test_an_edge_has_its_direction_and_a_flat_cell_none():
    picture = np.zeros((8, 16, 1), np.float32)
    picture[:, 4:8] = 1.0  # its gradient runs from left to right: 0 degrees
    found = oriented_gradients(tf.constant(picture), 8).numpy()
    np.testing.assert_allclose(found[0, 0], np.eye(BINS)[0], atol=1e-5)
    flat = oriented_gradients(tf.constant(np.full((8, 8, 1), 0.5, np.float32)), 8).numpy()
    assert not flat.any()
