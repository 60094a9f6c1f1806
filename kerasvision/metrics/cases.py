"""What a segmentation of one image or volume is like by itself: a row of a table of cases. Dice's coefficient (Dice
1945, doi:10.2307/1932409) and the other figures of overlap are those of `metrics.overlap`.

counts: [3, K], numbers of pixels that are right, in the ground truth, in the prediction. sizes: the same in a unit of
area or volume. classes: names. foreground: indices of the classes but the background.
"""

import numpy as np

from kerasvision.metrics import overlap


def case_overlap(counts, classes, foreground):
    """name -> float, or None where it is undefined: of all pixels, then of each class."""
    pixels = int(counts[1].sum())
    means = {"miou": overlap.iou(counts), "dice": overlap.dice(counts[:, foreground])}
    row = {"pixel_accuracy": float(counts[0].sum() / pixels) if pixels else None}
    row |= {name: known(overlap.mean_of_known(values, np.nan)) for name, values in means.items()}
    for name, values in (("iou", overlap.iou(counts)), ("dice", overlap.dice(counts))):
        row |= {f"{name}/{of}": known(value) for of, value in zip(classes, values, strict=True)}
    return row


def case_sizes(sizes, unit, classes, foreground):
    """name -> float of the ground truth's and the prediction's size of each class, and of their difference; the
    relative one is None where the ground truth lacks the class.
    """
    row = {}
    for k in foreground:
        true, found = map(float, sizes[1:, k])
        row |= {f"true_{unit}/{classes[k]}": true, f"predicted_{unit}/{classes[k]}": found}
        row[f"error_{unit}/{classes[k]}"] = found - true
        row[f"relative_error/{classes[k]}"] = (found - true) / true if true else None
    return row


def known(value):
    """A float, None of NaN."""
    return None if np.isnan(value) else float(value)
