"""Quadrilaterals of a page -> lines, columns and the order in which a person reads them, by gaps and directions.

Quads are float [N, 4, 2], x and y of the corners clockwise as seen, the first at the text's own upper left, in pixels
as in `ops.resample`; each is a line, a part of one, or a word. On the host, by numpy.

Two lines follow one another by the rules of T. M. Breuel, High Performance Document Layout Analysis, Symposium on
Document Image Understanding Technology 2003, section 4: the upper one of two that stand above one another comes first,
and the left one of two that do not, unless a line between them stands above or below both. Added: a short row that is
far from all others at the top or at the bottom, such as a page number, stands above or below everything; and what is
lower on the left comes first only if something of its column stands beside what is higher on the right, so that a
letter's sender comes before its recipient.
"""

import dataclasses

import numpy as np

from kerasvision.edge.pages.line_order import connected, ordered
from kerasvision.edge.pages.standing import beside

SAME_ROW = 0.5  # of the lower of two heights, by which quads of one line overlap
WIDEST = 3.0  # heights; words of a line are not further apart
ROWS = 4.5  # of a gap between columns, above or below each row
CORRIDOR = 0.5  # heights that it is wide
LETTER = 1.5  # a quad that is less long than this times its height says little about its direction
TALL = 2.0  # heights of other quads; a longer upright quad is a line that stands upright, no narrow letter
_SHORT = 0.5  # of the width of all text, that a row of a page number takes at most
_FAR = 2.0  # gaps between lines, and half a height, that part paragraphs, titles and page numbers
COLUMN = 1.5  # heights between lines of one column, whose script decides together
_OTHER_SIZE = 1.35  # from here on the heights of two lines are those of two fonts


@dataclasses.dataclass(frozen=True)
class Line:
    """quads: indices of its quads in reading order. block: number of the paragraph that it stands in, from 0.
    right_to_left: of its words.
    """

    quads: tuple[int, ...]
    block: int
    right_to_left: bool = False


def angle_of(quads_xy):
    """Radians by which lines go down to the right: the median of the quads' first sides, by their lengths; 0.0 of no
    quads. Of quads that stand upright by less than 45 degrees.
    """
    along, lengths, heights = _sides(quads_xy)
    long = lengths >= LETTER * heights
    along, lengths = (v[long] if long.any() else v for v in (along, lengths))
    angles = np.arctan2(along[:, 1], along[:, 0])
    flat = np.abs(angles) <= np.pi / 4
    if not flat.any():
        return 0.0
    order = np.argsort(angles[flat])
    weight = np.cumsum(lengths[flat][order])
    return float(angles[flat][order][np.searchsorted(weight, weight[-1] / 2)])


def upright(quads_xy, angle):
    """Quads with the first side along the lines: a narrow letter is higher than wide, and detectors take its longer
    side for the first. Longer quads that stand upright stay as they are.
    """
    quads = np.asarray(quads_xy, np.float64).reshape(-1, 4, 2)
    if not len(quads):
        return quads
    along, lengths, heights = _sides(quads)
    usual = np.median(np.minimum(lengths, heights))
    turns = np.round((np.arctan2(along[:, 1], along[:, 0]) - angle) / (np.pi / 2)).astype(int)
    turns = np.where(lengths <= TALL * usual, turns, 0)
    return np.stack([np.roll(quad, turn, 0) for quad, turn in zip(quads, turns, strict=True)])


def reading_order(quads_xy, right_to_left=False, word_gap=1.0, votes=None, standing=None):
    """The `Line`s of a page, a list in reading order. quads_xy: float [N, 4, 2], of `upright`.

    right_to_left: of words in all lines, and of columns. word_gap: heights of a line; what is less far apart is of one.
    What is further apart, by up to 3 heights, is so where words of the rows above and below stand across the gap, as in
    justified text. votes: [N], how many more characters of a quad are of a script from right to left than of one from
    left to right; the sum of a column's lines decides for it, and that of all decides between two columns that are not
    of one mind. standing: int [N], 1 of quads that are read down, -1 up, 0 of others; None: all are 0. Those that
    stand beside one another are read as they are with the page on its side, and ordered as a whole among the others.
    """
    quads = np.asarray(quads_xy, np.float64).reshape(-1, 4, 2)
    if not len(quads):
        return []
    votes, standing = (np.zeros(len(quads)) if held is None else np.asarray(held) for held in (votes, standing))
    straight = _turned(quads, -angle_of(quads))
    is_right = bool(right_to_left or votes.sum() > 0)
    seen = straight * [-1.0, 1.0] if is_right else straight
    boxes = np.concatenate([seen.min(1), seen.max(1)], 1)
    heights = np.where(standing == 0, np.minimum(_sides(quads)[2], boxes[:, 3] - boxes[:, 1]), _sides(quads)[2])
    flat, groups = np.flatnonzero(standing == 0), beside(boxes, heights, standing)
    rows = [flat[row].tolist() for row in _rows(boxes[flat], heights[flat], word_gap)] if len(flat) else []
    held = rows + groups
    hulls = np.array([[*boxes[row, :2].min(0), *boxes[row, 2:].max(0)] for row in held])
    sizes = np.array([np.median(heights[row]) for row in held])
    sums = np.array([votes[row].sum() for row in held])
    column, spans = _columns(hulls, sizes)
    sums = np.bincount(column, sums)[column] * (-1 if is_right else 1)
    other = (sums > 0) & (not right_to_left)
    hulls_apart, is_apart = _apart(hulls, sizes)
    is_group = np.arange(len(held)) >= len(rows)
    order = ordered(hulls_apart, is_apart | is_group, float(np.median(sizes)), other, spans)
    blocks = _blocks(hulls[order], sizes[order], is_group[order])
    found = []
    for i, block in zip(order, blocks, strict=True):
        if is_group[i]:
            found += _of_group(straight, held[i], standing, word_gap, block)
            continue
        row = held[i][::-1] if other[i] else held[i]
        found.append(Line(tuple(int(q) for q in row), (block, 0), is_right != bool(other[i])))
    return _numbered(found)


def _of_group(straight, group, standing, word_gap, block):
    """`Line`s of quads that stand beside one another, in order: of the page turned until they lie."""
    x, y = np.moveaxis(straight[group], -1, 0)
    down = standing[group[0]] > 0
    lying = np.stack([y, -x] if down else [-y, x], -1)
    lines = reading_order(lying, word_gap=word_gap)
    return [Line(tuple(group[q] for q in line.quads), (block, 1 + line.block)) for line in lines]


def _numbered(lines):
    """The same with whole numbers for blocks, in their order."""
    numbers = {block: n for n, block in enumerate(dict.fromkeys(line.block for line in lines))}
    return [dataclasses.replace(line, block=numbers[line.block]) for line in lines]


def _columns(hulls, sizes):
    """(int [N], the column of each line: lines above one another with gaps of `COLUMN` heights at most; float64 [N,
    2], its top and bottom).
    """
    over = np.minimum(hulls[:, None, 2], hulls[:, 2]) > np.maximum(hulls[:, None, 0], hulls[:, 0])
    gap = np.maximum(hulls[:, None, 1], hulls[:, 1]) - np.minimum(hulls[:, None, 3], hulls[:, 3])
    column = connected(over & (gap <= COLUMN * np.median(sizes)))
    ends = [[hulls[column == n, 1].min(), hulls[column == n, 3].max()] for n in range(column.max() + 1)]
    return column, np.array(ends)[column]


def around(quads_xy, angle):
    """float64 [4, 2]: the smallest rectangle around quads whose first side goes down to the right by an angle, in
    radians.
    """
    straight = _turned(np.asarray(quads_xy, np.float64).reshape(-1, 2), -angle)
    (x0, y0), (x1, y1) = straight.min(0), straight.max(0)
    return _turned(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), angle)


def _sides(quads_xy):
    """(the first side [N, 2], its length [N], the height [N])."""
    quads = np.asarray(quads_xy, np.float64).reshape(-1, 4, 2)
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    return along, np.linalg.norm(along, axis=1), np.linalg.norm(down, axis=1)


def _turned(quads, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return quads @ np.array([[cos, sin], [-sin, cos]])


def _rows(boxes, heights, word_gap):
    """Lists of indices: quads of a line, from left to right. Each is joined with its nearest one to the right, if it is
    that one's nearest to the left.
    """
    height = np.maximum(np.maximum(heights[:, None], heights[None]), np.percentile(heights, 75))
    shared = np.minimum(boxes[:, None, 3], boxes[None, :, 3]) - np.maximum(boxes[:, None, 1], boxes[None, :, 1])
    low = np.minimum(heights[:, None], heights[None])
    gap = boxes[None, :, 0] - boxes[:, None, 2]  # from the right end of the row's quad to the left end of the column's
    center = (boxes[:, 0] + boxes[:, 2]) / 2
    near = (shared >= SAME_ROW * low) & (gap < WIDEST * height) & (center[None] > center[:, None])
    cost = np.where(near, np.maximum(gap, 0) + 1e-6 * (center[None] - center[:, None]), np.inf)
    right, left = cost.argmin(1), cost.argmin(0)
    follows = {i: int(right[i]) for i in range(len(boxes)) if near[i, right[i]] and left[right[i]] == i}
    wide = {i for i, j in follows.items() if gap[i, j] >= word_gap * height[i, j] and _parts(boxes, i, j, height[i, j])}
    follows = {i: j for i, j in follows.items() if i not in wide}
    rows = []
    for first in sorted(set(range(len(boxes))) - set(follows.values())):
        row = [first]
        while row[-1] in follows:
            row.append(follows[row[-1]])
        rows.append(row)
    return rows


def _parts(boxes, i, j, height):
    """Whether the gap between two boxes of a row, or a part of it, goes on through the rows above or below, as between
    columns; gaps of words end at the next rows, whose words reach into them.
    """
    left, right = boxes[i, 2], boxes[j, 0]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    own = (middle[i] + middle[j]) / 2
    there = (boxes[:, 2] > boxes[i, 0]) & (boxes[:, 0] < boxes[j, 2])
    sides = [side for side in (own - middle, middle - own) if (there & (side > height / 2)).any()]
    if not sides:
        return True
    pitch = min(side[there & (side > height / 2)].min() for side in sides)
    free = [_widest(boxes[(side > height / 2) & (side < ROWS * pitch)], left, right) for side in sides]
    return max(free) > CORRIDOR * height


def _widest(boxes, left, right):
    """The widest part of left..right that no box reaches into."""
    reached, widest = left, 0.0
    for low, high in sorted(map(tuple, boxes[:, [0, 2]])):
        widest = max(widest, min(low, right) - reached)
        reached = max(reached, high)
    return max(widest, right - reached)


def _line_gap(boxes):
    """The median distance of a line from the next one below it; 0.0 where none stands below another."""
    over = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) > np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    below = over & (middle[None] > middle[:, None])
    gaps = np.where(below, boxes[None, :, 1] - boxes[:, None, 3], np.inf).min(1)
    return max(0.0, float(np.median(gaps[np.isfinite(gaps)]))) if np.isfinite(gaps).any() else 0.0


def _apart(boxes, sizes):
    """(boxes, bool [N]): boxes of which those of rows that are far from the others, at the top or at the bottom, reach
    from the left to the right end of all, and which these are: up to two titles or page numbers at the top, and a short
    row at the bottom.
    """
    held, far = boxes.copy(), _FAR * _line_gap(boxes) + 0.5 * float(np.median(sizes))
    left, is_apart = np.arange(len(boxes)), np.zeros(len(boxes), bool)
    for _ in range(2):
        row = _far_row(boxes[left], far)
        if row.all() or row.sum() > 1 and not _is_short(boxes, left[row]):
            break
        _widen(held, boxes, left[row])
        is_apart[left[row]] = True
        left = left[~row]
    row = _far_row(boxes[left] * [1, -1, 1, -1], far)
    if not row.all() and _is_short(boxes, left[row]):
        _widen(held, boxes, left[row])
        is_apart[left[row]] = True
    return held, is_apart


def _far_row(boxes, far):
    """bool [N]: the uppermost row, if it is far above the others; else all."""
    top, bottom = np.sort(boxes[:, [1, 3]], 1).T
    row = top < bottom[top.argmin()]
    return row if row.all() or top[~row].min() - bottom[row].max() >= far else np.ones(len(boxes), bool)


def _is_short(boxes, row):
    width = boxes[:, 2].max() - boxes[:, 0].min()
    return (boxes[row, 2] - boxes[row, 0]).sum() <= _SHORT * width


def _widen(held, boxes, row):
    """Let a row reach from end to end; what stands beside one another in it is put below one another."""
    held[row, 0], held[row, 2] = boxes[:, 0].min(), boxes[:, 2].max()
    low, high = boxes[row, 1].min(), boxes[row, 3].max()
    held[row, 1] = low + (high - low) * np.argsort(np.argsort(boxes[row, 0])) / len(row)
    held[row, 3] = held[row, 1] + (high - low) / len(row)


def _blocks(boxes, sizes, is_group):
    """int [N]: the paragraph of each line of a page in reading order. A new one begins where a line does not stand
    close below the one before it, where the height of letters changes, and at quads that stand upright.
    """
    far, numbers = _FAR * _line_gap(boxes) + 0.5 * float(np.median(sizes)), [0]
    for i in range(1, len(boxes)):
        before, own = boxes[i - 1], boxes[i]
        under = min(before[2], own[2]) > max(before[0], own[0]) and own[1] + own[3] > before[1] + before[3]
        alike = max(sizes[i], sizes[i - 1]) <= _OTHER_SIZE * min(sizes[i], sizes[i - 1])
        joins = under and alike and own[1] - before[3] < far and not is_group[i - 1 : i + 1].any()
        numbers.append(numbers[-1] + (not joins))
    return numbers
