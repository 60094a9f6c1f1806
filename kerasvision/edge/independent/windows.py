"""Inputs larger than a file's: windows that overlap, blended; and mirrored inputs. numpy, arrays without batch axis."""

import itertools

import numpy as np


def starts(length, rule, size):
    """Where windows begin along an axis, int64 [N]: at even distances, the last one ends with the input.

    length: of the input, size: of a window, both in pixels. rule: `windows` of a contract's `preprocess`.
    """
    step = max(1, int(size * (1.0 - rule["overlap"])))
    count = -(-(length - size) // step) + 1
    at = np.arange(count, dtype=np.float32) / np.float32(max(count - 1, 1))
    return np.round(at * np.float32(length - size)).astype(np.int64)


def shares(begins, rule, size, length):
    """The weights of N windows, a list of float32 [size]: Gaussians about each window's middle, divided by the sum of
    all windows' at each position. begins: of `starts`.
    """
    away = (np.arange(size) - (size - 1) / 2) / (rule["sigma"] * size)
    bell = np.exp(-0.5 * away**2).astype(np.float32)
    total = np.zeros(length, np.float32)
    for begin in begins:
        total[begin : begin + size] += bell
    return [bell / total[begin : begin + size] for begin in begins]


def blended(predict, values, rule):
    """Blend the predictions for all windows of `values` [*sides, C], no side below the window's -> float32 [*sides, K].

    predict: a function of one window [*size, C] -> [*size, K]. rule: as in `starts`.
    """
    sides, total = values.shape[:-1], None
    axes = []
    for size, length in zip(rule["size"], sides, strict=True):
        begins = starts(length, rule, size)
        axes.append(list(zip(begins, shares(begins, rule, size, length), strict=True)))
    for window in itertools.product(*axes):
        place = tuple(slice(begin, begin + len(share)) for begin, share in window)
        weight = window[0][1]
        for _, share in window[1:]:
            weight = weight[..., None] * share
        found = predict(values[place]) * weight[..., None]
        if total is None:
            total = np.zeros((*sides, found.shape[-1]), np.float32)
        total[place] += found
    return total


def mirrored(predict, values, sets):
    """The mean of the predictions for `values` mirrored along each set of axes, each mirrored back. sets:
    `mirrored_axes` of a contract's `preprocess`.
    """
    return sum(np.flip(predict(np.flip(values, axes)), axes) for axes in map(tuple, sets)) / np.float32(len(sets))
