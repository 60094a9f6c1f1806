"""Two pictures beside each other, with the places that make them alike: what is drawn, written and said of `alike`."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.files import beside
from kerasvision.explain.alike import alike, spread
from kerasvision.explain.picture import Explained
from kerasvision.explain.placing import in_original

MOST = 5  # pairs of places that are named


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """names: of two pictures. shown: uint8 [H, W, 3] of each. held: their `Alike`. sizes: (h, w) of what the graph sees
    of each. geometries, parts: of each, as `Explainable.prepared` gives them.
    """

    names: tuple[str, str]
    shown: tuple
    held: typing.Any
    sizes: tuple
    geometries: tuple
    parts: tuple

    def heats(self):
        """(maps, answering) of `Alike`, of each picture float32 [H, W] in its own pixels."""
        return [
            [self._placed(number, own) for number, own in enumerate(both)]
            for both in (self.held.maps(), self.held.answering())
        ]

    def rows(self):
        """Two `Explained`: of each picture what it has in the cosine, and in common with the other's first place."""
        total = f"in the cosine of {self.held.cosine:.3f}"
        every, answering = self.heats()
        return [
            Explained(
                self.names[number],
                "alike",
                self.shown[number],
                [
                    (total, every[number], None),
                    ("in common with the first place of the other", answering[number], None),
                ],
            )
            for number in (0, 1)
        ]

    def to_json(self):
        """Plain JSON; `first` and `second` are (x, y) in the pixels of the pictures. A place in the border that fills
        up a picture is left out.
        """
        found = ((self._pixel(0, a), self._pixel(1, b), part) for a, b, part in self.held.pairs(MOST))
        places = [{"first": a, "second": b, "part": part} for a, b, part in found if a and b]
        sums = {"cosine": self.held.cosine, "sum_of_parts": float(self.held.parts.sum())}
        return {"pair": list(self.names)} | sums | {"places": places}

    def in_words(self):
        """One line: the cosine, what the parts add up to, and the two places with most in it."""
        document = self.to_json()
        line = f"{self.names[0]} and {self.names[1]}: cosine {document['cosine']:.4f}, "
        line += f"parts add up to {document['sum_of_parts']:.4f}"
        if not document["places"]:
            return f"{line}; no place within the one goes along with any within the other"
        most = document["places"][0]
        return f"{line}; most by {most['first']} of the first and {most['second']} of the second: {most['part']:.4f}"

    def write_arrays(self, path):
        """An .npz: `parts` [h, w, h, w] of positions, `first` and `second` [H, W] in the pictures' pixels, `names`."""
        first, second = self.heats()[0]
        with beside(path) as partial, partial.open("wb") as file:
            arrays = {"parts": self.held.parts, "first": first, "second": second}
            np.savez_compressed(file, **arrays, names=np.array(self.names))

    def _placed(self, number, own):
        return in_original(spread(own, self.sizes[number]), self.geometries[number], self.parts[number])

    def _pixel(self, number, place):
        """The middle of a position, (x, y) in the pixels of a picture: where a peak at it lies; None outside of it."""
        own = np.zeros(self.held.parts.shape[:2] if number == 0 else self.held.parts.shape[2:])
        own[place] = 1.0
        heat = self._placed(number, own)
        if heat.max() <= 0:
            return None
        y, x = np.argwhere(heat >= heat.max() * (1 - 1e-6)).mean(0)
        return [round(float(x), 1), round(float(y), 1)]


def pair_of(model, names, inputs):
    """The `Pair` of two pictures. model: `Explainable`. inputs: serving inputs of each, without batch axis. Raises
    UsageError as `alike`.
    """
    seen = [model.prepared(one) for one in inputs]
    held = alike(model, *(prepared for prepared, _, _ in seen))
    sizes = tuple(prepared.shape[:2] for prepared, _, _ in seen)
    shown = tuple(one[model.key] for one in inputs)
    return Pair(tuple(names), shown, held, sizes, *(tuple(row[k] for row in seen) for k in (1, 2)))
