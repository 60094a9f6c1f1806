"""What a detector's file does frame by frame where it has slots: objects are found, and known again from before.

The tracker is `ops.slots`; its boxes are in pixels of the prepared image, as those of a file are.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.ops.colors import color_looks
from kerasvision.ops.slots import state_shapes, step
from kerasvision.tasks.base import Function, Output

_UNITS = {
    "mean": "pixel of the prepared image, and pixel a second",
    "covariance": "square of these",
    "box": "pixel of the prepared image",
    "away": "second",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Stepping:
    """Final. arch: a `Detection` with slots. graph: its trained Keras model. embed: as of `Detection.functions`."""

    arch: typing.Any
    graph: typing.Any
    embed: typing.Callable | None = None

    def __post_init__(self):
        if (self.arch.slots.looks == "embedding") != (self.embed is not None):
            raise UsageError(
                f"model.slots.looks={self.arch.slots.looks!r}: a run of embedding/* is put into files alone, by "
                "kerasvision export RUN --appearance RUN"
            )

    def functions(self):
        """`step` (image, seconds, state) -> objects with `ids`, `left_out`, and the state after the frame."""
        slots = self.arch.slots
        image = self.arch.prepared_inputs()
        state = {k: tf.TensorSpec([None, *shape], tf.float32) for k, shape in state_shapes(slots).items()}
        kept = {k: Output("float32", _UNITS.get(k, ""), shape) for k, shape in state_shapes(slots).items()}
        most = (slots.count,)
        answer = {
            "boxes_xyxy": Output("float32", "pixel of the prepared image", (slots.count, 4)),
            "ids": Output("int32", "number of an object, from 1; 0: nothing is shown in this slot", most),
            "scores": Output("float32", "probability", most),
            "labels": Output("int32", "class index", most),
            "left_out": Output("int32", "objects that had no slot"),
        }
        seconds = {"seconds": tf.TensorSpec([None, 1], tf.float32)}
        return {"step": Function(image | seconds | state, answer | kept, self.step, is_loop=True)}

    def step(self, inputs):
        """One frame. Name scopes mark the parts for the int8 converter, as in `inference.served`."""
        prepared = {k: inputs[k] for k in self.arch.prepared_inputs()}
        with tf.name_scope("kv_normalize"):
            windows = self.arch.normalize(prepared)
        raw = self.graph(windows, training=False)
        with tf.name_scope("kv_decode"):
            raw = {k: tf.cast(v, tf.float32) for k, v in raw.items()}
            found = self.arch.decode(raw, self.arch.no_geometry(prepared))
            if self.arch.slots.looks:
                found = found | {"looks": self._looks(prepared["image"], tf.cast(found["boxes_xyxy"], tf.float32))}
            state = {k: inputs[k] for k in state_shapes(self.arch.slots)}
            answer, after = step(self.arch.slots, found, inputs["seconds"], state)
        return answer | after

    def _looks(self, image, boxes_xyxy):
        """[B, D, E]: of each detection; by an embedding of the surest alone, as many as there are slots, and zeros."""
        if self.embed is None:
            return color_looks(image, boxes_xyxy)
        most = self.arch.slots.count
        looks = self.embed(image, boxes_xyxy[:, :most])
        return tf.pad(looks, [[0, 0], [0, max(0, boxes_xyxy.shape[1] - most)], [0, 0]])
