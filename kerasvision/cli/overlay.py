"""What is drawn over the frames of a video that is followed: boxes with numbers, trails, lines, zones and blur."""

import collections

from kerasvision.core.errors import UsageError

HELD_S = 1.0  # a chosen object that is not found stays blurred where it was last for so long
ALL = "all"
_PLACE_COLORS = ((255, 214, 10), (90, 200, 250))  # of lines, of zones


class Overlay:
    """Final. Draws frame by frame. trails: seconds of the way that each object has come. blur: words, each a number of
    an object, the name of a class, or `all`. places: what `cli.places.places_of` gives. classes: names of the labels.
    anchor: as `systems.counting.Counting` has it.

    Raises UsageError of a word that is neither.
    """

    def __init__(self, classes=(), trails=0.0, blur=(), places=None, anchor="center"):
        self._classes, self._trails, self._anchor = classes, trails, anchor
        self._places = places or {"lines": (), "zones": ()}
        for word in blur:
            if not (word.isdecimal() or word == ALL or word in classes):
                known = f", a class ({', '.join(classes[:8])} ...)" if classes else ""
                raise UsageError(f"--blur {word}: it is neither the number of an object, {ALL}{known}")
        self._chosen = frozenset(blur)
        self._ways = collections.defaultdict(list)  # id -> [(time, x, y)]
        self._hidden = {}  # id -> (time, box), of those that are blurred
        self.unseen = set(filter(str.isdecimal, self._chosen))  # numbers that were chosen and never seen

    def kept(self):
        """JSON, by which `go_on` draws on as if it had not been stopped."""
        held = {str(i): way for i, way in self._ways.items()}
        hidden = {str(i): [time, *box] for i, (time, box) in self._hidden.items()}
        return {"ways": held, "hidden": hidden, "unseen": sorted(self.unseen)}

    def go_on(self, kept):
        """kept: of an overlay that was stopped."""
        self._ways.update({int(i): [tuple(at) for at in way] for i, way in kept["ways"].items()})
        self._hidden = {int(i): (time, box) for i, (time, *box) in kept["hidden"].items()}
        self.unseen = set(kept["unseen"])

    def drawn(self, frame, answer, counted=None):
        """uint8 [H, W, 3] of a `data.video.Frame` and what was found in it. counted: of `systems.counting.totals`."""
        import numpy as np

        from kerasvision.drawing.paths import blurred, with_strokes
        from kerasvision.drawing.pictures import Mark, color_of, marked

        rows = list(zip(*(answer[key].tolist() for key in ("ids", "labels", "boxes_xyxy")), strict=True))
        self._remember(frame.time, rows)
        pixels = blurred(frame.pixels, [box for _, box in self._hidden.values()]) if self._hidden else frame.pixels
        pixels = with_strokes(pixels, [*self._of_places(counted), *self._of_ways()])
        marks = [Mark(np.array(box), self._name(i, k), color_of(i)) for i, k, box in rows]
        return np.asarray(marked(pixels, marks, max(pixels.shape[:2])).convert("RGB"))

    def _name(self, number, label):
        name = self._class(label)
        return f"{number} {name}" if name else str(number)

    def _class(self, label):
        return self._classes[label] if 0 <= label < len(self._classes) else ""

    def _remember(self, time, rows):
        for number, label, box in rows:
            self.unseen.discard(str(number))
            if self._trails:
                x, y = (box[0] + box[2]) / 2, box[3] if self._anchor == "bottom" else (box[1] + box[3]) / 2
                self._ways[number].append((time, x, y))
            if self._chosen & {str(number), ALL, self._class(label)}:
                self._hidden[number] = time, box
        self._hidden = {i: held for i, held in self._hidden.items() if time - held[0] <= HELD_S}
        for number in list(self._ways):
            self._ways[number] = [at for at in self._ways[number] if time - at[0] <= self._trails]
            if not self._ways[number]:
                del self._ways[number]

    def _of_ways(self):
        import numpy as np

        from kerasvision.drawing.paths import Stroke
        from kerasvision.drawing.pictures import color_of

        return [Stroke(np.array(way)[:, 1:], color_of(i)) for i, way in self._ways.items() if len(way) > 1]

    def _of_places(self, counted):
        import numpy as np

        from kerasvision.drawing.paths import Stroke

        strokes = []
        for n, (name, numbers) in enumerate(self._places["zones"]):
            row = counted["zones"][n]
            text = f"{name}: {row['inside']} inside, {sum(row['visits'].values())} visits"
            strokes.append(Stroke(np.reshape(numbers, (-1, 2)), _PLACE_COLORS[1], text, is_closed=True))
        for n, (name, numbers) in enumerate(self._places["lines"]):
            right, left = (sum(counted["lines"][n][key].values()) for key in ("to_right", "to_left"))
            text = f"{name}: {right} to the right, {left} to the left"
            strokes.append(Stroke(np.reshape(numbers, (-1, 2)), _PLACE_COLORS[0], text, has_arrow=True))
        return strokes
