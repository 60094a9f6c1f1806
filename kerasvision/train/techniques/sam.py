"""Sharpness-aware minimization: the gradient is taken where the loss nearby is largest.

Foret, Kleiner, Mobahi & Neyshabur 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization",
arXiv:2010.01412, equations 2 and 3 with p = 2 (algorithm 1).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques.base import Technique


@techniques.register("sam")
@dataclasses.dataclass(frozen=True)
class SAM(Technique):
    """rho: radius of the neighborhood, in the L2 norm over all trained weights. A step costs twice as much.

    The gradient that chooses the neighbor is summed over the replicas first, so N replicas step as one does (the paper
    perturbs each accelerator's weights by its own gradient). What the forward pass moves, statistics of batch
    normalizations and ranges of quantizers, is moved at the weights themselves, once. Dropout draws again.
    """

    rho: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        if not self.rho > 0:
            raise UsageError(f"sam.rho: got {self.rho}; allowed: above 0, as in 0.05")

    def around_step(self, arch, graph):
        def step(compute, variables):
            trained = {v.ref() for v in variables}
            others = [v for v in graph.variables if v.ref() not in trained]
            values, gradients = compute()
            held = [tf.identity(v) for v in variables]
            offsets = self._offsets(gradients, variables)
            with tf.control_dependencies(held):
                _assign(variables, [w + e for w, e in zip(held, offsets, strict=True)])
            moved = [tf.identity(v) for v in others]
            _, gradients = compute()
            _assign(variables, held)  # as they were to the bit, which subtracting would not give
            _assign(others, moved)
            return values, gradients

        return step

    def _offsets(self, gradients, variables):
        """Equation 2: rho * g / |g|. Zero where float16 overflowed: the step is skipped by the optimizer later."""
        given = [tf.convert_to_tensor(g) for g in gradients if g is not None]
        summed = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, given))
        every = [tf.zeros_like(v) if g is None else next(summed) for g, v in zip(gradients, variables, strict=True)]
        norm = tf.linalg.global_norm(every)
        usable = tf.math.is_finite(norm) & (norm > 0)
        scale = tf.where(usable, self.rho / tf.where(usable, norm, 1.0), 0.0)
        return [tf.where(usable, g * scale, tf.zeros_like(g)) for g in every]


def _assign(variables, values):
    """Each replica's values into its copies of the variables."""

    def put(strategy, values):
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable, lambda kept, new: kept.assign(new), args=(value,))

    tf.distribute.get_replica_context().merge_call(put, args=(values,))
