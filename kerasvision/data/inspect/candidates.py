"""Which of many pictures are parts of others, by work that is bounded for each of them. numpy only.

All frames of one fixed camera share their points, so that pairs of frames, and pairs of points that agree, grow with
the square of their number. Pictures are therefore taken in turn, and each is compared with earlier ones: with those
that most of its points agree with, and of a crowd of nearly equal ones with the first alone, for what is part of the
others is nearly always part of these. Points that very many have tell pictures apart as little as the most frequent
words of a language ("Video Google", Sivic, Zisserman, ICCV 2003, section 4.1). What a bound left out is counted.
"""

import collections
import dataclasses

import numpy as np

from kerasvision.data.inspect import duplicates
from kerasvision.data.inspect.parts import LEAST_VOTES, MAX_BITS, NEARLY, related

AT_ONCE = 64  # pictures whose points are matched at a time
MOST_SAME = 1000  # earlier points with one part of its bits, that a point is compared with: the latest of them
MOST_PARTNERS = 30  # earlier pictures that one is compared with: those that most of its points agree with
MOST_TWINS = 10  # that a picture may have beside it in a crowd; later ones are not looked for in further twins
_MASKS = tuple(np.bitwise_or.reduce(np.uint64(1) << part) for part in np.array_split(np.arange(64, dtype=np.uint64), 5))


@dataclasses.dataclass(frozen=True)
class Related:
    """pairs: [(original, copy, what the copy is)], numbers of pictures. aside: how many are further twins in a crowd.
    crowded: how many share points with more than MOST_PARTNERS. common: how many have points that more than MOST_SAME
    earlier ones are like.
    """

    pairs: list
    aside: int = 0
    crowded: int = 0
    common: int = 0


def found(every, progress=lambda share: None):
    """`Related` of a list of `parts.Points`, in the order of which would be kept. progress: called with the share that
    is done.
    """
    search = _Search(every)
    for start in range(0, len(every), AT_ONCE):
        stop = min(start + AT_ONCE, len(every))
        search.take(start, stop)
        progress(stop / len(every))
    return Related(search.pairs, len(search.aside), search.crowded, search.common)


class _Search:
    """Final. aside: numbers of pictures in which none is looked for any more."""

    def __init__(self, every):
        self._every, self.pairs, self.crowded, self.common = every, [], 0, 0
        self._open, self.aside = [], set()
        self._crowd_of, self._sizes = {}, collections.Counter()

    def take(self, start, stop):
        """Compare pictures start..stop with one another, and with all before in which one looks."""
        numbers = [*self._open, *range(start, stop)]
        counts = [len(self._every[n].bits) for n in numbers]
        owner = np.repeat(numbers, counts).astype(np.int64)
        own = np.concatenate([np.arange(count) for count in counts])
        bits = np.concatenate([self._every[n].bits for n in numbers])
        first, second, common = matches(bits, owner, int(np.searchsorted(owner, start)))
        self.common += len(common)
        partners = collections.defaultdict(list)
        keys = owner[second] * len(self._every) + owner[first]
        order = np.argsort(keys, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            if len(group) >= LEAST_VOTES:
                points = own[first[group]], own[second[group]]
                partners[int(owner[second[group[0]]])].append((int(owner[first[group[0]]]), *points))
        for later, held in sorted(partners.items()):
            self._compare(later, sorted(held, key=lambda row: -len(row[1])))
        self._open += [n for n in range(start, stop) if n not in self.aside]

    def _compare(self, later, partners):
        """One picture with earlier ones: [(number, int [M] of its points, int [M] of points of `later`)]."""
        compared = 0
        for one, ours, theirs in partners:
            if one in self.aside:
                continue
            if compared == MOST_PARTNERS:
                self.crowded += 1
                return
            compared += 1
            said = related(self._every[one], self._every[later], ours, theirs)
            if said is None:
                continue
            self.pairs.append((later, one, said[1]) if said[0] else (one, later, said[1]))
            if said[1] == NEARLY and self._stands_aside(one, later):
                return

    def _stands_aside(self, one, later):
        """Whether `later`, which is nearly equal to `one`, is one too many in its crowd."""
        if later in self._crowd_of:
            return False
        crowd = self._crowd_of[later] = self._crowd_of.setdefault(one, one)
        self._sizes[crowd] += 1
        if self._sizes[crowd] > MOST_TWINS:
            self.aside.add(later)
        return later in self.aside


def matches(bits, owner, start):
    """(first, second, common): places of points of two pictures, the first before the second, that nearly agree, the
    second from `start` on; and the pictures that have points of which too many are alike.

    bits: uint64 [N]. owner: int [N], numbers of pictures, rising.
    """
    later = np.arange(start, len(bits))
    first, second, common = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    seen = []  # (mask, rank of each point, the lowest rank that each later point was compared with)
    for mask in _MASKS:
        keys = bits & mask
        order = np.argsort(keys, kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        high = ranks[later]
        low = np.searchsorted(keys[order], keys[later], "left")
        common.append(owner[later[high - low > MOST_SAME]])
        lowest = np.maximum(low, high - MOST_SAME)
        for _, rows, places in duplicates.spans(lowest, high):
            one, other = order[places], later[rows]
            apart = bits[one] ^ bits[other]
            new = (owner[one] < owner[other]) & (np.bitwise_count(apart) <= MAX_BITS)
            for earlier, ranked, from_rank in seen:
                new &= ((apart & earlier) != 0) | (ranked[one] < from_rank[rows])
            first.append(one[new].astype(np.int32))
            second.append(other[new].astype(np.int32))
        seen.append((mask, ranks, lowest))
    return np.concatenate(first), np.concatenate(second), np.unique(np.concatenate(common))
