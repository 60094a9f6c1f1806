"""Search for good settings of a part by a function that judges it: Optuna proposes (see `tune`), nothing is trained.

Akiba et al. 2019, arXiv:1907.10902. The study is one SQLite file, so it goes on where it was stopped.
"""

import dataclasses
import json
import pathlib
import sys
import typing

from kerasvision.core.component import to_json
from kerasvision.core.direction import Direction, goodness
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.core.overrides import with_fields
from kerasvision.experiments.trials import Trial, draw_history, required, trials_of


@dataclasses.dataclass(frozen=True)
class Searched:
    """part: as the search began with; start: its own value of the metric. trials: in order."""

    part: typing.Any
    metric: str
    start: float
    trials: tuple[Trial, ...]
    folder: pathlib.Path
    direction: Direction = "max"

    @property
    def best(self):
        """The complete trial with the best metric; None where none is better than the part was as it is."""
        held = max((t for t in self.trials if t.state == "complete"), key=self.goodness, default=None)
        return held if held and self.goodness(held) > goodness(self.start, self.direction) else None

    def goodness(self, trial):
        """The larger, the better a trial with a value is."""
        return goodness(trial.value, self.direction)

    @property
    def best_part(self):
        """The part with the best trial's settings, or as it was."""
        return with_settings_of(self.part, self.best.settings) if self.best else self.part


def search_fields(part, dimensions, judge, trials, out, data, metric="HOTA"):
    """Judge a part with proposed settings until the study in `out` has `trials` finished trials -> `Searched`.

    part: a component. dimensions: [`dimensions.Dimension`], each of a field of it. judge: part -> value of the metric,
    the more, the better; what it refuses with KerasVisionError is a failed trial. data: a text by which what it is
    judged on is known again: a study goes on with the same alone. Writes `study.db`, `best.json` (the best part) and
    `history.png`.
    """
    optuna, out = required(), pathlib.Path(out)
    check_search(part, dimensions, trials)
    study = _open_study(optuna, part, dimensions, out, data)
    if "start" not in study.user_attrs:
        study.set_user_attr("start", judge(part))
    while sum(t.state.is_finished() for t in study.get_trials(deepcopy=False)) < trials:
        _run_trial(optuna, study, part, dimensions, judge)
    searched = Searched(part, metric, study.user_attrs["start"], trials_of(study), out)
    write_text(out / "best.json", json.dumps(to_json(searched.best_part), indent=2) + "\n")
    draw_history(searched, out / "history.png")
    return searched


def check_search(part, dimensions, trials):
    """Raises, one line, where a search cannot begin: UsageError, or KerasVisionError where Optuna is missing."""
    required()
    if not dimensions or trials < 1:
        raise UsageError("tune needs one --search KEY=LOW..HIGH or more, and --trials 1 or more")
    if len({d.path for d in dimensions}) < len(dimensions):
        raise UsageError("--search names a field twice; give all its values in one")
    for dimension in dimensions:
        _check_possible(part, dimension)


def with_settings_of(part, settings):
    """The part with the settings of a trial, {field: text}."""
    return with_fields(part, [f"{key}={text}" for key, text in settings.items()], "--search", "keep_s=0.5..5.0")


def _check_possible(part, dimension):
    """Raises UsageError where no end can be: of other fields' values one of them may be too small or too large."""
    errors = []
    for text in dimension.extremes():
        try:
            with_settings_of(part, {dimension.path: text})
        except UsageError as error:
            errors.append(error)
    if len(errors) == len(dimension.extremes()):
        raise errors[0]


def _open_study(optuna, part, dimensions, out, data):
    """The study in a folder, made where there is none; one of something else is refused."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {out}: {error.strerror}; choose another --out") from None
    asked = {"part": json.dumps(to_json(part)), "search": json.dumps([dataclasses.asdict(d) for d in dimensions])}
    asked |= {"data": data}
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'study.db'}", study_name="fields", direction="maximize", load_if_exists=True
    )
    said = {"part": "other settings to begin with", "search": "another search", "data": "other data"}
    for what, text in asked.items():
        if study.user_attrs.get(what, text) != text:
            raise UsageError(f"{out} holds a study with {said[what]}; choose another --out")
        study.set_user_attr(what, text)
    return study


def _run_trial(optuna, study, part, dimensions, judge):
    """From proposal to verdict. Settings that cannot be together are a failed trial, not the end."""
    trial = study.ask()
    study.sampler = optuna.samplers.TPESampler(seed=trial.number)  # so that a study repeats
    settings = {d.path: d.propose(trial) for d in dimensions}
    said = " ".join(f"{key}={text}" for key, text in settings.items())
    try:
        value = judge(with_settings_of(part, settings))
        study.tell(trial, value)
        print(f"trial {trial.number}: {said}: {value:.4f}", file=sys.stderr, flush=True)
    except KerasVisionError as error:
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        print(f"trial {trial.number} failed: {error}", file=sys.stderr, flush=True)
    except BaseException as error:
        trial.set_user_attr("error", type(error).__name__)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
