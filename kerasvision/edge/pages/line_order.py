"""Which of the lines of a page comes first, two by two, and the order that agrees with the most of that.

Boxes are float64 [N, 4], x0, y0, x1, y1 of upright lines. Sets of lines are bits of whole numbers, and lines with the
same neighbors are looked at once: the time is quadratic in the number of lines where a page has few columns.
"""

import bisect

import numpy as np

_TOUCH = 0.3  # of a height, by which lines that stand above one another overlap
_NEAR = 5.0  # heights up and down, in which lines tell how wide their column is
_GUTTER = 0.8  # heights between columns at least
_RUN = 3.0  # heights from a line to the next one below it, in a column that goes on


def ordered(boxes, is_apart, size, mirrored=None, spans=None):
    """Indices in reading order. is_apart: bool [N], lines that tell nothing of columns. size: the height of lines.
    mirrored: bool [N], lines of another direction, of two of which the right one comes first; None: none. spans: [N,
    2], the top and the bottom of the column that each stands in: of two directions the upper column comes first.
    """
    left, right = _in_columns(boxes, size, is_apart)
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    shared = np.minimum(right[:, None], right[None]) - np.maximum(left[:, None], left[None])
    narrow = np.minimum((right - left)[:, None], (right - left)[None])
    over = shared > np.minimum(_TOUCH * size, narrow / 2)
    sets = _Sets(over, middle)
    center = left + right
    beside = ~over & _first(center, mirrored, spans) & ~sets.parted()
    # the left one first, unless it is lower and nothing of its column stands beside the other: a letter's recipient
    alone = beside & (middle[:, None] > middle[None]) & ~sets.accompanied(boxes, _RUN * size)
    before = (over & (middle[:, None] < middle[None])) | (beside & ~alone) | alone.T
    np.fill_diagonal(before, False)
    count = len(boxes)
    place = np.empty(count, np.int64)
    place[np.lexsort((left, middle))] = np.arange(count)
    waits, order = before.sum(0) * count + place, []
    for _ in range(count):
        # where lines wait for one another in a circle, the one that waits for the fewest
        chosen = int(waits.argmin())
        order.append(chosen)
        waits -= before[chosen] * count
        waits[chosen] = np.iinfo(np.int64).max // 2
    return order


class _Sets:
    """Final. over: bool [N, N], which lines stand above one another, each of itself. middle: [N], their heights."""

    def __init__(self, over, middle):
        self._order = np.argsort(middle, kind="stable")
        self._over = over[np.ix_(self._order, self._order)]
        held = middle[self._order]
        self._lower = np.searchsorted(held, held, side="right").tolist()  # of each line, the first one that is lower
        self._sets, self._alike = _numbers(self._over), {}
        for line, lines in enumerate(self._sets):
            self._alike.setdefault(lines, []).append(line)

    def parted(self):
        """bool [N, N]: whether a line that stands above or below both of two is between them in height."""
        found = []
        for line, first in enumerate(self._lower):
            behind = 0
            for lines, alike in self._alike.items():
                # of those that touch the same ones, the first below this line parts it from the most
                at = bisect.bisect_left(alike, first)
                if lines >> line & 1 and at < len(alike):
                    lower = self._lower[alike[at]]
                    behind |= lines >> lower << lower
            found.append(behind)
        rows = _rows_of(found, len(found))
        return self._as_given(rows | rows.T)

    def accompanied(self, boxes, gap):
        """bool [N, N]: whether a line that stands above or below the first of two, or it itself, but not the second, is
        beside the lines that go on from the second one, of which each is no further than a gap below the one before.
        """
        top, bottom = boxes[self._order][:, [1, 3]].T
        apart = np.maximum(top[:, None], top) - np.minimum(bottom[:, None], bottom)
        run = connected(self._over & (apart <= gap))
        count = int(run.max(initial=-1)) + 1
        high, low = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(high, run, top)
        np.maximum.at(low, run, bottom)
        level = _numbers((bottom > high[:, None]) & (top < low[:, None]))
        patterns = list(self._alike)
        row_of = {lines: row for row, lines in enumerate(patterns)}
        found, seen = np.zeros((len(patterns), len(run)), bool), {}
        for line, lines in enumerate(self._sets):
            key = (lines, run[line])
            if key not in seen:
                company = level[run[line]] & ~lines
                seen[key] = np.array([bool(own & company) for own in patterns])
            found[:, line] = seen[key]
        return self._as_given(found[[row_of[lines] for lines in self._sets]])

    def _as_given(self, rows):
        held = np.empty_like(rows)
        held[np.ix_(self._order, self._order)] = rows
        return held


def _first(center, mirrored, spans):
    """bool [N, N]: whether a line comes before another one that neither stands above nor below it."""
    left = center[:, None] < center
    if mirrored is None or not mirrored.any():
        return left
    upper = spans[:, None, 1] <= spans[:, 0]
    own = mirrored[:, None] & mirrored
    mixed = (mirrored[:, None] ^ mirrored) & (upper | upper.T)
    return np.where(mixed, upper, np.where(own, left.T, left))


def connected(near):
    """int [N]: the number of the set, from 0, that each row of a symmetric bool [N, N] is joined in."""
    found, count = np.full(len(near), -1), 0
    for first in range(len(near)):
        if found[first] >= 0:
            continue
        edge = np.array([first])
        while len(edge):
            found[edge] = count
            edge = np.flatnonzero(near[edge].any(0) & (found < 0))
        count += 1
    return found


def _numbers(rows):
    """[int]: rows of bool [N, M], of which the first is the lowest bit."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(rows, axis=1, bitorder="little")]


def _rows_of(numbers, width):
    """bool [N, width], the rows that `_numbers` made these of."""
    size = (width + 7) // 8
    held = np.frombuffer(b"".join(number.to_bytes(size, "little") for number in numbers), np.uint8)
    return np.unpackbits(held.reshape(len(numbers), size), axis=1, count=width, bitorder="little").astype(bool)


def _in_columns(boxes, size, is_apart):
    """(left, right), [N] each: the ends of the columns that lines stand in, as far as lines around them tell: those
    that touch them, up to what stands beside them in their row. So a last word below an indentation is below that
    line. What reaches over two columns, or is apart from all, tells nothing.
    """
    left, top, right, bottom = boxes.T
    middle = (top + bottom) / 2
    touch = np.minimum(right[:, None], right) > np.maximum(left[:, None], left)
    row = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    beside = (row > _TOUCH * np.minimum(bottom - top, (bottom - top)[:, None])) & ~touch
    across = is_apart | [_is_across(i, boxes, middle, touch[i], _GUTTER * size) for i in range(len(boxes))]
    tells = touch & (np.abs(middle[:, None] - middle) <= _NEAR * size) & ~across
    before = beside & (left[None] < left[:, None])
    after = beside & (left[None] > left[:, None])
    low = np.maximum(np.where(tells, left, np.inf).min(1), np.where(before, right, -np.inf).max(1))
    high = np.minimum(np.where(tells, right, -np.inf).max(1), np.where(after, left, np.inf).min(1))
    return np.minimum(low, left), np.maximum(high, right)


def _is_across(i, boxes, middle, touch, gutter):
    """Whether a line reaches over a gutter: the lines that it sees above, or below, are that far apart somewhere."""
    for side in (middle - middle[i], middle[i] - middle):
        there = np.flatnonzero(touch & (side > 0))
        if len(there) < 2:
            continue
        ends = np.clip(boxes[there][:, [0, 2]], boxes[i, 0], boxes[i, 2])
        seen = boxes[there[_seen(ends, side[there])]]
        if seen[:, 0].max() - seen[:, 2].min() > gutter:
            return True
    return False


def _seen(ends, away):
    """Which of intervals, [N, 2] within a line's ends, are not behind another one that is less far away: int [M].

    The line is covered from near to far, so that only those are looked at that cover more of it.
    """
    seen, covered, left = [], np.zeros((0, 2)), np.arange(len(ends))
    while len(left):
        group = left[away[left] == away[left].min()]
        first, last = ends[group, :1], ends[group, 1:]
        hidden = (np.minimum(last, covered[:, 1]) > np.maximum(first, covered[:, 0])).any(1)
        seen += group[~hidden].tolist()
        covered = _united(np.concatenate([covered, ends[group]]))
        inside = (ends[left, :1] >= covered[:, 0]) & (ends[left, 1:] <= covered[:, 1])
        left = left[~inside.any(1)]
    return np.array(seen, np.int64)


def _united(ends):
    """Intervals without those that overlap or touch, which become one."""
    held = []
    for low, high in ends[np.argsort(ends[:, 0], kind="stable")].tolist():
        if held and low <= held[-1][1]:
            held[-1][1] = max(held[-1][1], high)
        else:
            held.append([low, high])
    return np.array(held).reshape(-1, 2)
