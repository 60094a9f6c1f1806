"""`kerasvision inspect FILE`: what is in a .tflite, and where it hurts."""

import dataclasses
import json
import pathlib
import sys

from kerasvision.core.errors import UsageError

HELP = "say what is in a .tflite: operators, costs, memory, grids, warnings; compare it layer by layer"
SHOWN = 20  # layers in the table


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="a .tflite")
    parser.add_argument(
        "--against", metavar="OTHER", help="a second .tflite: which operators differ, and by how much layers"
    )
    parser.add_argument(
        "--layers",
        action="store_true",
        help="integer layers against those of the float file (--against OTHER, or model.tflite beside FILE), on the "
        "examples of golden.json: alone and accumulated",
    )
    parser.add_argument(
        "--worst",
        type=int,
        metavar="K",
        help="with --layers: what the metric loses with each of the K worst layers alone in integers, and all but it",
    )
    parser.add_argument("--split", default="validation", help="of --worst (default: validation)")
    parser.add_argument("--limit", type=int, help="of --worst: at most so many examples")
    parser.add_argument("--draw", metavar="FILE.png", help="with --layers: draw the worst layers")
    parser.add_argument("--json", action="store_true", help="all of it as one JSON object")


def run(args):
    """Print what is in the file."""
    from kerasvision.export.inspection import differences, inspect

    if not args.layers and (args.worst is not None or args.draw):
        raise UsageError("--worst K and --draw FILE.png go with --layers")
    report = inspect(args.file)
    if args.against:
        report["against"] = [dataclasses.asdict(row) for row in differences(report, inspect(args.against))]
    if args.layers:
        report |= _where_it_hurts(args)
    if args.json:
        print(json.dumps(report))
        return 0
    _print(report)
    return 0


def _where_it_hurts(args):
    """{"layers"}, with --worst {"blame"} too."""
    from kerasvision.api import load
    from kerasvision.export.blame import blame, draw
    from kerasvision.export.layers import layers

    path = pathlib.Path(args.file)
    other = pathlib.Path(args.against or path.parent / "model.tflite")
    if not other.is_file():
        raise UsageError(f"--layers compares with a float file, and there is no {other}; name it: --against OTHER")
    if args.draw and (pathlib.Path(args.draw).suffix.lower() != ".png" or not pathlib.Path(args.draw).parent.is_dir()):
        raise UsageError(f"--draw {args.draw}: name a .png in a folder that exists")
    rows, found = layers(path, other), None
    if args.worst is not None:
        found = blame(load(other), (path, other), rows, args.worst, args.split, args.limit)
    if args.draw:
        draw(rows, found, pathlib.Path(args.draw))
        print(f"drawn: {args.draw}", file=sys.stderr)
    held = {"layers": [dataclasses.asdict(row) for row in rows]}
    if found:
        held["blame"] = found | {"layers": [dataclasses.asdict(row) for row in found["layers"]]}
    return held


def _print(report):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)

    def table(title, names, rows):
        made = Table(title=title, title_justify="left")
        for name in names:
            made.add_column(name, justify="left" if name in ("operator", "layer", "warning") else "right")
        for row in rows:
            made.add_row(*cells(*row))
        console.print(made)

    for line in _lines(report):
        print(line)
    rows = [(name, str(row["count"]), f"{row['macs']:,}") for name, row in report["operators"].items()]
    table("operators", ("operator", "count", "MACs"), rows)
    if "against" in report:
        rows = [(row["operator"], str(row["mine"]), str(row["other"])) for row in report["against"]]
        table("operators that differ", ("operator", "here", "there"), rows)
    if "layers" in report:
        names = ("layer", "operator", "alone dB", "accumulated dB", "bias", "saturated", "zeros")
        table(f"the worst {SHOWN} layers", names, [_layer(row) for row in report["layers"][:SHOWN]])
    if "blame" in report:
        held = report["blame"]
        about = f"{held['metric']} {held['value']:.4f} on {held['examples']} examples of {held['split']}"
        names = ("layer", "it alone in integers", "score error", "all but it", "score error")
        table(f"{about}; all in integers {held['all_change']:+.4f}", names, [_blamed(row) for row in held["layers"]])
    if report["warnings"]:
        table("warnings", ("warning",), [(line,) for line in report["warnings"]])


def _lines(report):
    from kerasvision.core.escaping import line_of

    held, weights = report["file"], report["weights"]
    yield line_of(
        f"{held['path']}: {held['bytes']:,} bytes, {held['gzip_bytes']:,} by gzip, sha256 {held['sha256'][:12]}"
    )
    for part in ("inputs", "outputs"):
        for key, row in report[part].items():
            grid = (
                f" on the grid {row['quantization'][0]:.6g}, {row['quantization'][1]}" if "quantization" in row else ""
            )
            yield line_of(f"{part[:-1]} {key}: {row['dtype']} {row['shape']}{grid}")
    by_dtype = ", ".join(f"{count:,} {dtype}" for dtype, count in weights["by_dtype"].items())
    yield f"constants: {weights['count']:,} numbers ({by_dtype}), {weights['bytes']:,} bytes"
    yield f"MACs: {report['macs']:,}; arena: {report['arena_bytes']:,} bytes"
    for key, what in (("beyond_xnnpack", "litert"), ("beyond_gpu", "list")):
        names = report[key]["operators"]
        listed = names if isinstance(names, list) else [f"{name} {count}" for name, count in names.items()]
        where = "not run by XNNPACK, seen with" if key == "beyond_xnnpack" else "would leave a GPU, a forecast by"
        yield f"{where} {report[key][what]}: {', '.join(listed) or 'nothing'}"
    files = ", ".join([*report["metadata"]["names"], *report["metadata"]["files"]])
    yield line_of(f"metadata: {files or 'none'}")
    if report["contract"]:
        about = report["contract"]
        yield line_of(f"contract: {about['kind']}, {about['classes']} classes, preprocess {about['preprocess']}")


def _layer(row):
    alone = "" if row["alone_db"] is None else f"{row['alone_db']:.1f}"
    shares = [f"{row[key]:.2%}" for key in ("bias", "saturated", "zeros")]
    return row["keras"] or row["name"], row["operator"], alone, f"{row['accumulated_db']:.1f}", *shares


def _blamed(row):
    only, without = ((f"{row[f'{key}_change']:+.4f}", f"{row[f'{key}_error']:.2g}") for key in ("only", "without"))
    return row["layer"], *only, *without
