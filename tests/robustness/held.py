"""A recipe of samples that a test holds in its hands."""

import types

import numpy as np
import tensorflow as tf

from kerasvision.data.sources.base import Opened, Split


class Held:
    """A source that gives the same samples as every split."""

    def __init__(self, samples, classes):
        self.samples, self.classes = samples, classes

    def open(self):
        spec = {
            key: tf.TensorSpec([None] * np.ndim(value) if key != "image" else [None, None, 3], value.dtype)
            for key, value in self.samples[0].items()
        }
        records = tf.data.Dataset.from_generator(lambda: iter(self.samples), output_signature=spec)
        split = Split(records, lambda sample: sample, len(self.samples))
        return Opened(self.classes, {"train": split, "validation": split, "test": split})


def recipe_of(arch, samples, classes):
    data = Held(samples, classes)
    return types.SimpleNamespace(name="scenes", model=arch, data=data, validation_fraction=0.0, metric="")
