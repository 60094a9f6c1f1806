"""Outlines of text that a run finds, as polygons: on the host, of the map of which files make quads."""

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.inference.prediction import Prediction
from kerasvision.ops import labeling, outlines

STRAIGHT = 0.9  # of the rectangle of its moments, from which on a component is one
LEAST_CELLS = 3.0  # of the shorter side of that rectangle, below which whole cells say nothing of a bend


class OutlineFinder:
    """Final. A run of text detection (`api.Model`) whose quads each go with a polygon. It reads and predicts one
    example, as the model does; predictions also have `polygons_xy`, a list of float64 [P, 2] in pixels of the original
    image, clockwise as seen, one for each of `count` quads.

    Where a component of the map fills `STRAIGHT` of the rectangle of its moments, the polygon is the quad: an arc does
    whose middle is less far from its chord than half the height of its shrunk part. Else it is the component's
    contour, moved outwards (`ops.outlines.outline`). Where the rectangle is less than `LEAST_CELLS` high the polygon is
    the quad, too: inclined cells fill little of it, however straight the text is.
    """

    def __init__(self, model):
        if "quads_xy" not in model.arch.outputs:
            raise UsageError(f"--outlines are of text that is found; {model.arch.registered_name} finds none")
        if not hasattr(model.runner, "served"):
            raise UsageError(
                "--outlines needs what a run says of each cell, and a file gives its quads alone; name the run"
            )
        self._model, self.arch, self.classes, self.read = model, model.arch, model.classes, model.read
        self.recipe = model.recipe

    def predict_one(self, inputs, tidy=None, name="", read=None):
        """The `Prediction` for inputs of one example, {key: array} without batch axis."""
        found = self._model.runner.served.judge({k: np.asarray(v)[None] for k, v in inputs.items()})
        judged = {k: v.numpy()[0] for k, v in found.items()}
        values = {k: judged[k] for k in self.arch.outputs} | {"polygons_xy": polygons_of(self.arch, judged)}
        return Prediction(self.arch, self._model.classes, values, name, read)


def polygons_of(arch, judged):
    """[float64 [P, 2]] of each quad. judged: what `TextDetection.judged` gives of one example, without batch axis.
    Raises KerasVisionError, one line, where a quad hangs by a rounding, so that nobody could say which is whose.
    """
    counts, _, member = arch.counting(tf.constant(judged["probability"])[None])
    member = tf.boolean_mask(member, counts)
    if len(member) != judged["count"]:  # of a sum in another order
        raise KerasVisionError("a score is within rounding of score_threshold; set another one")
    _, _, sides = labeling.rectangles(member[None])
    places = judged["cells_xy"].reshape(*arch.map_hw, 2).astype(np.float64)  # of centers, in pixels of the original
    first, step = places[0, 0], np.array([places[0, -1, 0], places[-1, 0, 1]]) - places[0, 0]
    step /= np.maximum(np.array(arch.map_hw[::-1]) - 1, 1)
    found, quads = [], judged["quads_xy"][: len(member)]
    for cells, (long, short), quad in zip(member.numpy() > 0, sides[0].numpy(), quads, strict=True):
        polygon = quad.astype(np.float64)
        if short >= LEAST_CELLS and cells.sum() < STRAIGHT * long * short:
            polygon = outlines.beginning_at(first + step * (outlines.outline(cells, arch.shrink) - 0.5), quad[0])
        found.append(polygon)
    return found
