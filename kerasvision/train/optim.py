"""Optimizers with their schedule. Frozen dataclasses that make a Keras optimizer for a known number of steps."""

import abc
import contextlib
import dataclasses
import math
import re
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import optimizers
from kerasvision.ops.internals import decaying_one_by_one, variable_key

Schedule = typing.Literal["constant", "cosine", "step"]
BatchScaling = typing.Literal["none", "linear", "square_root"]
NOT_DECAYED = [r"(^|/)(bias|gamma|beta)(/replica_\d+)?(:\d+)?$"]  # the variable's own name, not its layer's


class Optimizer(Component):
    """Abstract. learning_rate: the peak. schedule: after warm-up; `step` divides by 10 at 60 % and 85 % of the steps.

    warmup: fraction of all steps over which the rate rises linearly from 0 (Goyal et al. 2017, arXiv:1706.02677).
    clip_norm: largest global gradient norm, or None. batch_scaling: what another batch than base_batch makes of the
    rate: "linear", times batch / base_batch (the same paper, for SGD); "square_root", times its root (Krizhevsky 2014,
    arXiv:1404.5997, section 5; Malladi et al. 2022, arXiv:2205.10287, for Adam). A batch is all examples of one update
    of the weights, of all replicas and accumulated ones.
    """

    kind = "optimizers"
    learning_rate: float
    schedule: Schedule
    warmup: float
    clip_norm: float | None
    batch_scaling: BatchScaling
    base_batch: int

    def __post_init__(self):
        super().__post_init__()
        if self.base_batch < 1:
            raise UsageError(f"optimizer.base_batch: got {self.base_batch}; allowed: 1 or more")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"optimizer.warmup: got {self.warmup}; allowed: 0 <= warmup < 1")
        if not self.learning_rate > 0:
            raise UsageError(f"optimizer.learning_rate: got {self.learning_rate}; allowed: above 0")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UsageError(f"optimizer.clip_norm: got {self.clip_norm}; allowed: above 0, or None")

    def for_batch(self, size):
        """The optimizer whose rate is meant for `size` examples an update."""
        power = {"none": 0.0, "square_root": 0.5, "linear": 1.0}[self.batch_scaling]
        rate = self.learning_rate * (size / self.base_batch) ** power
        return dataclasses.replace(self, learning_rate=rate, batch_scaling="none")

    def make(self, steps, factors):
        """A Keras optimizer for `steps` steps. factors: `variable.ref()` -> factors of the learning rate, a
        list of numbers, or of functions that give one in each step.
        """
        rate = WarmupSchedule(self.learning_rate, self.schedule, steps, round(self.warmup * steps))
        return self.keras_optimizer(rate, _layerwise(self.base, factors) if factors else self.base)

    @property
    @abc.abstractmethod
    def base(self):
        """The Keras optimizer class."""

    @abc.abstractmethod
    def keras_optimizer(self, rate, cls):
        """cls made with this rate schedule."""


@optimizers.register("adamw")
@dataclasses.dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101). No decay on biases and norms."""

    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    clip_norm: float | None = None
    batch_scaling: BatchScaling = "none"
    base_batch: int = 256

    base = keras.optimizers.AdamW

    def keras_optimizer(self, rate, cls):
        made = cls(rate, weight_decay=self.weight_decay, global_clipnorm=self.clip_norm)
        made.exclude_from_weight_decay(var_names=NOT_DECAYED)
        return made


@optimizers.register("sgd")
@dataclasses.dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent with Nesterov momentum and decoupled weight decay."""

    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    clip_norm: float | None = None
    batch_scaling: BatchScaling = "none"
    base_batch: int = 256

    base = keras.optimizers.SGD

    def keras_optimizer(self, rate, cls):
        decay = self.weight_decay or None
        made = cls(
            rate,
            momentum=self.momentum,
            nesterov=bool(self.momentum),
            weight_decay=decay,
            global_clipnorm=self.clip_norm,
        )
        if decay:
            made.exclude_from_weight_decay(var_names=NOT_DECAYED)
        return made


@optimizers.register("lars")
@dataclasses.dataclass(frozen=True)
class Lars(Optimizer):
    """Momentum whose rate each kernel has by its own size, for large batches: its step is trust * |w| / (|g| +
    weight_decay |w|) times g + weight_decay w, w the weights and g their gradient. Biases and the weights of
    normalizations take plain steps of momentum without decay, as do weights or gradients that are 0.

    "Large Batch Training of Convolutional Networks" (You, Gitman, Ginsburg 2017, arXiv:1708.03888, equation 6 and
    algorithm 1); rates and what is left out are those of "A Simple Framework for Contrastive Learning of Visual
    Representations" (Chen et al. 2020, arXiv:2002.05709, section 2.2 and appendix B.6).
    """

    learning_rate: float = 0.3
    momentum: float = 0.9
    weight_decay: float = 1e-6
    trust: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    clip_norm: float | None = None
    batch_scaling: BatchScaling = "linear"
    base_batch: int = 256

    def __post_init__(self):
        super().__post_init__()
        for name, value in (("momentum", self.momentum), ("weight_decay", self.weight_decay)):
            if not 0 <= value < 1:
                raise UsageError(f"optimizer.{name}: got {value:g}; allowed: 0 to less than 1")
        if not 0 < self.trust < float("inf"):
            raise UsageError(f"optimizer.trust: got {self.trust:g}; allowed: above 0 (0.001 is usual)")

    @property
    def base(self):
        return LarsSteps

    def keras_optimizer(self, rate, cls):
        return cls(rate, self.momentum, self.weight_decay, self.trust, global_clipnorm=self.clip_norm)


class LarsSteps(SGD.base):
    """What `Lars` makes. decay: as its weight_decay, which Keras would take off weights at the whole rate."""

    def __init__(self, learning_rate, momentum, decay, trust, global_clipnorm=None):
        super().__init__(learning_rate, momentum, name="LARS", global_clipnorm=global_clipnorm)
        self._decay, self._trust = decay, trust

    def update_step(self, gradient, variable):
        gradient = tf.convert_to_tensor(gradient)
        if not any(re.search(pattern, variable.name) for pattern in NOT_DECAYED):
            size, slope = tf.norm(variable), tf.norm(gradient)
            trusted = tf.math.divide_no_nan(self._trust * size, slope + self._decay * size)
            there = (size > 0) & (slope > 0)
            gradient = tf.where(there, trusted * (gradient + self._decay * variable), gradient)
        super().update_step(gradient, variable)

    def get_config(self):
        held = super().get_config()
        own = {key: held[key] for key in ("learning_rate", "momentum", "global_clipnorm")}
        return own | {"decay": self._decay, "trust": self._trust}


def with_rate(optimizer, rate):
    """A fresh optimizer like this one with another learning rate or schedule."""
    made = type(optimizer).from_config(optimizer.get_config() | {"learning_rate": rate})
    if made.weight_decay:
        made.exclude_from_weight_decay(var_names=NOT_DECAYED)  # which the configuration does not hold
    return made


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then constant, cosine to zero (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5) or steps."""

    def __init__(self, peak, schedule, steps, warmup_steps):
        self.peak, self.schedule, self.steps, self.warmup_steps = peak, schedule, steps, warmup_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        done = tf.clip_by_value((step - self.warmup_steps) / max(1, self.steps - self.warmup_steps), 0.0, 1.0)
        if self.schedule == "cosine":
            fall = 0.5 * (1 + tf.cos(3.14159265 * done))
        elif self.schedule == "step":
            fall = tf.where(done < 0.6, 1.0, tf.where(done < 0.85, 0.1, 0.01))
        else:
            fall = 1.0
        return self.peak * rise * fall

    def get_config(self):
        return {
            "peak": self.peak,
            "schedule": self.schedule,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
        }


def _layerwise(base, factors):
    """A subclass of a Keras optimizer whose learning rate has a factor for each variable, weight decay included.

    Keras updates variables one after the other and reads `learning_rate` in each update, so the factor of the variable
    at hand is all that need change. Variables are known by their key, which is the same in every replica.
    """

    class Layerwise(decaying_one_by_one(base)):
        _factor = 1.0

        @property
        def learning_rate(self):
            return base.learning_rate.fget(self) * self._factor

        @learning_rate.setter
        def learning_rate(self, value):
            base.learning_rate.fset(self, value)

        def build(self, var_list):
            self._factors = {variable_key(self, ref.deref()): every for ref, every in factors.items()}
            super().build(var_list)

        def update_step(self, gradient, variable):
            with self.rate_of(variable):
                super().update_step(gradient, variable)

        @contextlib.contextmanager
        def rate_of(self, variable):
            every = self._factors.get(variable_key(self, variable), ())
            self._factor = math.prod(factor() if callable(factor) else factor for factor in every)
            yield
            self._factor = 1.0

    return Layerwise
