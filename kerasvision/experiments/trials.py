"""What searches with Optuna share: the trials of a study, as they are told and drawn."""

import dataclasses

from kerasvision.core.direction import is_better
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_figure

VALUE = "value"  # of a trial's metric, noted where the study is told of its distance from a target
_STATES = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running", "WAITING": "running"}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One try of a search. state: "complete", "stopped" (by the median), "failed" or "running". value: of the metric,
    None where it is not known. settings: path -> text. error: why it failed.
    """

    number: int
    state: str
    value: float | None
    settings: dict[str, str]
    error: str | None = None


def required():
    """The module `optuna`. Raises KerasVisionError where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise KerasVisionError('tune needs optuna: pip install "kerasvision[tune]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def trials_of(study):
    """The trials of an Optuna study, in order."""

    def seen(t):
        settings = {k: v if isinstance(v, str) else repr(v) for k, v in t.params.items()}
        value = t.value if t.value is None else t.user_attrs.get(VALUE, t.value)
        return Trial(t.number, _STATES[t.state.name], value, settings, t.user_attrs.get("error"))

    return tuple(seen(t) for t in study.get_trials(deepcopy=False))


def draw_history(tuned, path):
    """Each trial's metric and the best so far, as a PNG. tuned: with `trials`, `metric` and `direction`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axis, best = figure.subplots(), []
    for state, marker in (("complete", "o"), ("stopped", "x")):
        held = [t for t in tuned.trials if t.state == state and t.value is not None]
        axis.plot([t.number for t in held], [t.value for t in held], marker, label=state)
    for trial in tuned.trials:
        if trial.state == "complete":
            ahead = best[-1][1] if best and not is_better(trial.value, best[-1][1], tuned.direction) else trial.value
            best.append((trial.number, ahead))
    axis.step(*(zip(*best, strict=True) if best else ((), ())), where="post", label="best so far")
    axis.set_xlabel("trial")
    axis.set_ylabel(tuned.metric)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    write_figure(figure, path)
