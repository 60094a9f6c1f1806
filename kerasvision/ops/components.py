"""What is done to a mask of classes after prediction: connected components and holes, in the plane and in volumes."""

import numpy as np
from scipy import ndimage

from kerasvision.ops.dense import IGNORE


def largest(mask, background=0):
    """The mask with the largest connected component of each class alone; the others become background.

    mask: uint8 [H, W] or [D, H, W]. Neighbors share a side. nnU-Net (Isensee et al. 2018, arXiv:1809.10486, section
    2.6) does so for organs, of which there is one.
    """
    kept = mask.copy()
    for k in _foreground(mask, background):
        numbered, count = ndimage.label(mask == k)
        if count > 1:
            sizes = np.bincount(numbered.ravel())
            kept[(numbered > 0) & (numbered != 1 + sizes[1:].argmax())] = background
    return kept


def filled(mask, background=0):
    """The mask with each class's holes filled: background that its class encloses on all sides, and does not reach the
    border. mask: uint8 [H, W] or [D, H, W].
    """
    kept = mask.copy()
    for k in _foreground(mask, background):
        kept[ndimage.binary_fill_holes(mask == k) & (mask == background)] = k
    return kept


def _foreground(mask, background):
    return [k for k in np.unique(mask) if k not in (background, IGNORE)]
