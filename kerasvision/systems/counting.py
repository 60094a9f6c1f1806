"""Lines that are crossed and zones that are stayed in, counted over the identities that a tracker gives."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.systems import _places as places
from kerasvision.systems.base import System
from kerasvision.systems.multi_object import MultiObject

DIRECTIONS = ("to_right", "to_left")  # in the order of the numbers that `crossed` has of them
_OWN = "count_"  # how keys of the state begin that are not the tracker's
_ROWS = ("id", "label", "seen", "side", "clear", "inside", "since", "until")  # those with a row an object
Places = tuple[tuple[str, tuple[float, ...]], ...]


@systems.register("counting")
@dataclasses.dataclass(frozen=True)
class Counting(System):
    """Final. A tracker and what is counted of its objects. `step` takes what the tracker's takes, and answers what it
    answers with, beside that, what happens in this frame: "crossed" int64 [E, 4] (id, line, direction, label),
    "entered" int64 [E, 2] (id, zone), "left" float64 [E, 3] (id, zone, seconds) and "inside" int64 [zones], the objects
    that are seen in each zone now. `totals` says what has been counted so far.

    lines: (name, (x0, y0, x1, y1)) each, zones: (name, (x0, y0, x1, y1, x2, y2, ...)) each, corners in order, in pixels
    of the picture. An object is where the point `anchor` of its box is: the middle of its lower side, or its center. It
    is on one side of a border where it is clear of it by more than `margin` of its box's mean side, and nearer to it it
    stays what it was: one that stops on a line, or trembles there, has not crossed it. It has once it is clear on the
    other side, if the straight way from where it was last clear on the first one passes between the line's ends; also
    where it was not seen in between. Back is counted in the other direction. One that is first seen on a line has come
    from neither side. A stay in a zone is from the first frame in which an object is clear inside to the last before it
    is clear outside, or to the last in which it was seen. Who is not seen for `forget_s` seconds is forgotten.

    Raises UsageError of a line without length, a zone without area, a number that is not finite, a name given twice.
    """

    called = "tracker or of other lines and zones"

    tracker: System = MultiObject()
    lines: Places = ()
    zones: Places = ()
    anchor: typing.Literal["bottom", "center"] = "bottom"
    margin: float = 0.1
    forget_s: float = 600.0

    def __post_init__(self):
        super().__post_init__()
        names = [name for name, _ in (*self.lines, *self.zones)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"{', '.join(twice)} is the name of two lines or zones; give each its own")
        for name, numbers in (*self.lines, *self.zones):
            if not np.isfinite(numbers).all():
                raise UsageError(f"{name}: {_spelled(numbers)} has a number that is not finite")
        for name, numbers in self.lines:
            if len(numbers) != 4 or numbers[:2] == numbers[2:]:
                raise UsageError(f"line {name}: {_spelled(numbers)}; give x0,y0,x1,y1 of two points that are apart")
        for name, numbers in self.zones:
            if len(numbers) < 6 or len(numbers) % 2 or not places.area(_points(numbers)):
                raise UsageError(f"zone {name}: {_spelled(numbers)}; give x,y of three or more corners around an area")
        if not (0 <= self.margin < np.inf and self.forget_s > 0):
            raise UsageError(f"margin {self.margin:g}, forget_s {self.forget_s:g}; allowed: 0 or more, above 0")

    @property
    def models(self):
        """Those of the tracker."""
        return self.tracker.models

    def start(self):
        of_lines, of_zones = len(self.lines), len(self.zones)
        shapes = {"seen": (), "clear": (of_lines, 2), "since": (of_zones,), "until": (of_zones,)}
        own = {key: np.zeros((0, *shape)) for key, shape in shapes.items()}
        shapes = {"id": (), "label": (), "side": (of_lines,), "inside": (of_zones,)}
        own |= {key: np.zeros((0, *shape), np.int64) for key, shape in shapes.items()}
        own |= {"labels": np.zeros(0, np.int64), "crossings": np.zeros((of_lines, 2, 0), np.int64)}
        own |= {"visits": np.zeros((of_zones, 0), np.int64), "seconds": np.zeros((of_zones, 0))}
        own |= {"longest": np.zeros(of_zones), "now": np.array(-np.inf)}
        return self.tracker.start() | _named(own)

    def step(self, models, state, inputs):
        own = {key.removeprefix(_OWN): value for key, value in state.items() if key.startswith(_OWN)}
        rest = {key: value for key, value in state.items() if not key.startswith(_OWN)}
        rest, answer = self.tracker.step(models, rest, inputs)
        own, here = _with_new(_known(own, answer["labels"]), answer["ids"], answer["labels"])
        time, at = float(inputs["time"]), _anchors(answer["boxes_xyxy"], self.anchor)
        least = self.margin * _sides(answer["boxes_xyxy"])
        own["seen"][here], own["label"][here] = time, answer["labels"]
        crossed = self._crossed(own, here, at, least)
        entered, left = self._moved(own, here, at, least, time)
        left += _forget(own, time - own["seen"] > self.forget_s)
        events = {"crossed": np.array(crossed, np.int64).reshape(-1, 4)}
        events |= {"entered": np.array(entered, np.int64).reshape(-1, 2), "left": np.array(left).reshape(-1, 3)}
        now = np.isin(own["id"], answer["ids"])
        events["inside"], own["now"] = (own["inside"][now] > 0).sum(0, dtype=np.int64), np.array(time)
        return rest | _named(own), answer | events

    def evaluator(self):
        """What judges the tracker's answers against ground truth, a new one."""
        return self.tracker.evaluator()

    def _crossed(self, own, here, at, least):
        """[(id, line, direction, label)] of this frame, in the order of lines; `own` is brought to it."""
        events = []
        for line, (_, numbers) in enumerate(self.lines):
            start, end = _points(numbers)
            far = places.beside(at, start, end)
            side = np.where(np.abs(far) > least, np.sign(far), 0).astype(np.int64)
            turned = np.flatnonzero(side * own["side"][here, line] < 0)
            held = places.passes_between(own["clear"][here[turned], line], at[turned], start, end)
            for n in turned[held]:
                direction, row = int(side[n] < 0), here[n]
                label = own["label"][row]
                own["crossings"][line, direction, np.searchsorted(own["labels"], label)] += 1
                events.append((own["id"][row], line, direction, label))
            clear = side != 0
            own["side"][here[clear], line], own["clear"][here[clear], line] = side[clear], at[clear]
        return events

    def _moved(self, own, here, at, least, time):
        """([(id, zone)] who entered, [(id, zone, seconds)] who left) in this frame; `own` is brought to it."""
        entered, left = [], []
        for zone, (_, numbers) in enumerate(self.zones):
            deep = places.depth(at, _points(numbers))
            for row, is_in, is_out in zip(here, deep > least, deep < -least, strict=True):
                if is_in and own["inside"][row, zone] <= 0:
                    own["inside"][row, zone], own["since"][row, zone] = 1, time
                    entered.append((own["id"][row], zone))
                elif is_out:
                    left += _leave(own, row, zone)
                if own["inside"][row, zone] > 0:
                    own["until"][row, zone] = time
        return entered, left


def totals(system, state, classes=()):
    """JSON of what has been counted: {"lines": [{"name", "to_right" {class: count}, "to_left", "net"}], "zones":
    [{"name", "visits" {class: count}, "inside", "mean_s", "longest_s"}]}.

    system: a `Counting`; state: its own. classes: names of the labels. Stays that have not ended count with what they
    have lasted; `inside` are those of them who were seen in the last frame. `mean_s` is None where there was none.
    """
    own = {key: state[_OWN + key] for key in ("labels", "crossings", *_ROWS, "visits", "seconds", "longest", "now")}
    own = {key: value.copy() for key, value in own.items()}
    inside = (own["inside"][own["seen"] == own["now"]] > 0).sum(0)
    for row, zone in zip(*np.nonzero(own["inside"] > 0), strict=True):
        _leave(own, row, zone)
    names = [classes[k] if 0 <= k < len(classes) else str(k) for k in own["labels"].tolist()]
    lines, zones = [], []
    for (name, _), (right, left) in zip(system.lines, own["crossings"], strict=True):
        held = dict(zip(DIRECTIONS, (right, left), strict=True)) | {"net": right - left}
        lines.append({"name": name} | {key: _by_class(names, value, right + left) for key, value in held.items()})
    for n, (name, _) in enumerate(system.zones):
        visits, count = own["visits"][n], int(own["visits"][n].sum())
        mean = float(own["seconds"][n].sum() / count) if count else None
        row = {"name": name, "visits": _by_class(names, visits, visits), "inside": int(inside[n])}
        zones.append(row | {"mean_s": mean, "longest_s": float(own["longest"][n])})
    return {"lines": lines, "zones": zones}


def _by_class(names, counts, is_there):
    return {name: int(c) for name, c, there in zip(names, counts, is_there, strict=True) if there}


def _spelled(numbers):
    return ",".join(f"{v:g}" for v in numbers)


def _points(numbers):
    return np.array(numbers, np.float64).reshape(-1, 2)


def _named(own):
    return {_OWN + key: value for key, value in own.items()}


def _anchors(boxes, anchor):
    boxes = np.asarray(boxes, np.float64)
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3] if anchor == "bottom" else middle], 1)


def _sides(boxes):
    boxes = np.asarray(boxes, np.float64)
    return np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1))


def _known(own, labels):
    """A copy with a column for every label, sorted."""
    whole = np.union1d(own["labels"], labels).astype(np.int64)
    at = np.searchsorted(whole, own["labels"])
    grown = {"labels": whole, "longest": own["longest"].copy()} | {key: own[key].copy() for key in _ROWS}
    for key in ("crossings", "visits", "seconds"):
        grown[key] = np.zeros((*own[key].shape[:-1], len(whole)), own[key].dtype)
        grown[key][..., at] = own[key]
    return grown


def _with_new(own, ids, labels):
    """(with a row for every object, int [N] the rows of those that are seen now)."""
    known = {int(i): row for row, i in enumerate(own["id"])}
    new = [n for n, i in enumerate(ids) if int(i) not in known]
    for key in _ROWS:
        held = np.zeros((len(new), *own[key].shape[1:]), own[key].dtype)
        own[key] = np.concatenate([own[key], held])
    if new:
        own["id"][-len(new) :], own["label"][-len(new) :] = ids[new], labels[new]
    known |= {int(ids[n]): len(known) + row for row, n in enumerate(new)}
    return own, np.array([known[int(i)] for i in ids], np.int64)


def _leave(own, row, zone):
    """[(id, zone, seconds)] of the stay that ends here, and its counts; nothing of one who was not inside."""
    was_inside, own["inside"][row, zone] = own["inside"][row, zone] > 0, -1
    if not was_inside:
        return []
    seconds, label = own["until"][row, zone] - own["since"][row, zone], own["label"][row]
    at = zone, np.searchsorted(own["labels"], label)
    own["visits"][at] += 1
    own["seconds"][at] += seconds
    own["longest"][zone] = max(own["longest"][zone], seconds)
    return [(own["id"][row], zone, seconds)]


def _forget(own, is_old):
    """What `_leave` says of those who are forgotten; their rows are gone."""
    rows = np.flatnonzero(is_old)
    left = [event for row in rows for zone in range(own["inside"].shape[1]) for event in _leave(own, row, zone)]
    for key in _ROWS:
        own[key] = own[key][~is_old]
    return left
