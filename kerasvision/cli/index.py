"""`kerasvision index build|query`: find pictures again by what an embedder says of them."""

import json
import sys

HELP = "find the pictures that are most like another one: build an index of a folder, and query it"


def configure(parser):
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="build|query", required=True)
    text = "embed pictures, and keep their vectors in a folder"
    building = actions.add_parser("build", help=text, description=text)
    building.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs, URLs")
    building.add_argument("--model", required=True, help="RUN, SAVED_MODEL, FILE.tflite or FILE.onnx of an embedder")
    building.add_argument("--out", required=True, metavar="INDEX", help="a new folder")
    text = "the pictures of an index that are nearest to others"
    querying = actions.add_parser("query", help=text, description=text)
    querying.add_argument("index", metavar="INDEX")
    querying.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs, URLs")
    querying.add_argument("--model", help="the embedder, or another file of it (default: where the index was built)")
    querying.add_argument("--top", type=int, default=5, metavar="K", help="how many (default: 5)")
    querying.add_argument("--json", action="store_true", help="one JSON line an image on stdout")


def run(args):
    """Do what the action says; 1 if a picture failed, after all were tried."""
    return {"build": _build, "query": _query}[args.action](args)


def _build(args):
    from kerasvision.api import load
    from kerasvision.systems import index

    index.require_new(args.out)  # before the work
    model, failed = load(args.model), []
    made = index.built(model, args.model, _pictures(args.images, model, failed))
    index.save(made, args.out)
    print(f"{args.out}: {len(made.items)} pictures, {made.vectors.shape[1]} numbers each", file=sys.stderr)
    return 1 if failed else 0


def _query(args):
    from kerasvision.api import load
    from kerasvision.systems import index

    held = index.load(args.index)
    name = args.model or held.embedder
    model, failed, rows = load(name), [], []
    held.require(model, name)
    for path, pixels in _pictures(args.images, model, failed):
        numbers, cosines = held.query(index.embedded(model, pixels[None], name), args.top)
        found = [(held.items[n]["path"], float(f"{c:.6f}")) for n, c in zip(numbers[0], cosines[0], strict=True)]
        if args.json:
            print(json.dumps({"input": path, "nearest": [{"path": p, "cosine": c} for p, c in found]}), flush=True)
        rows += [(path if not place else "", p, f"{c:.3f}") for place, (p, c) in enumerate(found)]
    if rows and not args.json:
        _print_table(rows)
    return 1 if failed else 0


def _pictures(words, model, failed):
    """Yields (path, uint8 [H, W, 3]) of what can be read; the rest is said, and its names are added to `failed`."""
    from kerasvision.cli.examples import examples_of
    from kerasvision.core.errors import KerasVisionError
    from kerasvision.core.escaping import lines_of
    from kerasvision.data.kinds.example import read_example
    from kerasvision.data.kinds.fetching import fetched

    for name, given in dict(examples_of(words, model.arch)).items():
        try:
            inputs, _ = read_example(model.arch, fetched(given))
        except KerasVisionError as error:
            failed.append(name)
            print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
            continue
        yield name, inputs["image"]


def _print_table(rows):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells

    table = Table()
    for column in ("image", "nearest", "cosine"):
        table.add_column(column)
    for row in rows:
        table.add_row(*cells(*row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
