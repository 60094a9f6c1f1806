"""Operators that move values, enlarge pictures, and choose among values."""

import numpy as np
import tensorflow as tf

from kerasvision.export.twin.grids import activated


def reshape(node, x, shape=None):
    """To the shape that its second input, or its options, say."""
    return tf.reshape(x, node.options.newShape if shape is None else shape)


def concatenation(node, *values):
    """Along the axis of its options."""
    return activated(tf.concat(values, node.options.axis), node.options.fusedActivationFunction)


def strided_slice(node, x, begin, end, strides):
    """The part of x from `begin` on and before `end`, each `strides`-th value: int32, one an axis of x. The masks of
    the operator's options say which of them do not count, and which axes come or go, as in `tf.strided_slice`.
    """
    o = node.options
    masks = (o.beginMask, o.endMask, o.ellipsisMask, o.newAxisMask, o.shrinkAxisMask)
    return tf.strided_slice(x, begin, end, strides, *masks)


def pack(node, *values):
    """Along a new axis."""
    return tf.stack(values, node.options.axis)


def unpack(node, x):
    """A list of the slices along an axis."""
    return tf.unstack(x, node.options.num, node.options.axis)


def split(node, axis, x):
    """A list of equal parts along an axis."""
    return tf.split(x, node.options.numSplits, axis)


def gather(node, x, indices):
    """Along the axis of its options."""
    return tf.gather(x, indices, axis=node.options.axis, batch_dims=node.options.batchDims)


def squeeze(node, x):
    """Without axes of one value: those of its options."""
    return tf.squeeze(x, list(node.options.squeezeDims))


def _resizing(operator):
    def run(node, x, size):
        o = node.options
        return operator(images=x, size=size, align_corners=o.alignCorners, half_pixel_centers=bool(o.halfPixelCenters))

    return run


def topk(node, x, k):
    """[values, indices] along the last axis."""
    return list(tf.math.top_k(x, k))


def arg_max(node, x, axis):
    """Index of the largest value along an axis."""
    return tf.argmax(x, int(np.ravel(axis)[0]), tf.dtypes.as_dtype(node.makes[0].dtype))


def cumsum(node, x, axis):
    """Sums of all that stands before, and of each itself unless it is `exclusive`."""
    return tf.cumsum(x, int(np.ravel(axis)[0]), node.options.exclusive, node.options.reverse)


def non_max_suppression(node, boxes, scores, most, iou_threshold, score_threshold):
    """[indices, padded with 0, how many there are]."""
    found = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes,
        scores=scores,
        max_output_size=most,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        pad_to_max_output_size=True,
    )
    return [found.selected_indices, found.valid_outputs]


def soft_suppression(node, boxes, scores, most, iou_threshold, score_threshold, sigma):
    """[indices, padded with 0, their lowered scores, how many there are]."""
    found = tf.raw_ops.NonMaxSuppressionV5(
        boxes=boxes,
        scores=scores,
        max_output_size=most,
        iou_threshold=iou_threshold,
        score_threshold=score_threshold,
        soft_nms_sigma=sigma,
        pad_to_max_output_size=True,
    )
    return [found.selected_indices, found.selected_scores, found.valid_outputs]


OPERATORS = {
    "RESHAPE": reshape,
    "CONCATENATION": concatenation,
    "STRIDED_SLICE": strided_slice,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "GATHER": gather,
    "SQUEEZE": squeeze,
    "TOPK_V2": topk,
    "ARG_MAX": arg_max,
    "CUMSUM": cumsum,
    "NON_MAX_SUPPRESSION_V4": non_max_suppression,
    "NON_MAX_SUPPRESSION_V5": soft_suppression,
    "RESIZE_BILINEAR": _resizing(tf.raw_ops.ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resizing(tf.raw_ops.ResizeNearestNeighbor),
    "TRANSPOSE": lambda node, x, order: tf.transpose(x, order),
    "PAD": lambda node, x, by: tf.pad(x, by),
    "PADV2": lambda node, x, by, value: tf.pad(x, by, constant_values=tf.reshape(value, [])),
    "TILE": lambda node, x, times: tf.tile(x, times),
    "SLICE": lambda node, x, begin, size: tf.slice(x, begin, size),
    "EXPAND_DIMS": lambda node, x, axis: tf.expand_dims(x, axis),
    "BROADCAST_TO": lambda node, x, shape: tf.broadcast_to(x, shape),
    "REVERSE_V2": lambda node, x, axes: tf.reverse(x, axes),
    "SPLIT_V": lambda node, x, sizes, axis: tf.split(x, sizes, int(np.ravel(axis)[0])),
    "SHAPE": lambda node, x: tf.shape(x),
}
