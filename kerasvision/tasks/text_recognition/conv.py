"""Reading a line without recurrence: convolutions up to one row of frames, then context along the line."""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.ops.ctc import frames_needed
from kerasvision.ops.padding import inside
from kerasvision.tasks.text_recognition._columns import ColumnRecognizer, normalized, normed
from kerasvision.tasks.text_recognition.task import STRIDE


@architectures.register("text_recognition/conv")
@dataclasses.dataclass(frozen=True)
class ConvRecognizer(ColumnRecognizer):
    """In place of CRNN's recurrence residual depthwise convolutions along the line, as "SVTR: Scene Text Recognition
    with a Single Visual Model" (Du et al. 2022, arXiv:2205.00159) does without recurrence: the same for a line of any
    width, small, and integer throughout after quantization.

    The fields are `ColumnRecognizer`'s, and these. depth: convolutions along the line. reach: frames that each of them
    looks at, odd.

    padding: "unseen": what a letterbox has put beside a line is 0 in every layer, in no statistics, and says nothing,
    so that neither answers nor losses depend on the width of the canvas, and `techniques/width_buckets` can train on
    narrower ones. It is told from the picture: columns of the letterbox's gray alone up to a border.
    """

    depth: int = 3
    reach: int = 9
    padding: typing.Literal["seen", "unseen"] = "seen"

    def __post_init__(self):
        super().__post_init__()
        wrong = {"depth": self.depth < 0, "reach": self.reach < 1 or self.reach % 2 == 0}
        self.refuse(wrong, "depth 0 or more, an odd reach")

    @property
    def narrows(self):
        """Whether it answers alike on a canvas of another width, so that `narrowed` changes nothing."""
        return self.padding == "unseen"

    def normalize(self, prepared):
        found = super().normalize(prepared)
        return found | {"inside": inside(prepared["image"], STRIDE)} if self.narrows else found

    def narrowed(self, prepared, targets, count):
        """A batch whose `image` [B, h, w', 3] has lost as many columns of padding on both sides as all its lines leave
        free. count: how many widths there are, evenly up to w, rounded up to w less a multiple of 8, so that frames are
        the same ones. A batch also keeps the frames that its texts need, should these be more than their pictures have.
        """
        step, most = 2 * STRIDE, self.image_size[1]
        lost = sorted({(most - -(-most * k // count)) // step for k in range(1, count + 1)})  # frames on either side
        used = tf.reduce_max(inside(prepared["image"], STRIDE), 0)
        outer = tf.reduce_min(tf.minimum(*(tf.where(used > 0, side, self.frames) for side in self._sides())))
        spare = (self.frames - tf.reduce_max(frames_needed(targets["characters"]))) // 2
        lost = tf.constant(lost)
        free = STRIDE * tf.reduce_max(tf.where(lost <= tf.minimum(outer, spare), lost, 0))
        image = prepared["image"][:, :, free : most - free]
        return prepared | {"image": tf.ensure_shape(image, [None, self.image_size[0], None, 3])}

    def _sides(self):
        """int32 [T] two times: frames to the left, and to the right, of each."""
        return tf.range(self.frames), tf.range(self.frames)[::-1]

    def check_phase(self, phase, batch_size):
        """Raises UsageError of what does not go with padding that is not seen: `qat`, which cannot fold its layers,
        teachers where canvases are narrowed, as they would see these, and a window that is cut before other
        augmentations change the padding that it brings.
        """
        names = [t.registered_name for t in phase.techniques]
        if self.narrows and "techniques/qat" in names:
            raise UsageError("qat cannot fold layers of model.padding=unseen; export tflite:int8, which calibrates")
        if self.narrows and len(phase.augment) > 1 and getattr(phase.augment[0], "cuts", False):
            raise UsageError(
                f"model.padding=unseen: {phase.augment[0].registered_name} brings padding, which the augmentations "
                "behind it would change, so that it is seen; leave it out, or let it be the only one"
            )
        taught = [name for name, t in zip(names, phase.techniques, strict=True) if hasattr(t, "teacher")]
        if taught and "techniques/width_buckets" in names:
            raise UsageError(f"width_buckets narrows what the teacher of {taught[0]} sees; leave one of them out")

    def inputs(self):
        if not self.narrows:
            return super().inputs()
        image = keras.Input((self.image_size[0], None, 3), name="image")
        within = keras.Input((None,), name="inside")
        frames = keras.layers.Reshape((1, -1, 1), name="inside_frames")(within)
        halves = keras.layers.UpSampling2D((1, STRIDE // 2), name="inside_halves")(frames)
        columns = keras.layers.UpSampling2D((1, STRIDE), name="inside_columns")(frames)
        x = keras.layers.Multiply(name="inside_image")([image, columns])
        return {"image": image, "inside": within}, x, halves, frames

    def along(self, x, inside):
        """Context: a depthwise convolution along the line, then one over channels, beside what was there."""
        for number in range(1, self.depth + 1):
            name = f"along{number}"
            depthwise = keras.layers.DepthwiseConv2D(
                (1, self.reach), padding="same", use_bias=False, name=f"{name}_depthwise"
            )
            seen = normed(depthwise(x), f"{name}_depthwise", inside)
            seen = keras.layers.Conv2D(4 * self.width, 1, use_bias=False, name=f"{name}_mix")(seen)
            seen = normalized(seen, f"{name}_mix_bn", inside)
            x = keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, seen]))
        return x
