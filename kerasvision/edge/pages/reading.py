"""A page read by a detector of text and recognizers of lines: quads are set straight, cut, read and put in order."""

import dataclasses
import typing

import numpy as np

from kerasvision.edge.errors import EdgeError
from kerasvision.edge.pages import orientation
from kerasvision.edge.pages.crops import Said, joined, read_quads, wider
from kerasvision.edge.pages.reading_order import angle_of, around, reading_order, upright
from kerasvision.edge.pages.standing import ends, standing
from kerasvision.edge.pages.strips import in_order

LEAST_PX = 2.0  # sides of a quad that is read
FITS = 0.5  # certainty from which on a recognizer's alphabet is taken to fit, where none was fitted to held-out lines
FITTED = "fitted"


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a reader is set to; `systems.page_reader.PageReader` says what the fields mean, and has the same ones."""

    orientation: str = "auto"
    right_to_left: bool = False
    word_gap: float = 1.0
    margin: float = 0.0
    batch: int = 16
    recognizers: int = 1
    least_certainty: float | str | None = None


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
class _Read:
    """A line: the surest recognizer's number, what it says, in reading order, and where."""

    recognizer: int
    said: Said
    quad: np.ndarray
    block: int


def read_page(rules, detector, recognizers, image):
    """The answer of `systems.page_reader` to a page, uint8 [H, W, 3]: a dict of arrays, of which `page.page_of` makes a
    `Page`. rules: a `Rules`, or what has its fields. recognizers: a list of `crops.Recognizer`s, one a script. Raises
    EdgeError where a detector's quads are not finite.
    """
    (quads, lost, is_full), turn, is_known = _upright(rules, detector, recognizers, image)
    page = orientation.turned(image, turn)
    angle = angle_of(quads)
    quads = upright(quads, angle)
    quads, said, directions = _said(rules, recognizers, page, quads, standing(quads, angle), angle)
    surest = [max(own, key=lambda s: s.certainty) for own in said]
    votes = [own.vote for own in surest]
    lines = reading_order(quads, rules.right_to_left, rules.word_gap, votes, directions)
    read = [_line(line, quads, said, directions, angle) for line in lines]
    answer = _answer(read, least_of(rules, [recognizer.least_certainty for recognizer in recognizers]))
    answer["unread"] += lost
    size = np.array(image.shape[1::-1], np.int64)
    for key in ("word_quads_xy", "line_quads_xy", "refused_quads_xy"):
        answer[key] = orientation.as_given(answer[key], turn, size)
    answer |= {"size_wh": size, "is_full": np.bool_(is_full)}
    return answer | {"turn": np.int64(turn), "is_turn_known": np.bool_(is_known)}


def least_of(rules, fitted):
    """[float] of each recognizer, the certainty below which a line that it is the surest of is refused. fitted: of each
    its `least_certainty`. Raises EdgeError where one is asked for that was not fitted.
    """
    asked = rules.least_certainty
    if asked is None and len(fitted) == 1:
        return [0.0]
    if asked == FITTED and None in fitted:
        raise EdgeError(
            "least_certainty=fitted, and nothing was fitted to held-out lines when a recognizer was trained; give a "
            "number, as in 0.5, or fit it: kerasvision calibrate RUN --set refused_share=0.1"
        )
    if asked is None or asked == FITTED:
        return [FITS if least is None else least for least in fitted]
    return [asked] * len(fitted)


def _upright(rules, detector, recognizers, image):
    """(what `Detector.quads` gives of the page set upright, degrees to the right that it takes, whether they are
    known).
    """
    if rules.orientation != "auto":
        turn = int(rules.orientation)
        return detector.quads(orientation.turned(image, turn)), turn, True
    found = detector.quads(image)

    def read(quads):
        """Of lines from one end, and from the other, by the recognizer that is surest of either."""
        wide = [wider(quad, rules.margin) for quad in quads]
        said = [read_quads(image, wide, recognizer, rules.batch) for recognizer in recognizers]
        half, chosen = len(quads) // 2, []
        for i in range(half):
            pairs = [(own[i], own[half + i]) for own in said]
            chosen.append(max(pairs, key=lambda pair: max(pair[0].certainty, pair[1].certainty)))
        return [(bool(pair[end].words), pair[end].probability) for end in (0, 1) for pair in chosen]

    turn, is_known = orientation.turn_of(found[0], read)
    return (detector.quads(orientation.turned(image, turn)) if turn else found), turn, is_known


def _said(rules, recognizers, page, quads, stands, angle):
    """(quads as they are read, float64 [N, 4, 2]; for each [`Said` of each recognizer]; int [N], 1 of those that are
    read down, -1 up, 0 of those that lie). What stands is read from both ends, and the surer one counts.
    """
    other = ends(quads[stands], angle) if stands.any() else np.zeros((0, 2, 4, 2))
    asked = [wider(quad, rules.margin) for quad in [*quads[~stands], *other[:, 0], *other[:, 1]]]
    said = [read_quads(page, asked, recognizer, rules.batch) for recognizer in recognizers]
    said, lying, upright_ones = list(zip(*said, strict=True)), int((~stands).sum()), len(other)
    found, read, directions = np.zeros((len(quads), 4, 2)), [None] * len(quads), stands.astype(int)
    for number, place in enumerate(np.flatnonzero(~stands)):
        found[place], read[place] = asked[number], said[number]
    for number, place in enumerate(np.flatnonzero(stands), lying):
        pair = [max(s.certainty for s in said[at]) for at in (number, number + upright_ones)]
        at = number + upright_ones * (pair[1] > pair[0])
        found[place], read[place], directions[place] = asked[at], said[at], -1 if pair[1] > pair[0] else 1
    return found, read, directions


def _line(line, quads, said, directions, angle):
    """The `_Read` of a line."""
    numbers = list(line.quads)
    stands = directions[numbers[0]] != 0
    if line.right_to_left and not stands:
        numbers.reverse()  # as seen from the left
    answers = [joined([said[i][n] for i in numbers]) for n in range(len(said[numbers[0]]))]
    number = int(np.argmax([answer.certainty for answer in answers]))
    words = in_order(answers[number].words, line.right_to_left)
    own = [quads[i] for i in line.quads]
    along = own[0][1] - own[0][0]
    turned = float(np.arctan2(along[1], along[0])) if stands else angle
    quad = own[0] if len(own) == 1 else around(own, turned)
    return _Read(number, dataclasses.replace(answers[number], words=words), quad, line.block)


def _with_area(quads):
    """(float64 [N, 4, 2], how many were left out): those that are finite and no line or point."""
    quads = np.asarray(quads, np.float64).reshape(-1, 4, 2)
    if not np.isfinite(quads).all():
        raise EdgeError("the detector answers quads that are not finite; its weights are damaged")
    sides = np.linalg.norm(np.roll(quads, -1, 1) - quads, axis=2) if len(quads) else np.zeros((0, 4))
    kept = (sides >= LEAST_PX).all(1)
    return quads[kept], int((~kept).sum())


def _answer(read, least):
    """The arrays of lines that say something, and of those that are less sure than `least` of their recognizer."""
    said = [line for line in read if line.said.words]
    kept = [line for line in said if line.said.certainty >= least[line.recognizer]]
    refused = [line for line in said if line.said.certainty < least[line.recognizer]]
    blocks = {block: n for n, block in enumerate(dict.fromkeys(line.block for line in kept))}
    words = [(n, *word) for n, line in enumerate(kept) for word in line.said.words]
    return {
        "words": np.array([text for _, text, _, _ in words], np.str_),
        "word_scores": np.array([score for _, _, score, _ in words], np.float64),
        "word_quads_xy": np.array([quad for *_, quad in words], np.float64).reshape(-1, 4, 2),
        "word_lines": np.array([n for n, *_ in words], np.int64),
        "line_scores": np.array([line.said.probability for line in kept], np.float64),
        "line_quads_xy": np.array([line.quad for line in kept]).reshape(-1, 4, 2),
        "line_blocks": np.array([blocks[line.block] for line in kept], np.int64),
        "line_recognizers": np.array([line.recognizer for line in kept], np.int64),
        "refused_scores": np.array([line.said.certainty for line in refused], np.float64),
        "refused_quads_xy": np.array([line.quad for line in refused]).reshape(-1, 4, 2),
        "unread": np.int64(len(read) - len(said)),
    }
