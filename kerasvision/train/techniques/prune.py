"""Magnitude pruning: the smallest weights become zero, more of them step by step, while the others go on learning.

Zhu & Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for model compression",
arXiv:1710.01878. Whole filters: Li et al. 2017, "Pruning Filters for Efficient ConvNets", arXiv:1608.08710.
"""

import dataclasses
import math
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques._kernels import KeepZeros, output_axis, sparsity
from kerasvision.train.techniques.base import Technique

UPDATES = 100  # of the masks from begin to end; the paper has one in 100 to 1000 steps


@techniques.register("prune")
@dataclasses.dataclass(frozen=True)
class Prune(Technique):
    """sparsity: share of zeros in each kernel at the end. begin, end: fractions of the phase's steps.

    structure: `none`, single weights; `2_by_4`, in each four neighbors along the input channels the two smallest (and
    sparsity is 0.5); `filters`, all weights of the output channels with the smallest L1 norm, where the kernels that
    make the outputs are left out. skip: `first` are the kernels that see the input, `last` those that make the outputs.

    The graph keeps its size: zeros shrink the compressed file, and time only where a runtime makes use of them (XNNPACK
    of 1x1 convolutions, GPUs of 2 by 4). Only epochs from `end` on are kept as the best. Later phases fill the zeros
    unless they have `prune` again, `cluster`, or `qat` with preserve="sparsity".
    """

    rivals: typing.ClassVar[str] = "alike"

    sparsity: float = 0.8
    begin: float = 0.0
    end: float = 0.5
    structure: typing.Literal["none", "2_by_4", "filters"] = "none"
    skip: tuple[typing.Literal["first", "last"], ...] = ("first",)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.sparsity < 1:
            raise UsageError(f"prune.sparsity: got {self.sparsity}; allowed: 0 < sparsity < 1, as in 0.8")
        if self.structure == "2_by_4" and self.sparsity != 0.5:
            raise UsageError(f'prune.sparsity: got {self.sparsity}; structure="2_by_4" has sparsity=0.5')
        if not 0 <= self.begin < self.end <= 1:
            raise UsageError(
                f"prune.begin, prune.end: got {self.begin} and {self.end}; allowed: 0 <= begin < end <= 1, fractions "
                "of the phase's steps"
            )

    def first_epoch_to_keep(self, epochs):
        return math.ceil(self.end * epochs) - 1

    def callbacks(self):
        return (_Prune(self),)

    def target(self, step, steps):
        """Equation 1 with s_i = 0: the sparsity after this many of a phase's steps."""
        begin, end = self.span(steps)
        done = (step - begin) / (end - begin)
        return self.sparsity * (1 - (1 - min(1.0, max(0.0, done))) ** 3)

    def span(self, steps):
        """(first, last) step of the schedule."""
        end = max(1, round(self.end * steps))
        return min(round(self.begin * steps), end - 1), end

    def mask(self, kernel, share):
        """bool, of the kernel's shape [..., in, out]: False for the share of its weights to become zero."""
        size = np.abs(kernel)
        if self.structure == "filters":
            return np.broadcast_to(_largest(size.sum(tuple(range(kernel.ndim - 1))), share), kernel.shape)
        if self.structure == "none":
            return _largest(size.ravel(), share).reshape(kernel.shape)
        return _two_of_four(size, share / self.sparsity)


def _largest(values, share):
    """bool, of the shape [N]: False for the round(share * N) smallest, exactly so many where several are equal."""
    kept, count = np.ones(values.size, bool), round(share * values.size)
    if count:
        kept[np.argpartition(values, count - 1)[:count]] = False  # a tenth of the time of sorting
    return kept


def _two_of_four(size, done):
    """The two smallest of every four along the input channels. done: share of the groups that have come to it, those
    where least is lost first. A rest of one to three channels is left as it is where two of four would be too many.
    """
    rows = np.moveaxis(size, -2, -1)  # [..., out, in]
    whole = rows.shape[-1] // 4 * 4
    groups = rows[..., :whole].reshape(-1, 4)
    kept = np.ones(groups.shape, bool)
    smallest = np.argsort(groups, -1, kind="stable")[:, :2]
    np.put_along_axis(kept, smallest, False, -1)
    lost = np.take_along_axis(groups, smallest, -1).sum(-1)
    kept |= _largest(lost, done)[:, None]
    mask = np.ones(rows.shape, bool)
    mask[..., :whole] = kept.reshape(*rows.shape[:-1], whole)
    return np.moveaxis(mask, -1, -2)


class _Prune(KeepZeros):
    def __init__(self, how):
        super().__init__({*how.skip, *(("last",) if how.structure == "filters" else ())})
        self._how = how

    def change(self, held, step, steps):
        begin, end = self._how.span(steps)
        every = max(1, (end - begin) // UPDATES)
        if not begin < step <= end or ((step - begin) % every and step != end):
            return False
        share = self._how.target(step, steps)
        for (layer, name), kernel in held.items():
            axis = output_axis(self.model.graph.get_layer(layer))
            outputs_last = np.moveaxis(kernel.numpy(), axis, -1)
            self.drop((layer, name), np.moveaxis(self._how.mask(outputs_last, share), -1, axis))
        return True

    def on_epoch_end(self, epoch, logs=None):
        logs["weights/sparsity"] = sparsity(self._held)
