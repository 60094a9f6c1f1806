"""What COCO's JSON may hold, checked before anything is done with it.

An id is a whole number of 64 bits, also written as 1.0, or a text; all ids of one kind are of one of these types, since
"1" is not 1 to any reader. Everything else is one clear error that names the row.
"""

import collections
import re

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._files import named
from kerasvision.data.text import check_class_names, read_head, read_json

_LISTS = ("images", "annotations", "categories")
_NEEDS = {"images": ("id", "file_name"), "annotations": ("image_id", "category_id"), "categories": ("id", "name")}

_KEYS = re.compile(r'"(images|annotations|categories)"\s*:')
_HEAD = 65536  # bytes of a file that are looked at


def is_coco(file):
    """Whether a JSON file begins as COCO's do. They may be large, with one of their lists at the end."""
    head = read_head(file, _HEAD)
    found = set(_KEYS.findall(head))
    return head.lstrip().startswith("{") and len(found) >= (1 if file.stat().st_size > _HEAD else 2)


def document(file, what):
    """The JSON of a file with its three lists, whose rows have what they need and ids that `key` has made."""
    held = read_json(file, what)
    missing = [k for k in _LISTS if not isinstance(held, dict) or not isinstance(held.get(k), list)]
    if missing:
        raise KerasVisionError(
            f"{what}: no list {named(map(repr, missing))}; COCO's detection JSON has {named(_LISTS)}"
        )
    for name, keys in _NEEDS.items():
        ids = [k for k in keys if k.endswith("id")]
        for number, row in enumerate(held[name]):
            if not isinstance(row, dict):
                raise KerasVisionError(
                    f"{what}: {name}[{number}] is {row!r:.60}; allowed: an object with {named(keys)}"
                )
            for k in keys:
                if k not in row:
                    raise KerasVisionError(f"{what}: {name}[{number}] has no {k}")
            for k in ids:
                if type(row[k]) is not int or abs(row[k]) >= 2**53:  # millions of rows are plain numbers
                    row[k] = key(row[k], f"{what}: {name}[{number}]: {k}")
        _check_types(held[name], ids, f"{what}: {name}")
    for number, row in enumerate(held["images"]):
        name = row["file_name"]
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise KerasVisionError(f"{what}: images[{number}]: file_name is {name!r}; allowed: the path of a file")
    return held


def key(value, where):
    """An id as int or str; 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 - 2**32:
        return value  # some room is left for the numbers of images that have none
    raise KerasVisionError(f"{where} is {value!r:.60}; allowed: a whole number of 64 bits, or a text")


def _check_types(rows, keys, where):
    for name in keys:
        texts = [i for i, row in enumerate(rows) if isinstance(row[name], str)]
        if 0 < len(texts) < len(rows):
            other = next(i for i, row in enumerate(rows) if not isinstance(row[name], str))
            pair = " and ".join(f"[{i}] has {rows[i][name]!r}" for i in sorted((texts[0], other)))
            seen = f"{len(texts)} of {len(rows)} {name} are texts, the others numbers ({pair})"
            raise KerasVisionError(f"{where}: {seen}; write all as one of these")


def categories(held, what):
    """id -> name, in the order of the ids; texts of digits count as numbers there."""
    rows = held["categories"]
    if not rows:
        raise KerasVisionError(f"{what}: no categories")
    twice = [i for i, count in collections.Counter(row["id"] for row in rows).items() if count > 1]
    if twice:
        raise KerasVisionError(f"{what}: two categories of one id: {named(map(repr, twice))}; keep one of each")
    numbers = all(isinstance(row["id"], int) or row["id"].isdecimal() for row in rows)
    rows = sorted(rows, key=lambda row: int(row["id"]) if numbers else row["id"])
    check_class_names([row["name"] for row in rows], f"{what}: categories")
    return {row["id"]: row["name"] for row in rows}
