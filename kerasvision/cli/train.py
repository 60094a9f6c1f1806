"""`kerasvision train RECIPE.py` or `kerasvision train ARCHITECTURE --data PATH`."""

import datetime
import pathlib
import sys

from kerasvision.cli.recipes import add_settings, recipe_for

HELP = "train a recipe, or an architecture on your data, into a run folder"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "what", metavar="RECIPE|ARCHITECTURE", help="a recipe file, or a name such as classification/classifier"
    )
    parser.add_argument("--data", help="a folder of class folders, a .csv manifest, tfds:NAME, or digits")
    add_settings(parser)
    parser.add_argument("--strategy", default="default", help="default, mirrored or multi_worker")
    parser.add_argument("--out", help="run folder; runs/<name>-<time> by default")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out where it stopped")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out files that cannot be read")


def run(args):
    """Train, export what the recipe names, say where everything is."""
    from kerasvision.core.escaping import line_of
    from kerasvision.core.overrides import override
    from kerasvision.train.fit import train

    recipe = override(recipe_for(args.what, args.data, args.skip_unreadable), args.settings)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    out = pathlib.Path(args.out or f"runs/{recipe.name}-{now}")
    trained = train(recipe, out, strategy=args.strategy, resume=args.resume)
    if trained.chief:
        report(trained)
        for line in trained.mistakes:
            print(line_of(line))
        finish(trained, recipe)
    return 0


def finish(trained, recipe):
    """What follows a training, in its folder: the recipe as Python, and its exports."""
    from kerasvision.core.files import write_text
    from kerasvision.core.source_code import recipe_source
    from kerasvision.export.certificate import export

    write_text(trained.folder / "recipe.py", recipe_source(recipe))
    if recipe.exports:
        export(trained, recipe.exports, trained.folder)


def report(trained):
    """The run's metrics as a table on stdout; of single classes, the worst few."""
    from rich.console import Console
    from rich.table import Table

    from kerasvision.cli.figures import shown
    from kerasvision.core.escaping import cell, line_of
    from kerasvision.core.intervals import folded, spelled

    directions = trained.directions
    figures, line = shown(trained.metrics, directions, trained.folder / "metrics.json")
    table = Table(title=cell(f"{trained.recipe.name}: {trained.folder}"))
    table.add_column("metric")
    table.add_column("value (95 % interval)")
    for name, held in folded(figures).items():
        table.add_row(cell(name), spelled(*held))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100)
    console.print(table)
    if line:
        console.print(line_of(line), highlight=False, markup=False, soft_wrap=True)
