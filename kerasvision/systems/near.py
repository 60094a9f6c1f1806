"""The nearest of very many vectors without looking at each, by FAISS (the extra `search`): "The Faiss library" (Douze
et al. 2024, arXiv:2401.08281). Vectors are listed by the nearest of some centers, and the lists of a few centers are
searched; their codes are float32, 8 bits a number, or product-quantized (Jegou, Douze, Schmid 2011,
doi:10.1109/TPAMI.2010.57).
"""

import dataclasses
import importlib.util

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems.index import exact

EXACT_BELOW = 50_000  # vectors
QUERIES, TOP = 1000, 10  # that recall is measured by
CODES = {"flat": "Flat", "8bit": "SQ8", "product": "PQ"}  # from the largest to the smallest


@dataclasses.dataclass(frozen=True)
class Wanted:
    """recall: the share of the 10 nearest that must be found, measured by 1,000 queries; 1 searches exactly.
    max_memory: bytes of the codes, 0 for any. exact_below: how many vectors are searched exactly.
    """

    recall: float = 0.95
    max_memory: int = 0
    exact_below: int = EXACT_BELOW

    def __post_init__(self):
        if not 0 < self.recall <= 1:
            raise UsageError(f"--recall {self.recall:g}; allowed: above 0, at most 1, which searches exactly")


DEFAULT = Wanted()


def name_of(generation):
    """The name of the file of a generation, an int, within its index folder."""
    return f"near-{generation}.faiss"


def is_installed():
    """Whether there is FAISS."""
    return importlib.util.find_spec("faiss") is not None


def bytes_of(code, dimension):
    """How many bytes one vector takes, with its number. code: of `CODES`; dimension: numbers of a vector."""
    return {"flat": 4 * dimension, "8bit": dimension, "product": _parts(dimension)}[code] + 8


def _parts(dimension):
    """Of a product quantizer: a byte each, of two numbers or more."""
    return max(m for m in range(1, max(2, dimension // 2) + 1) if dimension % m == 0)


def made(vectors, folder, generation, wanted):
    """What index.json says of it, {} where the vectors are searched exactly: few, all to be found, or no FAISS. The
    file is written beside.
    """
    count, dimension = vectors.shape
    fitting = [c for c in CODES if not wanted.max_memory or count * bytes_of(c, dimension) <= wanted.max_memory]
    if not fitting:
        least = count * bytes_of("product", dimension)
        raise UsageError(f"--max-memory {wanted.max_memory}: {count} vectors need {least} bytes or more")
    if wanted.recall == 1.0 and fitting[0] != "flat":
        raise UsageError(
            f"--recall 1.0 is exact search, which needs {count * bytes_of('flat', dimension)} bytes, and --max-memory "
            f"{wanted.max_memory} leaves room for {fitting[0]} codes; leave one of the two out"
        )
    if count < wanted.exact_below or wanted.recall == 1.0 or (not is_installed() and not wanted.max_memory):
        return {}
    if not is_installed():
        raise UsageError('--max-memory needs faiss-cpu; type: pip install "kerasvision[search]"')
    return _trained(vectors, folder / name_of(generation), fitting[0], wanted)


def _trained(vectors, path, code, wanted):
    import faiss

    count, dimension = vectors.shape
    lists = int(2 ** round(np.log2(2 * np.sqrt(count))))
    kind = f"IVF{lists},{CODES[code]}{_parts(dimension) if code == 'product' else ''}"
    held = faiss.index_factory(dimension, kind, faiss.METRIC_INNER_PRODUCT)
    if code == "product":  # of 43 s for 3,000 vectors 41 went into a filter by Hamming distances that is not asked for
        held.do_polysemous_training = False
    rng = np.random.default_rng(0)
    held.train(vectors[np.sort(rng.permutation(count)[: 40 * lists])])
    held.add(vectors)
    numbers = np.sort(rng.permutation(count)[:QUERIES])
    asked = vectors[numbers]
    true = others(faiss.knn(asked, vectors, TOP + 1, metric=faiss.METRIC_INNER_PRODUCT)[1], numbers)

    def recall_of(probes):
        held.nprobe = probes
        found = others(held.search(asked, TOP + 1)[1], numbers)
        return float(np.mean([len(np.intersect1d(a, b)) / TOP for a, b in zip(found, true, strict=True)]))

    probes, recall = fewest(recall_of, lists, wanted.recall)
    if recall < wanted.recall:
        raise KerasVisionError(
            f"of the {TOP} nearest {recall:.3f} are found by {kind} however many lists are searched, and --recall is "
            f"{wanted.recall:g}; raise --max-memory, or lower --recall"
        )
    faiss.write_index(held, str(path))
    return {"near": kind, "probes": probes, "recall": round(recall, 4)}


def others(found, numbers):
    """int [Q, TOP] of the nearest [Q, TOP + 1] of vectors of the index itself, whose numbers are [Q]: without each
    one's own, which every search finds, and which would make up a tenth of the recall.
    """
    own = found == numbers[:, None]
    own[:, -1] |= ~own.any(1)  # one that was not found: the last goes in its place
    own &= np.cumsum(own, 1) == 1
    return found[~own].reshape(len(found), TOP)


def fewest(recall_of, most, wanted):
    """(the fewest lists to search for a recall, that recall); of `most` lists where it is not reached. recall_of: how
    many lists -> the recall, which rises with them.
    """
    low, high, recall = 0, 1, recall_of(1)
    while recall < wanted and high < most:
        low, high = high, min(most, 2 * high)
        recall = recall_of(high)
    while recall >= wanted and high - low > 1:
        middle = (low + high) // 2
        if (between := recall_of(middle)) >= wanted:
            high, recall = middle, between
        else:
            low = middle
    return high, recall


def opened(folder, about):
    """The `Near` of an index folder. about: what its index.json says. Raises UsageError without FAISS."""
    if not is_installed():
        raise UsageError(f'{folder} is searched by faiss-cpu; type: pip install "kerasvision[search]"')
    import faiss

    held = faiss.read_index(str(folder / name_of(about["generation"])))
    held.nprobe = about["probes"]
    return Near(held)


class Near:
    """Final. Searches the vectors of a generation by FAISS, and those that came later exactly."""

    def __init__(self, held):
        self._held = held

    def query(self, vectors, asked, top, keep):
        """As `index.exact`, nearly: the cosines are exact, of what is found."""
        import faiss

        first = self._held.ntotal
        allowed = faiss.SearchParametersIVF(
            sel=faiss.IDSelectorBitmap(np.packbits(keep[:first], bitorder="little")), nprobe=self._held.nprobe
        )
        places = self._held.search(asked, min(2 * top, first), params=allowed)[1]
        late = np.flatnonzero(keep[first:]) + first
        found = [self._best(vectors, one, row[row >= 0], late, top) for one, row in zip(asked, places, strict=True)]
        if min(len(row) for row, _ in found) < top:  # few pass the filter, and they stand in other lists
            return exact(vectors, asked, top, keep)
        return np.stack([row for row, _ in found]), np.stack([cosines for _, cosines in found])

    def _best(self, vectors, one, row, late, top):
        row = np.sort(np.concatenate([row, late]))
        cosines = vectors[row] @ one
        best = np.argsort(-cosines, kind="stable")[:top]
        return row[best], cosines[best]
