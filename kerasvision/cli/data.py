"""`kerasvision data check SOURCE` and `kerasvision data show RECIPE`."""

import contextlib
import json
import sys

HELP = "check a data source, or show what a recipe's augmentations do to it"


def configure(parser):
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="check|show", required=True)
    text = "count classes, sizes, duplicates and odd images, and say what training does with each"
    checking = actions.add_parser("check", help=text, description=text)
    checking.add_argument("source", metavar="SOURCE", help="a folder, a .csv manifest, tfds:NAME, digits, or a recipe")
    checking.add_argument("--json", action="store_true", help="one JSON document on stdout")
    text = "write a PNG sheet of augmented samples with their labels"
    showing = actions.add_parser("show", help=text, description=text)
    showing.add_argument("recipe", metavar="RECIPE", help="a .py file that defines `recipe`, or a recipe.json")
    showing.add_argument("--out", default="sheet.png", help="where to write (default: sheet.png)")
    showing.add_argument("--count", type=int, default=32, help="how many samples (default: 32)")


def run(args):
    """Check or show."""
    return _check(args) if args.action == "check" else _show(args)


def _show(args):
    from kerasvision.cli.recipes import load_recipe
    from kerasvision.data.sheet import recipe_sheet

    recipe_sheet(load_recipe(args.recipe), args.out, count=args.count)
    print(args.out)
    return 0


def _check(args):
    from kerasvision.cli.recipes import load_recipe
    from kerasvision.data.check import check
    from kerasvision.data.sources._detect import detect

    is_recipe = args.source.endswith((".py", ".json"))
    source = load_recipe(args.source).data if is_recipe else detect(args.source)
    with _progress() as progress:
        report = check(source, progress)
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)
    return 0


@contextlib.contextmanager
def _progress():
    """A bar on stderr with the time left. Yields a function of (task, done, total)."""
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    left = (bars.TextColumn("left"), bars.TimeRemainingColumn())
    with bars.Progress(*columns, *left, console=Console(file=sys.stderr), transient=True) as shown:
        tasks = {}

        def report(task, done, total):
            if task not in tasks:
                tasks[task] = shown.add_task(task, total=total)
            shown.update(tasks[task], completed=done)

        yield report


def _print(report):
    from rich.console import Console
    from rich.table import Table

    splits = report["splits"]
    table = Table("class", title=report["source"]["@"].split("/")[-1], title_justify="left")
    for name in splits:
        table.add_column(name, justify="right")
    for name in report["classes"]:
        table.add_row(name, *(str(split["classes"][name]) for split in splits.values()))
    table.add_section()
    table.add_row("images", *(str(split["size"]) for split in splits.values()))
    Console().print(table)
    for line in _lines(report):
        print(line)


def _lines(report):
    """What stands below the table: sizes, formats, and two lines a finding."""
    for side, held in report["image_size"].items():
        yield f"{side}: {held['min']} to {held['max']} pixels, median {held['median']:g}"
    yield "formats: " + ", ".join(f"{n} {name}" for name, n in report["formats"].items())
    if "validation" not in report["splits"]:
        yield "no validation split: training holds out a part of train (the recipe's validation_fraction)"
    if "test" not in report["splits"]:
        yield "no test split: nothing is left to judge the trained model by"
    for found in report["findings"]:
        more = ", ..." if found["count"] > len(found["examples"]) else ""
        yield f"{found['count']} {found['what']}: {found['training']}"
        yield f"    {', '.join(found['examples'])}{more}"
    if not report["findings"]:
        yield "nothing odd was found"
