"""`kerasvision trust RUN [FILE...] [--examples N] [--corruptions C...] [--severities N...] [--out DIR]`."""

import pathlib
import sys

from kerasvision.cli.known import kind_and_sum
from kerasvision.cli.progress import progress_bar

HELP = "say what is known of a run and of its exported files: corrupted, attacked, explained, calibrated (trust.json)"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="exported files or folders (default: all that lie in the run)"
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--examples", type=int, metavar="N", help="at most, evenly from the split (default: all)")
    parser.add_argument("--heats", type=int, default=20, metavar="N", help="of which heats are judged (default: 20)")
    parser.add_argument(
        "--corruptions", nargs="+", default=[], metavar="C", help="as of `robustness` (default: ImageNet-C's fifteen)"
    )
    numbers = (1, 2, 3, 4, 5)
    parser.add_argument(
        "--severities", nargs="+", type=int, choices=numbers, default=numbers, metavar="N", help="1 to 5"
    )
    parser.add_argument("--radius", default="8/255", help="of attacks, by Linf; pixels count 0 to 1 (default: 8/255)")
    parser.add_argument(
        "--certificates", nargs="+", default=[], metavar="FILE", help="certificate.json of `certify`, of these models"
    )
    parser.add_argument("--out", default=".", metavar="DIR", help="for trust.json and trust.html (default: .)")


def run(args):
    """Measure and write the two files."""
    from kerasvision.core.errors import KerasVisionError, UsageError
    from kerasvision.core.files import write_text
    from kerasvision.export.package.card import page
    from kerasvision.export.package.trust import markdown
    from kerasvision.robustness.trust.certified import certified_parts
    from kerasvision.robustness.trust.document import write
    from kerasvision.robustness.trust.measured import Extent, trust_of

    for name in ("examples", "heats"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}: allowed: 1 or more")
    radius, levels = _radius(args.radius), tuple(sorted(set(args.severities)))
    subjects = _subjects(args)
    proofs = certified_parts(args.certificates, subjects)
    extent = Extent(args.split, args.examples, tuple(args.corruptions), levels, radius, args.heats)
    with progress_bar() as progress:
        found = trust_of(subjects, extent, progress, proofs)
    try:
        path = write(found, args.out)
        write_text(path.with_suffix(".html"), page(markdown(found), f"{found['name']}: trust"))
    except OSError as error:
        raise KerasVisionError(f"cannot write to {args.out}: {error.strerror}; choose another --out") from None
    print(f"written: {path}, {path.with_suffix('.html')}", file=sys.stderr)
    return 0


def _radius(text):
    """The radius of attacks, told as `attack --set radius=` takes it."""
    from kerasvision.core.overrides import with_field
    from kerasvision.core.registry import attacks, make

    return with_field(make(attacks["pgd"], {}), "radius", text).radius


def _subjects(args):
    """The trained model and its files, opened."""
    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.export.placing import artifacts_below
    from kerasvision.robustness.trust.measured import Subject

    run = pathlib.Path(args.folder)
    if not (run / "recipe.json").exists():
        raise UsageError(f"{args.folder} is no run (recipe.json); name the folder that `train --out` wrote")
    kind, digest = kind_and_sum(run)
    found = [Subject(kind, "", load(run), _inside(run), digest)]
    for path in map(pathlib.Path, args.files) if args.files else artifacts_below(run):
        model = load(path)
        if model.recipe.name != found[0].model.recipe.name:
            raise UsageError(f"{path} is of {model.recipe.name}, and {args.folder} is {found[0].model.recipe.name}")
        kind, digest = kind_and_sum(path)
        found.append(Subject(kind, _told(path, run), model, _inside(path), digest))
    return found


def _inside(path):
    """What gives a model's gradients, or the words why there are none."""
    from kerasvision.api import look_inside
    from kerasvision.core.errors import KerasVisionError

    try:
        return look_inside(path)
    except KerasVisionError as error:
        return str(error)


def _told(path, run):
    """A path from the run's folder, or its name where it lies elsewhere."""
    inside = run.resolve() in path.resolve().parents
    return path.resolve().relative_to(run.resolve()).as_posix() if inside else path.name
