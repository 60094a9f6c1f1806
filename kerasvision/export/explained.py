"""The signature `explain` of a SavedModel: Grad-CAM and integrated gradients of a class, in the original's pixels.

What `kerasvision explain` draws of a run, computed where the model is served: "Grad-CAM" (Selvaraju et al. 2016,
arXiv:1610.02391) and "Axiomatic Attribution for Deep Networks" (Sundararajan, Taly, Yan 2017, arXiv:1703.01365) from
black, in `STEPS` steps by the trapezoidal rule.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import SAYS, UsageError
from kerasvision.ops.heat import enlarged, grad_cam, in_original

SIGNATURE = "explain"
LABEL, LIKELIEST = "label", -1  # the input beside those that are served, and what stands for no choice
STEPS = 32
_LEAST = 1e-12  # of a score's change
_APART = 1e-3  # of a heat's largest value: far above float32's rounding, far below another class or image


def specs_of(arch):
    """What the signature takes: the serving inputs, and `label` int32 [B], a class, or -1: the likeliest."""
    return arch.serving_specs() | {LABEL: tf.TensorSpec([None], tf.int32, name=LABEL)}


def explaining(served):
    """A tf.function: a dict as `specs_of` says -> `label` int32 [B], which was explained; `score` float32 [B], its
    logit; `integrated_gradients` float32 [B, H, W]; `missing` float32 [B], by which share of the logit's change they do
    not add up to it; and, where the graph has feature maps, `grad_cam` float32 [B, H, W].

    Raises UsageError of what is no classifier of one image.
    """
    arch = served.arch
    if not served.takes_image or "probabilities" not in arch.outputs or arch.keeps_input_size:
        raise UsageError(
            f"explain: {arch.registered_name} is no classifier of one image; kerasvision explain has more families"
        )
    scored = _Scored(served)

    def explain(inputs):
        prepared, geometry = arch.geometry({key: value for key, value in inputs.items() if key != LABEL})
        image = tf.cast(prepared["image"], tf.float32)
        label = scored.chosen(image, inputs[LABEL])
        heats, score = _heats(scored, image, label)
        placed = {key: in_original(heat, geometry) for key, heat in heats.items()}
        given, change = tf.reduce_sum(heats["integrated_gradients"], [1, 2]), score - scored.score(image * 0, label)[0]
        missing = tf.abs(given - change) / tf.maximum(tf.abs(change), _LEAST)
        return placed | {LABEL: label, "score": score, "missing": missing}

    return tf.function(explain, input_signature=[specs_of(arch)], autograph=False)


class _Scored:
    """Final. Logits of classes by pixels, with the feature maps that they are made of."""

    def __init__(self, served):
        self._arch, graph = served.arch, served.answering()
        self._model = keras.Model(graph.input, (self._arch.targets().feature_maps(graph), graph.output))

    def _run(self, image):
        maps, raw = self._model(self._arch.normalize({"image": image}), training=False)
        return maps, {key: tf.cast(value, tf.float32) for key, value in raw.items()}

    def chosen(self, image, label):
        """The labels that were asked for, the likeliest in place of -1."""
        found = self._arch.decode(self._run(image)[1], self._arch.no_geometry({"image": image}))["probabilities"]
        text = f"{SAYS} label: allowed: a class, 0 to {found.shape[-1] - 1}, or -1 for the likeliest; seen:"
        right = tf.reduce_all((label >= LIKELIEST) & (label < found.shape[-1]))
        with tf.control_dependencies([tf.debugging.Assert(right, [text, label])]):
            return tf.where(label < 0, tf.argmax(found, -1, tf.int32), label)

    def score(self, image, label):
        """(the logit of each image's label [B], feature maps)."""
        maps, raw = self._run(image)
        return tf.gather(self._arch.class_scores(raw), label, batch_dims=1), maps

    def slope(self, image, label):
        """Of the logit by each value of the image."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            score, _ = self.score(image, label)
        return tape.gradient(score, image)


def _heats(scored, image, label):
    """({method: float32 [B, h, w] of the graph's positions}, the logits)."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        score, maps = scored.score(image, label)
    pairs = zip(maps, tape.gradient(score, maps), strict=True)
    with_part = [(tf.cast(own, tf.float32), slope) for own, slope in pairs if slope is not None]
    heats = {"integrated_gradients": _integrated(lambda part: scored.slope(image * part, label), image)}
    if with_part:
        own, slope = with_part[-1]
        heats["grad_cam"] = enlarged(grad_cam(own, tf.cast(slope, tf.float32)), image.shape[1:3])[..., 0]
    return heats, score


def _integrated(slope_at, image):
    def add(step, total):
        return step + 1, total + slope_at(tf.cast(step, tf.float32) / STEPS)

    ends = (slope_at(0.0) + slope_at(1.0)) / 2
    _, total = tf.while_loop(lambda step, _: step < STEPS, add, [tf.constant(1), ends])
    return tf.reduce_sum(image * total, -1) / STEPS


def check(signature, judge):
    """Yields a line unless the signature explains an example as the trained model does. judge: a `Judge`."""
    asked = {k: tf.constant(v) for k, v in judge.samples[0].items()} | {LABEL: tf.constant([LIKELIEST])}
    wanted, given = explaining(judge.job.served)(asked), signature(**asked)
    for key, value in wanted.items():
        value, other = value.numpy(), given[key].numpy()
        if value.shape != other.shape or np.abs(value - other).max() > _APART * max(np.abs(value).max(), _LEAST):
            yield f"{SIGNATURE} gives another {key} than the trained model"
            return
