"""Batches of lines of text of similar length, on canvases that are as narrow as the widest line of each allows.

Bucketing by length, as of "Sequence to Sequence Learning with Neural Networks" (Sutskever, Vinyals, Le 2014,
arXiv:1409.3215, section 3.4), which it made twice as fast.
"""

import dataclasses
import functools
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique

_NAME = "width_buckets"


@techniques.register("width_buckets")
@dataclasses.dataclass(frozen=True)
class WidthBuckets(Technique):
    """For recognizers of text that do not see padding (`model.padding=unseen`), whose losses and gradients do not
    depend on a canvas's width: the same training, but for the order of its lines, in less time. An epoch of 256 words
    of 2 to 8 characters at 32 x 320 takes 1.8 s of processor time in place of 4.1 s (3.3 s with padding that is seen,
    whose normalization is cheaper), of lines of 2 to 24 characters 3.3 s in place of 3.9 s (3.4 s), on 2 cores,
    AVX-512 (AMD EPYC), shared with other work: `pytest -m benchmark -n 0 -s tests/benchmarks/test_width_buckets.py`.

    widths: how many there are, evenly up to the graph's own (`ConvRecognizer.narrowed`); a batch has the least one that
    holds its lines. together: batches whose lines are sorted by their number of characters before they are dealt out,
    and which come in random order; of fewer lines than these take, all. Each line comes once an epoch, or nearly: where
    an epoch ends amid such batches, some of the next one come with them.
    """

    widths: int = 8
    together: int = 16
    arch: typing.Any = dataclasses.field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self):
        super().__post_init__()
        for name, least in (("widths", 2), ("together", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{_NAME}.{name}={getattr(self, name)}; allowed: {least} or more")

    def fit_statistics(self, arch, split):
        if not getattr(arch, "narrows", False):
            raise UsageError(
                f"{_NAME} is for recognizers of text that do not see padding, as text_recognition/conv with "
                f"model.padding=unseen; {arch.registered_name} answers otherwise on another canvas"
            )
        held = dataclasses.replace(self)
        object.__setattr__(held, "arch", arch)
        return held

    def order(self, split, batch_size, seed):
        rows = split.records.map(lambda record: split.read(record)["characters"]).as_numpy_iterator()
        lengths = np.array([len(characters) for characters in rows])
        together = max(1, min(self.together, split.size // batch_size))
        count = together * batch_size

        @functools.lru_cache(maxsize=2)
        def batches(number):
            at = np.arange(number * count, (number + 1) * count)
            epochs = range(at[0] // split.size, at[-1] // split.size + 1)
            held = np.concatenate([np.random.default_rng([seed, e, 0]).permutation(split.size) for e in epochs])
            held = held[at - epochs[0] * split.size]
            rng = np.random.default_rng([seed, number, 1])
            held = held[np.lexsort((rng.random(count), lengths[held]))]
            return rng.permutation(held.reshape(together, batch_size))

        return lambda step: batches(step // together)[step % together]

    def batch(self, inputs, targets, seed):
        return self.arch.narrowed(inputs, targets, self.widths), targets
