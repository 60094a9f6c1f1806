"""`kerasvision robustness RUN [--corruptions C...] [--severities N...] [--examples N] [--out DIR]`."""

import json
import sys

from kerasvision.cli.progress import progress_bar

HELP = "measure a run, or an exported file, on corrupted images: noise, blur, light, compression"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument(
        "--corruptions", nargs="+", default=[], metavar="C", help="gaussian_noise, jpeg ... (default: all)"
    )
    numbers = (1, 2, 3, 4, 5)
    parser.add_argument(
        "--severities", nargs="+", type=int, choices=numbers, default=numbers, metavar="N", help="1 to 5"
    )
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument(
        "--out", metavar="DIR", help="write robustness.json, which `card` reads, and robustness.png there"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print the table, or JSON; write the files where they are wanted."""
    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.report import measured, write

    if args.examples is not None and args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    severities = sorted(set(args.severities))
    with progress_bar() as progress:
        found = measured(load(args.model), args.split, args.corruptions, severities, args.examples, progress)
    if args.out:
        print(f"written: {write(found, args.out)} and robustness.png", file=sys.stderr)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found, severities)
    return 0


def _print(found, severities):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell
    from kerasvision.robustness.report import mean

    title = f"{found['name']}: {found['metric']} on {found['examples']} examples of {found['split']}"
    table = Table("corruption", title=cell(title))
    for name in map(str, severities):
        table.add_column(name, justify="right")
    table.add_row("none", f"{found['clean']:.4f}")
    for name, row in found["corruptions"].items():
        table.add_row(cell(name), *(f"{value:.4f}" for value in row.values()))
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    console.print(f"mean {mean(found):.4f}, {mean(found) - found['clean']:+.4f} from clean images", highlight=False)
