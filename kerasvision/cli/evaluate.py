"""`kerasvision evaluate RUN [--split S] [--draw FOLDER] [--cases FILE.csv | --by COLUMN]`."""

import json
import pathlib
import sys

from kerasvision.core.errors import UsageError

HELP = "evaluate a run, or an exported file, on a split of its data"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--draw",
        metavar="FOLDER",
        help="write pictures there: what a classifier confuses, a regressor's errors, a detector's errors and curves, "
        "a segmenter's worst cases",
    )
    parser.add_argument("--by", metavar="COLUMN", help="figures of each group that a column of a CSV names")
    parser.add_argument("--table", metavar="FILE.csv", help="the CSV of --by (file,COLUMN), else the run's manifest")
    parser.add_argument(
        "--resample",
        nargs="+",
        metavar="CLIENT",
        help="what it costs where a client resizes in another way (pillow opencv area nearest); contract.json "
        "beside FILE gets it",
    )
    parser.add_argument("--cases", metavar="FILE.csv", help="write a segmenter's figures of each image or volume there")


def run(args):
    """Print the metrics of one split, or with --by those of its groups."""
    from kerasvision.api import evaluate, load
    from kerasvision.cli.figures import print_figures
    from kerasvision.core.escaping import line_of

    if args.draw and args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: name a folder; an evaluation has several pictures")
    if args.by or args.table:
        return _by_group(args)
    if args.resample:
        return _resampled(args)
    model = load(args.model)
    mistakes = []
    metrics = evaluate(model, args.split, args.draw, mistakes.append, args.cases)
    for done, where in (("drawn into", args.draw), ("written:", args.cases)):
        if where:
            print(f"{done} {where}", file=sys.stderr)
    if args.json:
        print(json.dumps(metrics, indent=2))
    else:
        print_figures(metrics, model.arch.evaluator(model.classes).directions)
        for mistake in mistakes:
            print(line_of(mistake))
    return 0


def _by_group(args):
    """Print the main metric of each group, or all of them as JSON."""
    from kerasvision.api import evaluate_groups
    from kerasvision.core.escaping import line_of

    if not args.by or args.draw or args.cases:
        raise UsageError("--by COLUMN goes with --split, --table FILE.csv and --json, and --table with --by")
    found = evaluate_groups(args.model, args.by, args.split, args.table)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = {line_of(name) or "(empty)": row for name, row in found["groups"].items()}
    metric, width = found["metric"], max(map(len, ["all", *rows]))
    for name, row in [("all", found), *rows.items()]:
        value = row["metrics"].get(metric)
        shown = "not defined" if value is None else f"{value:.4f}"
        print(f"{name:<{width}}  {metric} {shown}  {row['examples']} examples")
    return 0


def _resampled(args):
    """Print what other clients' resizing costs, and note it in the contract."""
    from kerasvision.api import load
    from kerasvision.export.resizing import note, resizing

    if args.draw or args.cases:
        raise UsageError("--resample goes with --split and --json")
    path = pathlib.Path(args.model)
    if not path.is_file():
        raise UsageError(f"--resample is for a file that takes pictures of its own size, and {path} is none")
    found = resizing(load(path), args.split, args.resample)
    note(path, found)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{found['metric']} {found['value']:.4f} on {found['examples']} examples of {found['split']}")
    for name, row in found["clients"].items():
        low, high = row["interval"]
        print(f"{name:<8}  {row['change']:+.4f} ({low:+.4f} to {high:+.4f}), {row['flips']} decisions differ")
    return 0
