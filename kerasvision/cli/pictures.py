"""What the actions of `kerasvision index` share: pictures by name, what is kept of them, filters, tables and tiles."""

import pathlib
import sys

SIDE = 240  # of a drawn picture, in pixels


def add_filters(parser):
    """Add the flags that narrow a search."""
    parser.add_argument("--label", default="", help="only those of a label, the folder that a picture lay in")
    parser.add_argument("--path", default="", metavar="GLOB", help="only those of such a path")
    parser.add_argument("--after", default="", metavar="DATE", help="only files changed then or later: 2026-01-31")
    parser.add_argument("--before", default="", metavar="DATE", help="only files changed before")


def filter_of(args):
    """The `Filter` of the flags of `add_filters`."""
    from kerasvision.systems.index import Filter

    return Filter(args.label, args.path, args.after, args.before)


def tile_of(path, title, caption):
    """A tile of `drawing.pictures.sheet`; what is gone from the disk is gray."""
    import numpy as np

    from kerasvision.core.errors import KerasVisionError
    from kerasvision.data.kinds.fetching import fetched
    from kerasvision.data.kinds.image import read_image
    from kerasvision.drawing.pictures import marked

    try:
        picture = read_image(fetched(path))
    except (KerasVisionError, OSError):
        picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    return marked(picture, (), SIDE), title, caption


def item_of(path):
    """What an index keeps of a picture: its path, and of a file the sum of its bytes, its folder and its time."""
    import datetime
    import hashlib

    place = pathlib.Path(path)
    if not place.is_file():
        return {"path": path}
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    time = datetime.datetime.fromtimestamp(place.stat().st_mtime, datetime.UTC)
    label = place.resolve().parent.name
    return {"path": path, "sha256": digest, "label": label, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ")}


def pictures_of(words, model, failed):
    """Yields (path, uint8 [H, W, 3]) of what can be read; the rest is said, and its names are added to `failed`."""
    from kerasvision.cli.examples import examples_of
    from kerasvision.core.errors import KerasVisionError
    from kerasvision.core.escaping import lines_of
    from kerasvision.data.kinds.example import read_example
    from kerasvision.data.kinds.fetching import fetched

    arch = model.arch.alone("image")  # of pictures and words the former
    for name, given in dict(examples_of(words, arch)).items():
        try:
            inputs, _ = read_example(arch, fetched(given))
        except KerasVisionError as error:
            failed.append(name)
            print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
            continue
        yield name, inputs["image"]


def print_table(columns, rows):
    """A table of texts on stdout, as wide as its screen."""
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells

    table = Table()
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*cells(*row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
