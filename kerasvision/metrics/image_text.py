"""The evaluator of pictures and texts of one space: whether a picture finds its text, and a text its picture.

Recall@k both ways: "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives" (Faghri, Fleet, Kiros, Fidler
2018, arXiv:1707.05612, section 4.1).
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.base import Evaluator
from kerasvision.ops.nearest import largest

NEAREST = (1, 5, 10)  # of which recall tells
BLOCK = 1000  # queries at a time


class ImageTextRetrieval(Evaluator):
    """Final. Each example is a picture and its text; texts that are equal word for word are one text, and each of their
    pictures is right for it.

    `text_recall@k`: the share of pictures whose text is among the k nearest texts. `image_recall@k`: the share of
    texts, one an example, one of whose pictures is among the k nearest pictures. k is 1, 5 and 10, as far as there are
    so many texts. `mean_recall`: the mean of all these. `wrong_preferred`: of all pairs of a picture and another's text
    the share that is nearer than the picture and its own, a tie being half: 0.5 by chance.

    prediction: `embedding`, `text_embedding` [B, D], of length 1. ground_truth: `text` [B], a number, equal for equal
    texts.
    """

    def __init__(self):
        self._rows, self._found = [], None

    @property
    def directions(self):
        most = [f"{name}_recall@{k}" for name in ("text", "image") for k in NEAREST]
        return dict.fromkeys(("mean_recall", *most), "max") | {"wrong_preferred": "min"}

    def update(self, prediction, ground_truth):
        pair = [np.asarray(prediction[key], np.float32) for key in ("embedding", "text_embedding")]
        if not all(np.isfinite(rows).all() for rows in pair):
            raise KerasVisionError("an embedding has numbers that are not finite; nothing can be near to it")
        self._rows.append((*pair, np.asarray(ground_truth["text"])))
        self._found = None

    def decisions(self):
        """int [N]: the text that is nearest to each picture."""
        return self._search()["nearest"]

    def figures(self, examples=None):
        found = self._search()
        held = {name: values if examples is None else values[examples] for name, values in found.items()}

        def mean(name):
            values = held[name][~np.isnan(held[name])]
            return float(values.mean()) if len(values) else None

        recalls = [name for name in self.directions if "_recall@" in name and name in held]
        out = {
            "mean_recall": lambda: float(np.mean([mean(name) for name in recalls])) if len(held["nearest"]) else None
        }
        return out | {name: (lambda name=name: mean(name)) for name in (*recalls, "wrong_preferred")}

    def _search(self):
        """name -> [N], one value an example: each figure, and `nearest`, the number of the text that is nearest."""
        if self._found is None:
            if not self._rows:
                raise KerasVisionError("there is no picture to judge embeddings by")
            pictures, texts, numbers = (np.concatenate(part) for part in zip(*self._rows, strict=True))
            known, first = np.unique(numbers, return_index=True)
            first = np.sort(first)
            known = numbers[first]
            blocks = [slice(start, start + BLOCK) for start in range(0, len(numbers), BLOCK)]
            by_text = [_hits(texts[part] @ pictures.T, numbers[part], numbers, len(known)) for part in blocks]
            by_image = [pictures[part] @ texts[first].T for part in blocks]
            rows = [
                {f"image_recall@{k}": hits for k, hits in found.items()}
                | {f"text_recall@{k}": hits for k, hits in _hits(cosines, numbers[part], known, len(known)).items()}
                | {"wrong_preferred": _preferred(cosines, numbers[part], known)}
                | {"nearest": known[largest(np.ascontiguousarray(cosines), 1)[:, 0]]}
                for part, found, cosines in zip(blocks, by_text, by_image, strict=True)
            ]
            self._found = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        return self._found


def _hits(cosines, wanted, numbers, texts):
    """{k: float [b], 1 where one of the k largest is the wanted one}, for each k up to the number of texts."""
    near = numbers[largest(np.ascontiguousarray(cosines, np.float32), min(max(NEAREST), len(numbers)))]
    right = near == wanted[:, None]
    return {k: right[:, :k].any(1).astype(np.float64) for k in NEAREST if k <= max(1, texts)}


def _preferred(cosines, wanted, known):
    """float [b]: the share of other texts that are nearer than the own one; NaN where there is no other."""
    own = known[None] == wanted[:, None]
    mine = cosines[own][:, None]
    nearer = np.where(own, 0.0, (cosines > mine) + 0.5 * (cosines == mine)).sum(1)
    return nearer / (len(known) - 1) if len(known) > 1 else np.full(len(cosines), np.nan)
