"""`kerasvision explain MODEL [INPUT...] [--label L...] [--box N...] [--region CLASS] [--method M] [--out OUT.png]`, and
`kerasvision explain EMBEDDER --pair A B`.
"""

import json
import sys

from kerasvision.cli.progress import progress_bar
from kerasvision.cli.recipes import add_settings

HELP = "draw where in images or volumes a model sees what it says, and judge whether that is true"

# method -> what it costs; asked for all where --compare or --judge name none
FAST = (
    *("grad_cam", "grad_cam_plus_plus", "eigen_cam", "saliency", "smooth_grad", "integrated_gradients"),
    *("guided_backprop", "guided_grad_cam"),
)


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE", help="a run or exported file; .onnx by scores alone")
    parser.add_argument(
        "images", nargs="*", metavar="INPUT", help="images or volumes, at most 12; without any: what can be explained"
    )
    parser.add_argument("--method", default="grad_cam", help="grad_cam (default); `kerasvision names` says the others")
    parser.add_argument(
        "--compare", nargs="*", metavar="M", help="a column a method, a row a target (default: those by slopes)"
    )
    add_settings(parser, "of the method, as in layer=stage3 masks=4000")
    parser.add_argument("--label", nargs="+", default=[], metavar="L", help="classes, or numbers by their names")
    parser.add_argument(
        *("--box", "--object"),
        nargs="+",
        default=[],
        type=int,
        metavar="N",
        help="objects by their numbers in predict --json, from 0",
    )
    parser.add_argument("--mask", nargs="+", default=[], type=int, metavar="N", help="masks of such objects")
    parser.add_argument("--at", nargs="+", default=[], type=int, metavar="X", help="X Y of a pixel, X Y Z of a voxel")
    parser.add_argument("--region", default="", metavar="CLASS", help="where a segmenter predicts this class")
    parser.add_argument("--like", metavar="INPUT", help="of an embedder: what of the images is like this one")
    parser.add_argument("--out", default="explained.png", metavar="OUT.png", help="(default: explained.png)")
    parser.add_argument("--npz", metavar="OUT.npz", help="write the heats too, in the pixels of the images")
    parser.add_argument("--nifti", metavar="OUT.nii.gz", help="write the heat of a volume on the volume's own grid")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--wants",
        nargs="+",
        type=int,
        metavar="N",
        help="draw what these channels of a layer (--set layer=L) answer most",
    )
    _configure_figures(parser)


def _configure_figures(parser):
    """Of two inputs together, and of many examples."""
    parser.add_argument(
        "--pair",
        nargs=2,
        metavar=("A", "B"),
        help="of an embedder: which places of two images make their cosine, and where the two agree",
    )
    parser.add_argument("--judge", action="store_true", help="measure how true the methods are, on --split's examples")
    parser.add_argument(
        "--against", metavar="SAVED_MODEL|FILE.tflite", help="measure what is left of the methods in this file"
    )
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--examples", type=int, default=20, metavar="N", help="evenly from the split (default: 20)")


def run(args):
    """Write the picture and what else was asked for, or print the table of figures."""
    from kerasvision.api import look_inside
    from kerasvision.core.errors import UsageError
    from kerasvision.explain.base import explainable
    from kerasvision.explain.picture import MOST

    _check_files(args)
    if len(args.images) > MOST:
        raise UsageError(f"{len(args.images)} inputs do not fit into one picture; allowed: at most {MOST}")
    if args.pair:
        _check_pair(args)
    if args.examples < 1:
        raise UsageError(f"--examples {args.examples}: allowed: 1 or more")
    methods = {} if args.wants or args.pair else _methods(args)
    inside = look_inside(args.model, slopes=False)
    model = explainable(inside)
    if args.wants:
        _draw_wanted(model, args)
    elif args.pair:
        _draw_pair(model, args)
    elif args.judge or args.against:
        if args.images:
            raise UsageError("--judge and --against take the examples of the run's own data; leave the inputs out")
        _judge(model, inside.recipe, methods, args)
    elif args.images:
        _draw(model, methods, args)
    else:
        _print_targets(model)
    return 0


def _check_files(args):
    """Raise UsageError of what cannot be written, or is read too."""
    from kerasvision.cli.apart import check_apart
    from kerasvision.core.errors import UsageError
    from kerasvision.data.volumes import check_nifti_name

    if not args.out.lower().endswith(".png"):
        raise UsageError(f"--out {args.out}: write the name of a .png file")
    if args.nifti:
        check_nifti_name(args.nifti, "a heat")
        if not args.images or args.wants or args.judge or args.against:
            raise UsageError("--nifti writes the heat of one volume; name it, without --wants, --judge and --against")
    if args.npz and not args.npz.lower().endswith(".npz"):
        raise UsageError(f"--npz {args.npz}: write the name of a .npz file")
    check_apart(
        (args.model, *args.images, *(args.pair or ()), args.like),
        {"--out": args.out, "--npz": args.npz, "--nifti": args.nifti},
    )


def _check_pair(args):
    """Raise UsageError of what has no part in a pair."""
    from kerasvision.core.errors import UsageError

    others = {"--like": args.like, "--judge": args.judge, "--against": args.against, "--wants": args.wants}
    others |= {"--label": args.label, "--box": args.box, "--region": args.region, "--set": args.settings}
    others |= {"--mask": args.mask, "--at": args.at, "--nifti": args.nifti}
    others |= {"--compare": args.compare is not None, "a further input": args.images, "--split": args.split != "test"}
    others |= {"--method": args.method != "grad_cam", "--examples": args.examples != 20}
    if given := [name for name, value in others.items() if value]:
        raise UsageError(f"--pair A B names its two inputs itself, and takes all of each; leave out {given[0]}")


def _methods(args):
    """Name -> `Explainer` of all that are asked for."""
    from kerasvision.core.errors import UsageError
    from kerasvision.core.registry import explainers, make

    several = args.compare is not None or args.judge or args.against
    if several and args.settings:
        raise UsageError("--set is of one --method; leave it out with --compare, --judge and --against")
    methods = {name: make(explainers[name], {}) for name in (args.compare or (FAST if several else [args.method]))}
    if args.settings:
        methods[args.method] = _with_settings(methods[args.method], args.settings)
    return methods


def _with_settings(part, settings):
    from kerasvision.core.errors import UsageError
    from kerasvision.core.overrides import with_field

    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in --set layer=stage3")
        part = with_field(part, key, text)
    return part


def _draw_wanted(model, args):
    from kerasvision.explain.maximize import Maximize
    from kerasvision.explain.picture import draw_pictures

    maximize = _with_settings(Maximize(), args.settings)
    draw_pictures([(f"channel {n}", maximize.wanted(model, n)) for n in args.wants], args.out)
    print(f"drawn: {args.out}", file=sys.stderr)


def _draw_pair(model, args):
    from kerasvision.api import read_example
    from kerasvision.core.escaping import line_of
    from kerasvision.explain.picture import draw
    from kerasvision.explain.two import pair_of

    held = pair_of(model, args.pair, [read_example(model.arch, name)[0] for name in args.pair])
    draw(held.rows(), args.out)
    if not args.json:
        print(line_of(held.in_words()))
    print(f"drawn: {args.out}", file=sys.stderr)
    if args.npz:
        held.write_arrays(args.npz)
        print(f"written: {args.npz}", file=sys.stderr)
    if args.json:
        print(json.dumps({"model": args.model} | held.to_json(), indent=2))


def _print_targets(model):
    """What can be explained of a model."""
    from kerasvision.core.escaping import line_of

    print(f"{model.arch.registered_name} ({model.arch.name})")
    for flag, words in model.arch.targets().flags.items():
        print(f"  --{flag:<7} {words}")
    print(line_of(f"  names: {', '.join(model.classes)}"))


def _draw(model, methods, args):
    from kerasvision.api import read_example
    from kerasvision.core.errors import UsageError
    from kerasvision.core.escaping import line_of
    from kerasvision.explain.picture import draw
    from kerasvision.explain.sheet import sheet, write_arrays
    from kerasvision.explain.voxels import only_heat

    asked = {"label": args.label, "box": args.box, "region": args.region, "mask": args.mask, "at": args.at}
    asked["like"] = None if args.like is None else model.prepared(read_example(model.arch, args.like)[0])[0]
    if args.nifti and model.key != "volume":
        raise UsageError(
            f"--nifti writes the heat of a volume, and {model.arch.registered_name} takes none; take --npz"
        )
    read = [read_example(model.arch, name) for name in args.images]
    sheets = [sheet(model, methods, name, held, asked) for name, (held, _) in zip(args.images, read, strict=True)]
    heat = only_heat(sheets) if args.nifti else None
    for one in sheets:
        part = " (the center, as large as the graph's input)" if one.is_part else ""
        if not args.json:
            print(line_of(f"{one.name}{part}: {'; '.join(one.targets)}"))
        for method, why in one.left_out.items():
            print(line_of(f"{method} is left out: {why}"), file=sys.stderr)
    draw([row for one in sheets for row in one.rows(args.compare is not None)], args.out)
    print(f"drawn: {args.out}", file=sys.stderr)
    if args.npz:
        write_arrays(sheets, args.npz)
        print(f"written: {args.npz}", file=sys.stderr)
    if args.nifti:
        _write_heat(model, heat, read[0][1], args.nifti)
        print(f"written: {args.nifti}", file=sys.stderr)
    if args.json:
        found = [{"input": one.name, "heats": [heat.to_json() for heat in one.heats]} for one in sheets]
        print(json.dumps({"model": args.model, "inputs": found}, indent=2))


def _write_heat(model, heat, volume, path):
    """On the grid of the file that was read."""
    from kerasvision.data.volumes import write_values
    from kerasvision.explain.voxels import in_voxels

    write_values(in_voxels(model.arch, heat, volume.grid.size_dhw, volume.spacing_mm), volume, path)


def _judge(model, recipe, methods, args):
    from kerasvision.api import look_inside
    from kerasvision.data.pipeline import raw_examples, splits_of, thinned
    from kerasvision.explain.base import explainable
    from kerasvision.explain.judging import compared, judged

    data = thinned(splits_of(recipe, args.split)[args.split], args.examples)
    inputs = [
        {key: value[i] for key, value in batch.items()}
        for batch, _, names in raw_examples(data, model.arch)
        for i in range(len(names))
    ]
    document = {"name": recipe.name, "split": args.split, "examples": len(inputs)}
    with progress_bar() as progress:
        if args.against:
            other = explainable(look_inside(args.against, slopes=False))
            document |= {"against": args.against, "methods": compared(model, other, methods, inputs, progress)}
        else:
            document |= {"methods": judged(model, methods, inputs, progress)}
    print(json.dumps(document, indent=2)) if args.json else _print_figures(document)


def _print_figures(document):
    """A row a method, a column a figure: its mean and 95 % interval."""
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cell
    from kerasvision.explain.judging import BETTER

    rows = document["methods"]
    figures = [name for name in BETTER if any(name in row for row in rows.values())]
    title = f"{document['name']}: {document['examples']} examples of {document['split']}"
    title += f", against {document['against']}" if "against" in document else ""
    table = Table("method", title=cell(title))
    for name in figures:
        table.add_column(f"{name.replace('_', ' ')}\n({BETTER[name]})", justify="right")
    for method, row in rows.items():
        if "why" in row:
            continue
        mark = "" if row.get("trusted", True) else " (not to be trusted of this file)"
        table.add_row(cell(method + mark), *(_figure(row.get(name)) for name in figures))
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    for method, row in rows.items():
        if "why" in row:
            print(f"{method} is left out: {row['why']}")


def _figure(found):
    return f"{found['mean']:.3f}\n{found['low']:.3f} {found['high']:.3f}" if found else ""
