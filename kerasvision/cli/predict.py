"""`kerasvision predict MODEL IMAGE...`: the same answer from a run, a SavedModel, a .tflite and an .onnx."""

import glob
import json
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import lines_of

HELP = "predict images or volumes with a run, a SavedModel, a .tflite, an .onnx or a pretrained model"
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="RUN, SAVED_MODEL, FILE.tflite, FILE.onnx or imagenet/efficientnet_lite0"
    )
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="files, folders, globs; `-` reads one encoded image from stdin; volumes are .nii, .nii.gz, .mgz, or a "
        "folder with a DICOM series",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line an image on stdout")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write there what is as large as the input: masks as palette PNG or NIfTI, filled in pictures as PNG",
    )
    parser.add_argument(
        "--draw", metavar="OUT.png", help="draw the predictions into a picture (of one image, or a sheet)"
    )
    parser.add_argument(
        "--outliers",
        action="store_true",
        help="say how foreign each image is to a run of a classifier: ranks among its held-out images",
    )
    parser.add_argument("--largest", action="store_true", help="of a mask, keep the largest component of each class")
    parser.add_argument("--fill-holes", action="store_true", help="fill what a class encloses in a mask")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="how to answer, as in resize=windows overlap=0.75 flips=(1,) for a segmenter",
    )


def run(args):
    """Predict every input; 1 if any failed, after all were tried."""
    from kerasvision.api import load, read_example, tidying
    from kerasvision.export.draw import MOST_PICTURES, draw_predictions, drawable

    if args.draw and not args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: write the name of a .png file")
    model = load(args.model, args.set)
    names, tidy = _expand(args.images, _looked_for(model.arch)), tidying(model.arch, args.largest, args.fill_holes)
    in_distribution = _in_distribution(args.model) if args.outliers else None
    rows, drawn, written, failed = [], [], set(), 0
    for name in names:
        try:
            inputs, read = read_example(model.arch, sys.stdin.buffer.read() if name == "-" else name)
            prediction, description = model.predict_one(inputs, tidy)
            if in_distribution:
                description["outlier"] = in_distribution.describe({k: v[None] for k, v in inputs.items()})
            key = next((k for k in ("mask", "picture") if k in model.arch.outputs), None)
            if args.out and key:
                description[key] = _write(prediction[key], read, name, args.out, {*names, *written})
                written.add(description[key])
        except KerasVisionError as error:
            failed += 1
            description = None
            _show_error(name, error, args.json)
        if description is not None:
            rows.append((name, description))
            if args.draw and len(drawn) < MOST_PICTURES:
                drawn.append(drawable(read, name, prediction, description, model.classes))
            if args.json:
                print(json.dumps({"input": name, "prediction": description}), flush=True)
    if rows and not args.json:
        _print_table(rows)
    if drawn:
        draw_predictions(drawn, pathlib.Path(args.draw))
        some = f" (the first {len(drawn)} of {len(rows)})" if len(drawn) < len(rows) else ""
        print(f"drawn: {args.draw}{some}", file=sys.stderr)
    return 1 if failed else 0


def _in_distribution(folder):
    """What says how foreign an image is to a run."""
    from kerasvision.api import load_run
    from kerasvision.robustness.in_distribution import in_distribution_of

    if not pathlib.Path(folder, "recipe.json").exists():
        raise UsageError(f"--outliers needs a run, whose training images it looks at; {folder} is none")
    return in_distribution_of(load_run(folder))


def _write(made, read, name, folder, taken):
    """The path of the file of a mask (of a volume NIfTI on its own grid, else PNG) or of a picture.

    taken: files that it must not replace.
    """
    from kerasvision.data.volumes import SUFFIXES as VOLUMES
    from kerasvision.data.volumes import Volume, write_labels
    from kerasvision.export.draw import write_mask, write_picture

    is_volume, stem = isinstance(read, Volume), pathlib.Path(name).resolve().name if name != "-" else "stdin"
    suffixes = VOLUMES if is_volume else (pathlib.Path(stem).suffix.lower(),)
    stem = next((stem[: -len(s)] for s in suffixes if s and stem.lower().endswith(s)), stem)
    path = pathlib.Path(folder, f"{stem}.nii.gz" if is_volume else f"{stem}.png")
    if path.resolve() in {pathlib.Path(t).resolve() for t in taken}:
        what = "picture" if made.ndim == 3 and not is_volume else "mask"
        raise KerasVisionError(
            f"the {what} of {name} would replace {path}; choose another --out, or one for each folder"
        )
    if is_volume:
        write_labels(made, read, path)
    elif made.ndim == 3:
        write_picture(made, path)
    else:
        write_mask(made, path)
    return str(path)


def _show_error(name, error, as_json):
    if as_json:
        print(json.dumps({"input": name, "error": str(error)}), flush=True)
    else:
        print(f"kerasvision: {lines_of(error)}", file=sys.stderr)


def _looked_for(arch):
    """Suffixes of the files in a folder that the model takes."""
    from kerasvision.data.volumes import SUFFIXES as VOLUMES

    return VOLUMES if "volume" in arch.serving_inputs() else SUFFIXES


def _expand(words, suffixes):
    """Files in the order given; folders and globs sorted. Nothing found is an error. Of volumes, a folder without such
    files is a DICOM series.
    """
    if not words:
        raise UsageError("predict needs images: files, folders, globs, or - for one image on stdin")
    names = []
    for word in words:
        path = pathlib.Path(word)
        if word == "-" or path.is_file():
            names.append(word)
        elif path.is_dir():
            held = sorted(str(p) for p in path.rglob("*") if p.name.lower().endswith(suffixes))
            if not held and suffixes == SUFFIXES:
                raise KerasVisionError(f"{word} holds no image; looked for {', '.join(SUFFIXES)}")
            names += held or [word]
        else:
            names += sorted(glob.glob(word, recursive=True)) or [word]  # noqa: PTH207 (absolute patterns too)
    return names


def _print_table(rows):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells
    from kerasvision.export.words import in_words

    table = Table()
    table.add_column("input")
    table.add_column("prediction")
    for name, description in rows:
        table.add_row(*cells(name, in_words(description)))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
