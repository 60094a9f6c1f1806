"""`kerasvision choose RUN --data PHOTOS --count 50 --out next.csv`: which pictures to label next."""

import pathlib
import sys

HELP = "choose which pictures to label next: those unlike all others, those a classifier is least sure of, or both"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="folder of a run: an embedder, or a classifier")
    parser.add_argument("--data", nargs="+", required=True, metavar="IMAGE", help="files, folders, globs, URLs")
    parser.add_argument("--labeled", nargs="+", default=[], metavar="IMAGE", help="pictures that have labels already")
    parser.add_argument("--count", type=int, default=50, help="how many (default: 50)")
    text = "cover: far from all others; uncertain: least sure; both (default: both of a classifier, else cover)"
    parser.add_argument("--by", choices=("cover", "uncertain", "both"), help=text)
    text = "uncertain by the two largest probabilities or by all (default: margin)"
    parser.add_argument("--measure", choices=("margin", "entropy"), default="margin", help=text)
    parser.add_argument("--out", required=True, metavar="FILE.csv", help="file,label; labels are yours to fill in")


def run(args):
    """Write the table; 1 if a picture failed, after all were tried."""
    from kerasvision.api import load
    from kerasvision.core.errors import KerasVisionError, UsageError
    from kerasvision.systems import choosing

    out = pathlib.Path(args.out)
    if out.suffix.lower() != ".csv":
        raise UsageError(f"--out {args.out}; allowed: a file that ends in .csv")
    if args.count < 1:
        raise UsageError(f"--count {args.count}; allowed: 1 or more")
    model, failed = load(args.run_folder), []
    ask = _asking(model, args.run_folder)
    by = _way(args, model)
    labeled = {pathlib.Path(path).resolve(): row for path, *row in _seen(args.labeled, model, ask, failed)}
    rows, left = [], 0
    for path, *row in _seen(args.data, model, ask, failed):
        left += pathlib.Path(path).resolve() in labeled
        rows += [] if pathlib.Path(path).resolve() in labeled else [(path, *row)]
    if not rows:
        raise KerasVisionError(
            f"no picture to choose from: {left} have labels already, {len(failed)} could not be read; name more in "
            "--data"
        )
    vectors, unsure = _arrays(rows, args.measure)
    known = _arrays([(None, *row) for row in labeled.values()], args.measure)[0] if labeled else None
    places, why = choosing.chosen(args.count, by, vectors, unsure, known)
    _write(out, [rows[k][0] for k in places], why)
    skipped = f"{len(failed)} could not be read, {left} have labels already"
    print(f"looked at {len(rows)} pictures; skipped: {skipped}", file=sys.stderr)
    print(f"{out}: {len(places)} pictures by {by}; {_said(why, vectors, places, known)}", file=sys.stderr)
    return 1 if failed else 0


def _asking(model, name):
    """A function, uint8 [H, W, 3] -> (vector [D], probabilities [K] or None)."""
    from kerasvision.core.errors import UsageError

    outputs, features = model.arch.outputs, getattr(getattr(model.runner, "served", None), "features", None)
    if set(model.arch.serving_inputs()) != {"image"} or not ("embedding" in outputs or features):
        raise UsageError(
            f"{name} ({model.arch.registered_name}) has no vector for a picture; name the folder of a run of "
            "self_supervised/..., embedding/... or classification/classifier"
        )

    def ask(pixels):
        given = {"image": pixels[None]}
        if "embedding" in outputs:
            return model(given)["embedding"][0], None
        return features(given)["features"].numpy()[0], model(given)["probabilities"][0]

    return ask


def _way(args, model):
    from kerasvision.core.errors import UsageError

    sure = "probabilities" in model.arch.outputs and model.arch.class_logits.get("logits") == "softmax"
    by = args.by or ("both" if sure else "cover")
    if by != "cover" and not sure:
        raise UsageError(
            f"--by {by}: {args.run_folder} ({model.arch.registered_name}) says no probabilities of one class of "
            "several, so that nothing is unsure; name a run of classification/classifier, or take --by cover"
        )
    return by


def _seen(words, model, ask, failed):
    """(path, vector, probabilities) of each picture that can be read; the rest is said, and added to `failed`."""
    from kerasvision.cli.pictures import pictures_of

    for path, pixels in pictures_of(words, model, failed) if words else ():
        yield path, *ask(pixels)


def _arrays(rows, measure):
    """(vectors [N, D], uncertainty [N] or None)."""
    import numpy as np

    from kerasvision.systems.choosing import uncertainty

    _, vectors, probabilities = zip(*rows, strict=True)
    return np.stack(vectors), None if probabilities[0] is None else uncertainty(np.stack(probabilities), measure)


def _said(why, vectors, places, known):
    """What the choice reaches, in words."""
    from kerasvision.systems.choosing import radius

    told = []
    if "distance" in why:
        copies = int((why["distance"] < 1e-6).sum())
        farthest = radius(vectors, places, known)
        told.append(f"the farthest of all is {farthest:.3f} from one chosen or labeled (0 to 2)")
        told += [f"{copies} are equal to another one"] if copies else []
    if "uncertainty" in why:
        told.append(f"uncertainty {why['uncertainty'].min():.3f} to {why['uncertainty'].max():.3f} (0 to 1)")
    return "; ".join(told)


def _write(out, paths, why):
    """A manifest without labels; files are named as seen from its own folder."""
    import csv
    import os

    from kerasvision.core.escaping import csv_text
    from kerasvision.core.files import beside

    folder = out.resolve().parent
    with beside(out) as held, held.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", *why])
        for number, path in enumerate(paths):
            held_path = pathlib.Path(path)
            place = os.path.relpath(held_path.resolve(), folder) if held_path.is_file() else path
            place = place if csv_text(place) == place else f"./{place}"  # a formula, to a spreadsheet
            writer.writerow([place, "", *(f"{values[number]:.6g}" for values in why.values())])
