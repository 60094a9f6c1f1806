"""`kerasvision explain RUN IMAGE... [--method M] [--label L...] [--out explained.png]`."""

import pathlib
import sys

HELP = "draw where in images a classifier sees what it says"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="a finished run of a classifier")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files, at most 12")
    parser.add_argument("--method", default="grad_cam", help="grad_cam (default) or occlusion")
    parser.add_argument("--label", nargs="+", default=[], metavar="L", help="classes (default: the two likeliest)")
    parser.add_argument("--out", default="explained.png", metavar="OUT.png", help="(default: explained.png)")


def run(args):
    """Write the picture."""
    from kerasvision.api import load_run, read_image
    from kerasvision.core.errors import UsageError
    from kerasvision.core.registry import explainers, make
    from kerasvision.explain.base import classifier_of
    from kerasvision.explain.picture import MOST, draw

    if not args.out.lower().endswith(".png"):
        raise UsageError(f"--out {args.out}: write the name of a .png file")
    if len(args.images) > MOST:
        raise UsageError(f"{len(args.images)} images do not fit into one picture; allowed: at most {MOST}")
    method = make(explainers[args.method], {})
    if not pathlib.Path(args.run_folder, "recipe.json").exists():
        raise UsageError(f"{args.run_folder} is no run; explain looks inside of a graph, which exported files hide")
    model = classifier_of(load_run(args.run_folder))
    chosen = [model.index_of(label) for label in args.label]
    rows = [_explained(model, method, args.method, name, read_image(name), chosen) for name in args.images]
    draw(rows, args.out)
    print(f"drawn: {args.out}", file=sys.stderr)
    return 0


def _explained(model, method, called, name, image, chosen):
    import numpy as np

    from kerasvision.core.escaping import line_of
    from kerasvision.explain.picture import Explained

    prepared = model.prepared(image)
    scores = model.scores(prepared)
    indices = chosen or [int(i) for i in np.argsort(-scores, kind="stable")[:2]]
    rows = [(f"{model.classes[i]} {scores[i]:.3f}", method.explain(model, prepared, i)) for i in indices]
    said = ", ".join(text for text, _ in rows)
    print(line_of(f"{name}: {said}"))
    return Explained(f"{pathlib.Path(name).name}, {called}", prepared, rows)
