"""A page read by a detector of text and a recognizer of lines: quads are set straight, cut, read and put in order."""

import dataclasses
import typing

import numpy as np

from kerasvision.edge.errors import EdgeError
from kerasvision.edge.pages import orientation
from kerasvision.edge.pages import strips as strips_of
from kerasvision.edge.pages.characters import text_of
from kerasvision.edge.pages.reading_order import angle_of, around, reading_order, upright
from kerasvision.edge.pages.rectify import moved, perspective, rectified

LEAST_PX = 2.0  # sides of a quad that is read


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a reader is set to; `systems.page_reader.PageReader` says what the fields mean, and has the same ones."""

    orientation: str = "auto"
    right_to_left: bool = False
    word_gap: float = 1.0
    margin: float = 0.0
    batch: int = 16


@dataclasses.dataclass(frozen=True)
class Detector:
    """find: a function, uint8 [H, W, 3] -> {"quads_xy" float [S, 4, 2] in its pixels, "count"}. most: S."""

    find: typing.Callable
    most: int

    def quads(self, image):
        """(float64 [N, 4, 2], how many have no area and were left out, whether there are as many as can be found)."""
        found = self.find(image)
        count = int(found["count"])
        return *_with_area(found["quads_xy"][:count]), count >= self.most


@dataclasses.dataclass(frozen=True)
class Recognizer:
    """read: a function, uint8 [N, h, w, 3] -> {"labels" int [N, T], "scores" [N, T], "boxes_xyxy" [N, T, 4], "count"
    [N], "path_score" [N]}. size_hw: (h, w). classes: names.
    """

    read: typing.Callable
    size_hw: tuple[int, int]
    classes: tuple[str, ...]

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


def read_page(rules, detector, recognizer, image):
    """The answer of `systems.page_reader` to a page, uint8 [H, W, 3]: a dict of arrays, of which `page.page_of` makes a
    `Page`. rules: a `Rules`, or what has its fields. Raises EdgeError where a detector's quads are not finite.
    """
    (quads, lost, is_full), turn, is_known = _upright(rules, detector, recognizer, image)
    page = orientation.turned(image, turn)
    angle = angle_of(quads)
    quads = [wider(quad, rules.margin) for quad in upright(quads, angle)]
    lines = reading_order(quads, rules.right_to_left, rules.word_gap)
    read = read_quads(rules, recognizer, page, quads)
    answer = _answer([_line(rules, line.quads, read) for line in lines], lines, quads, angle)
    answer["unread"] += lost
    size = np.array(image.shape[1::-1], np.int64)
    for key in ("word_quads_xy", "line_quads_xy"):
        answer[key] = orientation.as_given(answer[key], turn, size)
    answer |= {"size_wh": size, "is_full": np.bool_(is_full)}
    return answer | {"turn": np.int64(turn), "is_turn_known": np.bool_(is_known)}


def _upright(rules, detector, recognizer, image):
    """(what `Detector.quads` gives of the page set upright, degrees to the right that it takes, whether they are
    known).
    """
    if rules.orientation != "auto":
        turn = int(rules.orientation)
        return detector.quads(orientation.turned(image, turn)), turn, True
    found = detector.quads(image)

    def read(quads):
        said = read_quads(rules, recognizer, image, [wider(quad, rules.margin) for quad in quads])
        return [(bool(words), probability) for words, probability in said]

    turn, is_known = orientation.turn_of(found[0], read)
    return (detector.quads(orientation.turned(image, turn)) if turn else found), turn, is_known


def wider(quad, margin):
    """A quad that is larger by `margin` heights on all sides, and half as long and high at least."""
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    edge = margin * np.linalg.norm(down)
    shorter = [
        min(np.linalg.norm(v), np.linalg.norm(w)) for v, w in ((along, quad[2] - quad[3]), (down, quad[2] - quad[1]))
    ]
    a, d = (max(edge, -side / 4) * v / np.linalg.norm(v) for v, side in zip((along, down), shorter, strict=True))
    return quad + np.stack([-a - d, a - d, a + d, d - a])


def read_quads(rules, recognizer, image, quads):
    """[(words, probability)] of each quad; a word is (text, score, quad)."""
    height, width = recognizer.size_hw
    strips, matrices, parts = [], [], []
    for quad in quads:
        sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
        size = (strips_of.width_of((sides[0] + sides[2]) / (sides[1] + sides[3]), height, width), height)
        matrices.append(perspective(quad, size))
        strips.append(rectified(image, quad, size))
        parts.append(strips_of.parts_of(strips[-1], width))
    pieces = [strip[:, p.first : p.behind] for strip, own in zip(strips, parts, strict=True) for p in own]
    said, found = recognizer.characters(pieces, rules.batch), []
    for strip, matrix, own in zip(strips, matrices, parts, strict=True):
        mine = [said.pop(0) for _ in own]
        read = [
            [dataclasses.replace(c, x=c.x + part.first) for c in characters]
            for part, (characters, _) in zip(own, mine, strict=True)
        ]
        words = [
            _word(rules, word, first, behind, matrix, height)
            for word, first, behind in strips_of.words_of(strip, own, read)
        ]
        found.append((words, float(np.prod([score for _, score in mine]))))
    return found


def _word(rules, characters, first, behind, matrix, height):
    names = [c.name for c in characters]
    if rules.right_to_left and strips_of.runs_from_right_to_left(text_of(names)):
        names = strips_of.as_read(names)
    corners = np.array([[first, 0], [behind, 0], [behind, height], [first, height]])
    return text_of(names), float(np.prod([c.score for c in characters])), moved(matrix, corners)


def _line(rules, numbers, read):
    """(words in reading order, probability) of the quads of a line, in reading order."""
    words = [word for i in (reversed(numbers) if rules.right_to_left else numbers) for word in read[i][0]]
    if rules.right_to_left:
        words = strips_of.logical(words, [text for text, _, _ in words])
    return words, float(np.prod([read[i][1] for i in numbers]))


def _with_area(quads):
    """(float64 [N, 4, 2], how many were left out): those that are finite and no line or point."""
    quads = np.asarray(quads, np.float64).reshape(-1, 4, 2)
    if not np.isfinite(quads).all():
        raise EdgeError("the detector answers quads that are not finite; its weights are damaged")
    sides = np.linalg.norm(np.roll(quads, -1, 1) - quads, axis=2) if len(quads) else np.zeros((0, 4))
    kept = (sides >= LEAST_PX).all(1)
    return quads[kept], int((~kept).sum())


def _answer(read, lines, quads, angle):
    """The arrays of lines that say something."""
    kept = [(words, score, line) for (words, score), line in zip(read, lines, strict=True) if words]
    blocks = {block: n for n, block in enumerate(dict.fromkeys(line.block for _, _, line in kept))}
    words = [(n, *word) for n, (own, _, _) in enumerate(kept) for word in own]
    own = [[quads[i] for i in line.quads] for _, _, line in kept]
    return {
        "words": np.array([text for _, text, _, _ in words], np.str_),
        "word_scores": np.array([score for _, _, score, _ in words], np.float64),
        "word_quads_xy": np.array([quad for *_, quad in words], np.float64).reshape(-1, 4, 2),
        "word_lines": np.array([n for n, *_ in words], np.int64),
        "line_scores": np.array([score for _, score, _ in kept], np.float64),
        "line_quads_xy": np.array([q[0] if len(q) == 1 else around(q, angle) for q in own]).reshape(-1, 4, 2),
        "line_blocks": np.array([blocks[line.block] for *_, line in kept], np.int64),
        "unread": np.int64(len(lines) - len(kept)),
    }
