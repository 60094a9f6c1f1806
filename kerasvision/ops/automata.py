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

    def end(self, state):
        return 0.0 if self.accepting[state] else NEVER

    def log_mass(self, log_probabilities):
        """The logarithm of the probability that a line says any of these texts: the sum over all paths of all of them.

        log_probabilities: [T, K + 1], blank last.
        """
        states, blank = self.following.shape
        silent, solid = np.zeros(states), np.zeros((states, blank))  # ends in a blank; in each character
        silent[0], scale = 1.0, 0.0
        source, character = np.nonzero(self.following >= 0)
        goal = self.following[source, character]
        for frame in np.exp(log_probabilities):
            total = silent + solid.sum(1)
            coming = np.zeros_like(solid)
            np.add.at(coming, (goal, character), total[source] - solid[source, character])
            silent, solid = total * frame[blank], (solid + coming) * frame[:blank]
            mass = silent.sum() + solid.sum()
            if mass <= 0:
                return NEVER
            silent, solid, scale = silent / mass, solid / mass, scale + np.log(mass)
        ends = (silent + solid.sum(1))[self.accepting].sum()
        return float(np.log(ends) + scale) if ends > 0 else NEVER


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
