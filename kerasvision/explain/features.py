"""The feature map that an explanation stands on, the slope of a score by it, and the way back to the input's size."""

import tensorflow as tf

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.ops.graphs import feature_maps
from kerasvision.ops.internals import made_by
from kerasvision.tasks.targets import as_float


def features_and_slope(model, prepared, target, explainer):
    """(own, slope): a feature map [1, ..., C] of an input [*size, C], and the slope of a target's score by it.

    explainer: of its `layer`; where that is "", the last that has a part in the score, of those that the family's
    targets name. Raises UsageError where there is no such layer, no part, or no feature map at all.
    """
    maps = _maps(model, explainer)
    inputs = tf.cast(prepared, tf.float32)[None]
    with tf.GradientTape() as tape:
        tape.watch(inputs)  # what depends on it is recorded, also where all weights are frozen
        seen, found = model.values(inputs, [maps, target.tensors(model.graph)])
        score = target.score(as_float(found))[0]
    slopes = zip(seen, tape.gradient(score, seen), strict=True)
    with_part = [(tf.cast(own, tf.float32), tf.cast(slope, tf.float32)) for own, slope in slopes if slope is not None]
    if not with_part:
        raise UsageError(
            f"{_named(explainer)}: layer {explainer.layer!r} has no part in the score of this target; name another"
        )
    return with_part[-1]


def named_map(model, explainer):
    """The Keras tensor [B, ..., C] that `explainer.layer` makes, "": the last of those that the targets name. Raises
    UsageError as `features_and_slope`.
    """
    return _maps(model, explainer)[-1]


def _maps(model, explainer):
    """Keras tensors, of which the last with a part in the score is looked at."""
    there = [tensor for tensor in feature_maps(model.graph) if model.has(tensor)]
    if not there:
        raise UsageError(
            f"{_named(explainer)}: {model.arch.registered_name} has no feature map with more than one position here; "
            "ask what needs none: saliency, integrated_gradients, occlusion, rise"
        )
    named = {made_by(tensor).name: tensor for tensor in there}
    if explainer.layer and explainer.layer in named:
        return [named[explainer.layer]]
    chosen = [] if explainer.layer else model.arch.targets().feature_maps(model.graph)
    if not (maps := [tensor for tensor in chosen if model.has(tensor)]):
        raise UsageError(
            f"{_named(explainer)}: no layer {explainer.layer!r} that gives a feature map; "
            f"{close_matches(explainer.layer, named)}"
        )
    return maps


def _named(explainer):
    return getattr(type(explainer), "registered_name", type(explainer).__name__.lower()).split("/")[-1]
