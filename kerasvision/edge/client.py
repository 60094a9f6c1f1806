"""A file that answers, by its contract: an encoded picture in, a prediction in its own pixels out; or a sound."""

import dataclasses
import io
import pathlib
import typing

import numpy as np
from PIL import Image

from kerasvision.edge import describing, hearing
from kerasvision.edge.contracts import AGAIN, check_placing, read_contract, row_of
from kerasvision.edge.errors import EdgeError, EdgeUsageError
from kerasvision.edge.independent import NotDescribedError, predict
from kerasvision.edge.runtimes import open_runtime


@dataclasses.dataclass(frozen=True)
class Client:
    """What `open_client` gives. contract: of contract.json. row: the file's, of its `artifacts`. runtime: its own."""

    contract: dict
    row: dict
    runtime: typing.Any

    @property
    def classes(self):
        """Names of the classes."""
        return tuple(self.contract["classes"])

    @property
    def hears(self):
        """Whether it takes sounds, and not pictures."""
        return self.contract["preprocess"]["kind"] == "audio"

    @property
    def seconds(self):
        """Of a sound that it hears at once."""
        return self.contract["preprocess"]["samples"] / self.contract["preprocess"]["rate"]

    def predict(self, picture):
        """{key: numpy array} of one picture, in its own pixels. picture: a path, encoded bytes or uint8 [H, W, 3]; of a
        model of sounds the path of a .wav or (float32 [N], samples a second), of which it hears the first `seconds`.
        Raises EdgeError, one line.
        """
        infer = self.runtime.infer
        if self.hears:
            return self._heard(*hearing.sound_of(picture, self.contract["preprocess"]))
        return answered(lambda: predict(self.contract, self.row, infer, encoded=encoded(picture)), picture)

    def listen(self, sound, hop_s=None):
        """{key: numpy array [W, ...]} of the windows over the whole of a sound, with `from_s` and `to_s` float64 [W].
        hop_s: from one window to the next; None: half of one. sound: as of `predict`. Raises EdgeError, one line.
        """
        if not self.hears:
            raise EdgeUsageError(f"windows slide over a sound; this {self.contract['task']} model takes none")
        try:
            hop_s = hearing.hop_of(hop_s, self.seconds)
        except ValueError as error:
            raise EdgeUsageError(str(error)) from None
        audio, rate = hearing.sound_of(sound, self.contract["preprocess"])

        def ask(windows, rate):
            found = [self._heard(window, rate) for window in windows]
            return {key: np.stack([one[key] for one in found]) for key in found[0]}

        return hearing.listened(ask, audio, rate, self.seconds, hop_s)

    def _heard(self, audio, rate):
        try:
            return predict(self.contract, self.row, self.runtime.infer, audio=audio, rate=rate)
        except NotDescribedError as error:
            raise EdgeError(f"contract.json does not say enough to predict with: {error}") from None

    def describe(self, values):
        """JSON of a prediction, of windows too."""
        if hearing.TIMES[0] in values:
            return hearing.described(values, self.describe)
        return describing.describe(values, self.classes, self.row.get("promise"))

    def classify(self, picture):
        """[{"label", "index", "score"}], the likeliest first: the five best, or of several labels those that hold."""
        return self._rows(picture, ("top", "labels"), "classes")

    def detect(self, picture):
        """[{"label", "index", "score", "box_xyxy" in pixels of the picture}], the surest first."""
        return self._rows(picture, ("objects",), "objects")

    def segment(self, picture):
        """uint8 [H, W], the class of each pixel."""
        return self._array(picture, "mask")

    def embed(self, picture):
        """float32 [D], of length 1."""
        return self._array(picture, "embedding")

    def _rows(self, picture, keys, what):
        described = self.describe(self.predict(picture))
        key = next((key for key in keys if key in described), None)
        if key is None:
            raise EdgeError(f"this {self.contract['task']} model gives no {what}, but {', '.join(described)}")
        return described[key]

    def _array(self, picture, key):
        values = self.predict(picture)
        if key not in values:
            raise EdgeError(f"this {self.contract['task']} model gives no {key}, but {', '.join(values)}")
        return values[key]


def open_client(path, threads=None):
    """The `Client` of a .tflite or .onnx that stands beside its contract.json. Raises EdgeError, one line, where the
    file is not the one of its contract.
    """
    path = pathlib.Path(path)
    runtime = open_runtime(path, threads)
    contract = read_contract(path.parent)
    row = row_of(path, contract)
    for part, seen in (("inputs", runtime.inputs), ("outputs", runtime.outputs)):
        said = {k: {n: v for n, v in r.items() if n != "unit"} for k, r in row[part].items()}
        if said != seen:
            raise EdgeError(f"{path} has other {part} than its contract.json says: {seen} and {said}; {AGAIN}")
    if "path_score" in row["outputs"]:
        check_placing(path, contract)
    return Client(contract, row, runtime)


def answered(ask, picture):
    """What a function gives that decodes a picture. Raises EdgeError, one line, where it cannot."""
    try:
        return ask()
    except NotDescribedError as error:
        raise EdgeError(f"contract.json does not say enough to predict with: {error}") from None
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises at a picture that it cannot read
        name = "the image" if isinstance(picture, (bytes, np.ndarray)) else picture
        raise EdgeError(f"{name} cannot be decoded: {error}") from None


def encoded(picture):
    """The bytes of a picture. Raises EdgeError."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray):
        return as_png(picture)
    try:
        held = pathlib.Path(picture).read_bytes()
    except OSError as error:
        raise EdgeError(f"{picture} cannot be read: {error.strerror}") from None
    if not held:
        raise EdgeError(f"{picture} is empty (0 bytes)")
    return held


def as_png(pixels):
    """uint8 [H, W, 3] or [H, W, 4] -> the bytes of a PNG."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] not in (3, 4):
        raise EdgeError(f"an image is uint8 [H, W, 3]; seen: {pixels.dtype} {list(pixels.shape)}")
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()
