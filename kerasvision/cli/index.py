"""`kerasvision index ACTION`: find pictures again by what an embedder says of them."""

import json
import pathlib
import sys

from kerasvision.cli.pictures import add_filters

HELP = "find the pictures that are most like another one: build an index of a folder, change it, and query it"
AT_ONCE = 64  # pictures between two writes


def configure(parser):
    """Add the verb's arguments."""
    from kerasvision.cli import clusters, recommend

    actions = parser.add_subparsers(
        dest="action", metavar="build|add|remove|sync|query|recommend|judge|pack|clusters|assign", required=True
    )
    images, model = ("files, folders, globs, URLs"), "the embedder, or another file of it (default: that of the index)"
    building = _action(actions, "build", "embed pictures, and keep their vectors in a folder")
    building.add_argument("images", nargs="+", metavar="IMAGE", help=images)
    building.add_argument("--model", required=True, help="RUN, SAVED_MODEL, FILE.tflite or FILE.onnx of an embedder")
    building.add_argument("--out", required=True, metavar="INDEX", help="a new folder")
    text = "the share of the 10 nearest that must be found, measured; 1 looks at each (default: 0.95; from 50,000 on)"
    building.add_argument("--recall", type=float, default=0.95, help=text)
    building.add_argument("--max-memory", type=float, default=0, metavar="MB", help="of the vectors when searched")
    for name, text in (("add", "add pictures to an index"), ("sync", "take over what has changed in a folder")):
        changing = _action(actions, name, text)
        changing.add_argument("index", metavar="INDEX")
        if name == "add":
            changing.add_argument("images", nargs="+", metavar="IMAGE", help=images)
        else:
            changing.add_argument("folder", metavar="FOLDER", help="named as when its pictures were added")
        changing.add_argument("--model", help=model)
    removing = _action(actions, "remove", "take pictures out of an index")
    removing.add_argument("index", metavar="INDEX")
    removing.add_argument("paths", nargs="+", metavar="PATH", help="as `query` shows them")
    text = "the pictures of an index that are nearest to others, or to words"
    _configure_query(_action(actions, "query", text), images, model)
    packing = _action(actions, "pack", "write an index as one small file, for devices (kerasvision-edge search)")
    packing.add_argument("index", metavar="INDEX")
    packing.add_argument("--out", required=True, metavar="FILE.npz", help="8 bits a number, paths and labels")
    recommend.configure(actions, _action)
    clusters.configure(actions, _action)


def _action(actions, name, text):
    return actions.add_parser(name, help=text, description=text)


def _configure_query(querying, images, model):
    querying.add_argument("index", metavar="INDEX")
    querying.add_argument("images", nargs="*", metavar="IMAGE", help=images)
    text = "words to look for, of an index by a model of pictures and words; may be given several times"
    querying.add_argument("--text", action="append", default=[], metavar="WORDS", help=text)
    querying.add_argument("--model", help=model)
    querying.add_argument("--top", type=int, default=5, metavar="K", help="how many (default: 5)")
    querying.add_argument("--json", action="store_true", help="one JSON line an image or text on stdout")
    querying.add_argument("--draw", metavar="FILE.png", help="the pictures with their neighbors, a row each")
    add_filters(querying)


def run(args):
    """Do what the action says; 1 if a picture failed, after all were tried."""
    from kerasvision.cli import clusters, recommend

    own = {"build": _build, "add": _add, "remove": _remove, "sync": _sync, "query": _query, "pack": _pack}
    own |= {"recommend": recommend.recommend, "judge": recommend.judge}
    return (own | {"clusters": clusters.find, "assign": clusters.assign})[args.action](args)


def _build(args):
    from kerasvision.api import load
    from kerasvision.cli.pictures import item_of, pictures_of
    from kerasvision.systems import index, index_folder, near

    index_folder.require_new(args.out)  # before the work
    wanted = near.Wanted(args.recall, int(args.max_memory * 1e6))
    model, failed = load(args.model), []
    pictures = ((item_of(path), pixels) for path, pixels in pictures_of(args.images, model, failed))
    made = index.built(model, args.model, pictures)
    index_folder.save(made, args.out, wanted)
    print(f"{args.out}: {made.size} pictures, {made.vectors.shape[1]} numbers each", file=sys.stderr)
    return 1 if failed else 0


def _embedder(index, name):
    """(the model of an index, or another file of it, and its name), once it is known to be that."""
    from kerasvision.api import load

    name = name or index.embedder
    model = load(name)
    index.require(model, name)
    return model, name


def _add(args):
    from kerasvision.systems import index_folder

    failed = []
    with index_folder.writing(args.index) as writer:
        _embedder_and_add(writer, args.images, args.model, failed)
        size = writer.index.size
    print(f"{args.index}: {size} pictures", file=sys.stderr)
    return 1 if failed else 0


def _embedder_and_add(writer, words, name, failed, changed=()):
    """Embed pictures and add them, those that are in the index already being said and left out; gives their paths.

    changed: of those in the index that are taken again, each removed when its new vector is there, and at the end if it
    has none.
    """
    from kerasvision.cli.pictures import item_of, pictures_of
    from kerasvision.systems.index import embedded

    model, name = _embedder(writer.index, name)
    left, added = set(changed), set()
    present = {item["path"] for item in writer.index.items if item is not None} - left
    rows = []

    def add():
        again = [item["path"] for item, _ in rows if item["path"] in left]
        writer.remove(again)
        writer.add(rows)
        left.difference_update(again)
        added.update(item["path"] for item, _ in rows)
        rows.clear()

    for path, pixels in pictures_of(words, model, failed):
        if path in present:
            failed.append(path)
            print(f"kerasvision: {path} is in the index already; sync takes over what has changed", file=sys.stderr)
            continue
        present.add(path)
        rows.append((item_of(path), embedded(model, pixels[None], name)[0]))
        if len(rows) == AT_ONCE:
            add()
    add()
    writer.remove(sorted(left))
    return added


def _remove(args):
    from kerasvision.systems import index_folder

    with index_folder.writing(args.index) as writer:
        writer.remove(args.paths)
        size = writer.index.size
    print(f"{args.index}: {size} pictures", file=sys.stderr)
    return 0


def _sync(args):
    """New files are added, changed ones taken again, and those that are gone removed."""
    from kerasvision.cli.pictures import item_of
    from kerasvision.core.errors import UsageError
    from kerasvision.data.readable import SUFFIXES
    from kerasvision.systems import index_folder

    folder, failed = pathlib.Path(args.folder), []
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the one whose pictures are in the index")
    there = {str(p) for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES}
    with index_folder.writing(args.index) as writer:
        own = {i["path"]: i for i in writer.index.items if i is not None and folder in pathlib.Path(i["path"]).parents}
        gone = sorted(own.keys() - there)
        changed = sorted(p for p in own.keys() & there if own[p].get("sha256") != item_of(p)["sha256"])
        fresh = sorted(there - own.keys())
        added = set()
        if [*changed, *fresh]:
            added = _embedder_and_add(writer, [*fresh, *changed], args.model, failed, changed)
        if gone:
            writer.remove(gone)
    again, away = len(added & {*changed}), len(gone) + len({*changed} - added)
    print(f"{args.index}: {len(added) - again} added, {again} taken again, {away} removed", file=sys.stderr)
    return 1 if failed else 0


def _pack(args):
    from kerasvision.systems import index_folder, packed

    held = index_folder.load(args.index)
    size = packed.write(held, args.out)
    print(f"{args.out}: {held.size} pictures, {size / 1e6:.2f} MB", file=sys.stderr)
    return 0


def _query(args):
    from kerasvision.cli.apart import check_apart
    from kerasvision.cli.pictures import filter_of, print_table
    from kerasvision.core.errors import UsageError
    from kerasvision.systems import index_folder

    if args.draw and not args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: a picture is written as .png")
    if not args.images and not args.text:
        raise UsageError('query needs an IMAGE, or --text "red apple" of a model that knows words')
    check_apart(args.images, {"--draw": args.draw})
    held = index_folder.load(args.index)
    model, name = _embedder(held, args.model)
    within, failed, rows, seen = filter_of(args), [], [], []
    for path, pixels, vectors in _asked(args, model, name, failed):
        places, cosines = held.query(vectors, args.top, within)
        found = [(held.items[n], float(f"{c:.6f}")) for n, c in zip(places[0], cosines[0], strict=True)]
        if args.json:
            nearest = [item | {"cosine": c} for item, c in found]
            print(json.dumps({"input": path, "nearest": nearest}), flush=True)
        rows += [(path if not place else "", item["path"], f"{c:.3f}") for place, (item, c) in enumerate(found)]
        seen.append((path, pixels, found))
    if rows and not args.json:
        print_table(("text" if not args.images else "image", "nearest", "cosine"), rows)
    if args.draw and seen:
        _draw(seen, args.draw)
    return 1 if failed else 0


def _asked(args, model, name, failed):
    """Yields (name, pixels or None of words, vectors [1, D]) of what is asked for, words first."""
    from kerasvision.cli.pictures import pictures_of
    from kerasvision.systems.index import embedded, embedded_texts

    for text in args.text:
        yield text, None, embedded_texts(model, [text], name)
    for path, pixels in pictures_of(args.images, model, failed) if args.images else ():
        yield path, pixels, embedded(model, pixels[None], name)


def _draw(seen, out):
    """A row for each query: itself, or its words on gray, and its neighbors with their cosines."""
    import numpy as np

    from kerasvision.cli.pictures import SIDE, tile_of
    from kerasvision.core.escaping import line_of
    from kerasvision.drawing.pictures import marked, save, sheet

    tiles = []
    for path, pixels, found in seen:
        words = pixels is None
        shown = np.full((SIDE, SIDE, 3), 128, np.uint8) if words else pixels
        tiles.append((marked(shown, (), SIDE), line_of(path if words else pathlib.Path(path).name), "asked for"))
        tiles += [tile_of(i["path"], f"{c:.3f}", line_of(pathlib.Path(i["path"]).name)) for i, c in found]
    save(sheet(tiles, 1 + len(seen[0][2])), pathlib.Path(out))
