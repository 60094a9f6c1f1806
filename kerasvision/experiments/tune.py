"""Search for good settings of a recipe: Optuna proposes, `train` judges, the median stops what lags behind.

Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework", arXiv:1907.10902. Proposals are a
tree-structured Parzen estimator's (Bergstra et al. 2011). A trial is a run folder; the study is one SQLite file, so it
goes on where it was stopped, and several processes may work on it.
"""

import dataclasses
import json
import pathlib
import sys

import tf_keras as keras

from kerasvision.core.direction import Direction, Target, distance, goodness
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Recipe
from kerasvision.experiments.trials import VALUE, Trial, draw_history, required, trials_of
from kerasvision.train.deciding import decided_by
from kerasvision.train.fit import train

BEFORE_STOPPING = 4  # trials that run to their end before any is compared with their median


@dataclasses.dataclass(frozen=True)
class Tuned:
    """A study's trials in order, the metric that they are compared by, and its `core.direction.Direction`."""

    recipe: Recipe
    metric: str
    trials: tuple[Trial, ...]
    folder: pathlib.Path
    direction: Direction = "max"

    @property
    def best(self):
        """The complete trial with the best metric; None before there is one."""
        return max((t for t in self.trials if t.state == "complete"), key=self.goodness, default=None)

    def goodness(self, trial):
        """The larger, the better a trial with a value is."""
        return goodness(trial.value, self.direction)

    def recipe_of(self, trial):
        """The recipe that a trial trained, with its exports."""
        return override(self.recipe, [f"{path}={text}" for path, text in trial.settings.items()])

    def run_of(self, trial):
        """A trial's run folder."""
        return _run_folder(self.folder, trial.number)


def tune(recipe, search, trials, out):
    """Train with proposed settings until the study in `out` has `trials` finished trials -> `Tuned`.

    recipe: the `Recipe` whose settings vary. search: [`Dimension`]. out: a folder, which holds the study and goes on
    with it at the next call. Writes `study.db`, `trials/0000/` ... (run folders), `best.json` (a recipe) and
    `history.png`.
    """
    optuna, out = required(), pathlib.Path(out)
    for dimension in search:
        for text in dimension.extremes():
            override(recipe, [f"{dimension.path}={text}"])
    if not search or trials < 1:
        raise UsageError("tune needs one --search KEY=LOW..HIGH or more, and --trials 1 or more")
    if len({d.path for d in search}) < len(search):
        raise UsageError("--search names a field twice; give all its values in one")
    metric, direction = _compared(recipe)
    study = _open_study(optuna, recipe, search, out, direction)
    while sum(t.state.is_finished() for t in study.get_trials(deepcopy=False)) < trials:
        _run_trial(optuna, study, recipe, search, (metric, direction), out)
        _record(_tuned(study, recipe, metric, out, direction))
    tuned = _tuned(study, recipe, metric, out, direction)
    _record(tuned)
    return tuned


def _compared(recipe):
    """(metric with its split, direction) of what trials are compared by: what the recipe is decided by."""
    (metric, direction), splits = decided_by(recipe)
    if "validation" not in splits:
        raise UsageError(
            f"tune compares validation/{metric}, and there is no validation split; type --set validation_fraction=0.1"
        )
    return f"validation/{metric}", direction


def _open_study(optuna, recipe, search, out, direction):
    """The study in a folder, made where there is none; another recipe's or search's is refused."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {out}: {error.strerror}; choose another --out") from None
    asked = {"recipe": recipe.dumps(), "search": json.dumps([dataclasses.asdict(d) for d in search])}
    pruner = optuna.pruners.MedianPruner(n_startup_trials=BEFORE_STOPPING, n_warmup_steps=1)
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'study.db'}",
        study_name="tune",
        direction="maximize" if direction == "max" else "minimize",  # of a target, the distance from it
        pruner=pruner,
        load_if_exists=True,
    )
    for what, text in asked.items():
        held = study.user_attrs.get(what, text)
        if (Recipe.loads(held).dumps() if what == "recipe" else held) != text:  # of before a field that is new
            raise UsageError(f"{out} holds a study with another {what}; choose another --out")
        study.set_user_attr(what, text)
    return study


def _run_trial(optuna, study, recipe, search, compared_by, out):
    """One training from proposal to verdict. What a setting makes impossible is a failed trial, not the end."""
    trial = study.ask()
    report = _Report(optuna, trial, *compared_by)
    # the study numbers trials of all processes, so that two never draw alike and a study repeats
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + trial.number)
    failed = optuna.trial.TrialState.FAIL
    try:
        settings = [f"{d.path}={d.propose(trial)}" for d in search]
        print(f"trial {trial.number}: {' '.join(settings)}", file=sys.stderr, flush=True)
        proposed = dataclasses.replace(override(recipe, settings), exports=())
        keras.backend.clear_session()  # graphs of earlier trials
        trained = train(proposed, _run_folder(out, trial.number), watchers=(report,))
        study.tell(trial, report.told(trained.metrics))
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        print(f"trial {trial.number} stopped: below the median", file=sys.stderr, flush=True)
    except KerasVisionError as error:
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=failed)
        if isinstance(error.__context__, KeyboardInterrupt):
            raise
        print(f"trial {trial.number} failed: {error}", file=sys.stderr, flush=True)
    except BaseException as error:
        trial.set_user_attr("error", type(error).__name__)
        study.tell(trial, state=failed)
        raise


class _Report(keras.callbacks.Callback):
    """Tells the study what each epoch's metric is, over all phases, and ends a training that is not worth going on."""

    def __init__(self, optuna, trial, metric, direction):
        super().__init__()
        self._optuna, self._trial, self._epochs = optuna, trial, 0
        self._metric, self._direction = metric, direction

    def told(self, metrics):
        """What the study compares: the metric or, where it has a target, its distance; the metric itself is noted."""
        if self._metric not in metrics:
            raise KerasVisionError(f"{self._metric} is undefined for this model")
        if isinstance(self._direction, Target):
            self._trial.set_user_attr(VALUE, metrics[self._metric])
        return distance(metrics[self._metric], self._direction)

    def on_epoch_end(self, epoch, logs=None):
        if self._metric not in logs:
            return
        self._trial.report(self.told(logs), self._epochs)
        self._epochs += 1
        if self._trial.should_prune():
            raise self._optuna.TrialPruned


def _run_folder(out, number):
    return out / "trials" / f"{number:04d}"


def _tuned(study, recipe, metric, out, direction):
    return Tuned(recipe, metric, trials_of(study), out, direction)


def _record(tuned):
    """best.json and history.png, as far as the study is."""
    if tuned.best:
        write_text(tuned.folder / "best.json", tuned.recipe_of(tuned.best).dumps())
    draw_history(tuned, tuned.folder / "history.png")
