"""Quads of a page set straight, cut, read by a recognizer, and put together to words."""

import dataclasses
import typing

import numpy as np

from kerasvision.edge.pages import strips as strips_of
from kerasvision.edge.pages.characters import text_of
from kerasvision.edge.pages.rectify import moved, perspective, rectified


@dataclasses.dataclass(frozen=True)
class Recognizer:
    """read: a function, uint8 [N, h, w, 3] -> {"labels" int [N, T], "scores" [N, T], "boxes_xyxy" [N, T, 4], "count"
    [N], "path_score" [N]}. size_hw: (h, w). classes: names. least_certainty: below which the least sure of held-out
    lines were, None where that was not fitted.
    """

    read: typing.Callable
    size_hw: tuple[int, int]
    classes: tuple[str, ...]
    least_certainty: float | None = None

    def characters(self, pieces, batch):
        """[(`strips.Character`s, with their places in the piece; probability)] of each uint8 [h, at most w, 3]."""
        said = []
        for at in range(0, len(pieces), batch):
            canvases = [strips_of.canvas_of(piece, self.size_hw[1]) for piece in pieces[at : at + batch]]
            found = self.read(np.stack([canvas for canvas, _ in canvases]))
            for row, (_, offset) in enumerate(canvases):
                count = int(found["count"][row])
                boxes = found["boxes_xyxy"][row][:count]
                places = (boxes[:, 0] + boxes[:, 2]) / 2 - offset
                names = [self.classes[k] for k in found["labels"][row][:count]]
                rows = zip(names, found["scores"][row][:count], places, strict=True)
                characters = [strips_of.Character(name, float(score), float(x)) for name, score, x in rows]
                said.append((characters, float(found["path_score"][row])))
        return said


@dataclasses.dataclass(frozen=True)
class Said:
    """What a recognizer says of quads. words: (text, score, quad float64 [4, 2]) of each, from left to right.
    probability: of the likeliest paths of all parts. characters: how many, blanks too.
    """

    words: list
    probability: float
    characters: int

    @property
    def certainty(self):
        """The mean probability (geometric) of a character, so that longer lines are not less sure; 0 without words."""
        return self.probability ** (1.0 / self.characters) if self.words else 0.0

    @property
    def vote(self):
        """How many more characters are of a script from right to left than of one from left to right."""
        return sum(strips_of.vote_of(text) for text, _, _ in self.words)


def joined(parts):
    """The `Said` of quads side by side. parts: of each, from left to right."""
    words = [word for part in parts for word in part.words]
    return Said(words, float(np.prod([p.probability for p in parts])), sum(p.characters for p in parts))


def wider(quad, margin):
    """A quad that is larger by `margin` heights on all sides, and half as long and high at least."""
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    edge = margin * np.linalg.norm(down)
    shorter = [
        min(np.linalg.norm(v), np.linalg.norm(w)) for v, w in ((along, quad[2] - quad[3]), (down, quad[2] - quad[1]))
    ]
    a, d = (max(edge, -side / 4) * v / np.linalg.norm(v) for v, side in zip((along, down), shorter, strict=True))
    return quad + np.stack([-a - d, a - d, a + d, d - a])


def read_quads(image, quads, recognizer, batch):
    """[`Said`] of each quad, float [4, 2], of a page uint8 [H, W, 3]. batch: strips at once."""
    height, width = recognizer.size_hw
    strips, matrices, parts = [], [], []
    for quad in quads:
        sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
        size = (strips_of.width_of((sides[0] + sides[2]) / (sides[1] + sides[3]), height, width), height)
        matrices.append(perspective(quad, size))
        strips.append(rectified(image, quad, size))
        parts.append(strips_of.parts_of(strips[-1], width))
    pieces = [strip[:, p.first : p.behind] for strip, own in zip(strips, parts, strict=True) for p in own]
    said, found = recognizer.characters(pieces, batch), []
    for strip, matrix, own in zip(strips, matrices, parts, strict=True):
        mine = [said.pop(0) for _ in own]
        read = [
            [dataclasses.replace(c, x=c.x + part.first) for c in characters]
            for part, (characters, _) in zip(own, mine, strict=True)
        ]
        words = [_word(*word, matrix, height) for word in strips_of.words_of(strip, own, read)]
        count = sum(len(characters) for characters, _ in mine)
        found.append(Said(words, float(np.prod([score for _, score in mine])), count))
    return found


def _word(characters, first, behind, matrix, height):
    names = [c.name for c in characters]
    if strips_of.runs_from_right_to_left(text_of(names)):
        names = strips_of.as_read(names)
    corners = np.array([[first, 0], [behind, 0], [behind, height], [first, height]])
    return text_of(names), float(np.prod([c.score for c in characters])), moved(matrix, corners)
