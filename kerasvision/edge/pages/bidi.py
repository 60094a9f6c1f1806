"""Where the characters of a line stand from left to right: "Unicode Bidirectional Algorithm" (Unicode's annex 9,
revision 50) of one line without codes that embed or isolate, with the brackets ( ) [ ] { } as pairs.
"""

import unicodedata

_STRONG, _NUMBERS, _NEUTRAL = ("L", "R"), ("EN", "AN"), ("B", "S", "WS", "ON")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_CODES = ("LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN")  # left as they are


def places(points, is_rtl):
    """(indices of characters from left to right, bool of each index: whether it goes from right to left, so that a
    mirrored shape stands for it).

    points: the first code point of each character, in reading order. is_rtl: whether the line begins at the right.
    """
    base, own = ("R" if is_rtl else "L"), [unicodedata.bidirectional(point) or "L" for point in points]
    kinds = _weak(["ON" if kind in _CODES else kind for kind in own], base)
    _brackets(points, kinds, base)
    _neutral(kinds, base)
    levels = [_level(kind, is_rtl) for kind in kinds]
    for i in reversed(range(len(own))):  # L1: blanks at the end
        if own[i] not in ("WS", "B", "S"):
            break
        levels[i] = int(is_rtl)
    order = list(range(len(points)))
    for level in range(max(levels, default=0), 0, -1):  # L2
        order = _turned(order, levels, level)
    return order, [level % 2 == 1 for level in levels]


def _weak(kinds, base):
    """Rules W1 to W7."""
    found, last = list(kinds), base
    for i, kind in enumerate(found):
        if kind == "NSM":
            found[i] = kind = found[i - 1] if i else base
        if kind in ("L", "R", "AL"):
            last = kind
        if kind == "EN" and last == "AL":
            found[i] = "AN"
    found = ["R" if kind == "AL" else kind for kind in found]
    for i in range(1, len(found) - 1):
        before, kind, after = found[i - 1 : i + 2]
        if before == after and ((kind == "ES" and before == "EN") or (kind == "CS" and before in _NUMBERS)):
            found[i] = before
    for step in (1, -1):
        for i in list(range(len(found)))[::step]:
            near = i - step
            if found[i] == "ET" and 0 <= near < len(found) and found[near] == "EN":
                found[i] = "EN"
    last = base
    for i, kind in enumerate(found):
        if kind in ("ES", "ET", "CS"):
            found[i] = "ON"
        last = kind if kind in _STRONG else last
        if kind == "EN" and last == "L":
            found[i] = "L"
    return found


def _brackets(points, kinds, base):
    """Rule N0, in place."""
    open_ones, pairs = [], []
    for i, point in enumerate(points):
        if kinds[i] == "ON" and point in _PAIRS:
            open_ones.append(i)
        elif kinds[i] == "ON" and point in _PAIRS.values():
            match = next((k for k in reversed(open_ones) if _PAIRS[points[k]] == point), None)
            if match is not None:
                pairs.append((match, i))
                del open_ones[open_ones.index(match) :]
    for first, last in sorted(pairs):
        inside = {_way(kind) for kind in kinds[first + 1 : last]} - {None}
        if not inside:
            continue
        other = "L" if base == "R" else "R"
        before = next((_way(kind) for kind in reversed(kinds[:first]) if _way(kind)), base)
        kinds[first] = kinds[last] = base if base in inside or before != other else other


def _neutral(kinds, base):
    """Rules N1 and N2, in place."""
    i = 0
    while i < len(kinds):
        end = i
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        if end > i:
            sides = (_way(kinds[i - 1]) if i else base), (_way(kinds[end]) if end < len(kinds) else base)
            kinds[i:end] = [sides[0] if sides[0] == sides[1] else base] * (end - i)
        i = end + 1


def _way(kind):
    """L or R of what has a direction; numbers count as R."""
    return "R" if kind in ("R", *_NUMBERS) else "L" if kind == "L" else None


def _level(kind, is_rtl):
    """Rules I1 and I2."""
    if is_rtl:
        return 1 if kind == "R" else 2
    return {"L": 0, "R": 1}.get(kind, 2)


def _turned(order, levels, level):
    """Runs of this level and above turned around."""
    found, run = [], []
    for index in order:
        if levels[index] >= level:
            run.append(index)
        else:
            found += [*reversed(run), index]
            run = []
    return found + run[::-1]
