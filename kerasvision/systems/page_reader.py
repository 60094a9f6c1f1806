"""A page read by models: a detector finds text, recognizers read it, and gaps and directions give the order."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.pages.crops import Recognizer
from kerasvision.edge.pages.orientation import TURNS
from kerasvision.edge.pages.reading import FITTED, Detector, least_of, read_page
from kerasvision.systems.base import System


@systems.register("page_reader")
@dataclasses.dataclass(frozen=True)
class PageReader(System):
    """Final. `step` takes {"image": uint8 [H, W, 3]} and answers, in reading order, `words` str [W], `word_scores`
    float64 [W], `word_quads_xy` float64 [W, 4, 2] in pixels, `word_lines` int64 [W], the line of each; `line_scores`,
    `line_quads_xy` and `line_blocks` [L], the paragraph of each line, from 0; `size_wh`; `unread`, how many lines were
    found of which nothing was read, or that have no area; `line_recognizers` [L], the number of the recognizer of each,
    from 0; `refused_quads_xy` [R, 4, 2] and `refused_scores` [R], lines that none of them fits; `is_full`, whether the
    detector found as many as it can; and `turn`, degrees to the right by which the page was turned to be read, and
    `is_turn_known`. Quads are of the picture as it was given. `edge.pages.page.page_of` makes a `Page` of it.

    A quad becomes a strip of the recognizer's height by its perspective; what is longer than the recognizer is wide is
    cut between words. Strips stand amid gray as they would in a letterbox, so that neither neighbors nor their number
    change a text.

    orientation: degrees to the right by which pages are turned, "0", "90", "180" or "270"; "auto": as the recognizer
    reads the longest lines best (`edge/pages/orientation.py`), 0 where too little text says so.

    Text that stands upright on a page that lies is read from both of its ends, and the surer one counts
    (`edge/pages/standing.py`). Characters from right to left decide for their column and for the order of columns.

    recognizers: how many, one a script (models `recognizer`, `recognizer_2` ...). Each line is what the surest one
    says, by the mean probability (geometric) of its characters; where that is below least_certainty, no alphabet fits
    and the line is refused. "fitted": what was fitted to each recognizer's validation lines (its `refused_share`).
    None: the same of several recognizers, 0.5 where nothing was fitted, below which a character is rather wrong than
    right; 0 of one.

    right_to_left: lines and columns are so, whatever was read; a recognizer says what it sees from left to right.
    word_gap: see `edge.pages.reading_order`. margin: heights of a quad that are read around it as well; of less than 0,
    what is not read, a quarter of a side at most, so that narrow quads stay. batch: strips at once.
    """

    called = "reader"

    orientation: str = "auto"
    right_to_left: bool = False
    word_gap: float = 1.0
    margin: float = 0.0
    batch: int = 16
    recognizers: int = 1
    least_certainty: float | typing.Literal["fitted"] | None = None

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "orientation": str(self.orientation) not in ("auto", *map(str, TURNS)),
            "word_gap": not 0.0 < self.word_gap <= 3.0,
            "margin": not -0.25 <= self.margin <= 1.0,
            "batch": self.batch < 1,
            "recognizers": self.recognizers < 1,
            "least_certainty": self.least_certainty not in (None, FITTED) and not 0.0 <= self.least_certainty <= 1.0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(
                    f"page_reader.{name}={getattr(self, name)}; allowed: orientation auto, 0, 90, 180 or 270, word_gap "
                    "above 0 to 3, margin -0.25 to 1, batch and recognizers 1 or more, least_certainty 0 to 1 or fitted"
                )

    @property
    def models(self):
        """Names of the detector and of each recognizer."""
        return models_of(self.recognizers)

    def start(self):
        return {"pages": np.zeros((), np.int64)}

    def step(self, models, state, inputs):
        image = np.asarray(inputs["image"])
        if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(f"page_reader takes one page, uint8 [h, w, 3]; seen: {image.dtype} {list(image.shape)}")
        check_models(models)
        try:
            recognizers = [_recognizer(models[name]) for name in self.models[1:]]
            answer = read_page(self, _detector(models["detector"]), recognizers, image)
        except EdgeError as error:
            raise KerasVisionError(str(error)) from None
        return {"pages": state["pages"] + 1}, answer

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        from kerasvision.metrics.pages import PageReading

        return PageReading()


def models_of(recognizers):
    """Names of the models of a reader with so many recognizers."""
    return ("detector", "recognizer", *(f"recognizer_{n}" for n in range(2, recognizers + 1)))


def check_models(models, names=None):
    """Raises UsageError, one line, where models do not find and read text. names: {model: what the user calls it}."""
    names = names or {name: f"the {name}" for name in models}
    detector = models["detector"].arch
    if "quads_xy" not in detector.outputs:
        raise UsageError(
            f"{names['detector']} ({detector.registered_name}) finds no text; the first model is a detector such as "
            "text_detection/db"
        )
    for name in sorted(set(models) - {"detector"}):
        recognizer = models[name].arch
        if "path_score" not in recognizer.outputs:
            raise UsageError(
                f"{names[name]} ({recognizer.registered_name}) reads no lines; behind the detector stand recognizers, "
                "as text_recognition/crnn"
            )
        if recognizer.resize != "letterbox":
            raise UsageError(
                f"{names[name]} has resize={recognizer.resize!r}, which changes a line's proportions; page_reader "
                "needs one that was trained with letterbox"
            )


def refusing(system, models):
    """One line: below which certainty lines are refused and why, "" where nobody need be told. Raises UsageError where
    what is asked for was not fitted.
    """
    names = system.models[1:]
    fitted = [models[name].arch.least_certainty for name in names]
    try:
        least = least_of(system, fitted)
    except EdgeError as error:
        raise UsageError(str(error)) from None
    if system.least_certainty not in (None, FITTED) or not any(least):
        return ""
    why = ("as none was fitted to held-out lines", "fitted to held-out lines")
    rows = zip(names, least, fitted, strict=True)
    said = (f"{number:.4g} ({name}, {why[own is not None]})" for name, number, own in rows)
    return f"refused are lines whose characters are on average less sure than {', '.join(said)}"


def _detector(model):
    def find(image):
        return {key: value[0] for key, value in model({"image": image[None]}).items()}

    return Detector(find, model.arch.max_quads)


def _recognizer(model):
    arch = model.arch
    return Recognizer(lambda images: model({"image": images}), arch.image_size, model.classes, arch.least_certainty)
