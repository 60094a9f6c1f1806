"""`kerasvision benchmark ARTIFACT...`: milliseconds of files on this processor, by turns."""

import dataclasses
import json
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError

HELP = "time .tflite and .onnx files on this processor: interleaved repetitions, by the clock and in processor time"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("artifacts", nargs="+", metavar="ARTIFACT", help=".tflite and .onnx files")
    parser.add_argument("--threads", nargs="+", type=int, default=[1], metavar="N", help="of the runtime (default: 1)")
    parser.add_argument("--repetitions", type=int, default=50, metavar="N", help="of each file (default: 50)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--save", metavar="FILE.json", help="keep the figures, for --compare")
    parser.add_argument("--compare", metavar="FILE.json", help="beside figures that --save kept, of the same processor")


def run(args):
    """Time every artifact with every number of threads."""
    from kerasvision.core.files import write_text
    from kerasvision.edge.bench import processor

    before = _kept(args.compare) if args.compare else None
    about = processor()
    if before is not None and before["processor"] != about:
        raise UsageError(
            f"{args.compare} is of another processor ({_named(before['processor'])}) than this one ({_named(about)}); "
            "their milliseconds cannot be compared"
        )
    _check(args)
    counts = any(path.endswith(".tflite") for path in args.artifacts)  # nothing else has a place below a roof
    roofs = {threads: _roof(threads) for threads in dict.fromkeys(args.threads)} if counts else {}
    rows = [row | (_placed(row, roofs[row["threads"]]) if roofs else {}) for row in _rows(args)]
    report = {"processor": about, "roofline": list(roofs.values()), "repetitions": args.repetitions, "rows": rows}
    if args.save:
        write_text(pathlib.Path(args.save), json.dumps(report, indent=2) + "\n")
    if args.json:
        print(json.dumps(report | ({"before": before["rows"]} if before else {})))
    else:
        _print(report, before)
    return 0


def _check(args):
    if args.repetitions < 2 or min(args.threads) < 1:
        raise UsageError("--repetitions takes 2 and above, --threads 1 and above")
    for path in map(pathlib.Path, args.artifacts):
        if path.suffix not in (".tflite", ".onnx") or not path.is_file():
            raise UsageError(f"{path}: name .tflite and .onnx files that there are")


def _roof(threads):
    from kerasvision.export.roof import measured

    return measured(threads)


def _placed(row, roof):
    from kerasvision.export.roofline import placed  # after the clock: it imports TensorFlow, whose threads would run

    return placed(row["path"], row["median_ms"], roof)


def _rows(args):
    from kerasvision.edge import EdgeError
    from kerasvision.edge.bench import drawn_feed, timed
    from kerasvision.edge.errors import EdgeUsageError
    from kerasvision.edge.runtimes import open_runtime

    subjects = []
    try:
        for path in args.artifacts:
            for threads in args.threads:
                runtime = open_runtime(path, threads)
                subjects.append((path, threads, runtime, drawn_feed(runtime.inputs)))
    except EdgeError as error:
        raise (UsageError if isinstance(error, EdgeUsageError) else KerasVisionError)(str(error)) from None
    rows = [dataclasses.asdict(row) for row in timed(subjects, args.repetitions)]
    return [row | {"bytes": pathlib.Path(row["path"]).stat().st_size} for row in rows]


def _kept(path):
    try:
        held = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        return {"processor": dict(held["processor"]), "rows": [dict(row) for row in held["rows"]]}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise KerasVisionError(f"{path} is none of the files that --save writes") from None


def _named(about):
    return f"{about['name']}, {about['cores']} cores, {' '.join(about['flags']) or 'no flags'}"


def _print(report, before):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells
    from kerasvision.export.roof import in_words

    table = Table(title=_named(report["processor"]), title_justify="left")
    names = [
        "file",
        "threads",
        "median ms",
        "95 % interval",
        "p95 ms",
        "least ms",
        "processor ms",
        "bytes",
        "GMAC/s",
        "of roof",
    ]
    names.append("runs on")
    for name in [*names, "before ms"] if before else names:
        table.add_column(name, justify="left" if name in ("file", "runs on") else "right")
    known = {(row["path"], row["threads"]): row["median_ms"] for row in before["rows"]} if before else {}
    for row in report["rows"]:
        low, high = row["interval_ms"]
        figures = [row["median_ms"], f"{low:.3f} {high:.3f}", row["p95_ms"], row["minimum_ms"], row["processor_ms"]]
        shown = [figure if isinstance(figure, str) else f"{figure:.3f}" for figure in figures]
        earlier = known.get((row["path"], row["threads"]))
        more = ["" if earlier is None else f"{earlier:.3f}"] if before else []
        place = [f"{row['macs_per_s'] / 1e9:.3g}", f"{row['of_roof']:.2f}"] if "of_roof" in row else ["", ""]
        held = [row["path"], str(row["threads"]), *shown, f"{row['bytes']:,}", *place, row["delegate"], *more]
        table.add_row(*cells(*held))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for roof in report["roofline"]:
        console.print(in_words(roof), highlight=False)
