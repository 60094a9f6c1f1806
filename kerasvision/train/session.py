"""What all phases of one `train` share, and what is refused before the first of them."""

import dataclasses
import json
import os
import pathlib
import sys

from kerasvision.core.direction import Direction
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.train.strategy import is_chief


@dataclasses.dataclass
class Session:
    """One call of `train`: what all its phases share. recipe: with the number of classes filled in. splits: as the
    source gives them. chosen_by, direction: of the figure that decides (`tasks.base.Task.chosen_by`). chosen: what a
    phase's techniques made of the training split, where they have.
    """

    recipe: object
    arch: object
    classes: tuple
    splits: dict
    strategy: object
    folder: pathlib.Path
    watchers: tuple = ()
    chosen_by: str = ""
    direction: Direction = "max"
    chosen: object = None

    @property
    def trained_on(self):
        """The split that the steps are made of."""
        return self.chosen or self.splits["train"]

    @property
    def chief(self):
        """Whether this process writes files."""
        return is_chief(self.strategy)

    @property
    def metric(self):
        """What picks the best epoch and the best phase."""
        return f"validation/{self.chosen_by or self.arch.main_metric}"

    def say(self, line):
        """One line to the person at the terminal, once."""
        if self.chief:
            print(line, file=sys.stderr, flush=True)

    @property
    def steps_per_epoch(self):
        """Whole batches in the training split; at least one."""
        return max(1, self.trained_on.size // self.recipe.batch_size)


def refuse_patience(session):
    """Where there is nothing to watch."""
    patience = next((p.patience for p in session.recipe.phases() if p.patience), None)
    if patience and "validation" not in session.splits:
        raise UsageError(
            f"patience={patience} watches {session.metric}, and there is no validation split; type --set "
            "validation_fraction=0.1, or leave patience out"
        )


def open_folder(folder, resume):
    """The run folder, made and tried. Several workers do this at once, so each has a probe of its own."""
    probe = folder / f".writable-{os.getpid()}"
    try:
        held = [p for p in folder.iterdir() if not p.name.startswith(".writable-")] if folder.exists() else []
        if held and not resume:
            raise KerasVisionError(f"{folder} is not empty; choose another --out, or go on with that run by --resume")
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
    return folder


def refuse_another_recipe(session):
    """The steps behind a backup mean nothing to another recipe. Exports, budget and caching may be changed."""
    held = session.folder / "recipe.json"
    if not held.exists():
        return
    saved = Recipe.loads(held.read_text(encoding="utf-8"))  # fields that it is too old for mean what it did
    if why := saved.model.outdated(session.classes):
        raise KerasVisionError(f"{session.folder} {why}")
    before, now = json.loads(saved.dumps()), json.loads(session.recipe.dumps())
    tuned = {"model"} if (session.folder / "model.weights.h5").exists() else set()  # by the training itself
    changed = [k for k in now if before.get(k) != now[k] and k not in {*tuned, "name", "exports", "budget", "cache"}]
    if changed:
        raise KerasVisionError(
            f"{session.folder} was started with another recipe (seen in: {', '.join(changed)}), and --resume goes on "
            "with the same one; choose another --out, where techniques/warm_start can take a finished run's weights"
        )
