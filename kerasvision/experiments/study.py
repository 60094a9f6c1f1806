"""Every training of a study, one after the other, each in its own folder; what is finished is not trained again."""

import dataclasses
import sys
import time

import tf_keras as keras

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.escaping import line_of
from kerasvision.core.files import write_text
from kerasvision.core.overrides import override
from kerasvision.experiments.compare import read_run
from kerasvision.train.deciding import decided_by
from kerasvision.train.fit import train


def changed(study, settings, seeds, only):
    """A copy of a `Study`. settings: texts of `--set`, applied to each recipe. seeds: others, or None. only: names of
    the recipes to keep beside the baseline, None for all. Raises UsageError of a name that there is not.
    """
    baseline, *others = study.recipes
    names = [r.name for r in study.recipes]
    for name in only or ():
        if name not in names:
            raise UsageError(f"--only {name}: {study.name} has none; {close_matches(name, names)}")
    kept = (baseline, *(r for r in others if only is None or r.name in only))
    recipes = tuple(override(r, settings) for r in kept)
    return dataclasses.replace(study, recipes=recipes, seeds=tuple(seeds or study.seeds))


def trained_runs(study, out, strategy, finish):
    """[`compare.Run`] of every recipe and seed of a `Study`, recipe after recipe; trains those that are not finished.

    out: the folder of all (a pathlib.Path). strategy: "default", "mirrored" or "multi_worker". finish: called with each
    `Trained` model and its recipe, to export it.
    """
    every, started, done = list(study.runs()), time.monotonic(), 0
    named = {r.name: r for r, below in every if r.metric and not (out / below / "finished").exists()}
    for recipe in named.values():
        decided_by(recipe)  # refuses now what would be refused when its turn comes
    for number, (recipe, below) in enumerate(every, 1):
        folder = out / below
        if (folder / "finished").exists():
            continue
        left = f", {(time.monotonic() - started) / done * (len(every) - number + 1) / 60:.0f} min left" if done else ""
        said = f"{study.name}: {recipe.name}, seed {recipe.seed} ({number} of {len(every)}{left})"
        print(line_of(said), file=sys.stderr)
        trained = train(recipe, folder, strategy=strategy, resume=folder.exists())
        if trained.chief:
            finish(trained, recipe)
            write_text(folder / "finished", "")
        keras.backend.clear_session()
        done += 1
    return [read_run(out / below) for recipe in study.recipes for r, below in every if r.name == recipe.name]
