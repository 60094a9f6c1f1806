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

from kerasvision.core.direction import goodness
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_figure, write_text
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Recipe
from kerasvision.data.pipeline import with_validation
from kerasvision.train.fit import train

BEFORE_STOPPING = 4  # trials that run to their end before any is compared with their median


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One setting to search. path: as in `--set`, such as `optimizer.learning_rate`. Between low and high (log: evenly
    in their logarithm), or one of choices, texts as `--set` takes them.
    """

    path: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    def extremes(self):
        """Texts of values that stand for all: both ends, or every choice."""
        return self.choices or tuple(repr(end) for end in (self.low, self.high))

    def propose(self, trial):
        """Text of the value that an Optuna trial should have."""
        if self.choices:
            return trial.suggest_categorical(self.path, self.choices)
        suggest = trial.suggest_int if isinstance(self.low, int) else trial.suggest_float
        return repr(suggest(self.path, self.low, self.high, log=self.log))


def parse_dimension(text):
    """`PATH=LOW..HIGH`, `PATH=LOW..HIGH:log` or `PATH=A,B,C` -> `Dimension`. Between two whole numbers only whole ones
    are tried. Raises UsageError of any other text.
    """
    path, equals, values = text.partition("=")
    if not equals or not path or not values:
        raise _misspelled(text, "no value")
    low, dots, high = values.partition("..")
    if not dots:
        choices = tuple(_split(values))
        if len(set(choices)) < 2 or not all(choices):
            raise _misspelled(text, "a search needs two values or more")
        return Dimension(path, choices=choices)
    high, colon, scale = high.partition(":")
    if colon and scale != "log":
        raise _misspelled(text, f"unknown scale {scale!r}")
    try:
        low, high = (_number(end) for end in (low, high))
    except ValueError:
        raise _misspelled(text, "an end is no number") from None
    if not low < high or (colon and low <= 0):
        raise _misspelled(text, "the ends are not in order" if not low < high else "a log scale begins above 0")
    whole = isinstance(low, int) and isinstance(high, int)
    return Dimension(path, *((low, high) if whole else (float(low), float(high))), log=bool(colon))


def _misspelled(text, why):
    return UsageError(f"--search {text}: {why}; write KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A,B,C")


def _number(text):
    try:
        return int(text)
    except ValueError:
        return float(text)


def _split(text):
    """Parts between commas that are outside of brackets and quotes: `(8,8),(16,16)` has two."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        depth += (letter in "([{") - (letter in ")]}") if not quote else 0
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training of a search. state: "complete", "stopped" (by the median), "failed" or "running". value: of the
    metric, None where it is not known. settings: path -> text. error: why it failed.
    """

    number: int
    state: str
    value: float | None
    settings: dict[str, str]
    error: str | None = None


@dataclasses.dataclass(frozen=True)
class Tuned:
    """A study's trials in order, and the metric that is to be large, or small where direction is "min"."""

    recipe: Recipe
    metric: str
    trials: tuple[Trial, ...]
    folder: pathlib.Path
    direction: str = "max"

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
    optuna, out = _optuna(), pathlib.Path(out)
    for dimension in search:
        for text in dimension.extremes():
            override(recipe, [f"{dimension.path}={text}"])
    if not search or trials < 1:
        raise UsageError("tune needs one --search KEY=LOW..HIGH or more, and --trials 1 or more")
    if len({d.path for d in search}) < len(search):
        raise UsageError("--search names a field twice; give all its values in one")
    metric = f"validation/{recipe.model.main_metric}"
    opened = recipe.data.open()
    if "validation" not in with_validation(opened, recipe.validation_fraction):
        raise UsageError(
            f"tune compares {metric}, and there is no validation split; type --set validation_fraction=0.1"
        )
    direction = recipe.model.for_classes(opened.classes).main_direction(opened.classes)
    study = _open_study(optuna, recipe, search, out, direction)
    while sum(t.state.is_finished() for t in study.get_trials(deepcopy=False)) < trials:
        _run_trial(optuna, study, recipe, search, metric, out)
        _record(_tuned(study, recipe, metric, out, direction))
    tuned = _tuned(study, recipe, metric, out, direction)
    _record(tuned)
    return tuned


def _optuna():
    try:
        import optuna
    except ImportError:
        raise KerasVisionError('tune needs optuna: pip install "kerasvision[tune]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


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
        direction={"max": "maximize", "min": "minimize"}[direction],
        pruner=pruner,
        load_if_exists=True,
    )
    for what, text in asked.items():
        if study.user_attrs.get(what, text) != text:
            raise UsageError(f"{out} holds a study with another {what}; choose another --out")
        study.set_user_attr(what, text)
    return study


def _run_trial(optuna, study, recipe, search, metric, out):
    """One training from proposal to verdict. What a setting makes impossible is a failed trial, not the end."""
    trial = study.ask()
    # the study numbers trials of all processes, so that two never draw alike and a study repeats
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + trial.number)
    failed = optuna.trial.TrialState.FAIL
    try:
        settings = [f"{d.path}={d.propose(trial)}" for d in search]
        print(f"trial {trial.number}: {' '.join(settings)}", file=sys.stderr, flush=True)
        proposed = dataclasses.replace(override(recipe, settings), exports=())
        keras.backend.clear_session()  # graphs of earlier trials
        trained = train(proposed, _run_folder(out, trial.number), watchers=(_Report(optuna, trial, metric),))
        study.tell(trial, trained.metrics[metric])
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

    def __init__(self, optuna, trial, metric):
        super().__init__()
        self._optuna, self._trial, self._metric, self._epochs = optuna, trial, metric, 0

    def on_epoch_end(self, epoch, logs=None):
        if self._metric not in logs:
            return
        self._trial.report(logs[self._metric], self._epochs)
        self._epochs += 1
        if self._trial.should_prune():
            raise self._optuna.TrialPruned


def _run_folder(out, number):
    return out / "trials" / f"{number:04d}"


_STATES = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running", "WAITING": "running"}


def _tuned(study, recipe, metric, out, direction):
    def seen(t):
        settings = {k: v if isinstance(v, str) else repr(v) for k, v in t.params.items()}
        return Trial(t.number, _STATES[t.state.name], t.value, settings, t.user_attrs.get("error"))

    return Tuned(recipe, metric, tuple(seen(t) for t in study.get_trials(deepcopy=False)), out, direction)


def _record(tuned):
    """best.json and history.png, as far as the study is."""
    if tuned.best:
        write_text(tuned.folder / "best.json", tuned.recipe_of(tuned.best).dumps())
    draw_history(tuned, tuned.folder / "history.png")


def draw_history(tuned, path):
    """Each trial's metric and the best so far, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axis, best, choose = figure.subplots(), [], min if tuned.direction == "min" else max
    for state, marker in (("complete", "o"), ("stopped", "x")):
        held = [t for t in tuned.trials if t.state == state and t.value is not None]
        axis.plot([t.number for t in held], [t.value for t in held], marker, label=state)
    for trial in tuned.trials:
        if trial.state == "complete":
            best.append((trial.number, choose(trial.value, best[-1][1] if best else trial.value)))
    axis.step(*(zip(*best, strict=True) if best else ((), ())), where="post", label="best so far")
    axis.set_xlabel("trial")
    axis.set_ylabel(tuned.metric)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    write_figure(figure, path)
