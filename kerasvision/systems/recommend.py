"""More like this: what a person may want to see next, by the vectors of what was liked and disliked.

A picture needs no history to be recommended: its own vector is enough. What it is worth is told by
`systems.recommending`.
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.systems.index import Filter

LIKED, DISLIKED = 0.75, 0.15  # weights of both means
DIVERSITY = 0.3
POOL = 10  # times what is asked for: so many of the nearest are looked at for diversity
EVERY = Filter()
_LEAST = 1e-6  # length of a query that points somewhere


@dataclasses.dataclass(frozen=True, eq=False)
class Recommendation:
    """places: int [K], of items in the index, the first one first. cosines: float32 [K], with the person's vector."""

    places: np.ndarray
    cosines: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Others:
    """A filter of an index that leaves out items by their numbers, beside what `within` leaves out."""

    numbers: frozenset
    within: Filter

    is_empty = False

    def __call__(self, item):
        return item["number"] not in self.numbers and self.within(item)


def taste(liked, disliked=None):
    """float32 [D], of length 1: 0.75 times the mean of what was liked less 0.15 times that of what was disliked.

    "Relevance feedback in information retrieval" (Rocchio 1971), with the weights of Manning, Raghavan, Schutze 2008
    (Introduction to Information Retrieval, equation 9.3, section 9.1.1) and no query beside the pictures. liked: [L, D]
    with one row or more; disliked: [M, D] or None. Raises UsageError where both cancel each other out.
    """
    liked = np.asarray(liked, np.float32)
    if not len(liked):
        raise UsageError("nothing was liked; name one picture or more, as dislikes alone point nowhere")
    wanted = LIKED * liked.mean(0)
    if disliked is not None and len(disliked):
        wanted = wanted - DISLIKED * np.asarray(disliked, np.float32).mean(0)
    length = np.linalg.norm(wanted)
    if not length > _LEAST:
        raise UsageError("what was liked and disliked cancels out, so that it points nowhere; name other pictures")
    return (wanted / length).astype(np.float32)


def diverse(cosines, vectors, top, diversity):
    """int [top]: which candidates, the first one first: each time the one of the largest (1 - diversity) * its cosine
    with the query - diversity * its largest cosine with one that is chosen already; of equal ones the earlier.

    Maximal marginal relevance: "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
    Summaries" (Carbonell, Goldstein 1998, doi:10.1145/290941.291025), with lambda = 1 - diversity. cosines: [N];
    vectors: [N, D], of length 1; the first that is chosen is the nearest.
    """
    chosen = [int(np.argmax(cosines))]
    nearest = vectors @ vectors[chosen[0]]
    left = np.ones(len(cosines), bool)
    left[chosen] = False
    while len(chosen) < top:
        marginal = (1.0 - diversity) * cosines - diversity * nearest
        chosen.append(int(np.argmax(np.where(left, marginal, -np.inf))))
        left[chosen[-1]] = False
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return np.array(chosen)


def recommended(index, wanted, top, diversity=DIVERSITY, known=(), within=EVERY):
    """The `Recommendation` of an `Index` for a person's vector, float32 [D] (`taste`).

    known: numbers of items that are left out, as the person has seen them. within: a `Filter`. diversity: 0, the
    nearest alone, to 1, which looks for variety alone.
    """
    require_diversity(diversity)
    narrowed = _Others(frozenset(known), within) if known else within
    count = sum(item is not None and narrowed(item) for item in index.items)
    if not 1 <= top <= count:
        allowed = f"allowed: 1 to {count}" if count else "name another filter, or add pictures"
        raise UsageError(f"{top} recommendations of {count} items that are left; {allowed}")
    places, cosines = (found[0] for found in index.query(wanted[None], min(count, POOL * top), narrowed))
    order = diverse(cosines, np.asarray(index.vectors[places]), top, diversity)
    return Recommendation(places[order], cosines[order])


def require_diversity(diversity):
    """Refuse what is no share."""
    if not 0 <= diversity <= 1:
        raise UsageError(f"a diversity of {diversity:g}; allowed: 0, the nearest alone, to 1, variety alone")
