"""A look at texts before training: how long they are, in which scripts, and which ones are nearly equal."""

import collections
import itertools
import statistics
import unicodedata
import zlib

import numpy as np

from kerasvision.core.component import to_json
from kerasvision.data import class_names
from kerasvision.data.inspect import findings

LENGTH = 256  # bytes that a model looks at unless it says otherwise
SHINGLE = 3  # words
ALIKE = 0.7  # Jaccard's index of two texts' shingles
_BANDS, _ROWS = 16, 4  # two texts of an index of 0.7 share a band with a probability of 0.99
_PRIME = 2**31 - 1
CHECKS = (
    "rows without a text or a label",
    f"texts of more than {LENGTH} bytes",
    "equal texts with other labels",
    "nearly equal texts in several splits",
    "doubtful class names",
)


def examined(source, opened):
    """The JSON of a report on a source of texts, as `check.check` has it of images; in place of sizes and formats
    "bytes": {"min", "median", "max"} of a text, and "scripts": {name: texts whose letters are mostly of it}.
    """
    rows = [
        (name, row["text"].decode("utf-8", "replace"), _labels(row))
        for name, split in opened.splits.items()
        for row in split.records.map(split.read).as_numpy_iterator()
    ]
    found = findings.of_lines(opened.dropped)
    found["names"] += class_names.oddities(opened.classes)
    sizes = [len(text.encode()) for _, text, _ in rows]
    found["cut"] += [_short(text) for (_, text, _), size in zip(rows, sizes, strict=True) if size > LENGTH]
    found["text_contradiction"] += _contradictions(rows)
    found["text_leak"] += [f"{_short(rows[a][1])} = {_short(rows[b][1])}" for a, b in near(rows)]
    count = collections.Counter((name, label) for name, _, labels in rows for label in labels)
    return {
        "source": to_json(source),
        "classes": list(opened.classes),
        "splits": {
            name: {"size": split.size, "classes": {c: count[name, i] for i, c in enumerate(opened.classes)}}
            for name, split in opened.splits.items()
        },
        "bytes": {"min": min(sizes), "median": statistics.median(sizes), "max": max(sizes)},
        "scripts": dict(collections.Counter(script(text) for _, text, _ in rows).most_common()),
        "looked_at": {
            "texts": len(rows),
            "of": len(rows),
            "labels": {"labels": sum(len(labels) for *_, labels in rows)},
            "checks": list(CHECKS),
        },
        "findings": [findings.finding(kind, lines, source) for kind, lines in found.items() if lines],
    }


def _labels(row):
    """Class indices; of numbers none."""
    return tuple(np.atleast_1d(row["label"]).tolist() if "label" in row else row.get("labels", np.zeros(0)).tolist())


def _short(text):
    return repr(text[:40] + "..." * (len(text) > 40))


def script(text):
    """What Unicode's names of most of its letters begin with, such as "LATIN"; "none" without letters."""
    names = (unicodedata.name(c, "").split(" ")[0] for c in text[:200] if c.isalpha())
    return next((name for name, _ in collections.Counter(names).most_common(1)), "none")


def _contradictions(rows):
    held = collections.defaultdict(set)
    for _, text, labels in rows:
        held[" ".join(text.casefold().split())].add(labels)
    return [_short(text) for text, labels in held.items() if len(labels) > 1]


def near(rows):
    """Pairs of indices of rows (split, text, ...) that lie in different splits and are nearly equal, sorted.

    Candidates share a band of a MinHash signature (Broder 1997, doi:10.1109/SEQUEN.1997.666900); which of them are
    alike is counted.
    """
    shingles = [_shingles(text) for _, text, *_ in rows]
    rng = np.random.default_rng(0)
    factors, shifts = (rng.integers(1, _PRIME, _BANDS * _ROWS, np.int64) for _ in range(2))
    bands = collections.defaultdict(list)
    for number, held in enumerate(shingles):
        hashed = np.array([zlib.crc32(" ".join(s).encode()) % _PRIME for s in held], np.int64)
        signature = ((hashed[:, None] * factors + shifts) % _PRIME).min(0).reshape(_BANDS, _ROWS)
        for band, values in enumerate(signature.tolist()):
            bands[band, *values].append(number)
    pairs = {
        pair
        for members in bands.values()
        for pair in itertools.combinations(members[:50], 2)
        if rows[pair[0]][0] != rows[pair[1]][0]
    }
    return sorted((a, b) for a, b in pairs if _alike(shingles[a], shingles[b]))


def _shingles(text):
    words = text.casefold().split() or [""]
    return {tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}


def _alike(first, second):
    return len(first & second) >= ALIKE * len(first | second)
