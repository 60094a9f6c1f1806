"""A page read by two models: a detector finds text, a recognizer reads it, and gaps and directions give the order."""

import dataclasses

import numpy as np

from kerasvision.core.characters import text_of
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.ops.reading_order import angle_of, around, reading_order, upright
from kerasvision.ops.rectify import moved, perspective, rectified
from kerasvision.systems import _orientation
from kerasvision.systems import _strips as strips_of
from kerasvision.systems.base import System

LEAST_PX = 2.0  # sides of a quad that is read


@systems.register("page_reader")
@dataclasses.dataclass(frozen=True)
class PageReader(System):
    """Final. `step` takes {"image": uint8 [H, W, 3]} and answers, in reading order, `words` str [W], `word_scores`
    float64 [W], `word_quads_xy` float64 [W, 4, 2] in pixels, `word_lines` int64 [W], the line of each; `line_scores`,
    `line_quads_xy` and `line_blocks` [L], the paragraph of each line, from 0; `size_wh`; `unread`, how many lines were
    found of which nothing was read, or that have no area; `is_full`, whether the detector found as many as it can; and
    `turn`, degrees to the right by which the page was turned to be read, and `is_turn_known`. Quads are of the picture
    as it was given. `systems.pages.page_of` makes a `Page` of it.

    A quad becomes a strip of the recognizer's height by its perspective; what is longer than the recognizer is wide is
    cut between words. Strips stand amid gray as they would in a letterbox, so that neither neighbors nor their number
    change a text.

    orientation: degrees to the right by which pages are turned, "0", "90", "180" or "270"; "auto": as the recognizer
    reads the longest lines best (`systems/_orientation.py`), 0 where too little text says so.

    right_to_left: a script that is written so; the recognizer says what it sees from left to right. word_gap: see
    `ops.reading_order`. margin: heights of a quad that are read around it as well; of less than 0, what is
    not read, a quarter of a side at most, so that narrow quads stay. batch: strips at once.
    """

    models = ("detector", "recognizer")
    called = "reader"

    orientation: str = "auto"
    right_to_left: bool = False
    word_gap: float = 1.0
    margin: float = 0.0
    batch: int = 16

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "orientation": str(self.orientation) not in ("auto", *map(str, _orientation.TURNS)),
            "word_gap": not 0.0 < self.word_gap <= 3.0,
            "margin": not -0.25 <= self.margin <= 1.0,
            "batch": self.batch < 1,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(
                    f"page_reader.{name}={getattr(self, name)}; allowed: orientation auto, 0, 90, 180 or 270, word_gap "
                    "above 0 to 3, margin -0.25 to 1, batch 1 or more"
                )

    def start(self):
        return {"pages": np.zeros((), np.int64)}

    def step(self, models, state, inputs):
        image = np.asarray(inputs["image"])
        if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(f"page_reader takes one page, uint8 [h, w, 3]; seen: {image.dtype} {list(image.shape)}")
        check_models(models)
        (quads, lost, is_full), turn, is_known = self._upright(models, image)
        page = _orientation.turned(image, turn)
        angle = angle_of(quads)
        quads = [self._wider(quad) for quad in upright(quads, angle)]
        lines = reading_order(quads, self.right_to_left, self.word_gap)
        read = self._read(models["recognizer"], page, quads)
        answer = _answer([self._line(line.quads, read) for line in lines], lines, quads, angle)
        answer["unread"] += lost
        size = np.array(image.shape[1::-1], np.int64)
        for key in ("word_quads_xy", "line_quads_xy"):
            answer[key] = _orientation.as_given(answer[key], turn, size)
        answer |= {"size_wh": size, "is_full": np.bool_(is_full)}
        answer |= {"turn": np.int64(turn), "is_turn_known": np.bool_(is_known)}
        return {"pages": state["pages"] + 1}, answer

    def _upright(self, models, image):
        """(what `_found` gives of the page set upright, degrees to the right that it takes, whether they are known)."""
        if self.orientation != "auto":
            turn = int(self.orientation)
            return _found(models["detector"], _orientation.turned(image, turn)), turn, True
        found = _found(models["detector"], image)

        def read(quads):
            said = self._read(models["recognizer"], image, [self._wider(quad) for quad in quads])
            return [(bool(words), probability) for words, probability in said]

        turn, is_known = _orientation.turn_of(found[0], read)
        return (_found(models["detector"], _orientation.turned(image, turn)) if turn else found), turn, is_known

    def _wider(self, quad):
        """A quad that is larger by the margin on all sides, and half as long and high at least."""
        along, down = quad[1] - quad[0], quad[3] - quad[0]
        edge = self.margin * np.linalg.norm(down)
        shorter = [
            min(np.linalg.norm(v), np.linalg.norm(w))
            for v, w in ((along, quad[2] - quad[3]), (down, quad[2] - quad[1]))
        ]
        a, d = (max(edge, -side / 4) * v / np.linalg.norm(v) for v, side in zip((along, down), shorter, strict=True))
        return quad + np.stack([-a - d, a - d, a + d, d - a])

    def _read(self, model, image, quads):
        """[(words, probability)] of each quad; a word is (text, score, quad)."""
        height, width = model.arch.image_size
        strips, matrices, parts = [], [], []
        for quad in quads:
            sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
            size = (strips_of.width_of((sides[0] + sides[2]) / (sides[1] + sides[3]), height, width), height)
            matrices.append(perspective(quad, size))
            strips.append(rectified(image, quad, size))
            parts.append(strips_of.parts_of(strips[-1], width))
        pieces = [strip[:, p.first : p.behind] for strip, own in zip(strips, parts, strict=True) for p in own]
        said, found = self._said(model, pieces), []
        for strip, matrix, own in zip(strips, matrices, parts, strict=True):
            mine = [said.pop(0) for _ in own]
            read = [
                [dataclasses.replace(c, x=c.x + part.first) for c in characters]
                for part, (characters, _) in zip(own, mine, strict=True)
            ]
            words = [
                self._word(word, first, behind, matrix, height)
                for word, first, behind in strips_of.words_of(strip, own, read)
            ]
            found.append((words, float(np.prod([score for _, score in mine]))))
        return found

    def _word(self, characters, first, behind, matrix, height):
        names = [c.name for c in characters]
        if self.right_to_left and strips_of.runs_from_right_to_left(text_of(names)):
            names = strips_of.as_read(names)
        corners = np.array([[first, 0], [behind, 0], [behind, height], [first, height]])
        return text_of(names), float(np.prod([c.score for c in characters])), moved(matrix, corners)

    def _said(self, model, pieces):
        """[(characters with their places in the piece, probability)] of each."""
        said = []
        for at in range(0, len(pieces), self.batch):
            group = pieces[at : at + self.batch]
            canvases = [strips_of.canvas_of(piece, model.arch.image_size[1]) for piece in group]
            found = model({"image": np.stack([canvas for canvas, _ in canvases])})
            for row, (_, offset) in enumerate(canvases):
                count = int(found["count"][row])
                boxes = found["boxes_xyxy"][row, :count]
                places = (boxes[:, 0] + boxes[:, 2]) / 2 - offset
                names = [model.classes[k] for k in found["labels"][row, :count]]
                rows = zip(names, found["scores"][row, :count], places, strict=True)
                characters = [strips_of.Character(name, float(score), float(x)) for name, score, x in rows]
                said.append((characters, float(found["path_score"][row])))
        return said

    def _line(self, numbers, read):
        """(words in reading order, probability) of the quads of a line, in reading order."""
        words = [word for i in (reversed(numbers) if self.right_to_left else numbers) for word in read[i][0]]
        if self.right_to_left:
            words = strips_of.logical(words, [text for text, _, _ in words])
        return words, float(np.prod([read[i][1] for i in numbers]))

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        from kerasvision.metrics.pages import PageReading

        return PageReading()


def check_models(models, names=("the detector", "the recognizer")):
    """Raises UsageError, one line, where the two do not find and read text. names: what the user calls them."""
    detector, recognizer = models["detector"].arch, models["recognizer"].arch
    if "quads_xy" not in detector.outputs:
        raise UsageError(
            f"{names[0]} ({detector.registered_name}) finds no text; the first model is a detector such as "
            "text_detection/db"
        )
    if "path_score" not in recognizer.outputs:
        raise UsageError(
            f"{names[1]} ({recognizer.registered_name}) reads no lines; the second model is a recognizer, as "
            "text_recognition/crnn"
        )
    if recognizer.resize != "letterbox":
        raise UsageError(
            f"{names[1]} has resize={recognizer.resize!r}, which changes a line's proportions; page_reader needs one "
            "that was trained with letterbox"
        )


def _found(detector, image):
    """(quads, how many have no area and were left out, whether there are as many as can be found) of a page."""
    found = detector({"image": image[None]})
    count = int(found["count"][0])
    return *_with_area(found["quads_xy"][0, :count]), count >= detector.arch.max_quads


def _with_area(quads):
    """(float64 [N, 4, 2], how many were left out): those that are finite and no line or point."""
    quads = np.asarray(quads, np.float64).reshape(-1, 4, 2)
    if not np.isfinite(quads).all():
        raise KerasVisionError("the detector answers quads that are not finite; its weights are damaged")
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
