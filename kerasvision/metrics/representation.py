"""The evaluator of what was learned without labels: how many directions the embeddings use, and what is near them.

The figures of spread are of `ops.spread`, which names their papers; the vote of neighbors is that of "Unsupervised
Feature Learning via Non-Parametric Instance Discrimination" (Wu et al. 2018, arXiv:1805.01978), in `ops.nearest`.
"""

import numpy as np

from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.ops.nearest import neighbors_vote
from kerasvision.ops.spread import deviation, effective_rank, largest_share, uniformity


class Representation(Evaluator):
    """Final. Of embeddings of length 1: `effective_rank`, `deviation`, `largest_share` and `uniformity`, as
    `ops.spread` has them, and where there are labels `knn`: the accuracy of a vote of the 20 nearest in a gallery.

    gallery: name of the split whose pictures vote; "": those of the judged split vote, each on all others. labeled:
    whether the ground truth has `label`. prediction: `embedding` [B, D], of length 1; ground_truth: `label` [B] or
    none.
    """

    def __init__(self, gallery="", labeled=False):
        self.gallery = gallery if labeled else ""
        self._labeled = labeled
        self._gallery, self._queries, self._voted = [], [], None

    @property
    def directions(self):
        found = {"knn": "max"} if self._labeled else {}
        spread = {"deviation": "none", "largest_share": "none", "uniformity": "none"}
        return found | {"effective_rank": "max"} | spread

    def see_gallery(self, prediction, ground_truth):
        self._gallery.append(self._pair(prediction, ground_truth))
        self._voted = None

    def update(self, prediction, ground_truth):
        self._queries.append(self._pair(prediction, ground_truth))
        self._voted = None

    def _pair(self, prediction, ground_truth):
        embedding = np.asarray(prediction["embedding"], np.float32)
        label = np.asarray(ground_truth["label"]) if self._labeled else np.zeros(len(embedding), np.int64)
        return embedding, label

    def decisions(self):
        """int [N]: the class that each query's neighbors vote for; () without labels."""
        return self._votes() if self._labeled else ()

    def figures(self, examples=None):
        embeddings, labels = (chosen(part, examples) for part in zip(*self._queries, strict=True))
        out = {"knn": lambda: float((chosen([self._votes()], examples) == labels).mean())} if self._labeled else {}
        out |= {"effective_rank": lambda: effective_rank(embeddings), "deviation": lambda: deviation(embeddings)}
        return out | {
            "largest_share": lambda: largest_share(embeddings),
            "uniformity": lambda: uniformity(embeddings),
        }

    def _votes(self):
        if self._voted is None:
            asked, wanted = (np.concatenate(part) for part in zip(*self._queries, strict=True))
            if self._gallery:
                held, labels = (np.concatenate(part) for part in zip(*self._gallery, strict=True))
                self._voted = neighbors_vote(asked, held, labels)
            else:
                self._voted = neighbors_vote(asked, asked, wanted, itself=True)
        return self._voted
