"""Grad-CAM as an output of an exported file, without slopes: of networks that pool globally and end in one dense layer.

"Learning Deep Features for Discriminative Localization" (Zhou et al. 2015, arXiv:1512.04150, equation 2). There the
mean slope of a logit by a channel is the dense weight over the number of positions, pooled by mean or by maximum; so
Grad-CAM (arXiv:1610.02391, section 3.1) is the sum of the channels times those, cut at 0.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.explain import fidelity
from kerasvision.ops import geometry as geo
from kerasvision.ops.graphs import pooled
from kerasvision.ops.heat import enlarged, in_original

HEAT = "heat"  # the output
WORD = "explain"  # behind an exporter's name
UNIT = "part of the likeliest class's logit, of cells that cover the prepared image"
ROUNDED = ("dynamic", "int8", "int16x8")  # files that hold the dense layer's weights in 8 bits
_POOLS = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
_LEVELS = 127  # of int8 on either side of 0
# of the largest value: far above what rounding does, far below another class or another layer's kernel
MOST_APART = {"float32": 1e-3, "float16": 3e-2}
_LEAST = 1e-12


def without_word(options):
    """(the words behind an exporter's name but `explain`, whether that is among them)."""
    return [word for word in options if word != WORD], WORD in options


def heated(served, batch=1, image_dtype=None, quantize="float32"):
    """As `Served.fixed`, a tf.function, with the output `heat` too: float32 [B, h, w], Grad-CAM of the likeliest class
    on the pooled feature map, which covers the prepared image.

    quantize: of the file; where it rounds its weights to 8 bits those of the heat are rounded likewise. Raises
    UsageError of a graph that has no closed form.
    """
    features, kernel = closed_form(served)
    weights = _of_classes(kernel / np.float32(np.prod(features.shape[1:3])), quantize)

    def decode(raw):
        own = raw.pop(HEAT)
        prediction = served.arch.decode(raw, served.arch.no_geometry({"image": own}))
        of_class = weights(tf.argmax(prediction["probabilities"], -1, tf.int32))
        return prediction | {HEAT: tf.nn.relu(tf.reduce_sum(own * of_class[:, None, None], -1))}

    return served.fixed(batch, image_dtype, decode, {HEAT: features})


def in_pixels(prediction, prepared, geometry):
    """A prediction, numpy, with its `heat`, if it has one, in the pixels of the originals: [B, H, W].

    prepared, geometry: what the file was asked about; geometry is None where the originals came prepared.
    """
    if HEAT not in prediction:
        return prediction
    heat, (image,) = prediction[HEAT], prepared.values()
    held = geo.identity(tf.tile([image.shape[1:3]], [len(image), 1])) if geometry is None else geometry
    spread = enlarged(heat[..., None], image.shape[1:3])[..., 0]
    return prediction | {HEAT: in_original(spread, {k: tf.convert_to_tensor(v) for k, v in held.items()}).numpy()}


def kept(runner, precision, served, samples):
    """({"method", "examples", "rank_correlation", "hottest_shared", "trusted"}, lines about what is wrong): how like
    the trained model's heat that of a file is, in the graph's positions, the mean over samples. trusted: as of
    `explain.fidelity`.

    runner, precision: of the file (`Exporter.precision`). samples: serving inputs with a batch axis of 1.
    """
    trained, figures, apart = heated(served, None), [], 0.0
    for sample in samples:
        prepared, _ = runner.prepare(sample)
        size = next(iter(prepared.values())).shape[1:3]
        inputs = {key: tf.constant(value) for key, value in prepared.items()}
        wanted, found = trained(inputs)[HEAT].numpy(), runner.infer(prepared)[HEAT]
        apart = max(apart, float(np.abs(found - wanted).max() / max(float(wanted.max()), _LEAST)))
        pair = [enlarged(heat[..., None], size)[0, ..., 0].numpy() for heat in (wanted, found)]
        figures.append((fidelity.rank_correlation(*pair), fidelity.hottest_shared(*pair)))
    correlation, shared = (float(value) for value in np.mean(figures, 0))
    row = {"method": "grad_cam", "examples": len(figures), "rank_correlation": correlation, "hottest_shared": shared}
    is_wrong = not apart <= MOST_APART.get(precision, np.inf)
    wrong = (f"gives another heat than the trained model, by {apart:.2g} of its largest value",) if is_wrong else ()
    return row | {"trusted": min(correlation, shared) >= fidelity.TRUSTED}, wrong


def closed_form(served):
    """(the Keras tensor [B, h, w, C] that is pooled, float32 [K, C]: what each logit makes of the channels)."""
    arch, graph = served.arch, served.answering()
    if served.takes_image and set(graph.output) == {"logits"} and "probabilities" in arch.outputs:
        features, pool, dense = pooled(graph.output["logits"]) or (None, None, None)
        if isinstance(pool, _POOLS) and dense is not None and _is_plain(arch, dense):
            return features, dense.kernel.numpy().astype(np.float32).T
    raise UsageError(
        f"explain: {arch.registered_name} has no heat without slopes here, for that a classifier pools globally, by "
        "average or max, and ends in one dense layer; export saved_model:explain, or ask kerasvision explain"
    )


def _is_plain(arch, dense):
    """Whether a dense layer's outputs are the scores of the classes."""
    given = tf.zeros((1, dense.units))
    return arch.class_scores({"logits": given}) is given


def _of_classes(weights, quantize):
    """A function: class int32 [B] -> its row of float32 [K, C], which a file holds in as many bits as its layers'."""
    if quantize not in ROUNDED:
        return lambda index: tf.gather(tf.constant(weights), index)
    step = np.maximum(np.abs(weights).max(1), np.finfo(np.float32).tiny) / np.float32(_LEVELS)
    levels = np.rint(weights / step[:, None]).astype(np.int8)
    return lambda index: (
        tf.cast(tf.gather(tf.constant(levels), index), tf.float32) * tf.gather(tf.constant(step), index)[:, None]
    )
