"""The evaluator of classifiers that may say that a picture is of none of their classes.

Open set recognition: "Toward Open Set Recognition" (Scheirer et al. 2013, doi:10.1109/TPAMI.2012.256).
"""

from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.metrics.classification import SingleLabel


class KnownClasses(Evaluator):
    """Final. The figures of `SingleLabel`, whatever was refused; `refused`, the share of pictures, all of which are of
    a known class, that are called unknown; and `accuracy_of_accepted`, of the others.

    classes: names. prediction: `probabilities` [B, K], `label` int [B], -1 of unknown; ground_truth: `label` int [B].
    """

    draws = True

    def __init__(self, classes):
        self._whole = SingleLabel(classes)
        self._said, self._labels = [], []

    @property
    def directions(self):
        return self._whole.directions | {"refused": "min", "accuracy_of_accepted": "max"}

    def update(self, prediction, ground_truth):
        self._whole.update(prediction, ground_truth)
        self._said.append(prediction["label"])
        self._labels.append(ground_truth["label"])

    def figures(self, examples=None):
        said, labels = chosen(self._said, examples), chosen(self._labels, examples)
        accepted = said >= 0

        def accuracy():
            return float((said == labels)[accepted].mean()) if accepted.any() else None

        own = {"refused": lambda: float((~accepted).mean()), "accuracy_of_accepted": accuracy}
        return self._whole.figures(examples) | own

    def in_words(self):
        return self._whole.in_words()

    def draw(self, folder, images):
        return self._whole.draw(folder, images)
