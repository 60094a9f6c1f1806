"""What recommendations are worth: those made of what people did before a time, judged by what they did after it.

The split is by one time for all, so that nothing that was later, such as what became popular, is known too early.
Beside them stand the most popular items and chance, which know no pictures.
"""

import collections
import csv
import dataclasses
import datetime
import itertools
import math
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems.recommend import DIVERSITY, recommended, require_diversity, taste

COLUMNS = ("user", "item", "time")
EARLIER = 0.8  # share of the rows that are known, where no time is named


@dataclasses.dataclass(frozen=True)
class Touches:
    """What people did: rows of (user, number of an item of the index, time in seconds), by time. missing: how many
    rows name items that the index does not have; example: one of those.
    """

    rows: tuple
    missing: int = 0
    example: str = ""


def read(path, index):
    """The `Touches` of a CSV with the columns user, item (a path as the index has it) and time (a number, or
    2026-01-31 with or without hours). Raises KerasVisionError with the line of what cannot be read.
    """
    numbers = {item["path"]: item["number"] for item in index.items if item is not None}
    rows, missing, example = [], 0, ""
    for line, row in _lines(path):
        time = seconds(row["time"])
        if not row["user"] or not row["item"] or time is None:
            raise KerasVisionError(
                f"{path}, line {line}: user {row['user']!r}, item {row['item']!r}, time {row['time']!r}; allowed: a "
                "user, an item and a time, which is a number or 2026-01-31T12:00:00"
            )
        if row["item"] in numbers:
            rows.append((row["user"], numbers[row["item"]], time))
        else:
            missing, example = missing + 1, example or row["item"]
    if not rows:
        seen = f"such as {example}" if example else "as it has no rows"
        raise KerasVisionError(
            f"{path} names no item of the index, {seen}; items are paths as `index query` shows them"
        )
    return Touches(tuple(sorted(rows, key=lambda row: row[2])), missing, example)


def _lines(path):
    """Yields (number of the line, row)."""
    try:
        with pathlib.Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if lacking := [c for c in COLUMNS if c not in (reader.fieldnames or ())]:
                raise KerasVisionError(f"{path} has no column {', '.join(lacking)}; it needs user,item,time")
            for row in reader:
                yield reader.line_num, {c: (row[c] or "").strip() for c in COLUMNS}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise KerasVisionError(f"{path} is no CSV in UTF-8: {error}") from None


def seconds(text):
    """A time as seconds: a finite number, or an ISO 8601 date or time, UTC unless it says otherwise; None: neither."""
    try:
        number = float(text)
        return number if math.isfinite(number) else None
    except ValueError:
        pass
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp()


@dataclasses.dataclass(frozen=True)
class Split:
    """known: user -> numbers of items before the time; later: the same of new ones after it, of those users who have
    both. strangers: users who come after it alone, for whom there is nothing to go by. content: how many have both, and
    after it nothing that was new to them.
    """

    known: dict
    later: dict
    time: float
    strangers: int
    content: int


def split(touches, time=None):
    """The `Split` of `Touches` at a time in seconds, what is at it being later; None: at that of the row with which
    the last fifth begins. An item that a person knows is no news to them, and not judged.
    """
    rows = touches.rows
    time = rows[min(len(rows) - 1, math.ceil(EARLIER * len(rows)))][2] if time is None else time
    known, after = collections.defaultdict(set), collections.defaultdict(set)
    for user, item, when in rows:
        (known if when < time else after)[user].add(item)
    later = {user: after[user] - known[user] for user in sorted(after) if user in known and after[user] - known[user]}
    if not later:
        raise KerasVisionError(
            f"of {len(rows)} rows {sum(when < time for *_, when in rows)} are before the time of the split, and no "
            "user has one before it and a new item after it; name another time by --at"
        )
    strangers = len(after.keys() - known.keys())
    return Split(dict(known), later, time, strangers, len(after) - strangers - len(later))


def judged(index, parts, top, diversity=DIVERSITY):
    """name -> figures of `taste`, `popularity` and `chance`, the last as expected; of a `Split`.

    hit@k: share of users with one of their later items or more among the k; ndcg@k: their mean nDCG with relevance 0 or
    1 (Jarvelin, Kekalainen 2002, doi:10.1145/582415.582418); coverage@k: share of the index's items that anybody is
    shown; untouched@k: share of what is shown that nobody had touched before.
    """
    require_diversity(diversity)
    numbers = np.array([item["number"] for item in index.items if item is not None])
    places = {item["number"]: place for place, item in enumerate(index.items) if item is not None}
    _require_room(parts, len(numbers), top)
    counts = collections.Counter(item for items in parts.known.values() for item in items)
    popular = sorted(numbers.tolist(), key=lambda number: -counts[number])
    shown = {"taste": {}, "popularity": {}}
    for user in parts.later:
        own = parts.known[user]
        wanted = taste(index.vectors[[places[number] for number in sorted(own)]])
        found = recommended(index, wanted, top, diversity, own)
        shown["taste"][user] = [index.items[place]["number"] for place in found.places]
        shown["popularity"][user] = list(itertools.islice((n for n in popular if n not in own), top))
    figures = {name: figures_of(lists, parts.later, len(numbers), counts, top) for name, lists in shown.items()}
    return figures | {"chance": expected(parts, numbers.tolist(), counts, top)}


def _require_room(parts, count, top):
    least = min(count - len(parts.known[user]) for user in parts.later)
    if not 1 <= top <= least:
        raise UsageError(f"--top {top}: a user has {least} items left that are new; allowed: 1 to {least}")


def figures_of(shown, later, size, counts, top):
    """Of lists that were shown. shown: user -> numbers, the first one first; later: user -> the true ones."""
    gains = [np.isin(shown[user], list(later[user])) for user in shown]
    ideal = [_discounts(top)[: len(later[user])].sum() for user in shown]
    every = [number for numbers in shown.values() for number in numbers]
    return {
        f"hit@{top}": float(np.mean([gain.any() for gain in gains])),
        f"ndcg@{top}": float(np.mean([gain @ _discounts(top) / best for gain, best in zip(gains, ideal, strict=True)])),
        f"coverage@{top}": len(set(every)) / size,
        f"untouched@{top}": float(np.mean([not counts[number] for number in every])),
    }


def expected(parts, numbers, counts, top):
    """The same figures of `top` items that are drawn for each user from those that are new to them, as expected."""
    hits, gains, fresh, unseen = [], [], [], np.ones(len(numbers))
    untouched = sum(not counts[number] for number in numbers)
    for user, true in parts.later.items():
        left = len(numbers) - len(parts.known[user])
        hits.append(1.0 - math.comb(left - len(true), top) / math.comb(left, top))
        gains.append(len(true) / left * _discounts(top).sum() / _discounts(top)[: len(true)].sum())
        fresh.append(untouched / left)
        new = ~np.isin(numbers, list(parts.known[user]))
        unseen *= np.where(new, 1.0 - top / left, 1.0)
    found = (np.mean(hits), np.mean(gains), 1.0 - unseen.mean(), np.mean(fresh))
    return {f"{k}@{top}": float(v) for k, v in zip(("hit", "ndcg", "coverage", "untouched"), found, strict=True)}


def _discounts(top):
    return 1.0 / np.log2(np.arange(top) + 2.0)
