"""`kerasvision study PIPELINE.py[:NAME] --out FOLDER`."""

import pathlib
import sys

from kerasvision.cli.recipes import add_settings, load_study

HELP = "train every recipe of a study with every seed, and report them side by side"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("what", metavar="FILE.py", help="a file that defines `study` (FILE.py:NAME for another name)")
    add_settings(parser)
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="in place of the study's own")
    parser.add_argument("--only", nargs="+", metavar="RECIPE", help="of the study's recipes, these beside the baseline")
    parser.add_argument("--strategy", default="default", help="default, mirrored or multi_worker")
    parser.add_argument(
        "--out", help="folder of the runs and the report; runs/<name> by default. What is finished stays"
    )


def run(args):
    """Train what is not trained yet, print the tables, write report.md and report.png."""
    from kerasvision.cli.compare import print_rows
    from kerasvision.cli.train import finish
    from kerasvision.core.escaping import file_name
    from kerasvision.experiments.compare import compared, write_report
    from kerasvision.experiments.study import changed, trained_runs

    study = changed(load_study(args.what), args.settings, args.seeds, args.only)
    out = pathlib.Path(args.out or pathlib.Path("runs", file_name(study.name)))
    rows = compared(trained_runs(study, out, args.strategy, finish), study.metrics)
    print_rows(rows)
    report = write_report(study.name, rows, out, f"kerasvision study {args.what} --out {out}")
    print(f"written: {report}", file=sys.stderr)
    return 0
