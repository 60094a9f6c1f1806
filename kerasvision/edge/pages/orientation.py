"""How often a page lies turned by 90 degrees, as a recognizer of its lines says: each is read from both of its ends.

Lines are read by twos, the longest first, until the sum of log likelihood ratios of one turn leads, as in A. Wald's
sequential test (Sequential Tests of Statistical Hypotheses, 1945). Its bounds are not his, since a recognizer's
probabilities need not be right: no line counts for more than `MOST_A_LINE`.
"""

import numpy as np

TURNS = (0, 90, 180, 270)  # degrees to the right by which a page is turned to be upright
LEAD = 8.0  # nats, of two lines at least
MOST_A_LINE = 4.0
MOST_LINES = 16  # are read
_AT_ONCE = 2
_LONG = 1.5  # heights; what is less long does not tell along which of its sides it is written
_LEAST = 1e-300  # of a probability, so that it has a logarithm


def turn_of(quads_xy, read):
    """(degrees to the right by which a page has to be turned, 0 where nothing leads; whether one leads).

    quads_xy: float [N, 4, 2], lines or words that were found on it as it lies. read: a function, a list of quads -> for
    each (whether it says something, the probability of that).
    """
    evidence = np.zeros(2)  # of lines along x, of lines along y: above 0 for the first of their two turns
    lines = _lines(quads_xy)
    for at in range(0, len(lines), _AT_ONCE):
        group = lines[at : at + _AT_ONCE]
        said = read([quad for quad, _ in group] + [np.roll(quad, 2, 0) for quad, _ in group])
        for (_, axis), one, other in zip(group, said[: len(group)], said[len(group) :], strict=True):
            evidence[axis] += _for_the_first(one, other)
        strong = int(np.abs(evidence).argmax())
        if abs(evidence[strong]) - abs(evidence[1 - strong]) >= LEAD:
            # text that runs down, along y, is upright after three turns to the right
            return ((0, 180), (270, 90))[strong][int(evidence[strong] < 0)], True
    return 0, False


def _lines(quads_xy):
    """[(quad whose first side is its longer one, to the right or down; 0 along x, 1 along y)], the longest first."""
    found = []
    for quad in np.asarray(quads_xy, np.float64).reshape(-1, 4, 2):
        sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
        across, down = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
        if max(across, down) < _LONG * min(across, down):
            continue
        held = quad if across >= down else np.roll(quad, 1, 0)
        along = held[1] - held[0]
        axis = int(abs(along[1]) > abs(along[0]))
        found.append((max(across, down), held if along[axis] > 0 else np.roll(held, 2, 0), axis))
    return [(quad, axis) for _, quad, axis in sorted(found, key=lambda row: -row[0])[:MOST_LINES]]


def _for_the_first(one, other):
    """Nats for a line as it was given, and against the same from its other end; of one that says nothing, the most."""
    if one[0] != other[0]:
        return MOST_A_LINE if one[0] else -MOST_A_LINE
    if not one[0]:
        return 0.0
    ratio = np.log(max(one[1], _LEAST)) - np.log(max(other[1], _LEAST))
    return float(np.clip(ratio, -MOST_A_LINE, MOST_A_LINE))


def turned(image, turn):
    """uint8 [h, w, 3]: the picture turned to the right."""
    return np.ascontiguousarray(np.rot90(image, -turn // 90)) if turn else image


def as_given(points_xy, turn, size_wh):
    """Points of a picture that was turned to the right -> of the picture as it was. size_wh: of the latter."""
    x, y = np.moveaxis(np.asarray(points_xy, np.float64), -1, 0)
    width, height = size_wh
    return np.stack({0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[turn], -1)
