"""The evaluator of pages that were read: characters and words in reading order, and the order alone.

Edit distances: Levenshtein 1966. Order: Kendall 1938, doi:10.1093/biomet/30.1-2.81.
"""

import numpy as np
from scipy.stats import kendalltau

from kerasvision.core.characters import characters_of
from kerasvision.metrics.base import Evaluator
from kerasvision.metrics.reading import distance_of
from kerasvision.ops import polygons

MATCH = 0.5  # of the smaller of two words, that they have in common


class PageReading(Evaluator):
    """Final. `cer`, the edits of all pages over their true characters, a page being its words in reading order with a
    blank between each two; `wer`, the same of words; `tau`, the mean over pages of Kendall's tau between the order in
    which words were read and the true one, of words that are found, -1 to 1; `found`, the share of true words that are.
    A word is found where one that was read has at least half of the area of the smaller one in common with it; words
    that were read as one are in order among one another. So a quad around the whole page finds all words in order:
    `found` and `tau` do not ask whether words were parted; `wer` does. Undefined: `cer` and `wer` without a true
    character, `tau` where no page has two words found, `found` without a true word.

    prediction: `words` [W] and `word_quads_xy` [W, 4, 2] of each page, and ground_truth the same: rows of arrays.
    """

    def __init__(self):
        self._distance = distance_of()
        self._rows = []  # edits and length of characters, of words; words found, words; tau or nan

    @property
    def directions(self):
        return {"cer": "min", "wer": "min", "tau": "max", "found": "max"}

    def update(self, prediction, ground_truth):
        pages = zip(
            *(held[key] for held in (prediction, ground_truth) for key in ("words", "word_quads_xy")), strict=True
        )
        for read, found, true, there in pages:
            mine, meant = ([str(word) for word in words] for words in (read, true))
            texts = [characters_of(" ".join(words)) for words in (mine, meant)]
            edits = [n for a, b in (texts, (mine, meant)) for n in (self._distance(a, b), len(b))]
            place = places(found, there)
            self._rows.append([*edits, int((place >= 0).sum()), len(meant), tau(place)])

    def figures(self, examples=None):
        rows = np.array(self._rows, np.float64).reshape(-1, 7)
        rows = rows if examples is None else rows[examples]
        edits, length, word_edits, words, found, there = rows[:, :6].sum(0)
        order = rows[np.isfinite(rows[:, 6]), 6]
        return {
            "cer": lambda: _share(edits, length),
            "wer": lambda: _share(word_edits, words),
            "tau": lambda: float(order.mean()) if len(order) else None,
            "found": lambda: _share(found, there),
        }


def places(found, there):
    """int [N]: which of the quads that were found each one that is there is; -1: none. How much larger the one may
    be is not asked.
    """
    found, there = (np.asarray(quads, np.float64).reshape(-1, 4, 2) for quads in (found, there))
    best = np.full(len(there), -1)
    areas = [np.array([abs(polygons.area(quad)) for quad in quads]) for quads in (found, there)]
    boxes = [np.concatenate([quads.min(1), quads.max(1)], 1) for quads in (found, there)]
    for number, (quad, area, box) in enumerate(zip(there, areas[1], boxes[1], strict=True)):
        near = (boxes[0][:, :2] < box[2:]).all(1) & (boxes[0][:, 2:] > box[:2]).all(1)
        shares = {i: _common(quad, found[i]) / max(min(area, areas[0][i]), 1e-9) for i in np.flatnonzero(near)}
        if shares and max(shares.values()) >= MATCH:
            best[number] = max(shares, key=shares.get)
    return best


def tau(place):
    """Kendall's tau of places, int [N], -1: not found; equal ones are in order. nan where fewer than two are found."""
    held = place[place >= 0]
    if len(held) < 2:
        return np.nan
    rank = np.argsort(np.argsort(held, kind="stable"), kind="stable")
    return float(kendalltau(np.arange(len(held)), rank).statistic)


def _common(quad, other):
    part = polygons.clipped(quad, other)
    return abs(polygons.area(part)) if len(part) > 2 else 0.0


def _share(part, whole):
    return float(part / whole) if whole else None
