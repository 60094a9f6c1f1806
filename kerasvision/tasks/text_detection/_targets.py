"""What can be explained of text that was found: a quad."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.tasks.targets import Target, Targets


@dataclasses.dataclass(frozen=True, eq=False)
class QuadTarget(Target):
    """The mean logit (or probability) of a component's cells. cells: bool [h, w] of the map; region: of the input."""

    cells: typing.Any
    region: typing.Any
    text: str = ""
    is_probability: bool = False

    def score(self, found):
        values = tf.sigmoid(found["text"]) if self.is_probability else found["text"]
        within = tf.constant(self.cells, tf.float32)
        return tf.reduce_sum(values[..., 0] * within, [1, 2]) / tf.reduce_sum(within)

    def likely(self):
        return dataclasses.replace(self, is_probability=True)


@dataclasses.dataclass(frozen=True)
class QuadTargets(Targets):
    """Quads by their number, as a prediction lists them. arch: a `TextDetection`."""

    arch: typing.Any

    flags: typing.ClassVar[dict[str, str]] = {"box": "a quad by its number in predict --json, from 0 (default: two)"}

    def chosen(self, raw, geometry, classes, asked):
        counts, _, member = self.arch.counting(tf.sigmoid(raw["text"][..., 0]))
        member = tf.boolean_mask(member, counts).numpy() > 0
        count = len(member)
        if not count:
            raise KerasVisionError("no text is found in this image, so there is no quad that could be explained")
        if beyond := [i for i in asked.box if not 0 <= i < count]:
            raise UsageError(f"--box {beyond[0]}: {count} quads are there; allowed: 0 to {count - 1}")
        found = []
        for number in asked.box or range(min(2, count)):
            cells = member[number]
            region = cells.repeat(self.arch.stride, 0).repeat(self.arch.stride, 1)
            found.append(QuadTarget(cells, region, f"text (quad {number})"))
        return found

    def feature_maps(self, graph):
        return [self.arch.last_level(graph)]
