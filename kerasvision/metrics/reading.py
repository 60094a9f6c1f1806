"""The evaluator of lines of text: edit distances of characters and of words (Levenshtein 1966)."""

import numpy as np

from kerasvision.core.characters import BLANK, text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.metrics.classification import expected_calibration_error

REFUSED = 10  # one of so many lines is left out of `cer_of_surest`


def distance_of():
    """rapidfuzz's Levenshtein distance of two lists; where it is not installed, one line that says how to get it."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise KerasVisionError("reading is judged with rapidfuzz: pip install kerasvision[reading]") from None
    return Levenshtein.distance


class Reading(Evaluator):
    """Final. `cer`, the edits (characters to insert, delete or replace) of all lines over their true characters; `wer`,
    the same of words between blanks; `exact`, the share of lines without an edit; `cer_without_blanks`, of what is left
    when blanks are taken away from both. More than 1 where more is read than there is. Where no line has a true
    character, rates are undefined. Of predictions with scores also `cer_of_surest`, the rate of lines without the tenth
    that is least sure, by the mean probability (geometric) of a character, and `calibration_error`, that of a line's
    score as the probability that it is exact (`expected_calibration_error`).

    classes: the characters. prediction: `labels` int32 [B, T], -1 beyond the last, and `path_score` [B] where there
    are scores; ground_truth: `characters` int32 [B, T], the same.
    """

    def __init__(self, classes):
        self._classes = classes
        self._distance = distance_of()
        self._rows = []  # edits and length of characters, of words, and without blanks; score; certainty

    @property
    def directions(self):
        rates = dict.fromkeys(("cer", "wer", "cer_without_blanks", "cer_of_surest", "calibration_error"), "min")
        return rates | {"exact": "max"}

    def update(self, prediction, ground_truth):
        scores = prediction.get("path_score", [np.nan] * len(prediction["labels"]))
        for read, true, score in zip(prediction["labels"], ground_truth["characters"], scores, strict=True):
            mine, meant = ([self._classes[i] for i in row if i >= 0] for row in (read, true))
            solid = [[c for c in line if c != BLANK] for line in (mine, meant)]
            words = [text_of(line).split() for line in (mine, meant)]
            pairs = ((mine, meant), words, solid)
            edits = [n for ours, theirs in pairs for n in (self._distance(ours, theirs), len(theirs))]
            self._rows.append([*edits, score, float(score) ** (1 / len(mine)) if mine else 0.0])

    def figures(self, examples=None):
        held = chosen([np.array(self._rows, np.float64).reshape(-1, 8)], examples)
        edits, words, solid = held[:, :2].sum(0), held[:, 2:4].sum(0), held[:, 4:6].sum(0)
        has_scores = len(held) and np.isfinite(held[:, 6]).all()
        surest = held[np.argsort(held[:, 7], kind="stable")[len(held) // REFUSED :], :2]
        right = held[:, 0] == 0
        return {
            "cer": lambda: _rate(*edits),
            "wer": lambda: _rate(*words),
            "exact": lambda: float((held[:, 0] == 0).mean()) if len(held) else None,
            "cer_without_blanks": lambda: _rate(*solid),
            "cer_of_surest": lambda: _rate(*surest.sum(0)) if has_scores else None,
            "calibration_error": lambda: expected_calibration_error(held[:, 6], right) if has_scores else None,
        }


def _rate(edits, length):
    return float(edits / length) if length else None
