"""`kerasvision compare RUN RUN... [--metrics M...] [--out FOLDER]`."""

import dataclasses
import json
import sys

HELP = "runs side by side: mean and deviation over seeds, the change against the first"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders; the first one's recipe is the baseline")
    parser.add_argument("--metrics", nargs="+", action="extend", default=[], metavar="METRIC")
    parser.add_argument("--out", metavar="FOLDER", help="write report.md and report.png there")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print the table, or JSON; write the report where it is wanted."""
    from kerasvision.core.direction import to_json
    from kerasvision.experiments.compare import compared, conclusion, note, read_run, write_report

    rows = compared([read_run(folder) for folder in args.runs], args.metrics)
    if args.out:
        command = " ".join(["kerasvision compare", *args.runs, *(["--metrics", *args.metrics] if args.metrics else [])])
        print(f"written: {write_report('Comparison', rows, args.out, command)}", file=sys.stderr)
    if args.json:
        listed = [
            dataclasses.asdict(r)
            | {"mean": r.mean, "deviation": _finite(r.deviation), "direction": to_json(r.direction), "beyond": r.beyond}
            for r in rows
        ]
        print(json.dumps({"rows": listed, "conclusion": conclusion(rows), "note": note(rows)}, indent=2))
    else:
        print_rows(rows)
    return 0


def print_rows(rows):
    """A table a metric, then the conclusion."""
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell, line_of
    from kerasvision.experiments.compare import HEADER, cells, conclusion, heading, note

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100)
    for metric in dict.fromkeys(r.metric for r in rows):
        table = Table(title=cell(heading(next(r for r in rows if r.metric == metric))))
        for number, name in enumerate(HEADER):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            if row.metric == metric:
                table.add_row(*map(cell, cells(row)))
        console.print(table)
    console.print(line_of(conclusion(rows)), highlight=False, markup=False)
    if note(rows):
        console.print(line_of(note(rows)), highlight=False, markup=False)


def _finite(value):
    return None if value != value else value
