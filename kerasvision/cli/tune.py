"""`kerasvision tune RECIPE.py --search KEY=LOW..HIGH ... --trials N --out DIR`."""

import dataclasses
import json
import sys

from kerasvision.cli.recipes import add_settings, recipe_for
from kerasvision.cli.tune_tracker import add_tracker_flags, is_of_tracker, tune_tracker

HELP = "search for good settings of a recipe with Optuna: many trainings, the hopeless ones stopped early"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "what",
        metavar="RECIPE|ARCHITECTURE|BOXES",
        help="a recipe file, a name such as classification/classifier, or boxes or a run that are to be followed",
    )
    parser.add_argument("--data", help="a folder of class folders, a .csv manifest, tfds:NAME, or digits")
    parser.add_argument(
        "--search",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUES",
        help="optimizer.learning_rate=1e-4..1e-2:log batch_size=16,32 model.dropout=0.0..0.5 epochs=2..6",
    )
    add_settings(parser)
    parser.add_argument("--trials", type=int, default=20, help="trainings in all, those of earlier calls included (20)")
    parser.add_argument("--find-rate", action="store_true", help="instead: try rising learning rates for 200 steps")
    parser.add_argument(
        "--out", required=True, help="folder of the study; the same one goes on with it, also from several processes"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_tracker_flags(parser)


def run(args):
    """Tune, print the trials and where the best recipe is."""
    from kerasvision.core.errors import KerasVisionError
    from kerasvision.core.overrides import override
    from kerasvision.experiments.dimensions import parse_dimension
    from kerasvision.experiments.tune import tune

    if is_of_tracker(args):
        return tune_tracker(args)
    if args.find_rate:
        return _find_rate(args)
    search = [parse_dimension(text) for text in args.search]
    recipe = override(recipe_for(args.what, args.data), args.settings)
    tuned = tune(recipe, search, args.trials, args.out)
    if args.json:
        print(json.dumps(_document(tuned), indent=2))
    else:
        _print_table(tuned)
    if tuned.best is None:
        why = next((t.error for t in tuned.trials if t.error), "none was trained to its end")
        raise KerasVisionError(f"no trial is complete: {why}")
    return 0


def _find_rate(args):
    """Print the rate where the loss falls fastest, and draw the losses."""
    import pathlib

    from kerasvision.core.errors import UsageError
    from kerasvision.core.overrides import override
    from kerasvision.experiments.find_rate import draw_rates, find_rate

    if args.search:
        raise UsageError("--find-rate and --search are two things; type one of them")
    recipe = override(recipe_for(args.what, args.data), args.settings)
    folder = pathlib.Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    found = find_rate(recipe)
    draw_rates(found, folder / "rates.png")
    if args.json:
        print(json.dumps(dataclasses.asdict(found) | {"drawn": str(folder / "rates.png")}, indent=2))
    else:
        print(f"optimizer.learning_rate={found.best:.2g}  the loss falls fastest there; see {folder / 'rates.png'}")
    return 0


def _document(tuned):
    best = tuned.best
    return {
        "metric": tuned.metric,
        "best": best and dataclasses.asdict(best) | {"run": str(tuned.run_of(best)), "recipe": _best_path(tuned)},
        "trials": [dataclasses.asdict(t) for t in tuned.trials],
    }


def _best_path(tuned):
    return str(tuned.folder / "best.json")


def _print_table(tuned):
    """Complete trials, the best first; then the others."""
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell, cells

    paths = list(dict.fromkeys(path for t in tuned.trials for path in t.settings))
    table = Table(title=cell(f"{tuned.recipe.name}: {tuned.folder}"))
    for title in ("trial", "state", tuned.metric, *paths):
        table.add_column(cell(title), justify="left" if title == "state" else "right")
    for t in sorted(tuned.trials, key=lambda t: (t.state != "complete", -tuned.goodness(t) if t.value else 0.0)):
        value = "" if t.value is None else f"{t.value:.4f}"
        table.add_row(*cells(t.number, t.state, value, *(_short(t.settings.get(path, "")) for path in paths)))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if tuned.best:
        console.print(f"best: {_best_path(tuned)}, trained in {tuned.run_of(tuned.best)}", soft_wrap=True, markup=False)


def _short(text):
    """A number of many digits in four."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text
