"""What is read of a page: paragraphs of lines of words, in reading order."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Word:
    """text: without blanks. score: the probability that all its characters are right, were they independent. quad_xy:
    four corners in pixels of the page, the first at its upper left and the others clockwise.
    """

    text: str
    score: float
    quad_xy: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class TextLine:
    """words: in the order in which they are read. score: the probability of the likeliest paths of all its parts.
    recognizer: number of the one that read it, from 0.
    """

    words: tuple[Word, ...]
    score: float
    quad_xy: tuple[tuple[float, float], ...]
    recognizer: int = 0

    @property
    def text(self):
        """Its words, a blank between each two."""
        return " ".join(word.text for word in self.words)


@dataclasses.dataclass(frozen=True)
class Refused:
    """A line of which no recognizer was sure. score: the certainty of the surest one, the mean probability (geometric)
    of a character.
    """

    score: float
    quad_xy: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Page:
    """size_wh: in pixels. blocks: paragraphs, each a tuple of `TextLine`. unread: lines that were found and of which
    nothing was read. is_full: whether the detector found as many as it can, so that there may be more. turn: degrees to
    the right by which it was turned to be read; quads are of the page as it lies. is_turn_known: False where too little
    text says how it is upright, and it was left as it lies. refused: lines of which no recognizer was sure enough.
    """

    size_wh: tuple[int, int]
    blocks: tuple[tuple[TextLine, ...], ...]
    unread: int = 0
    is_full: bool = False
    turn: int = 0
    is_turn_known: bool = True
    refused: tuple[Refused, ...] = ()

    @property
    def lines(self):
        """All lines in reading order."""
        return [line for block in self.blocks for line in block]

    @property
    def text(self):
        """A row a line, an empty row between paragraphs; "" of a page without text."""
        return "\n\n".join("\n".join(line.text for line in block) for block in self.blocks)

    def to_json(self):
        """A dict of numbers and texts; `from_json` takes it back."""
        blocks = [{"lines": [_line_json(line) for line in block]} for block in self.blocks]
        width, height = self.size_wh
        return {
            "width": width,
            "height": height,
            "blocks": blocks,
            "unread": self.unread,
            "is_full": self.is_full,
            "turn": self.turn,
            "is_turn_known": self.is_turn_known,
            "refused": [{"score": r.score, "quad_xy": [list(p) for p in r.quad_xy]} for r in self.refused],
        }

    @classmethod
    def from_json(cls, held):
        """A dict that `to_json` gave -> the `Page` that it was of."""
        blocks = tuple(tuple(_line_of(line) for line in block["lines"]) for block in held["blocks"])
        more = (held[key] for key in ("unread", "is_full", "turn", "is_turn_known"))
        refused = tuple(Refused(row["score"], tuple(map(tuple, row["quad_xy"]))) for row in held["refused"])
        return cls((held["width"], held["height"]), blocks, *more, refused)


def page_of(answer):
    """The answer of `systems/page_reader` to one picture, a dict of arrays -> its `Page`."""
    blocks = []
    words = [
        Word(str(text), _rounded(score), _corners(quad))
        for text, score, quad in zip(answer["words"], answer["word_scores"], answer["word_quads_xy"], strict=True)
    ]
    lines = (answer[f"line_{key}"] for key in ("blocks", "scores", "quads_xy", "recognizers"))
    for number, (block, score, quad, recognizer) in enumerate(zip(*lines, strict=True)):
        own = tuple(words[i] for i in np.flatnonzero(answer["word_lines"] == number))
        if block == len(blocks):
            blocks.append([])
        blocks[-1].append(TextLine(own, _rounded(score), _corners(quad), int(recognizer)))
    size = tuple(int(side) for side in answer["size_wh"])
    seen = (int(answer["unread"]), bool(answer["is_full"]), int(answer["turn"]), bool(answer["is_turn_known"]))
    lost = zip(answer["refused_scores"], answer["refused_quads_xy"], strict=True)
    refused = tuple(Refused(_rounded(score), _corners(quad)) for score, quad in lost)
    return Page(size, tuple(map(tuple, blocks)), *seen, refused)


def _rounded(score):
    return round(float(score), 6)


def _corners(quad):
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in quad)


def _line_json(line):
    words = [{"text": w.text, "score": w.score, "quad_xy": [list(p) for p in w.quad_xy]} for w in line.words]
    held = {"text": line.text, "score": line.score, "recognizer": line.recognizer}
    return held | {"quad_xy": [list(p) for p in line.quad_xy], "words": words}


def _line_of(held):
    words = tuple(Word(w["text"], w["score"], tuple(map(tuple, w["quad_xy"]))) for w in held["words"])
    return TextLine(words, held["score"], tuple(map(tuple, held["quad_xy"])), held["recognizer"])
