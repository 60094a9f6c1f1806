"""An exported file that answers without TensorFlow: `kerasvision.edge`, with the forms of answers that `drawing` knows.

It is for what is usual: a .tflite or .onnx beside a contract that nobody has changed, of a family whose answers
`edge.describing` describes, asked about pictures. For all else `light_model` is None, and `api.load` has the answer, or
the line that says what is wrong.
"""

import dataclasses
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.kinds.fetching import fetched
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.drawing.showing.objects import ObjectsShowing
from kerasvision.drawing.showing.segments import SegmentsShowing
from kerasvision.drawing.showing.vectors import VectorShowing
from kerasvision.edge import Client, EdgeError, describing, independent, open_client
from kerasvision.edge.client import encoded
from kerasvision.edge.contracts import SUM, check_labels
from kerasvision.inference.prediction import Prediction

# (folder of the family, all that a prediction holds) -> how it is shown
FORMS = {
    ("classification", "probabilities"): ClassesShowing("top", most=3),
    ("classification", "in_set", "probabilities"): ClassesShowing("top", most=3),
    ("classification", "present", "probabilities"): ClassesShowing("labels"),
    ("detection", "boxes_xyxy", "count", "labels", "scores"): ObjectsShowing(),
    ("detection", "boxes_xyxy", "count", "labels", "outer_count", "outer_xyxy", "scores"): ObjectsShowing(),
    ("semantic_segmentation", "confidence", "mask"): SegmentsShowing(),
    ("semantic_segmentation", "confidence", "least_probability", "mask", "may_be"): SegmentsShowing(),
    ("embedding", "embedding"): VectorShowing(),
}


@dataclasses.dataclass(frozen=True)
class LightArchitecture:
    """What `predict` asks of an architecture, said by a contract alone."""

    registered_name: str
    outputs: tuple[str, ...]
    showing: Showing
    promise: dict

    def describe(self, prediction, classes):
        """JSON of a prediction: what the architecture says."""
        return describing.describe(prediction, classes, self.promise)


@dataclasses.dataclass(frozen=True)
class LightModel:
    """Answers as `api.Model` does, for one picture at a time."""

    arch: LightArchitecture
    client: Client

    def read(self, given):
        """(what `predict_one` takes, its pixels) of a path, a URL or encoded bytes. Raises KerasVisionError."""
        given = fetched(given)
        try:
            held = encoded(given)
            return held, independent.decode(held, self.client.contract["preprocess"]["exif_orientation"])
        except EdgeError as error:
            raise KerasVisionError(str(error)) from None
        except (OSError, SyntaxError, ValueError):
            name = "the image" if isinstance(given, bytes) else given
            raise KerasVisionError(f"{name} cannot be decoded: cut off or damaged") from None

    def predict_one(self, held, tidy=None, name="", read=None):
        """held: what `read` gave first -> the `Prediction` of that picture. name: the picture's. read: what `read` gave
        then, pixels to draw on. tidy: as `api.Model` has it, for masks, which these files do not answer with.

        Raises KerasVisionError of a picture that the file's client refuses.
        """
        try:
            values = self.client.predict(held)
        except EdgeError as error:
            raise KerasVisionError(str(error)) from None
        return Prediction(self.arch, self.client.classes, values, name, read)


def light_model(path):
    """The `LightModel` of an exported file, or None of what is not usual."""
    path = pathlib.Path(path)
    if path.suffix not in (".tflite", ".onnx") or not path.is_file():
        return None
    try:
        client = open_client(path)
        if path.suffix == ".tflite":
            check_labels(path.parent, client.classes)
    except EdgeError:
        return None
    arch, rules = _architecture(client), client.contract["preprocess"]
    plain = rules.get("kind") == "image" and not {"windows", "mirrored_axes", "present"} & set(rules)
    if arch is None or not plain or "heat" in client.row["outputs"]:
        return None
    return LightModel(arch, client)


def _architecture(client):
    contract = client.contract
    if SUM not in contract:  # of an export of before: only its recipe can tell whether it was changed
        return None
    name = str(contract["recipe"]["model"]["@"])
    showing = FORMS.get((name.split("/")[-2], *sorted(contract["outputs"])))
    promise = client.row.get("promise", {})
    return LightArchitecture(name, tuple(contract["outputs"]), showing, promise) if showing else None
