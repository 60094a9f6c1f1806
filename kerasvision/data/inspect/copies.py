"""Which pictures of a folder are copies of one another, and which of them to keep."""

import dataclasses
import hashlib
import itertools
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.inspect import candidates, duplicates, parts
from kerasvision.data.inspect.facts import TURNS, as_seen, fingerprints, of_bytes
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources import _walk

EQUAL, THROUGH = "equal bytes", "like another of its group"


@dataclasses.dataclass(frozen=True)
class Picture:
    """place: which of the folders it lies in. marks: of `fingerprints`; () of a picture without structure. points: of
    `parts`, where these are asked for.
    """

    path: pathlib.Path
    place: int
    digest: bytes
    pixels: int
    bytes: int
    marks: tuple = ()
    points: parts.Points | None = None


@dataclasses.dataclass(frozen=True)
class Copies:
    """groups: [(the picture to keep, [(another, what it is to that one)])]. unread: paths of what is no picture.
    plain: how many without any structure were compared by their bytes alone. ended: whether so many are alike, as the
    frames of a film are, that not all were found. parts: of `candidates`, if it was looked for parts of others.
    """

    groups: list
    unread: tuple
    size: int
    plain: int
    ended: bool = False
    parts: candidates.Related | None = None


def found(folders, progress=lambda task, done, total: None, with_parts=False):
    """`Copies` in one folder; of several, only groups that lie in more than one of them. with_parts: also those that
    are cropped, framed or captioned (`parts`).

    The one to keep is none of these, has the most pixels, then the most bytes, then lies in the first folder, then
    comes first by name. progress: called with "pictures" or "pairs", and how many of how many are done.
    """
    files = [(path, place) for place, folder in enumerate(folders) for path in _files(folder)]
    if with_parts and len(files) > parts.MOST_PICTURES:
        raise UsageError(
            f"--parts: {len(files)} pictures; allowed: up to {parts.MOST_PICTURES}; search folder by folder"
        )
    held, unread = [], []
    for number, (path, place) in enumerate(files):
        picture = _read(path, place, with_parts)
        (unread.append(path) if picture is None else held.append(picture))
        progress("pictures", number + 1, len(files))
    together = [pair for group in duplicates.exact([p.digest for p in held]) for pair in itertools.pairwise(group)]
    first = {p.digest: n for n, p in reversed(list(enumerate(held)))}  # equal bytes are joined already
    marked = np.array([n for n, p in enumerate(held) if p.marks and first[p.digest] == n], int)
    pairs, ended = _alike([held[n].marks for n in marked], progress)
    together += [(marked[i], marked[j]) for i, j in pairs]
    related = _related([held[n] for n in marked], progress) if with_parts else None
    said = {(one.digest, other.digest): told for one, other, told in related.pairs} if related else {}
    numbers = {held[n].digest: n for n in marked} if said else {}
    together += [(numbers[one], numbers[other]) for one, other in said]
    groups = [_sorted([held[n] for n in group], said) for group in duplicates.chains(together, len(held))]
    if len(folders) > 1:
        groups = [g for g in groups if len({g[0].place, *(p.place for p, _ in g[1])}) > 1]
    return Copies(groups, tuple(unread), len(held), sum(not p.marks for p in held), ended, related)


def _files(folder):
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise KerasVisionError(f"{folder} is no folder; name one with pictures")
    return [path for path in _walk.below(folder).files if path.suffix.lower() in SUFFIXES]


def _read(path, place, with_parts=False):
    content = path.read_bytes()
    facts = of_bytes(content)
    if facts.problem is not None:
        return None
    marks = tuple(fingerprints(content)) if facts.dhash is not None and facts.height else ()
    marks = marks if all(dhash is not None for dhash, _ in marks) else ()
    points = parts.points_of(as_seen(content, 2 * parts.SIDE)) if with_parts and marks else None
    size = facts.height * facts.width
    return Picture(path, place, hashlib.sha256(content).digest(), size, len(content), marks, points)


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


def _related(pictures, progress):
    """`candidates.Related`, with pictures in place of their numbers."""
    held, count = sorted(pictures, key=_rank), len(pictures)
    found = candidates.found([p.points for p in held], lambda share: progress("pairs", int(share * count), count))
    return dataclasses.replace(found, pairs=[(held[one], held[other], told) for one, other, told in found.pairs])


def _rank(picture):
    """The lower, the rather is it kept."""
    return -picture.pixels, -picture.bytes, picture.place, str(picture.path)


def _sorted(pictures, said):
    """(the one to keep, [(another, what it is to that one)]). said: {(digest of an original, of its copy): what the
    copy is}.
    """
    made = {copy for (_, copy), told in said.items() if told in parts.MADE}
    kept, *others = sorted(pictures, key=lambda p: (p.digest in made, _rank(p)))
    return kept, [(other, _relation(kept, other, said)) for other in others]


def _relation(kept, other, said):
    """What has to be said of `other` to know how it comes from `kept`."""
    told = _by_fingerprints(kept, other)
    return said.get((kept.digest, other.digest), THROUGH) if told == THROUGH else told


def _by_fingerprints(kept, other):
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
