"""A page reader that `kerasvision read --save reader.tflite` wrote, opened with LiteRT, numpy and Pillow alone.

reader = open_reader("reader.tflite")
reader.read("page.png").text            # `edge.pages.page.Page`, as `kerasvision read reader.tflite page.png`
"""

import dataclasses
import json
import pathlib
import struct
import typing

import numpy as np

from kerasvision.edge.client import answered, encoded
from kerasvision.edge.contracts import check_placing, sha256
from kerasvision.edge.errors import EdgeError, EdgeUsageError
from kerasvision.edge.independent import decode, predict
from kerasvision.edge.pages.crops import Recognizer
from kerasvision.edge.pages.page import page_of
from kerasvision.edge.pages.reading import Detector, Rules, read_page
from kerasvision.edge.runtimes import LiteRT, check_tflite

METADATA = b"KERASVISION_READER"
SIGNATURES = ("detect", "recognize")
AGAIN = "save the reader again"
_BUFFERS, _METADATA = 4, 6  # numbers of fields of the table Model in LiteRT's schema (schema.fbs, version 3)


@dataclasses.dataclass(frozen=True)
class PageClient:
    """What `open_reader` gives. contracts: {"detect", "recognize"}. sha256: of the file."""

    rules: Rules
    contracts: dict
    sha256: str
    detector: Detector
    recognizer: Recognizer

    def read(self, picture):
        """The `Page` of a picture: a path, encoded bytes or uint8 [H, W, 3]. Raises EdgeError, one line."""
        rule = self.contracts["detect"]["preprocess"]["exif_orientation"]
        pixels = answered(lambda: decode(encoded(picture), rule), picture)
        return page_of(read_page(self.rules, self.detector, [self.recognizer], pixels))


def open_reader(path, threads=None):
    """The `PageClient` of a reader.tflite. threads: of the runtime, None: its own choice. Raises EdgeError."""
    path = pathlib.Path(path)
    if path.suffix != ".tflite" or not path.is_file():
        raise EdgeUsageError(
            f"{path}: read takes a reader's .tflite, as kerasvision read --save reader.tflite writes it"
        )
    check_tflite(path)
    held = _described(path)
    try:
        rules, contracts = _rules(held["reader"]), {name: held[name] for name in SIGNATURES}
        rows = {name: contract["artifacts"][0] for name, contract in contracts.items()}
        asked = {name: _asking(contracts[name], rows[name], LiteRT(path, threads, name).infer) for name in SIGNATURES}
        most = rows["detect"]["outputs"][rows["detect"]["restore"]["keys"]["quads_xy"]]["shape"][1]
        size = tuple(contracts["recognize"]["preprocess"]["size_hw"])
        classes = tuple(contracts["recognize"]["classes"])
        fitted = contracts["recognize"].get("recipe", {}).get("model", {})  # of older files nothing was
        least = fitted.get("least_certainty")
        check_placing(path, contracts["recognize"])
    except (KeyError, IndexError, TypeError) as error:
        raise EdgeError(f"{path}: its {METADATA.decode()} does not say enough to read with: {error}; {AGAIN}") from None

    def read(images):
        answers = [asked["recognize"](image) for image in images]
        return {key: np.stack([answer[key] for answer in answers]) for key in answers[0]}

    recognizer = Recognizer(read, size, classes, least)
    return PageClient(rules, contracts, sha256(path), Detector(asked["detect"], most), recognizer)


def _asking(contract, row, infer) -> typing.Callable:
    return lambda pixels: predict(contract, row, infer, pixels=pixels)


def _rules(held):
    """The `Rules` of a reader's JSON. Raises EdgeError of a setting that this client does not know."""
    known = {field.name for field in dataclasses.fields(Rules)}
    given = {key: value for key, value in held.items() if key != "@"}
    if beyond := sorted(set(given) - known):
        raise EdgeError(
            f"the reader is set to {', '.join(beyond)}, which this client does not know; install a newer one"
        )
    return Rules(**given)


def _described(path):
    """{"reader", "detect", "recognize"} of a file."""
    content = path.read_bytes()
    if METADATA not in content:
        raise EdgeUsageError(
            f"{path} is no page reader; write one: kerasvision read DETECTOR.tflite RECOGNIZER.tflite --save "
            "reader.tflite"
        )
    try:
        model = _Table(content, _number(content, 0, "<I"))
        (number,) = [row.scalar(1, "<I") for row in model.tables(_METADATA) if row.content(0) == METADATA]
        held = json.loads(model.tables(_BUFFERS)[number].content(0))
    except (struct.error, ValueError, IndexError):
        raise EdgeError(f"{path} is damaged: what describes the reader cannot be found in it; {AGAIN}") from None
    if not isinstance(held, dict):
        raise EdgeError(f"{path} is damaged: its {METADATA.decode()} is no JSON object; {AGAIN}")
    return held


def _number(content, at, form):
    return struct.unpack_from(form, content, at)[0]


class _Table:
    """A table of a FlatBuffer (flatbuffers.dev, Internals): offsets of its fields stand in a vtable before it."""

    def __init__(self, content, at):
        self._content, self._at = content, at

    def _place(self, field):
        """Where a field stands; 0: it is not there."""
        vtable = self._at - _number(self._content, self._at, "<i")
        place = 4 + 2 * field
        offset = _number(self._content, vtable + place, "<H") if place < _number(self._content, vtable, "<H") else 0
        return self._at + offset if offset else 0

    def scalar(self, field, form):
        """A number; 0 where it is left out."""
        place = self._place(field)
        return _number(self._content, place, form) if place else 0

    def _vector(self, field):
        """(where its first element stands, how many there are)."""
        place = self._place(field)
        if not place:
            return 0, 0
        place += _number(self._content, place, "<I")
        return place + 4, _number(self._content, place, "<I")

    def content(self, field):
        """Bytes of a string or of a vector of bytes."""
        first, count = self._vector(field)
        return self._content[first : first + count]

    def tables(self, field):
        """[`_Table`] of a vector of tables."""
        first, count = self._vector(field)
        places = range(first, first + 4 * count, 4)
        return [_Table(self._content, place + _number(self._content, place, "<I")) for place in places]
