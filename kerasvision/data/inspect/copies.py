"""Which pictures of a folder are copies of one another, and which of them to keep."""

import dataclasses
import hashlib
import itertools
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.inspect import duplicates
from kerasvision.data.inspect.facts import TURNS, fingerprints, of_bytes
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources import _walk

EQUAL, THROUGH = "equal bytes", "like another of its group"


@dataclasses.dataclass(frozen=True)
class Picture:
    """place: which of the folders it lies in. marks: of `fingerprints`; () of a picture without structure."""

    path: pathlib.Path
    place: int
    digest: bytes
    pixels: int
    bytes: int
    marks: tuple = ()


@dataclasses.dataclass(frozen=True)
class Copies:
    """groups: [(the picture to keep, [(another, what it is to that one)])]. unread: paths of what is no picture.
    plain: how many without any structure were compared by their bytes alone. ended: whether so many are alike, as the
    frames of a film are, that not all were found.
    """

    groups: list
    unread: tuple
    size: int
    plain: int
    ended: bool = False


def found(folders, progress=lambda task, done, total: None):
    """`Copies` in one folder; of several, only groups that lie in more than one of them.

    The one to keep has the most pixels, then the most bytes, then lies in the first folder, then comes first by name.
    progress: called with "pictures" or "pairs", and how many of how many are done.
    """
    files = [(path, place) for place, folder in enumerate(folders) for path in _files(folder)]
    held, unread = [], []
    for number, (path, place) in enumerate(files):
        picture = _read(path, place)
        (unread.append(path) if picture is None else held.append(picture))
        progress("pictures", number + 1, len(files))
    together = [pair for group in duplicates.exact([p.digest for p in held]) for pair in itertools.pairwise(group)]
    first = {p.digest: n for n, p in reversed(list(enumerate(held)))}  # equal bytes are joined already
    marked = np.array([n for n, p in enumerate(held) if p.marks and first[p.digest] == n], int)
    pairs, ended = _alike([held[n].marks for n in marked], progress)
    together += [(marked[i], marked[j]) for i, j in pairs]
    groups = [_sorted([held[n] for n in group]) for group in duplicates.chains(together, len(held))]
    if len(folders) > 1:
        groups = [g for g in groups if len({g[0].place, *(p.place for p, _ in g[1])}) > 1]
    return Copies(groups, tuple(unread), len(held), sum(not p.marks for p in held), ended)


def _files(folder):
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise KerasVisionError(f"{folder} is no folder; name one with pictures")
    return [path for path in _walk.below(folder).files if path.suffix.lower() in SUFFIXES]


def _read(path, place):
    content = path.read_bytes()
    facts = of_bytes(content)
    if facts.problem is not None:
        return None
    marks = tuple(fingerprints(content)) if facts.dhash is not None and facts.height else ()
    marks = marks if all(dhash is not None for dhash, _ in marks) else ()
    return Picture(path, place, hashlib.sha256(content).digest(), facts.height * facts.width, len(content), marks)


def _alike(marks, progress):
    """([(i, j)] of pictures that are nearly equal, in any turn; whether there were too many to find all)."""
    if not marks:
        return [], False
    hashes = np.array([[dhash for dhash, _ in row] for row in marks], np.uint64)
    thumbs = np.array([[thumb for _, thumb in row] for row in marks])
    pairs, ended = [], False
    for turn in range(len(TURNS)):

        def report(done, before=turn):
            progress("pairs", before * len(marks) + done, len(TURNS) * len(marks))

        there = hashes[:, turn], thumbs[:, turn]
        found = duplicates.alike((hashes[:, 0], thumbs[:, 0]), there, progress=report)
        pairs, ended = pairs + found.tolist(), ended or len(found) > duplicates.MAX_PAIRS
    return pairs, ended


def _sorted(pictures):
    """(the one to keep, [(another, what it is to that one)])."""
    kept, *others = sorted(pictures, key=lambda p: (-p.pixels, -p.bytes, p.place, str(p.path)))
    return kept, [(other, _relation(kept, other)) for other in others]


def _relation(kept, other):
    """What has to be said of `other` to know how it comes from `kept`."""
    if kept.digest == other.digest:
        return EQUAL
    if not kept.marks or not other.marks:
        return THROUGH
    hashes, thumbs = zip(*kept.marks, strict=True)
    dhash, thumb = other.marks[0]
    apart = np.bitwise_count(np.array(hashes, np.uint64) ^ np.uint64(dhash))
    likeness = duplicates.correlation(np.array(thumbs), np.array([thumb] * len(thumbs)))
    likeness = np.where(apart <= duplicates.MAX_BITS, likeness, -1.0)
    best = int(likeness.argmax())
    return tuple(TURNS)[best] if likeness[best] >= duplicates.MIN_CORRELATION else THROUGH
