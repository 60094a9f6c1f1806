"""scikit-learn's 1,797 handwritten digits, 8x8: real data inside a package that is installed anyway.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998
(doi:10.24432/C50P49); scikit-learn holds its test part.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import sources
from kerasvision.data.sources.base import Opened, Source, Split
from kerasvision.data.splits import NAMES, check_fractions, stratified


@sources.register("digits")
@dataclasses.dataclass(frozen=True)
class Digits(Source):
    """Samples: `image` uint8 [8, 8, 3], the gray value 0..16 scaled to 0..255 in all channels, and `label` int32.

    validation_fraction, test_fraction: parts of all images, stratified by class. seed: which images go where.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label",)
    form: typing.ClassVar[str] = ""

    validation_fraction: float = 0.1
    test_fraction: float = 0.2
    seed: int = 0

    def open(self):
        from sklearn.datasets import load_digits

        fractions = check_fractions("digits", self.validation_fraction, self.test_fraction)
        bunch = load_digits()
        images = np.round(bunch.images * (255.0 / 16.0)).astype(np.uint8)[..., None].repeat(3, axis=-1)
        labels = bunch.target.astype(np.int32)
        where = np.array(stratified(labels.tolist(), fractions, self.seed))
        splits = {}
        for name in NAMES:
            chosen = np.flatnonzero(where == name)
            if len(chosen):
                records = tf.data.Dataset.from_tensor_slices({"image": images[chosen], "label": labels[chosen]})
                splits[name] = Split(records, _read, len(chosen))
        return Opened(tuple(str(d) for d in range(10)), splits)


def _read(record):
    return record
