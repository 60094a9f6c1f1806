"""`kerasvision probe RUN --data DATA --labels 1% 10% 100%`: what simple classifiers make of a run's frozen features."""

import dataclasses
import json
import sys

HELP = "tell what a run's backbone has learned by simple classifiers on it, beside random weights and raw pixels"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--data", help="pictures with one class each (default: the run's own data)")
    parser.add_argument("--labels", nargs="+", default=["1%", "10%", "100%"], metavar="N", help="1%% 10%% 600 ...")
    parser.add_argument("--split", default="test", help="the split to judge on (default: test)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws of labels and of the random weights")
    parser.add_argument("--json", action="store_true", help="one JSON line a row on stdout")


def run(args):
    """Print the table."""
    from kerasvision.data.sources._detect import detect
    from kerasvision.experiments.probe import probed
    from kerasvision.train.run import load_run

    source = detect(args.data) if args.data else load_run(args.run_folder).recipe.data
    rows = probed(args.run_folder, source, args.labels, args.split, args.seed)
    if args.json:
        for row in rows:
            print(json.dumps(dataclasses.asdict(row)), flush=True)
    else:
        _print_table(rows)
    return 0


def _print_table(rows):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells
    from kerasvision.core.intervals import spelled

    probes = list(dict.fromkeys(row.probe for row in rows))
    table = Table()
    for column in ("labels", "features", *probes):
        table.add_column(column)
    cases = dict.fromkeys((row.labels, row.features) for row in rows)
    for labels, features in cases:
        held = {r.probe: r for r in rows if (r.labels, r.features) == (labels, features)}
        shown = (spelled(held[p].accuracy, (held[p].low, held[p].high)) for p in probes)
        table.add_row(*cells(str(labels), features, *shown))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 130).print(table)
