"""What a channel of a layer wants: a picture, made of noise, that it answers most, step by step along its slope.

"Visualizing Higher-Layer Features of a Deep Network" (Erhan, Bengio, Courville, Vincent 2009, section 3), with the
random shifts of "Feature Visualization" (Olah, Mordvintsev, Schubert 2017, doi:10.23915/distill.00007), which keep the
picture from ending in a pattern of single pixels.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError
from kerasvision.explain.features import named_map

_GRAY, _NOISE = 127.5, 10.0  # of the start


@dataclasses.dataclass(frozen=True)
class Maximize(Component):
    """layer: that gives a feature map, "" the last. steps, each of `rate` gray values a pixel in the mean. shift: of
    the picture before a step, in pixels at most, around its edges. seed: of the noise at the start and of the shifts.
    """

    layer: str = ""
    steps: int = 128
    rate: float = 2.0
    shift: int = 4
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.steps < 1 or not 0 < self.rate < float("inf") or self.shift < 0:
            raise UsageError(
                f"maximize.steps, rate, shift: got {self.steps}, {self.rate:g} and {self.shift}; allowed: 1 or more, "
                "above 0, 0 or more"
            )

    def wanted(self, model, channel):
        """uint8 [h, w, 3] that the mean of a channel of the layer over its positions is large for. model: an
        `explain.base.Explainable` of images.
        """
        held = named_map(model, self)
        if not 0 <= channel < held.shape[-1]:
            raise UsageError(f"maximize: no channel {channel}; the layer has 0 to {held.shape[-1] - 1}")
        spec = model.arch.prepared_inputs()[model.key]
        if len(spec.shape) != 4:
            raise UsageError(f"maximize makes pictures, and {model.arch.registered_name} takes a {model.key}")
        random = np.random.default_rng(self.seed)
        picture = _GRAY + random.normal(scale=_NOISE, size=(1, *spec.shape[1:])).astype(np.float32)
        for _ in range(self.steps):
            places = tuple(random.integers(-self.shift, self.shift + 1, 2))
            slope = _slope(model, held, channel, np.roll(picture, places, (1, 2)))
            step = np.roll(slope, [-place for place in places], (1, 2))
            size = max(float(np.abs(step).mean()), 1e-12)
            picture = np.clip(picture + self.rate * step / size, 0, 255).astype(np.float32)
        return np.rint(picture[0]).astype(np.uint8)


def _slope(model, held, channel, picture):
    inputs = tf.constant(picture)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        score = tf.reduce_mean(tf.cast(model.values(inputs, held), tf.float32)[..., channel])
    return tape.gradient(score, inputs).numpy()
