"""Lines and zones of the command line: `--line NAME=X0,Y0,X1,Y1`, `--zone NAME=X0,Y0,...`, or a file of them."""

import json
import pathlib
import reprlib

from kerasvision.core.errors import KerasVisionError, UsageError

KINDS = ("lines", "zones")
_FORM = '{"lines": {"gate": [[0, 90], [200, 90]]}, "zones": {"hall": [[0, 0], [90, 0], [90, 60]]}}'


def add_places(parser):
    """Add the arguments that name lines and zones."""
    parser.add_argument(
        "--line", action="append", default=[], metavar="NAME=X0,Y0,X1,Y1", help="count who crosses it, each direction"
    )
    parser.add_argument(
        "--zone", action="append", default=[], metavar="NAME=X0,Y0,...", help="count who stays in it, and how long"
    )
    parser.add_argument("--places", metavar="FILE", help="lines and zones, .json or .yaml: lines: {gate: [[0, 90], ...")
    parser.add_argument("--counts", metavar="OUT.json", help="write what was counted at lines and in zones")


def places_of(args):
    """{"lines": ((name, numbers), ...), "zones": ...} of the arguments, empty where none is named. Raises UsageError or
    KerasVisionError, one line, of what cannot be read.
    """
    held = _read(args.places) if args.places else dict.fromkeys(KINDS, ())
    for kind, words in (("lines", args.line), ("zones", args.zone)):
        held[kind] += tuple(_of_word(word, f"--{kind[:-1]}") for word in words)
    return held


def check_inside(places, height, width):
    """Raises UsageError of a line or zone that lies wholly outside of a picture of so many pixels."""
    for kind in KINDS:
        for name, numbers in places[kind]:
            x, y = numbers[::2], numbers[1::2]
            if max(x) < 0 or max(y) < 0 or min(x) > width or min(y) > height:
                spelled = ",".join(f"{v:g}" for v in numbers)
                raise UsageError(
                    f"{kind[:-1]} {name}: {spelled} is outside of frames of {width} x {height} pixels, so nothing "
                    "would be counted; give pixels of the picture"
                )


def events_of(places, answer, classes):
    """JSON of what happened in a frame: who crossed a line, who entered and left a zone, how many are inside.

    answer: of `systems.counting.Counting`.
    """
    from kerasvision.systems.counting import DIRECTIONS

    lines, zones = ([name for name, _ in places[kind]] for kind in KINDS)
    crossed = [
        {"id": i, "line": lines[line], "direction": DIRECTIONS[to], "label": _class(classes, k)}
        for i, line, to, k in answer["crossed"].tolist()
    ]
    entered = [{"id": i, "zone": zones[zone]} for i, zone in answer["entered"].tolist()]
    left = [{"id": int(i), "zone": zones[int(zone)], "seconds": s} for i, zone, s in answer["left"].tolist()]
    inside = dict(zip(zones, answer["inside"].tolist(), strict=True))
    return {"crossed": crossed, "entered": entered, "left": left, "inside": inside}


def in_words(counted):
    """[one text for each line and zone]. counted: of `systems.counting.totals`."""
    from kerasvision.systems.counting import DIRECTIONS

    said = []
    for row in counted["lines"]:
        right, left = (sum(row[key].values()) for key in DIRECTIONS)
        said.append(f"{row['name']}: {right} to the right, {left} to the left")
    for row in counted["zones"]:
        visits = sum(row["visits"].values())
        lasted = f" with a mean of {row['mean_s']:.2f} s, the longest {row['longest_s']:.2f} s" if visits else ""
        said.append(f"{row['name']}: {visits} visits{lasted}, {row['inside']} inside at the end")
    return said


def _class(classes, label):
    return classes[label] if 0 <= label < len(classes) else str(label)


def _of_word(word, flag):
    name, _, text = word.partition("=")
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not name.strip() or not numbers:
        raise UsageError(f"{flag} {word!r}: write NAME=X0,Y0,X1,Y1, in pixels, as in {flag} gate=0,90,200,90")
    return name, numbers


def _read(path):
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise UsageError(f"{path}: lines and zones are read from .json, .yaml, .yml")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KerasVisionError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    held = _parsed(text, path)
    if not isinstance(held, dict) or set(held) - set(KINDS) or not all(isinstance(v, dict) for v in held.values()):
        raise KerasVisionError(f"{path} does not hold lines and zones; write {_FORM}")
    return {kind: tuple(_of_pair(path, *pair) for pair in held.get(kind, {}).items()) for kind in KINDS}


def _parsed(text, path):
    import yaml

    try:
        if path.suffix.lower() == ".json":
            return json.loads(text, object_pairs_hook=_once)
        _check_once(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise KerasVisionError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise KerasVisionError(f"{path} is nested too deep; write {_FORM}") from None


def _once(pairs):
    """The dict of (name, value) pairs. Raises ValueError of a name that stands twice, of which one would be lost."""
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{', '.join(sorted({n for n in names if names.count(n) > 1}))} stands twice")
    return held


def _check_once(node):
    """`_once` of the nodes of YAML that name kinds, lines and zones."""
    import yaml

    for held in (node, *(value for _, value in node.value)) if isinstance(node, yaml.MappingNode) else ():
        if isinstance(held, yaml.MappingNode):
            _once([(name.value, None) for name, _ in held.value if isinstance(name, yaml.ScalarNode)])


def _of_pair(path, name, points):
    if name is None or not str(name).strip():
        raise KerasVisionError(f"{path}: a line or zone has no name; write {_FORM}")
    try:
        pairs = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        raise KerasVisionError(f"{path}: {name} is {reprlib.repr(points)[:60]}; write [[x, y], [x, y], ...]") from None
    return str(name), tuple(v for pair in pairs for v in pair)
