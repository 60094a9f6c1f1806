"""Which texts there may be, as states and what follows them, and how much of a network's probability is on those."""

import dataclasses

import numpy as np

from kerasvision.ops.beam import NEVER, Rules


@dataclasses.dataclass(frozen=True, eq=False)
class Automaton(Rules):
    """Final. Texts of which each state says whether they may end there.

    following: int [S, K], the state behind each character, -1 where it may not follow; state 0 is the start. accepting:
    bool [S].
    """

    following: np.ndarray
    accepting: np.ndarray

    start = 0

    def follow(self, state):
        row = self.following[state]
        return np.where(row >= 0, 0.0, NEVER), lambda k: int(row[k])

    def goals(self, state):
        """int [K]: the state behind each character, 0 where it may not follow."""
        return np.maximum(self.following[state], 0)

    def end(self, state):
        return 0.0 if self.accepting[state] else NEVER

    def log_mass(self, log_probabilities):
        """The logarithm of the probability that a line says any of these texts: the sum over all paths of all of them.

        log_probabilities: [T, K + 1], blank last.
        """
        return float(self.ahead(log_probabilities)[0][0][self.start])

    def ahead(self, log_probabilities):
        """By sums alone, from the last frame to the first: a difference would lose what is small."""
        states, blank = self.following.shape
        end = np.where(self.accepting, 0.0, NEVER)
        held = [(end, np.repeat(end[:, None], blank, 1))]
        goals, columns, none = np.maximum(self.following, 0), np.arange(blank), np.full((states, 1), NEVER)
        for frame in log_probabilities[::-1]:
            silent, solid = held[-1]
            longer = np.where(self.following >= 0, frame[:blank] + solid[goals, columns], NEVER)
            before = np.concatenate([none, np.logaddexp.accumulate(longer, 1)], 1)
            after = np.concatenate([np.logaddexp.accumulate(longer[:, ::-1], 1)[:, ::-1], none], 1)
            stays = frame[blank] + silent
            again = np.logaddexp(stays[:, None], frame[:blank] + solid)
            others = np.logaddexp(before[:, :-1], after[:, 1:])
            held.append((np.logaddexp(stays, before[:, -1]), np.logaddexp(again, others)))
        return held[::-1]


class Lexicon:
    """Final. A list of texts, as a tree of their beginnings. texts: of classes, ints, each once."""

    def __init__(self, texts):
        self.texts = [tuple(text) for text in texts]
        nodes = {(): 0}
        parents, characters, befores = [0], [-1], [-2]
        self._ends = []
        for text in self.texts:
            for length in range(1, len(text) + 1):
                if text[:length] not in nodes:
                    nodes[text[:length]] = len(nodes)
                    parents.append(nodes[text[: length - 1]])
                    characters.append(text[length - 1])
                    befores.append(text[length - 2] if length > 1 else -2)
            self._ends.append(nodes[text])
        self._parents, self._characters = np.array(parents), np.array(characters)
        self._repeats = np.array(characters) == np.array(befores)

    def log_probabilities(self, log_probabilities):
        """float [number of texts]: log p of each, the sum over all its paths; nothing is left out, as the tree is
        followed whole.
        """
        silent, solid = (np.full(len(self._parents), NEVER) for _ in range(2))
        silent[0] = 0.0
        blank = log_probabilities.shape[1] - 1
        for frame in log_probabilities:
            total = np.logaddexp(silent, solid)
            coming = np.where(self._repeats, silent[self._parents], total[self._parents])
            solid = np.logaddexp(solid, coming) + frame[self._characters]
            solid[0] = NEVER
            silent = total + frame[blank]
        return np.logaddexp(silent, solid)[self._ends]
