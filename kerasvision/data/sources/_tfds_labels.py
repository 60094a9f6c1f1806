"""Boxes and numbers out of what TensorFlow Datasets gives for one example, as samples have them.

what: the source, for messages. Each function gives (names of classes, the features that it needs, as
`tfds.decode.PartialDecoding` takes them, and a function of (a record, the bytes of its image) that gives a part of a
sample). Bad input in the data itself is an assertion whose message begins with `core.errors.SAYS`.
"""

import math

import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError
from kerasvision.data.decode import image_hw

_LAYOUTS = ("REL_YXYX", "REL_XYXY", "YXYX", "XYXY", "XYWH")  # `tfds.features.BBoxFeature.bbox_format`; REL: in parts
_FLAGS = ("is_crowd", "is_difficult", "is_truncated")  # as TFDS's own detection sets call them


def boxes_of(tfds, feature, key, skip_bad, what):
    """Of a Sequence of objects with a BBoxFeature and a ClassLabel, such as `objects` of COCO, VOC and Open Images.

    The part of a sample is `boxes_xyxy` float32 [N, 4] in pixels, clipped to the image, `labels` int32 [N], and
    `is_crowd`, `is_difficult`, `is_truncated` bool [N] where the data set has them. A box that is reversed, without
    area, outside its image or not finite is refused, or left out where `skip_bad` is true.
    """
    inner = _objects(tfds, feature)
    box = next(name for name, held in inner.items() if isinstance(held, tfds.features.BBoxFeature))
    classes = [name for name, held in inner.items() if isinstance(held, tfds.features.ClassLabel)]
    if len(classes) != 1 and "label" not in classes:
        seen = f"{len(classes)} ClassLabels ({', '.join(classes)})" if classes else "no ClassLabel"
        raise KerasVisionError(f"{what}: objects of {key!r} have {seen}; one of them must be called label")
    label = "label" if "label" in classes else classes[0]
    layout = getattr(getattr(inner[box], "bbox_format", None), "value", None)
    if layout not in _LAYOUTS:
        raise KerasVisionError(f"{what}: boxes of {key!r} have bbox_format={layout}; allowed: {', '.join(_LAYOUTS)}")
    flags = [name for name in _FLAGS if name in inner and inner[name].tf_dtype is tf.bool]
    line = f"{SAYS} {what}: a box is reversed, without area, outside its image or not finite; set skip_bad_boxes=true:"

    def read(record, content):
        held = record[key]
        h, w = tf.unstack(tf.cast(tf.ensure_shape(image_hw(content), [2]), tf.float32))
        raw = _corners(tf.reshape(held[box], [-1, 4]), layout) * (tf.stack([w, h, w, h]) if "REL" in layout else 1.0)
        clipped = tf.clip_by_value(raw, 0.0, tf.stack([w, h, w, h]))
        good = tf.reduce_all(tf.math.is_finite(raw), 1) & tf.reduce_all(clipped[:, 2:] > clipped[:, :2], 1)
        checks = [] if skip_bad else [tf.debugging.Assert(tf.reduce_all(good), [line, tf.boolean_mask(raw, ~good)])]
        with tf.control_dependencies(checks):
            rows = {"boxes_xyxy": clipped, "labels": tf.cast(held[label], tf.int32)}
            rows |= {name: held[name] for name in flags}
            return {name: tf.boolean_mask(value, good) for name, value in rows.items()}

    return inner[label].names, {key: {box: True, label: True} | dict.fromkeys(flags, True)}, read


def _corners(boxes, layout):
    """[N, 4] of a layout of TFDS's -> x1, y1, x2, y2, in the same unit."""
    a, b, c, d = tf.unstack(boxes, axis=1)
    if layout.endswith("YXYX"):
        return tf.stack([b, a, d, c], 1)
    return boxes if layout.endswith("XYXY") else tf.stack([a, b, a + c, b + d], 1)


def has_boxes(tfds, feature):
    """Whether a feature is a Sequence of objects, one of whose parts is a BBoxFeature."""
    return any(isinstance(held, tfds.features.BBoxFeature) for held in _objects(tfds, feature).values())


def numbers_of(features, keys, names, what):
    """Of features of numbers, each one number or a vector of a known length.

    The part of a sample is `targets` float32 [N], all of them side by side. keys: the features. names: of the N
    numbers; () names them after their features, those of a vector with their place, `pose_0`. Numbers that are not
    finite are refused.
    """
    own = []
    for key in keys:
        if key not in features:
            raise UsageError(f"{what}: no feature {key!r}; it has {', '.join(sorted(features))}; set target_keys")
        feature = features[key]
        shape, dtype = getattr(feature, "shape", None), getattr(feature, "tf_dtype", None)
        is_number = isinstance(dtype, tf.DType) and (dtype.is_floating or dtype.is_integer)
        if not is_number or hasattr(feature, "names") or shape is None or len(shape) > 1 or None in shape:
            raise KerasVisionError(
                f"{what}: feature {key!r} is {feature}, neither a number nor a vector of a known length"
            )
        own += [key] if not shape else [f"{key}_{i}" for i in range(math.prod(shape))]
    if names and len(names) != len(own):
        raise UsageError(f"{what}: {len(names)} names in classes for {len(own)} numbers; give one each, or none")
    line = f"{SAYS} {what}: a number of {', '.join(keys)} is not finite:"

    def read(record, content):
        values = tf.concat([tf.reshape(tf.cast(record[key], tf.float32), [-1]) for key in keys], 0)
        check = tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(values)), [line, values])
        with tf.control_dependencies([check]):
            return {"targets": tf.ensure_shape(values, [len(own)])}

    return names or own, dict.fromkeys(keys, True), read


def _objects(tfds, feature):
    """{name: feature} of the parts of a Sequence of objects; {} of any other feature."""
    inner = getattr(feature, "feature", None)
    return dict(inner.items()) if isinstance(inner, tfds.features.FeaturesDict) else {}
