"""`kerasvision attack MODEL [--attack A] [--set KEY=VALUE...] [--target CLASS] [--examples N] [--out DIR]`."""

import json
import sys

from kerasvision.cli.progress import progress_bar

HELP = "attack a classifier with small changes of its test images: a run, or an exported file by its own gradients"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--attack", default="pgd", help="pgd (default), fgsm, bim, mi_fgsm, deepfool, square")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="of the attack, as in radius=8/255 norm=l2 steps=40 restarts=5; pixels count 0 to 1",
    )
    parser.add_argument(
        "--target", default="", metavar="CLASS", help="what every image of another class shall be called"
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument("--out", metavar="DIR", help="write attack.json and the images, attacked.npz, there")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print what is left, or JSON; write the files where they are wanted."""
    from kerasvision.core.errors import UsageError
    from kerasvision.core.overrides import with_field
    from kerasvision.core.registry import attacks, make
    from kerasvision.robustness.attacks.report import attacked, write

    if args.examples is not None and args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    attack = make(attacks[args.attack], {})
    for setting in args.set:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in --set radius=8/255")
        attack = with_field(attack, key, text)
    model, recipe, classes = _opened(args.model, attack)
    with progress_bar() as progress:
        found, arrays = attacked(model, recipe, classes, attack, args.split, args.examples, args.target, progress)
    if args.out:
        print(f"written: {write(found, arrays, args.out)} and attacked.npz", file=sys.stderr)
    print(json.dumps(found, indent=2)) if args.json else _print(found)
    return 0


def _opened(what, attack):
    """(what the attack asks, recipe, classes): an exported file itself where scores are enough, else its inside."""
    from kerasvision.api import load, look_inside
    from kerasvision.core.errors import UsageError
    from kerasvision.explain.base import explainable
    from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier

    if not attack.needs_slopes:
        model = load(what)
        if model.recipe is None:
            raise UsageError("a pretrained model has no data of its own to be attacked on; train or export it first")
        if model.runner.takes_prepared:
            return AskedClassifier(model.arch, model.runner.infer), model.recipe, model.classes
    inside = look_inside(what)
    return Classifier(inside.arch, explainable(inside)), inside.recipe, inside.classes


def _print(found):
    from kerasvision.core.escaping import line_of

    attack = {key: value for key, value in found["attack"].items() if key != "@"}
    settings = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in attack.items())
    goal = f" towards {found['target']}" if found["target"] else ""
    print(line_of(f"{found['name']}: {found['attack']['@'].split('/')[1]} ({settings}){goal}"))
    right = f"{found['clean']:.4f} right, {found['robust']:.4f} under attack"
    print(f"{found['examples']} examples of {found['split']}: {right}")
    print(f"reached {found['reached']:.4f} of those attacked; changes have a median norm of {found['moved']:.4g}")
