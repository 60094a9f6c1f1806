"""How likely a text is of a language: an n-gram model of its characters."""

import collections

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.ops.beam import Rules

_END = -1


class CharacterModel(Rules):
    """Final. p(character | the n - 1 before it) of classes and of the text's end, interpolated over shorter and shorter
    contexts by Witten and Bell's rule ("The zero-frequency problem", 1991, doi:10.1109/18.87000, method C; as
    interpolated in Chen, Goodman 1998): the shortest shares all that is left equally.

    texts: of classes, ints. num_classes: K. order: n. As rules it weighs `weight` times the logarithm, above the mean
    one of the texts, so that a usual text weighs about nothing, whatever its length.
    """

    def __init__(self, texts, num_classes, order=5, weight=0.5):
        self._classes, self._order, self._weight = num_classes, order, weight
        self._counts = collections.defaultdict(collections.Counter)
        for text in texts:
            for at, k in enumerate((*text, _END)):
                for length in range(min(order - 1, at) + 1):
                    self._counts[tuple(text[at - length : at])][k] += 1
        if not self._counts:
            raise KerasVisionError("a model of characters needs a text, and there is none")
        self._rows = {}
        steps = sum(len(text) + 1 for text in texts)
        self._mean = sum(self.log_probability(text) for text in texts) / steps

    start = ()

    def row(self, context):
        """float [K + 1]: p of each class behind a context, classes, and last of the end."""
        context = tuple(context)[max(0, len(context) - self._order + 1) :]
        if context not in self._rows:
            shorter = self.row(context[1:]) if context else np.full(self._classes + 1, 1 / (self._classes + 1))
            counts = self._counts.get(context)
            if not counts:
                return shorter
            held = np.zeros(self._classes + 1)
            for k, count in counts.items():
                held[k] = count  # the end is -1, the last
            self._rows[context] = (held + len(counts) * shorter) / (held.sum() + len(counts))
        return self._rows[context]

    def log_probability(self, text):
        """log p of a whole text, its end included."""
        return float(sum(np.log(self.row(text[:at])[k]) for at, k in enumerate((*text, _END))))

    def weigh(self, text):
        """The logarithm of the weight of a whole text."""
        return self._weight * (self.log_probability(text) - (len(text) + 1) * self._mean)

    def follow(self, state):
        weights = self._weight * (np.log(self.row(state)) - self._mean)
        return weights[:-1], lambda k: (*state, k)[-(self._order - 1) :] if self._order > 1 else ()

    def end(self, state):
        return float(self._weight * (np.log(self.row(state)[-1]) - self._mean))
