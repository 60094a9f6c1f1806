"""Decoding of what a network says of a line's frames, on the host: the likeliest text, not the likeliest path, and the
probability of the whole text. float64 and numpy; log_probabilities are [T, K + 1], blank last.
"""

import abc
import dataclasses
import typing

import numpy as np

NEVER = -np.inf


def text_log_probability(log_probabilities, text):
    """log p(text), the sum over all paths that say it ("Connectionist Temporal Classification", Graves et al. 2006,
    doi:10.1145/1143844.1143891, equation 8). text: classes, ints.
    """
    chain, skips = _chain(text, log_probabilities.shape[1] - 1)
    held = np.full(len(chain), NEVER)
    held[0] = 0.0  # before the first frame, as if a blank had been said
    for number, frame in enumerate(log_probabilities):
        step = np.concatenate([[NEVER], held[:-1]])
        jump = np.where(skips, np.concatenate([[NEVER, NEVER], held[:-2]])[: len(chain)], NEVER)
        if not number:
            jump[:] = NEVER
        held = np.logaddexp(np.logaddexp(held, step), jump) + frame[chain]
    return float(np.logaddexp.reduce(held[-2:]))


def alignment(log_probabilities, text):
    """[(first frame, the one behind the last)] of each character on the likeliest path that says the text."""
    chain, skips = _chain(text, log_probabilities.shape[1] - 1)
    held, back = np.full(len(chain), NEVER), []
    held[0] = 0.0
    for number, frame in enumerate(log_probabilities):
        step = np.concatenate([[NEVER], held[:-1]])
        jump = np.where(skips, np.concatenate([[NEVER, NEVER], held[:-2]])[: len(chain)], NEVER)
        if not number:
            jump[:] = NEVER
        ways = np.stack([held, step, jump])
        back.append(ways.argmax(0))
        held = ways.max(0) + frame[chain]
    at = len(chain) - 1 - int(len(chain) > 1 and held[-2] > held[-1])
    said = []
    for ways in reversed(back):
        said.append(at)
        at -= int(ways[at])
    frames = [np.flatnonzero(np.equal(said[::-1], 2 * i + 1)) for i in range(len(text))]
    return [(int(f[0]), int(f[-1]) + 1) for f in frames]


def _chain(text, blank):
    """(what paths go through: a blank, a character, a blank ...; bool: whether the blank before may be left out)."""
    chain = np.full(2 * len(text) + 1, blank)
    chain[1::2] = text
    skips = np.zeros(len(chain), bool)
    skips[3::2] = chain[3::2] != chain[1:-2:2]
    return chain, skips


@dataclasses.dataclass(frozen=True)
class Found:
    """A text that a beam ends with. text: classes. log_probability: of all its paths. weighed: with its weight."""

    text: tuple[int, ...]
    log_probability: float
    weighed: float


class Rules(abc.ABC):
    """Abstract. Which texts there may be, and how likely each is before anything is seen. A state is whatever hashes;
    start: the one before the first character.
    """

    start: typing.Any

    @abc.abstractmethod
    def follow(self, state):
        """(float [K], the logarithm of the weight of each next character, -inf where it may not follow; a function of
        a class, the state behind it).
        """

    @abc.abstractmethod
    def end(self, state):
        """The logarithm of the weight of ending here."""

    def ahead(self, log_probabilities):  # noqa: B027 (most rules do not know)
        """None, or how likely a line ends well that has come to a state: before each frame, and behind the last, the
        logarithms of (of states whose path ends in a blank, float [S]; in each character, float [S, K]). Then states
        are ints.
        """


def prefix_beam(log_probabilities, width, rules=None):
    """The likeliest texts, `Found`, best first, by prefix beam search: "First-Pass Large Vocabulary Continuous Speech
    Recognition using Bi-Directional Recurrent DNNs" (Hannun et al. 2014, arXiv:1408.2873, algorithm 1).

    width: texts that are followed from frame to frame. rules: `Rules`; None: any text, all equally likely. A text's
    probability is summed anew over all of its paths, those that the search did not follow too.
    """
    blank = log_probabilities.shape[1] - 1
    beam = {(): _Prefix(0.0, NEVER, 0.0, rules.start if rules else None)}
    ahead = rules.ahead(log_probabilities) if rules else None
    for number, frame in enumerate(log_probabilities):
        behind = ahead[number + 1] if ahead else None
        beam = _pruned(_advanced(beam, frame, blank, rules, behind), width, behind)
    found = []
    for text, held in beam.items():
        weight = held.weight + (rules.end(held.state) if rules else 0.0)
        if weight > NEVER:
            exact = text_log_probability(log_probabilities, text)
            found.append(Found(text, exact, exact + weight))
    return sorted((f for f in found if f.weighed > NEVER), key=lambda f: (-f.weighed, f.text))


@dataclasses.dataclass
class _Prefix:
    """blank, solid: logarithm of the probability of its paths that end in a blank, and in its last character."""

    blank: float
    solid: float
    weight: float
    state: object

    @property
    def total(self):
        return float(np.logaddexp(self.blank, self.solid))


def _worth(text, held, behind):
    """The logarithm of the weighed probability of a prefix, and where it is known of what may come behind it."""
    if behind is None:
        return held.total + held.weight
    silent, solid = behind
    ends = held.solid + solid[held.state, text[-1]] if text else NEVER
    return float(np.logaddexp(held.blank + silent[held.state], ends)) + held.weight


def _advanced(beam, frame, blank, rules, behind):
    """All prefixes after a further frame. behind: of `Rules.ahead`, after it."""
    after = {
        text: _Prefix(
            held.total + frame[blank], held.solid + frame[text[-1]] if text else NEVER, held.weight, held.state
        )
        for text, held in beam.items()
    }
    # nothing that far below comes back
    floor = max((_worth(text, held, behind) for text, held in after.items()), default=NEVER) - 60.0
    for text, held in beam.items():
        follow = rules.follow(held.state) if rules else None
        gained = held.total + frame[:blank]
        if text:  # the same once more needs a blank between
            gained[text[-1]] = held.blank + frame[text[-1]]
        weights = held.weight + (follow[0] if follow else np.zeros(blank))
        hopes = 0.0 if behind is None else behind[1][rules.goals(held.state), np.arange(blank)]
        for k in np.flatnonzero(gained + weights + hopes > floor):
            longer = (*text, int(k))
            if longer in after:
                after[longer].solid = float(np.logaddexp(after[longer].solid, gained[k]))
            else:
                state = follow[1](int(k)) if follow else None
                after[longer] = _Prefix(NEVER, float(gained[k]), float(weights[k]), state)
    return after


def _pruned(beam, width, behind):
    return dict(sorted(beam.items(), key=lambda item: -_worth(*item, behind))[:width])
