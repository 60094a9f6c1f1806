"""The learning-rate range test: train a few steps at a rising rate and see where the loss falls fastest.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3.
"""

import dataclasses
import math
import tempfile

import numpy as np
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_figure
from kerasvision.core.registry import techniques
from kerasvision.train.fit import train
from kerasvision.train.interruption import DivergedError

SMOOTH = 0.9  # share of the past in the running mean of the losses
DIVERGED = 3.0  # times the least smoothed loss, where the test ends


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a range test. rates, losses: of each step. best: the rate where the smoothed loss fell fastest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    best: float


def find_rate(recipe, low=1e-6, high=1.0, steps=200):
    """Train the recipe's first phase for `steps` steps at a rising rate, in a folder that is thrown away -> `Found`.

    low, high: the rates of the optimizer's first and last step. `Found.rates` are the values of
    `optimizer.learning_rate` in the recipe that lead to them, which differ where it has `batch_scaling`. Every batch is
    a step: techniques that gather several for an update are left out.
    """
    sweep = techniques["sweep_rate"](low, high, steps)
    kept = tuple(t for t in recipe.techniques if t.updates(steps) == steps)
    alone = {"then": (), "exports": (), "validation_fraction": 0.0, "patience": None, "metric": ""}  # the loss decides
    swept = dataclasses.replace(recipe, techniques=(*kept, sweep), epochs=steps, **alone)
    watch = _Losses(steps)
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(swept, folder, watchers=(watch,))
        except _Enough:
            pass
        except DivergedError:
            if len(watch.losses) < 3:  # else it is what the test was to end in
                raise
    # what the optimizer steps with is the recipe's rate times this
    scaled = recipe.optimizer.for_batch(recipe.batch_size).learning_rate / recipe.optimizer.learning_rate
    rates = [sweep.rate(step) / scaled for step in range(len(watch.losses))]
    return Found(tuple(rates), tuple(watch.losses), steepest(rates, watch.losses))


class _Enough(Exception):
    pass


class _Losses(keras.callbacks.Callback):
    """The loss of each step, from the epoch's running mean; ends the training when the rate has become too large."""

    def __init__(self, steps):
        super().__init__()
        self.losses, self._steps, self._sum = [], steps, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._sum = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = float(logs["loss"]) * (batch + 1)
        self.losses.append(total - self._sum)
        self._sum = total
        seen = smoothed(self.losses)
        if len(self.losses) >= self._steps or seen[-1] > DIVERGED * min(seen):
            raise _Enough


def smoothed(losses):
    """The exponential running mean of losses, corrected for its bias towards the start: [N] -> [N]."""
    mean, out = 0.0, []
    for number, loss in enumerate(losses, start=1):
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        out.append(mean / (1 - SMOOTH**number))
    return out


def steepest(rates, losses):
    """The rate where the smoothed loss falls fastest over the logarithm of the rate, before its least value."""
    if len(losses) < 3:
        raise KerasVisionError(f"{len(losses)} steps are too few to see a slope; begin with a smaller rate")
    seen = np.array(smoothed(losses))
    end = max(3, int(seen.argmin()) + 1)
    slope = np.gradient(seen[:end], np.log(rates[:end]))
    return float(rates[int(slope.argmin())])


def draw_rates(found, path):
    """Write a PNG of a `Found`'s losses over rates, with the best one marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(found.rates, found.losses, alpha=0.3, label="loss of a step")
    axis.plot(found.rates, smoothed(found.losses), label="smoothed")
    axis.axvline(found.best, linestyle="--", color="black", label=f"falls fastest: {found.best:.2g}")
    axis.set_xscale("log")
    axis.set_ylim(top=min(max(found.losses), 2 * found.losses[0]) if math.isfinite(max(found.losses)) else None)
    axis.set_xlabel("learning rate")
    axis.set_ylabel("loss")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    write_figure(figure, path)
