"""`kerasvision data check|show|anchors|convert|suspects|duplicates`."""

import json
import sys

from kerasvision.cli.progress import progress_bar
from kerasvision.core.escaping import cell, line_of

HELP = (
    "check a data source, show what a recipe's augmentations do to it, fit anchors to it, convert its format, "
    "list labels that are probably wrong, or find copies among pictures"
)
SOURCE = (
    "a folder, a .csv manifest, a .csv, .tsv or .jsonl of texts, a COCO .json, a YOLO .yaml, KIND:PATH, tfds:NAME, "
    "digits, or a recipe"
)


def configure(parser):
    """Add the verb's arguments."""
    from kerasvision.cli import copies

    actions = parser.add_subparsers(
        dest="action", metavar="check|show|anchors|convert|suspects|duplicates", required=True
    )
    text = "count classes, sizes, boxes, duplicates and odd images, and say what training does with each"
    checking = actions.add_parser("check", help=text, description=text)
    checking.add_argument("source", metavar="SOURCE", help=SOURCE)
    checking.add_argument("--json", action="store_true", help="one JSON document on stdout")
    text_of_run = "a run of a classifier, which lists the images out of its distribution"
    checking.add_argument("--run", metavar="RUN", dest="judge", help=text_of_run)
    text = "write a PNG sheet of augmented samples with their labels"
    showing = actions.add_parser("show", help=text, description=text)
    showing.add_argument("recipe", metavar="RECIPE", help="a .py file that defines `recipe`, or a recipe.json")
    showing.add_argument("--out", default="sheet.png", help="where to write (default: sheet.png)")
    showing.add_argument("--count", type=int, default=32, help="how many samples (default: 32)")
    _configure_anchors(actions)
    text = "write a source of boxes as COCO JSON, VOC XML or YOLO text, with its images; nothing is lost"
    converting = actions.add_parser("convert", help=text, description=text)
    converting.add_argument("source", metavar="SOURCE", help=SOURCE)
    converting.add_argument("--to", required=True, metavar="coco|voc|yolo", help="the format")
    converting.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    converting.add_argument("--link", action="store_true", help="symbolic links to the images in place of copies")
    text = "list labels that are probably wrong, by confident learning on a split that a run was not trained on"
    doubting = actions.add_parser("suspects", help=text, description=text)
    doubting.add_argument("run_folder", metavar="RUN", help="a finished run of a classifier")
    doubting.add_argument("--split", choices=("validation", "test"), default="validation", help="(default: validation)")
    doubting.add_argument("--json", action="store_true", help="one JSON document on stdout")
    copies.configure(actions)


def _configure_anchors(actions):
    text = "fit anchors to a source's boxes by k-means on IoU, and draw both"
    fitting = actions.add_parser("anchors", help=text, description=text)
    fitting.add_argument("source", metavar="SOURCE", help=SOURCE)
    number = fitting.add_mutually_exclusive_group()
    number.add_argument("--count", type=int, help="anchors of all levels together (default: three a level)")
    number.add_argument("--per-level", type=int, help="anchors of each level")
    fitting.add_argument("--image-size", type=int, nargs=2, metavar=("H", "W"), help="of the graph (default: 320 320)")
    fitting.add_argument("--strides", type=int, nargs="+", help="of the levels, pixels (default: 8 16 32 64 128)")
    fitting.add_argument("--resize", choices=("letterbox", "stretch"), help="how images are fitted (letterbox)")
    fitting.add_argument("--json", action="store_true", help="one JSON document on stdout")
    fitting.add_argument("--out", default="anchors.png", help="where to draw (default: anchors.png)")


def run(args):
    """Do what the action says."""
    from kerasvision.cli import copies

    actions = {"check": _check, "show": _show, "anchors": _anchors, "convert": _convert, "suspects": _suspects}
    return (actions | {"duplicates": copies.run})[args.action](args)


def _suspects(args):
    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.data.inspect.suspects import planted_found, suspects_of
    from kerasvision.data.pipeline import split_of

    model = load(args.run_folder)
    if model.recipe is None:
        raise UsageError(f"{args.run_folder} does not know its data; name a finished run")
    split = split_of(model.recipe, args.split)
    rows = suspects_of(model, split)
    known = planted_found(rows, split)
    if args.json:
        report = {"split": args.split, "examples": split.size, "suspects": rows}
        print(json.dumps(report | ({"planted": known} if known else {}), indent=2))
        return 0
    for row in rows:
        print(line_of(f"{row['input']}  {row['label']} -> {row['suggested']}?  ({row['quality']:.3f})"))
    print(f"{len(rows)} of {split.size} labels of {args.split} are suspicious")
    if known:
        half = "-" if known["precision_at_half"] is None else f"{known['precision_at_half']:.1%}"
        found = f"{known['found']} of {known['planted']} planted wrong labels are among them"
        print(f"{found}; {half} of the first ones are, up to half of the planted")
    return 0


def _source(text):
    """(source, recipe or None) that a word names. A .json file that no source detects is a recipe."""
    import pathlib

    from kerasvision.cli.recipes import load_recipe
    from kerasvision.data.sources._detect import detect, detected

    is_json = text.endswith(".json") and not detected(pathlib.Path(text))
    if is_json or text.endswith(".py") or ".py:" in text:
        recipe = load_recipe(text)
        return recipe.data, recipe
    return detect(text), None


def _show(args):
    from kerasvision.cli.recipes import load_recipe
    from kerasvision.data.inspect.sheet import recipe_sheet

    recipe_sheet(load_recipe(args.recipe), args.out, count=args.count)
    print(args.out)
    return 0


def _convert(args):
    from kerasvision.data.inspect.convert import convert

    source, _ = _source(args.source)
    with progress_bar() as progress:
        print(convert(source, args.to, args.out, args.link, lambda done, total: progress("images", done, total)))
    return 0


def _anchors(args):
    from kerasvision.data.inspect.anchors import draw, fit

    source, recipe = _source(args.source)
    held = getattr(recipe, "model", None)  # a recipe knows its size, strides and resize
    strides = tuple(args.strides or getattr(getattr(held, "anchors", None), "strides", (8, 16, 32, 64, 128)))
    size = tuple(args.image_size or getattr(held, "image_size", (320, 320)))
    resize = args.resize or getattr(held, "resize", "letterbox")
    given = args.count if args.per_level is None else args.per_level * len(strides)
    fitted = fit(source, size, strides, 3 * len(strides) if given is None else given, resize)
    draw(fitted, args.out)
    if args.json:
        print(json.dumps(fitted.summary | {"drawn": args.out}, indent=2))
    else:
        _print_anchors(fitted.summary, args.out)
    return 0


def _print_anchors(summary, out):
    from rich.console import Console
    from rich.table import Table

    height, width = summary["image_size_hw"]
    title = f"{summary['boxes']} boxes in pixels of a {width} x {height} graph ({summary['resize']})"
    table = Table("stride", "anchors, width x height (boxes nearest to it)", title=title, title_justify="left")
    for level in summary["levels"]:
        shapes = (f"{a['width']:g} x {a['height']:g} ({a['boxes']})" for a in level["anchors"])
        table.add_row(str(level["stride"]), "   ".join(shapes))
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    for name in ("default", "fitted"):
        iou, covered, count = (summary[k][name] for k in ("mean_best_iou", "covered", "count"))
        print(f"{name}: {count} anchors, mean best IoU {iou:.3f}, {covered:.1%} of the boxes at 0.5 or more")
    print("\nin a recipe:\n    from kerasvision.ops.anchors import Anchors")
    print(f"    {summary['python']}")
    print(f"on the command line:\n    --set 'model.anchors={json.dumps(summary['json'])}'")
    print(f"\ndrawn: {out}")


def _check(args):
    from kerasvision.data.inspect.check import check

    source, _ = _source(args.source)
    with progress_bar() as progress:
        report = check(source, progress)
    if args.judge:
        report["findings"] += _out_of_distribution(source, args.judge)
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)
    return 0


def _out_of_distribution(source, folder):
    """[The finding of a run that looks at every image of a source]; empty if none is out of its distribution."""
    from kerasvision.api import load_run
    from kerasvision.data.pipeline import raw_examples
    from kerasvision.robustness.in_distribution import out_of_distribution_images

    trained = load_run(folder)
    splits = source.open().splits
    rows = (batch for split in splits.values() for batch in raw_examples(split, trained.arch))
    names = out_of_distribution_images(trained, rows)
    what = f"images out of the distribution of {folder}"
    said = "they count; look at them: are they of another kind, or badly cut?"
    found = {"kind": "foreign", "what": what, "count": len(names), "examples": names[:5], "training": said}
    return [found] if names else []


def _print(report):
    from rich.console import Console
    from rich.table import Table

    splits = report["splits"]
    objects = report.get("objects", {}).get("train")
    table = Table("class", title=cell(report["source"]["@"].split("/")[-1]), title_justify="left")
    for name in splits:
        table.add_column(cell(name), justify="right")
    if objects:
        table.add_column("images in train", justify="right")
        table.add_column("median side, px", justify="right")
    for name in report["classes"]:
        counts = [str(split["classes"][name]) for split in splits.values()]
        held = objects["classes"][name] if objects else None
        table.add_row(cell(name), *counts, *([str(held["images"]), str(held["median_side_px"] or "")] if held else []))
    table.add_section()
    if objects:
        table.add_row("objects", *(str(held["count"]) for held in report["objects"].values()))
    table.add_row("texts" if "scripts" in report else "images", *(str(split["size"]) for split in splits.values()))
    Console().print(table)
    for line in _lines(report):
        print(line_of(line))


def _lines(report):
    """What stands below the table: sizes, formats, objects, and two lines a finding."""
    from kerasvision.data.inspect.findings import told

    for side, held in report.get("image_size", {}).items():
        yield f"{side}: {held['min']} to {held['max']} pixels, median {held['median']:g}"
    if "bytes" in report:
        yield "bytes: {min} to {max}, median {median:g}".format(**report["bytes"])
    for what in ("formats", "scripts"):
        if what in report:
            yield f"{what}: " + ", ".join(f"{n} {name}" for name, n in report[what].items())
    for name, held in report.get("objects", {}).items():
        side, sizes = held["side_px"], ", ".join(f"{n} {size}" for size, n in held["sizes"].items())
        spans = f"side {side['min']:g} to {side['max']:g} pixels, median {side['median']:g}; " if side else ""
        yield (
            f"{name}: {held['per_image']['mean']:g} objects an image, at most {held['per_image']['max']}, none in "
            f"{held['images_without']}; {spans}{sizes}"
        )
    for name, held in report.get("pixels", {}).items():
        total = sum(held["classes"].values()) + held["ignored"]
        parts = [*held["classes"].items(), ("ignored", held["ignored"])]
        yield f"{name} pixels: " + ", ".join(f"{label} {count / total:.1%}" for label, count in parts)
    if "validation" not in report["splits"]:
        yield "no validation split: training holds out a part of train (the recipe's validation_fraction)"
    if "test" not in report["splits"]:
        yield "no test split: nothing is left to judge the trained model by"
    yield from told(report)
