"""`kerasvision robustness RUN [--corruptions C...] [--severities N...] [--examples N] [--against RUN] [--out DIR]`."""

import json
import pathlib
import sys

from kerasvision.cli.progress import progress_bar

HELP = "measure a run, or an exported file, on corrupted images: noise, blur, weather, light, compression"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument(
        "--corruptions",
        nargs="+",
        default=[],
        metavar="C",
        help="gaussian_noise, jpeg ..., or groups: noise, blur, weather, digital (default: ImageNet-C's fifteen), "
        "spare, light, covering, geometry, resampling, all",
    )
    numbers = (1, 2, 3, 4, 5)
    parser.add_argument(
        "--severities", nargs="+", type=int, choices=numbers, default=numbers, metavar="N", help="1 to 5"
    )
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument("--frames", action="store_true", help="also how often answers flip from frame to frame")
    parser.add_argument(
        "--against", metavar="RUN|FILE", help="a baseline: another model, or its robustness.json, for its errors' share"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write robustness.json, which `card` reads, and robustness.png there; after Ctrl-C it goes on",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print the table, or JSON; write the files where they are wanted."""
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.baseline import compared
    from kerasvision.robustness.recorded import write

    if args.examples is not None and args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    severities = sorted(set(args.severities))
    base, base_kept = _baseline(args, severities) if args.against else (None, None)
    found, kept = _measured(args.model, args, severities)
    if base:
        found["against"] = compared(found, base)
    if args.out:
        print(f"written: {write(found, args.out)} and robustness.png", file=sys.stderr)
    for held in filter(None, (base_kept, kept)):  # not before both are measured: stopped in the second, the first stays
        held.forget()
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found, severities)
    return 0


def _measured(what, args, severities, beside=""):
    """(the document of a model, the `Kept` below --out that what has been measured stays in, or None)."""
    from kerasvision.api import load
    from kerasvision.robustness.kept import Kept
    from kerasvision.robustness.report import measured

    kept = Kept(pathlib.Path(args.out, beside)) if args.out else None
    with progress_bar() as progress:
        asked = (args.split, args.corruptions, severities, args.examples, progress, kept, args.frames)
        return measured(load(what), *asked), kept


def _baseline(args, severities):
    """As `_measured`, of the baseline: read from a .json, else measured, and written below --out."""
    from kerasvision.robustness.recorded import read, write

    if args.against.endswith(".json"):
        return read(args.against), None
    found, kept = _measured(args.against, args, severities, "baseline")
    if args.out:
        write(found, pathlib.Path(args.out, "baseline"))
    return found, kept


def _print(found, severities):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell

    title = f"{found['name']}: {found['metric']} on {found['examples']} examples of {found['split']}"
    table = Table("corruption", title=cell(title))
    for name in map(str, severities):
        table.add_column(name, justify="right")
    against = found.get("against", {}).get("corruptions")
    if against:
        table.add_column("error, of the baseline's", justify="right")
    table.add_row("none", f"{found['clean']:.4f}")
    for name, row in found["corruptions"].items():
        values = [f"{row[str(s)]:.4f}" if str(s) in row else "" for s in severities]
        table.add_row(cell(name), *values, *([_percent(against[name])] if against else []))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for line in _lines(found):
        console.print(line, highlight=False, markup=False)


def _percent(share):
    return "none made" if share is None else f"{100 * share:.1f} %"


def _lines(found):
    """What is said below the table."""
    from kerasvision.core.escaping import line_of
    from kerasvision.robustness.baseline import relative

    if found["mean"] is not None:
        ends = found["interval"]["mean"]
        within = f" (95 %: {ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
        share = f", {_percent(relative(found))} of it" if found["direction"] == "max" and found["clean"] > 0 else ""
        yield f"mean {found['mean']:.4f}{within}, {found['mean'] - found['clean']:+.4f} from clean images{share}"
    for name, held in found["extra"].items():
        yield f"{name.replace('_', ' ')} {held['mean']:.4f}, {held['clean']:.4f} on clean images"
    if weak := found["weakest"]:
        change = f"{weak['figure']} {weak['mean']:.4f}, {weak['clean']:.4f} on clean images"
        yield line_of(f"weakest class: {weak['class']}, {change}")
    for name, rate in found.get("flips", {}).items():
        yield f"rolling frames, {name}: {100 * rate:.2f} % of answers flip from one to the next"
    if against := found.get("against"):
        errors = f"{_percent(against['mce'])} (relative: {_percent(against['relative_mce'])})"
        yield line_of(f"mean corruption error in parts of {against['baseline']}'s: {errors}")
    for name, why in found["left_out"].items():
        yield line_of(f"{name} is left out: {why}")
