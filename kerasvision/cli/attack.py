"""`kerasvision attack MODEL [--attack A] [--set KEY=VALUE...] [--target CLASS] [--examples N] [--ways] [--out DIR]`."""

import json
import pathlib
import sys

from kerasvision.cli.progress import progress_bar
from kerasvision.cli.recipes import add_settings

HELP = "attack a model with small changes of its test images: a run, or an exported file by its own gradients"
_WAYS = {"transfer": "made on the trained model", "white_box": "by its own gradients", "asked_alone": "by scores alone"}

_NO_FILE = "--ways compares ways into an exported .tflite or .onnx, and this is neither"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--attack", default="pgd", help="pgd (default) or another of `kerasvision names attacks`")
    add_settings(parser, "of the attack, as in radius=8/255 norm=l2 steps=40 restarts=5; pixels count 0 to 1")
    parser.add_argument(
        "--target", default="", metavar="CLASS", help="what every image of another class shall be called"
    )
    parser.add_argument(
        "--goal", default="", help="harm (default), vanish, mislabel, invent of a detector; harm, hide of a segmenter"
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument(
        "--ways",
        action="store_true",
        help="of an exported file also: images made on the run that it lies in and, of a classifier, square, by its "
        "scores alone; the file itself judges all",
    )
    parser.add_argument("--unchecked", action="store_true", help="do not look for signs that the figure is an illusion")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write attack.json and the images, attacked.npz, there; the same command goes on after Ctrl-C",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print what is left, or JSON; write the files where they are wanted."""
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.attacks.report import attacked
    from kerasvision.robustness.attacks.scenes import Scenes

    if args.examples is not None and args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    attack = _attack_of(args)
    model, recipe, classes = _opened(args.model, attack.needs_slopes)
    if isinstance(model, Scenes):
        return _run_scenes(args, model, recipe, classes, attack)
    if args.goal:
        raise UsageError(f"--goal {args.goal}: goals are those of detectors and segmenters; a classifier has --target")
    file, kept = _file(args.model) if args.ways else None, _kept(args)
    asked = (args.split, args.examples, args.target)
    with progress_bar() as progress:
        found, arrays = attacked(model, recipe, classes, attack, *asked, progress, kept=kept)
        if file:
            found["ways"] = _ways(args, file, model, recipe, classes, attack, progress, kept)
        if attack.needs_slopes and not args.unchecked:
            found["check"] = _checked(args, model, attack, arrays)
    status = _tell(args, found, arrays, _print)
    if kept:
        kept.forget()
    return status


def _kept(args):
    """Where what is done stays until all is, or None."""
    from kerasvision.cli.known import kind_and_sum
    from kerasvision.robustness.attacks.keeping import KeptBatches

    if not args.out:
        return None
    kind, digest = kind_and_sum(args.model)
    run = _run_of(args.model) if args.ways else None
    of_parts = {"transfer": {"run_sha256": kind_and_sum(run)[1]}} if run else {}
    return KeptBatches(args.out, {"model": kind, "sha256": digest}, of_parts)


def _tell(args, found, arrays, show):
    from kerasvision.robustness.attacks.report import write

    if args.out:
        print(f"written: {write(found, arrays, args.out)} and attacked.npz", file=sys.stderr)
    print(json.dumps(found, indent=2)) if args.json else show(found)
    return 0


def _run_scenes(args, model, recipe, classes, attack):
    from kerasvision.robustness.attacks.scenes import Aim, attacked, ways

    file, kept = _scenes_file(args.model) if args.ways else None, _kept(args)
    aim = Aim(args.goal or "harm", args.target)
    with progress_bar() as progress:
        found, arrays = attacked(model, recipe, classes, attack, aim, args.split, args.examples, progress, kept=kept)
        if file:
            settings = {"split": args.split, "examples": args.examples}
            trained = _trained(args.model)
            found["ways"] = ways(file, model, trained, recipe, classes, attack, aim, settings, progress, kept)
    status = _tell(args, found, arrays, _print_scenes)
    if kept:
        kept.forget()
    return status


def _attack_of(args):
    from kerasvision.core.overrides import with_settings
    from kerasvision.core.registry import attacks, make

    return with_settings(make(attacks[args.attack], {}), args.settings, "radius=8/255")


def _opened(what, with_slopes):
    """(what the attack asks, recipe, classes): an exported file itself where answers are enough, else its inside."""
    from kerasvision.api import load, look_inside
    from kerasvision.core.errors import UsageError
    from kerasvision.explain.base import explainable
    from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier, check
    from kerasvision.robustness.attacks.goals import goals_of
    from kerasvision.robustness.attacks.scenes import Scenes

    if not with_slopes:
        model = load(what)
        if model.recipe is None:
            raise UsageError("a pretrained model has no data of its own to be attacked on; train or export it first")
        if model.runner.takes_prepared:
            return AskedClassifier(model.arch, model.runner.infer), model.recipe, model.classes
    inside = look_inside(what)
    kind = Scenes if goals_of(inside.arch) else Classifier
    if kind is Classifier:
        check(inside.arch)
    return kind(inside.arch, explainable(inside)), inside.recipe, inside.classes


def _run_of(what):
    """The run folder in which an exported file lies, or None."""
    return next((p for p in pathlib.Path(what).resolve().parents if (p / "recipe.json").exists()), None)


def _file(what):
    """An exported file as it answers."""
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.attacks.classifier import AskedClassifier

    file, _, _ = _opened(what, with_slopes=False)
    if not isinstance(file, AskedClassifier):
        raise UsageError(_NO_FILE)
    return file


def _scenes_file(what):
    """An exported file of a detector or segmenter as it answers."""
    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.robustness.attacks.scenes import AskedScenes

    model = load(what)
    if not model.runner.takes_prepared:
        raise UsageError(_NO_FILE)
    return AskedScenes(model.arch, model.runner.infer)


def _trained(what):
    """What gives the gradients of the run in which an exported file lies, or None where there is none."""
    run = _run_of(what)
    return _opened(run, with_slopes=True)[0] if run else None


def _ways(args, file, model, recipe, classes, attack, progress, kept):
    from kerasvision.core.registry import attacks, make
    from kerasvision.robustness.attacks.report import three_ways

    white = model
    if not attack.needs_slopes:
        white, attack = _white(args.model), make(attacks["pgd"], {"radius": getattr(attack, "radius", 8 / 255)})
    settings = {"split": args.split, "examples": args.examples, "target": args.target}
    return three_ways(file, white, _trained(args.model), recipe, classes, attack, settings, progress, kept)


def _white(what):
    """What gives a file's own gradients, or None where it has none."""
    from kerasvision.core.errors import UsageError

    try:
        return _opened(what, with_slopes=True)[0]
    except UsageError:
        return None


def _checked(args, model, attack, arrays):
    """What `masking.judged` says of at most 64 images that are called right, or None where there are none."""
    import dataclasses

    from kerasvision.robustness.masking import judged

    right = (arrays["before"] == arrays["labels"]).nonzero()[0]
    if not len(right):
        return None
    right = right[:: -(-len(right) // 64)]
    other = _trained(args.model) if args.ways else None
    radius = attack.radius if attack.norm == "linf" and hasattr(attack, "radius") else 8 / 255
    found = judged(model, arrays["pixels"][right], arrays["labels"][right], radius, other)
    return found | {"radius": radius, "flags": [dataclasses.asdict(flag) for flag in found["flags"]]}


def _print_scenes(found):
    from kerasvision.core.escaping import line_of

    goal = line_of(f"{found['goal']} {found['target']}".strip())
    print(f"{_heading(found)}: {goal}")
    print(f"{found['examples']} examples of {found['split']}: {found['metric']} {found['clean']:.4f}", end="")
    print(f", under attack {found['attacked']:.4f}; changes have a median norm of {found['moved']:.4g}")
    for name, way in found.get("ways", {}).items():
        left = "cannot be gone" if way is None else f"{way['metric']} {way['attacked']:.4f}, {way['clean']:.4f} before"
        print(f"{name.replace('_', ' ')} ({_WAYS[name]}): {left}")


def _heading(found):
    from kerasvision.core.escaping import line_of

    attack = {key: value for key, value in found["attack"].items() if key != "@" and value is not None}
    settings = ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in attack.items())
    return line_of(f"{found['name']}: {found['attack']['@'].split('/')[1]} ({settings})")


def _print(found):
    from kerasvision.core.escaping import line_of

    print(_heading(found) + line_of(f" towards {found['target']}" if found["target"] else ""))
    right = f"{found['clean']:.4f} right, {found['robust']:.4f} under attack"
    print(f"{found['examples']} examples of {found['split']}: {right}")
    print(f"reached {found['reached']:.4f} of those attacked; changes have a median norm of {found['moved']:.4g}")
    for name, way in found.get("ways", {}).items():
        right = "cannot be gone" if way is None else f"{way['robust']:.4f} right"
        print(f"{name.replace('_', ' ')} ({_WAYS[name]}): {right}")
    if check := found.get("check"):
        _print_check(check)


def _print_check(check):
    raised = [flag for flag in check["flags"] if flag["raised"]]
    at = f"{check['examples']} images, Linf {check['radius']:.4g}"
    if not raised:
        print(f"no sign that the figure is an illusion ({at}; --json has the numbers)")
        return
    print(f"the figure may be an illusion ({at}):")
    for flag in raised:
        print(f"  {flag['name']}: {flag['says']}")
    print(f"  pgd leaves {check['robust']:.4f} of them right, and asked as it should be {check['again']:.4f}")
