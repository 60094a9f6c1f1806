"""Overlap of classes, of counts of pixels [..., 3, K]: those that are right, in the ground truth, in the prediction.

Intersection over union: "Fully Convolutional Networks for Semantic Segmentation" (Long, Shelhamer, Darrell 2015,
arXiv:1411.4038, section 5). Dice's coefficient: Dice 1945, doi:10.2307/1932409.
"""

import numpy as np


def iou(counts):
    """[..., K]: of each class; NaN where it is neither in the ground truth nor in the prediction."""
    right, true, found = np.moveaxis(np.asarray(counts, float), -2, 0)
    return _shares(right, true + found - right)


def dice(counts):
    """[..., K], as `iou`."""
    right, true, found = np.moveaxis(np.asarray(counts, float), -2, 0)
    return _shares(2 * right, true + found)


def mean_iou(counts):
    """[...]: the mean over the classes in ground truth or prediction; 0 where no pixel counts."""
    return mean_of_known(iou(counts), 0.0)


def mean_dice(counts, foreground):
    """[...]: the mean over those of the `foreground` classes (indices) in ground truth or prediction. Where none is,
    nothing is missed: 1; where no pixel counts, nothing is shown: 0.
    """
    counts = np.asarray(counts, float)
    known = counts[..., 1, :].any(-1).astype(float)
    return mean_of_known(dice(counts[..., foreground]), known)


def mean_of_known(values, otherwise):
    """[..., K] -> [...]: the mean of what is not NaN, `otherwise` where that is nothing."""
    known = ~np.isnan(values)
    count = known.sum(-1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(-1) / np.maximum(count, 1), otherwise)


def _shares(part, whole):
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
