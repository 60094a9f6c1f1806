"""`kerasvision index recommend|judge`: more like what a person likes, and what such recommendations are worth."""

import json
import pathlib
import sys

from kerasvision.cli.pictures import add_filters

SHOWN = 4  # decimals of a figure


def configure(actions, add):
    """Add both actions. add: (actions, name, help) -> parser."""
    asking = add(actions, "recommend", "more like what a person likes, and not all alike")
    asking.add_argument("index", metavar="INDEX")
    asking.add_argument(
        "liked", nargs="+", metavar="IMAGE", help="what is liked: paths of the index, or other pictures"
    )
    asking.add_argument("--dislike", action="append", default=[], metavar="IMAGE", help="may be given several times")
    asking.add_argument("--model", help="the embedder of pictures that the index does not have (default: its own)")
    asking.add_argument("--top", type=int, default=10, metavar="K", help="how many (default: 10)")
    _add_diversity(asking)
    asking.add_argument("--json", action="store_true", help="one JSON line on stdout")
    asking.add_argument("--draw", metavar="FILE.png", help="what was named, and below it what is recommended")
    add_filters(asking)
    judging = add(actions, "judge", "judge recommendations by what people did, beside popularity and chance")
    judging.add_argument("index", metavar="INDEX")
    judging.add_argument("touches", metavar="FILE.csv", help="user,item,time: items are paths of the index")
    judging.add_argument("--at", default="", metavar="TIME", help="what is earlier is known (default: 4 rows of 5)")
    judging.add_argument("--top", type=int, default=10, metavar="K", help="how many each user is shown (default: 10)")
    _add_diversity(judging)
    judging.add_argument("--json", action="store_true", help="one JSON line on stdout")


def _add_diversity(parser):
    text = "0, the nearest alone, to 1, variety alone (default: 0.3)"
    parser.add_argument("--diversity", type=float, default=0.3, metavar="SHARE", help=text)


def recommend(args):
    """Recommend; 1 if a picture that was named failed."""
    from kerasvision.cli.apart import check_apart
    from kerasvision.cli.pictures import filter_of, print_table
    from kerasvision.core.errors import UsageError
    from kerasvision.systems import index_folder
    from kerasvision.systems.recommend import recommended, require_diversity, taste

    if args.draw and not args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: a picture is written as .png")
    require_diversity(args.diversity)
    check_apart([*args.liked, *args.dislike], {"--draw": args.draw})
    held, failed = index_folder.load(args.index), []
    liked, disliked = (_named(held, words, args.model, failed) for words in (args.liked, args.dislike))
    wanted = taste([vector for _, vector in liked], [vector for _, vector in disliked])
    places = _places(held)
    known = {held.items[places[_same(path)]]["number"] for path, _ in (*liked, *disliked) if _same(path) in places}
    found = recommended(held, wanted, args.top, args.diversity, known, filter_of(args))
    rows = [(held.items[n], float(f"{c:.6f}")) for n, c in zip(found.places, found.cosines, strict=True)]
    if args.json:
        named = {"liked": [path for path, _ in liked], "disliked": [path for path, _ in disliked]}
        print(json.dumps(named | {"recommended": [item | {"cosine": c} for item, c in rows]}))
    else:
        print_table(("recommended", "cosine"), [(item["path"], f"{c:.3f}") for item, c in rows])
    if args.draw:
        _draw(args.draw, liked, disliked, rows)
    return 1 if failed else 0


def _named(held, words, name, failed):
    """(path, vector) of pictures: of those that the index has its own vectors, without a model."""
    import numpy as np

    from kerasvision.api import load
    from kerasvision.cli.pictures import pictures_of
    from kerasvision.systems.index import embedded

    places = _places(held)
    found = [(word, np.asarray(held.vectors[places[_same(word)]])) for word in words if _same(word) in places]
    others = [word for word in words if _same(word) not in places]
    if others:
        name = name or held.embedder
        model = load(name)
        held.require(model, name)
        found += [(path, embedded(model, pixels[None], name)[0]) for path, pixels in pictures_of(others, model, failed)]
    return found


def _places(held):
    """Where the items of an index are, by what `_same` says of their paths."""
    return {_same(item["path"]): place for place, item in enumerate(held.items) if item is not None}


def _same(path):
    """One text for one file, however its path is written."""
    return path if "://" in path else str(pathlib.Path(path).resolve())


def _draw(out, liked, disliked, rows):
    from kerasvision.cli.pictures import SIDE, tile_of
    from kerasvision.core.escaping import line_of
    from kerasvision.drawing.pictures import save, sheet_of_rows

    def tile(path, title):
        return tile_of(path, title, line_of(pathlib.Path(path).name))

    named = [tile(path, "liked") for path, _ in liked] + [tile(path, "disliked") for path, _ in disliked]
    found = [tile(item["path"], f"{cosine:.3f}") for item, cosine in rows]
    save(sheet_of_rows([named, found], max(len(named), len(found)), SIDE), pathlib.Path(out))


def judge(args):
    """Judge recommendations by a CSV of what people did."""
    from kerasvision.cli.pictures import print_table
    from kerasvision.core.errors import UsageError
    from kerasvision.systems import index_folder, recommending

    time = recommending.seconds(args.at) if args.at else None
    if args.at and time is None:
        raise UsageError(f"--at {args.at}: allowed: a number, or 2026-01-31T12:00:00")
    held = index_folder.load(args.index)
    touches = recommending.read(args.touches, held)
    parts = recommending.split(touches, time)
    figures = recommending.judged(held, parts, args.top, args.diversity)
    if touches.missing:
        print(
            f"kerasvision: {touches.missing} rows name items that the index does not have, such as {touches.example}; "
            "they are left out",
            file=sys.stderr,
        )
    row = {
        "users": len(parts.later),
        "strangers": parts.strangers,
        "content": parts.content,
        "time": parts.time,
    } | figures
    if args.json:
        print(json.dumps(row))
        return 0
    names = list(figures["taste"])
    print_table(("", *names), [(who, *(f"{of[n]:.{SHOWN}f}" for n in names)) for who, of in figures.items()])
    print(
        f"{args.touches}: {len(parts.later)} users judged by what was new to them from time {parts.time:.0f} on; "
        f"{parts.strangers} have nothing before it, {parts.content} nothing new after it",
        file=sys.stderr,
    )
    return 0
