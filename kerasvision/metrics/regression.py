"""The evaluator of numbers: errors in the unit of the targets, the share of variance explained, and intervals.

r2 is as scikit-learn's `r2_score` defines it; pinball is the loss of Koenker, Bassett 1978, doi:10.2307/1913643.
"""

import numpy as np

from kerasvision.core.direction import Target
from kerasvision.metrics.base import Evaluator, chosen

NORMAL_95 = 1.959964  # standard deviations to either side that hold 95 % of a normal distribution


class Numbers(Evaluator):
    """Final. `r2` (mean over the outputs of 1 - residual / total variance), `mae` and `rmse` (root of the mean over
    all); with several outputs each of the three for each, as `mae/NAME`. With quantiles `pinball` and `coverage`, the
    share of targets between the lowest and the highest quantile; with deviations `coverage_95`, the share of targets
    within 1.96 standard deviations of the value.

    Where predictions have intervals, `interval_coverage`, the share of targets within them, and `interval_width`, their
    mean width.

    Where a target does not vary, its r2 is 1 if it is met exactly, else 0 (as scikit-learn has it).

    names: of the N outputs. levels: of the Q quantiles, 0..1. promised: the share that intervals are to hold, 0 where
    there are none. prediction: `values` [B, N], and perhaps `quantiles` [B, N, Q], `deviation` [B, N] or `interval`
    [B, N, 2]; ground_truth: `targets` [B, N]; all in the unit of the targets.
    """

    draws = True

    def __init__(self, names, levels=(), promised=0.0):
        self._names, self._levels, self._promised = names, np.asarray(levels), promised
        self._held = {}

    @property
    def directions(self):
        stated = {"r2": "max", "mae": "min", "rmse": "min", "pinball": "min", "coverage_95": Target(0.95)}
        if len(self._levels):  # an interval that holds more than it says is too wide
            stated["coverage"] = Target(float(f"{self._levels.max() - self._levels.min():.6g}"))
        if self._promised:
            stated |= {"interval_coverage": Target(self._promised), "interval_width": "min"}
        return stated

    def update(self, prediction, ground_truth):
        for key, value in (*prediction.items(), ("targets", ground_truth["targets"])):
            self._held.setdefault(key, []).append(value)

    def figures(self, examples=None):
        held = {k: chosen(v, examples).astype(np.float64) for k, v in self._held.items()}
        targets, error = held["targets"], held["values"] - held["targets"]

        def r2():
            residual, total = (error**2).sum(0), ((targets - targets.mean(0)) ** 2).sum(0)
            varies = total > 0
            return np.where(varies, 1 - residual / np.where(varies, total, 1.0), residual == 0)

        def mae():
            return np.abs(error).mean(0)

        def squares():
            return (error**2).mean(0)

        out = {"r2": lambda: float(r2().mean()), "mae": lambda: float(mae().mean())}
        out["rmse"] = lambda: float(np.sqrt(squares().mean()))
        if len(self._names) > 1:
            for i, name in enumerate(self._names):
                out[f"r2/{name}"] = lambda i=i: float(r2()[i])
                out[f"mae/{name}"] = lambda i=i: float(mae()[i])
                out[f"rmse/{name}"] = lambda i=i: float(np.sqrt(squares()[i]))
        if "quantiles" in held:
            out["pinball"] = lambda: _pinball(targets, held["quantiles"], self._levels)
            out["coverage"] = lambda: _coverage(targets, held["quantiles"])
        if "deviation" in held:
            out["coverage_95"] = lambda: float((np.abs(error) <= NORMAL_95 * held["deviation"]).mean())
        if "interval" in held:
            out["interval_coverage"] = lambda: _coverage(targets, held["interval"])
            out["interval_width"] = lambda: float(np.ptp(held["interval"], -1).mean())
        return out

    def promised_shares(self):
        if "interval" not in self._held:
            return {}
        targets, interval = (chosen(self._held[key], None) for key in ("targets", "interval"))
        inside = _inside(targets, interval).astype(np.float64)
        names = self._names if len(self._names) > 1 else ("",)
        return {name: inside[:, i] for i, name in enumerate(names)}

    def draw(self, folder, images):
        """`scatter.png`, predictions and their errors over the ground truth, and `worst.png`, the examples with the
        largest errors.
        """
        from kerasvision.metrics import number_pictures  # which imports matplotlib

        held = {key: chosen(parts, None).astype(np.float64) for key, parts in self._held.items()}
        given = {key: held[key] for key in ("values", "targets")}
        if "quantiles" in held:
            given |= {"low": held["quantiles"].min(-1), "high": held["quantiles"].max(-1)}
        elif "deviation" in held:
            reach = NORMAL_95 * held["deviation"]
            given |= {"low": held["values"] - reach, "high": held["values"] + reach}
        return number_pictures.draw_numbers(given, self.result(), self._names, folder, images)


def _pinball(targets, quantiles, levels):
    below = targets[..., None] - quantiles
    return float(np.maximum(levels * below, (levels - 1) * below).mean())


def _coverage(targets, quantiles):
    return float(_inside(targets, quantiles).mean())


def _inside(targets, quantiles):
    """bool [B, N]: which targets lie between the lowest and the highest quantile, or the ends of an interval."""
    return (targets >= quantiles.min(-1)) & (targets <= quantiles.max(-1))
