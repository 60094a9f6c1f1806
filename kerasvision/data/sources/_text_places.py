"""Where text stands in a picture, as three kinds of files say it: ICDAR's gt.txt, PAGE and ALTO.

ICDAR: D. Karatzas et al., ICDAR 2015 Competition on Robust Reading, section III; and 2013, whose boxes lie straight.
PAGE: S. Pletschacher, A. Antonacopoulos, The PAGE Format Framework, ICPR 2010 (schemas of primaresearch.org). ALTO:
Library of Congress, ALTO 4.2, 2020.
"""

import dataclasses
import re

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._things import stated_side
from kerasvision.data.text import lines

UNREADABLE = "###"  # in place of a text that nobody could read
_N = r"-?\d+(?:\.\d+)?"
_FORMS = (  # corners, or left, top, right and bottom; white space in each has one way to be matched
    re.compile(rf"\s*({_N}(?:\s*,\s*{_N}){{7}})\s*,(.*)"),
    re.compile(rf"\s*({_N}(?:\s*,\s*{_N}){{3}})\s*,(.*)"),
    re.compile(rf'\s*({_N}(?:\s+{_N}){{3}})\s+(".*")'),
)
SCRIPTS = re.compile(r"\s*(Arabic|Latin|Chinese|Japanese|Korean|Bangla|Hindi|Symbols|Mixed|None)\s*,(.*)")  # of MLT
FARTHEST = 4.0  # diagonals of a picture that a quad may span: a digit too many makes ten
_FLAGGED = re.compile(r'\s*\d\s*,\s*".*"\s*')  # a flag before the text: B. Shi et al., RCTW-17, 2017, 1708.09585


@dataclasses.dataclass(frozen=True)
class Place:
    """A text and its quad, float64 [4, 2], clockwise from the text's own upper left corner; text None: unreadable."""

    text: str | None
    quad: np.ndarray


@dataclasses.dataclass(frozen=True)
class Stated:
    """What a file says of its picture. image_hw: None where it does not say."""

    places: tuple[Place, ...]
    image_hw: tuple[int | None, int | None] | None = None


def is_icdar(text):
    """Whether each row of a file that is not empty is one of ICDAR's."""
    rows = [row for row in lines(text) if row.strip()]
    return bool(rows) and all(any(form.fullmatch(row) for form in _FORMS) for row in rows)


def icdar(text, where):
    """`Stated` of a gt.txt: a row a place, eight numbers or four, and its text. where: begins the message of a
    KerasVisionError about a row that is none. A script before each text, as in the MLT sets, is no part of it.

    Up to three numbers alone are a text ("12,50"). Four, or two and more before a word, are taken for further corners,
    or for those of a quad without a text, and refused; in quotation marks a text may begin with any. A digit before a
    text in quotation marks is refused too: in RCTW-17's rows it says how hard the text is.
    """
    found = []
    for number, row in enumerate(lines(text), 1):
        if not row.strip():
            continue
        match = next((m for m in (form.fullmatch(row) for form in _FORMS) if m), None)
        if match is None:
            raise KerasVisionError(
                f"{where}: line {number} is {row.strip()!r:.60}; allowed: x1,y1,x2,y2,x3,y3,x4,y4,text or "
                "left,top,right,bottom,text"
            )
        if _has_more_numbers(match[2]):
            raise KerasVisionError(
                f"{where}: line {number} has more numbers than a quad before its text, or no text: "
                f"{row.strip()!r:.60}; allowed: four corners or left,top,right,bottom, then a text (in quotation marks "
                "if it begins with numbers)"
            )
        if _FLAGGED.fullmatch(match[2]):
            raise KerasVisionError(
                f"{where}: line {number} has a digit before a text in quotation marks: {row.strip()!r:.60}; take it "
                "out of every row if it says how hard the text is (RCTW-17), or put all in quotation marks if it is a "
                "text"
            )
        numbers = [float(n) for n in re.split(r"[,\s]+", match[1].strip())]
        if len(numbers) == 4:
            left, top, right, bottom = numbers
            numbers = [left, top, right, top, right, bottom, left, bottom]
        found.append((match[2].strip(), np.array(numbers).reshape(4, 2)))
    scripts = [SCRIPTS.fullmatch(said) for said, _ in found]
    if found and all(scripts):
        found = [(script[2].strip(), quad) for script, (_, quad) in zip(scripts, found, strict=True)]
    return Stated(tuple(Place(_icdar_text(said), _clockwise(quad)) for said, quad in found))


def _has_more_numbers(said):
    parts = said.split(",")
    count = next((n for n, part in enumerate(parts) if not re.fullmatch(_N, part.strip())), len(parts))
    return count > 3 or 1 < count < len(parts)


def _icdar_text(said):
    said = said[1:-1] if len(said) > 1 and said[0] == said[-1] == '"' else said
    return None if said == UNREADABLE else " ".join(said.split())


def local(element):
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def of_xml(root, unit, where):
    """`Stated` of a PAGE or an ALTO file. unit: "line" or "word". Raises KerasVisionError of any other root."""
    name = local(root)
    if name not in ("PcGts", "alto"):
        raise KerasVisionError(
            f"{where}: its root is <{name}>; allowed: <PcGts> of PAGE or <alto>: move the file elsewhere"
        )
    pages = [element for element in root.iter() if local(element) == "Page"]
    if len(pages) != 1:
        raise KerasVisionError(f"{where}: {len(pages)} pages; allowed: one, that of the picture of its name")
    keys = ("imageHeight", "imageWidth") if name == "PcGts" else ("HEIGHT", "WIDTH")
    size = tuple(stated_side(pages[0].get(key), f"{where}: {key}") for key in keys)
    if name == "alto" and (units := [e.text for e in root.iter() if local(e) == "MeasurementUnit"]) != ["pixel"]:
        raise KerasVisionError(f"{where}: MeasurementUnit is {', '.join(map(str, units)) or 'missing'}; allowed: pixel")
    wanted = {("PcGts", "word"): "Word", ("alto", "word"): "String"}.get((name, unit), "TextLine")
    read = _of_page if name == "PcGts" else _of_alto
    places = (read(element, where) for element in pages[0].iter() if local(element) == wanted)
    return Stated(tuple(places), size if any(size) else None)


def _of_page(element, where):
    coords = next((child for child in element if local(child) == "Coords"), None)
    if coords is None:
        raise KerasVisionError(f"{where}: {local(element)} {element.get('id')} has no Coords; draw it")
    points = coords.get("points") or " ".join(f"{p.get('x')},{p.get('y')}" for p in coords)
    texts = [child for child in element if local(child) == "TextEquiv"]
    named = f"{where}: {local(element)} {element.get('id')}"
    texts.sort(key=lambda child: _index(child, named))
    said = next((e.text for child in texts[:1] for e in child if local(e) == "Unicode"), None)
    return Place(" ".join((said or "").split()), _quad_of(points, named))


def _index(child, where):
    try:
        return int(child.get("index") or 0)
    except ValueError:
        raise KerasVisionError(f"{where}: TextEquiv index is {child.get('index')!r}; allowed: 0, 1, 2 ...") from None


def _of_alto(element, where):
    named = f"{where}: {local(element)} {element.get('ID')}"
    shapes = [e for child in element if local(child) == "Shape" for e in child if local(e) == "Polygon"]
    if shapes:
        quad = _quad_of(shapes[0].get("POINTS") or "", named)
    else:
        x, y, w, h = (_number(element.get(key), f"{named}: {key}") for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
        quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
    strings = [element] if local(element) == "String" else list(element)
    words = [e.get("CONTENT") or "" for e in strings if local(e) == "String"]
    hyphen = next((e.get("CONTENT") or "" for e in strings if local(e) == "HYP"), "")
    return Place(" ".join(" ".join(words).split()) + hyphen, quad)


def _number(text, where):
    try:
        return float(text)
    except (TypeError, ValueError):
        raise KerasVisionError(f"{where} is {text!r}; allowed: a number of pixels") from None


def _quad_of(points, where):
    """The quad of a polygon "x,y x,y ...": its corners where it has four, else the smallest rectangle around it. The
    first side is the one that goes to the right most nearly, for polygons do not say where their text begins.
    """
    numbers = [_number(n, where) for n in re.split(r"[,\s]+", points.strip()) if n]
    if len(numbers) < 6 or len(numbers) % 2:
        raise KerasVisionError(f"{where}: points are {points!r:.60}; allowed: x,y of three corners or more")
    corners = np.array(numbers).reshape(-1, 2)
    quad = _clockwise(corners if len(corners) == 4 else smallest_rectangle(corners))
    along = np.roll(quad, -1, 0) - quad
    first = int(np.abs(np.arctan2(along[:, 1], along[:, 0])).argmin())
    return np.roll(quad, -first, 0)


def smallest_rectangle(points):
    """float64 [4, 2]: of all rectangles around points, [N, 2], the one of the smallest area, of which a side lies along
    one of the convex hull's (H. Freeman, R. Shapira, CACM 18(7), 1975).
    """
    hull, best = _hull(points), None
    for edge in np.roll(hull, -1, 0) - hull:
        angle = np.arctan2(edge[1], edge[0])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        held = hull @ turn
        (x0, y0), (x1, y1) = held.min(0), held.max(0)
        if best is None or (x1 - x0) * (y1 - y0) < best[0]:
            best = (x1 - x0) * (y1 - y0), np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) @ turn.T
    return best[1]


def _hull(points):
    """The convex hull of points, [M, 2], by A. M. Andrew's monotone chain (1979)."""
    ordered, sides = sorted(set(map(tuple, points.tolist()))), []
    for rows in (ordered, ordered[::-1]):
        chain = []
        for point in rows:
            while len(chain) > 1 and _cross(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        sides.append(chain[:-1] or chain)
    return np.array(sides[0] + (sides[1] if len(ordered) > 1 else []))


def _cross(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _clockwise(quad):
    """The corners as they are, from the same first one on, or the other way around where they went so."""
    x, y = quad.T
    around = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
    return quad[[0, 3, 2, 1]] if around < 0 else quad


def problem(quad, image_hw):
    """Why a quad cannot be used, or None."""
    if not np.isfinite(quad).all():
        return "is not finite"
    turns = [_cross(quad[i - 1], quad[i], quad[(i + 1) % 4]) for i in range(4)]
    if max(turns) <= 0:
        return "has no area"
    if min(turns) <= 0:
        return "crosses itself or is not convex"
    (left, top), (right, bottom) = quad.min(0), quad.max(0)
    height, width = image_hw
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return "is outside of its picture"
    most = FARTHEST * np.hypot(height, width)
    return "is far larger than its picture" if np.hypot(right - left, bottom - top) > most else None
