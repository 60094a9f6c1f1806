"""`kerasvision certify MODEL [--set sigma=0.25 draws=1000] [--examples N] [--out DIR]`."""

import json
import sys

from kerasvision.cli.known import kind_and_sum
from kerasvision.cli.progress import progress_bar
from kerasvision.cli.recipes import add_settings

HELP = "prove by smoothing how far a classifier's answers reach: a run, or an exported file"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    add_settings(parser, "of systems/smoothed, as in sigma=0.25 draws=1000 failure=0.001; pixels count 0 to 1")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument(
        "--out", metavar="DIR", help="write certificate.json there; the same command goes on after Ctrl-C"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print what is proven, or JSON; write the files where they are wanted."""
    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.core.overrides import with_settings
    from kerasvision.systems.certifying import FILE, certified, check
    from kerasvision.systems.smoothed import Smoothed

    if args.examples is not None and args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    system, model = with_settings(Smoothed(), args.settings, "sigma=0.25"), load(args.model)
    check(model)
    known = kind_and_sum(args.model)
    with progress_bar() as progress:
        found = certified(model, system, args.split, args.examples, args.out, progress, known)
    if args.out:
        print(f"written: {args.out}/{FILE}", file=sys.stderr)
    print(json.dumps(found, indent=2)) if args.json else _print(found, system)
    return 0


def _print(found, system):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell

    title = f"{found['name']}: {found['examples']} examples of {found['split']}, noise of {system.sigma:g}"
    table = Table("within a radius (L2) of", "right", title=cell(title))
    table.add_row("0", f"{found['right']:.4f}")
    for radius, share in found["radii"].items():
        table.add_row(radius, f"{share:.4f}")
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    console.print(
        f"without noise {found['clean']:.4f} are right; smoothed, {found['abstains']:.4f} get no answer; no proof of "
        f"{system.draws} draws reaches beyond {system.most:.4f}; each is wrong with a chance of {system.failure:g}",
        highlight=False,
    )
