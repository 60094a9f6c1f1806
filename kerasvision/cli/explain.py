"""`kerasvision explain MODEL [INPUT...] [--label L...] [--box N...] [--region CLASS] [--method M] [--out OUT.png]`."""

import pathlib
import sys

HELP = "draw where in images or volumes a model sees what it says"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE.tflite", help="a run, or a file that was exported")
    parser.add_argument(
        "images", nargs="*", metavar="INPUT", help="images or volumes, at most 12; without any: what can be explained"
    )
    parser.add_argument("--method", default="grad_cam", help="grad_cam (default) or occlusion")
    parser.add_argument("--label", nargs="+", default=[], metavar="L", help="classes, or numbers by their names")
    parser.add_argument(
        "--box", nargs="+", default=[], type=int, metavar="N", help="objects by their numbers in predict --json, from 0"
    )
    parser.add_argument("--region", default="", metavar="CLASS", help="where a segmenter predicts this class")
    parser.add_argument("--out", default="explained.png", metavar="OUT.png", help="(default: explained.png)")


def run(args):
    """Write the picture."""
    from kerasvision.api import look_inside
    from kerasvision.core.errors import UsageError
    from kerasvision.core.registry import explainers, make
    from kerasvision.explain.base import explainable
    from kerasvision.explain.picture import MOST, draw

    if not args.out.lower().endswith(".png"):
        raise UsageError(f"--out {args.out}: write the name of a .png file")
    if len(args.images) > MOST:
        raise UsageError(f"{len(args.images)} inputs do not fit into one picture; allowed: at most {MOST}")
    method = make(explainers[args.method], {})
    model = explainable(look_inside(args.model))
    if not args.images:
        _print_targets(model)
        return 0
    draw([_explained(model, method, args, name) for name in args.images], args.out)
    print(f"drawn: {args.out}", file=sys.stderr)
    return 0


def _print_targets(model):
    """What can be explained of a model."""
    from kerasvision.core.escaping import line_of

    print(f"{model.arch.registered_name} ({model.arch.name})")
    for flag, words in model.arch.targets().flags.items():
        print(f"  --{flag:<7} {words}")
    print(line_of(f"  names: {', '.join(model.classes)}"))


def _explained(model, method, args, name):
    from kerasvision.api import read_example
    from kerasvision.core.escaping import line_of
    from kerasvision.explain.picture import Explained

    inputs, _ = read_example(model.arch, name)
    prepared, geometry, is_part = model.prepared(inputs)
    targets = model.targets(prepared, geometry, args.label, args.box, args.region)
    rows = [(target.text, method.explain(model, prepared, target), target.region) for target in targets]
    said = "; ".join(target.text for target in targets)
    part = " (the center, as large as the graph's input)" if is_part else ""
    print(line_of(f"{name}{part}: {said}"))
    return Explained(pathlib.Path(name).name, args.method, prepared, rows)
