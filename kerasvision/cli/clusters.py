"""`kerasvision index clusters|assign`: groups among the pictures of an index, and the group of a new picture."""

import json
import os
import pathlib
import sys

SHOWN = 6  # pictures of a cluster in the sheet, the nearest to its center first


def configure(actions, add):
    """Add both actions. add: (actions, name, help) -> parser."""
    grouping = add(actions, "clusters", "find groups among the pictures of an index")
    grouping.add_argument("index", metavar="INDEX")
    grouping.add_argument("--method", default="kmeans", help="kmeans (default), agglomerative or hdbscan")
    grouping.add_argument("--number", type=int, default=0, metavar="K", help="default: the largest that is stable")
    grouping.add_argument("--out", metavar="FILE.json", help="keep the clusters, for `index assign`")
    grouping.add_argument("--labels", metavar="FILE.csv", help="a manifest to correct and train on")
    grouping.add_argument("--draw", metavar="FILE.png", help="a row of pictures a cluster")
    grouping.add_argument("--json", action="store_true", help="one JSON line a cluster on stdout")
    assigning = add(actions, "assign", "say of which cluster pictures are")
    assigning.add_argument("clusters", metavar="CLUSTERS.json", help="as `index clusters --out` wrote it")
    assigning.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs, URLs")
    assigning.add_argument("--model", help="the embedder, or another file of it (default: that of the index)")
    assigning.add_argument("--json", action="store_true", help="one JSON line an image on stdout")


def find(args):
    """Cluster an index."""
    import dataclasses

    import numpy as np

    from kerasvision.core.errors import UsageError
    from kerasvision.systems import clusters, index_folder

    for flag, name, suffix in (
        ("--out", args.out, ".json"),
        ("--labels", args.labels, ".csv"),
        ("--draw", args.draw, ".png"),
    ):
        if name and not name.lower().endswith(suffix):
            raise UsageError(f"{flag} {name}: this is written as {suffix}")
    held = index_folder.load(args.index)
    places = [n for n, item in enumerate(held.items) if item is not None]
    items, vectors = [held.items[n] for n in places], np.asarray(held.vectors)[places]
    groups, labels = clusters.found(vectors, args.method, args.number)
    groups = dataclasses.replace(clusters.named(groups, labels, items), embedder=held.embedder, drawn=held.drawn)
    order = [_by_nearness(groups, vectors, labels, k) for k in range(len(groups.names))]
    _say(groups, order, items, args.json)
    print(
        f"{args.index}: {len(order)} clusters; {int((labels < 0).sum())} of {len(items)} are of none", file=sys.stderr
    )
    if args.out:
        clusters.save(groups, args.out)
    if args.labels:
        _write_labels(args.labels, groups, labels, items)
    if args.draw:
        _draw(args.draw, groups, order, items)
    return 0


def _by_nearness(groups, vectors, labels, k):
    """Places of a cluster's items, the nearest to its center first."""
    import numpy as np

    own = np.flatnonzero(labels == k)
    return own[np.argsort(-(vectors[own] @ groups.centers[k]), kind="stable")]


def _say(groups, order, items, as_json):
    import collections

    from kerasvision.cli.pictures import print_table

    rows = []
    for name, own in zip(groups.names, order, strict=True):
        ((label, most),) = collections.Counter(items[n].get("label", "") for n in own).most_common(1)
        row = {"cluster": name, "pictures": len(own), "nearest": [items[n]["path"] for n in own[:SHOWN]]}
        if as_json:
            print(json.dumps(row))
        rows.append((name, str(len(own)), f"{label}: {most / len(own):.0%}" if label else "", items[own[0]]["path"]))
    if not as_json:
        print_table(("cluster", "pictures", "most frequent label", "nearest its center"), rows)


def _write_labels(path, groups, labels, items):
    """A manifest of what is in a cluster; files are named as seen from its own folder."""
    import csv

    from kerasvision.core.escaping import csv_text
    from kerasvision.core.files import beside

    folder, left = pathlib.Path(path).resolve().parent, 0
    with beside(path) as held, held.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label"])
        for item, k in zip(items, labels, strict=True):
            if k >= 0 and not pathlib.Path(item["path"]).is_file():
                left += 1
            elif k >= 0:
                place = os.path.relpath(pathlib.Path(item["path"]).resolve(), folder)
                place = place if csv_text(place) == place else f"./{place}"  # a formula, to a spreadsheet
                writer.writerow([place, csv_text(groups.names[k])])
    if left:
        print(f"{path}: {left} pictures are no files here, and were left out", file=sys.stderr)


def _draw(path, groups, order, items):
    """A row for each cluster, its pictures that are nearest to its center."""
    from kerasvision.cli.pictures import SIDE, tile_of
    from kerasvision.core.escaping import line_of
    from kerasvision.drawing.pictures import save, sheet_of_rows

    columns = min(SHOWN, max(map(len, order)))
    rows = []
    for name, own in zip(groups.names, order, strict=True):
        shown = [items[n]["path"] for n in own[:columns]]
        rows.append([tile_of(p, line_of(f"{name} ({len(own)})"), line_of(pathlib.Path(p).name)) for p in shown])
    save(sheet_of_rows(rows, columns, SIDE), pathlib.Path(path))


def assign(args):
    """Tell pictures by clusters that were found before; 1 if one failed, after all were tried."""
    from kerasvision.api import load
    from kerasvision.cli.pictures import pictures_of, print_table
    from kerasvision.systems import clusters
    from kerasvision.systems.index import embedded, require_same

    groups = clusters.load(args.clusters)
    name = args.model or groups.embedder
    model, failed, rows = load(name), [], []
    require_same(model, name, groups)
    for path, pixels in pictures_of(args.images, model, failed):
        places, cosines = groups.assign(embedded(model, pixels[None], name))
        said, cosine = groups.names[places[0]] if places[0] >= 0 else None, float(cosines[0])
        if args.json:
            print(json.dumps({"input": path, "cluster": said, "cosine": round(cosine, 6)}), flush=True)
        rows.append((path, said or "of none", f"{cosine:.3f}"))
    if rows and not args.json:
        print_table(("image", "cluster", "cosine"), rows)
    return 1 if failed else 0
