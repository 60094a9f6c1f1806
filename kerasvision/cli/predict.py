"""`kerasvision predict MODEL IMAGE...`: the same answer from a run, a SavedModel, a .tflite and an .onnx."""

import functools
import json
import pathlib
import sys

from kerasvision.cli.apart import check_apart
from kerasvision.cli.examples import examples_of, pictures_of
from kerasvision.cli.predict_sounds import add_sound_flags, listening, rows_when, slides
from kerasvision.cli.predict_unseen import tell_of_what_is_unseen
from kerasvision.cli.predict_video import add_video_flags, predict_video, video_of
from kerasvision.cli.recipes import add_settings
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import lines_of

HELP = (
    "predict images, a video, volumes, texts or sounds with a run, a SavedModel, a .tflite, an .onnx, or a ready model"
)
MAX_RISK = (
    "abstain where more than this share of answers may be wrong, as in 0.02; fitted on the validation split of the "
    "data that the model was trained on (classifiers)"
)

SQUEEZED = (
    "say whether an image may have been made to deceive: its answer goes further apart from those to squeezed copies "
    "than that of all but this share of the validation split's images, as in 0.01 (classifiers)"
)

LARGE = ("mask", "picture")  # what is as large as the input
UNPROMISED = (
    "--set {}: nothing is promised, for thresholds were fitted to answers without it; `export` with it fits them again"
)


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="RUN, SAVED_MODEL, FILE.tflite, FILE.onnx or imagenet/efficientnet_lite0"
    )
    parser.add_argument(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="files, folders, globs, URLs; `-` reads one encoded image from stdin; volumes are .nii, .nii.gz, .mgz, or "
        "a folder with a DICOM series; sounds are .wav, .flac, .ogg or .mp3; one video, .mp4 and the like; texts, .txt "
        "files, or a .csv or .tsv with a "
        "column text; of a model with several inputs KEY=FILE for each, or a .csv with a column for each",
    )
    parser.add_argument("--text", nargs="+", default=[], metavar="TEXT", help="texts, of a model that takes one")
    parser.add_argument("--json", action="store_true", help="one JSON line an image on stdout")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write there what is as large as the input: masks as palette PNG or NIfTI, filled in pictures as PNG",
    )
    parser.add_argument(
        "--draw",
        metavar="OUT.png",
        help="draw the predictions into a picture (of one image, or a sheet), or OUT.mp4 of a video",
    )
    add_video_flags(parser)
    add_sound_flags(parser)
    parser.add_argument(
        "--outliers",
        action="store_true",
        help="say how far out of a run's distribution each image is: ranks among its held-out images (classifiers)",
    )
    parser.add_argument("--squeezed", type=float, metavar="RATE", help=SQUEEZED)
    parser.add_argument("--max-risk", type=float, metavar="SHARE", help=MAX_RISK)
    parser.add_argument("--largest", action="store_true", help="of a mask, keep the largest component of each class")
    parser.add_argument("--fill-holes", action="store_true", help="fill what a class encloses in a mask")
    _configure_text(parser)
    add_settings(parser, "how to answer, as in resize=windows overlap=0.75 flips=(1,) for a segmenter")


def _configure_text(parser):
    parser.add_argument(
        "--outlines", action="store_true", help="of text that a run finds, polygons beside quads, curved where it is"
    )
    parser.add_argument(
        "--decoder", choices=("greedy", "beam"), default="greedy", help="how a run reads lines: the best path, or texts"
    )
    parser.add_argument("--lexicon", metavar="FILE", help="a text a line: which ones a line may say (--decoder beam)")
    parser.add_argument("--pattern", metavar="REGEX", help=r"what a line has to match, as in '\d{2}\.\d{2}\.\d{4}'")
    parser.add_argument("--language", metavar="FILE", help="text as that of the lines, for a model of its characters")


def needs_tensorflow(args):
    """Whether a run, a SavedModel, or a file of which something unusual is asked has to answer."""
    return _light(args) is None


@functools.cache
def _opened(path):
    from kerasvision.export.light import light_model

    return light_model(path)


def _light(args):
    asked = args.settings or args.text or args.outliers or args.largest or args.fill_holes or _beam(args)
    asked = asked or args.max_risk is not None or args.squeezed is not None or args.outlines
    asked = asked or video_of(args) or slides(args)
    return None if asked or not args.model.endswith((".tflite", ".onnx")) else _opened(args.model)


def _beam(args):
    """Whether lines are decoded on the host."""
    return args.decoder == "beam" or any(v is not None for v in (args.lexicon, args.pattern, args.language))


def _on_host(args, model):
    """The model, or what decodes on the host what it says of frames of a line or of cells of a map."""
    if args.outlines:
        from kerasvision.systems.outlines import OutlineFinder

        model = OutlineFinder(model)
    return _line_reader(args, model) if _beam(args) else model


def _line_reader(args, model):
    from kerasvision.systems.lines import LineDecoder, LineReader, texts_in

    lexicon, language = (texts_in(path) if path is not None else () for path in (args.lexicon, args.language))
    decoder = LineDecoder(model.classes, lexicon=lexicon, pattern=args.pattern or "", language=language)
    return LineReader(model, decoder)


def _model(args):
    """(what answers, the examples, what is done to masks)."""
    if light := _light(args):
        return light, pictures_of(args.images), None
    from kerasvision.api import load, tidying

    model = load(args.model, args.settings)
    if args.settings and model.arch.calibrates and model.arch.tunes and not model.arch.promise():
        print(UNPROMISED.format(" ".join(args.settings)), file=sys.stderr)
    model = listening(args, _on_host(args, model))
    return model, examples_of(args.images, model.arch, args.text), tidying(model.arch, args.largest, args.fill_holes)


def run(args):
    """Predict every input; 1 if any failed, after all were tried."""
    from kerasvision.drawing.showing.base import MOST_PICTURES

    if video := video_of(args):
        return _of_video(args, video)
    model, every, tidy = _model(args)
    check_apart((args.model, *(name for name, _ in every)), {"--draw": args.draw})
    answer = _answering(args, model, tidy)
    rows, drawn, written, failed, answered = [], [], set(), 0, 0
    for name, given in every:
        try:
            taken = {*(n for n, _ in every), *written}
            prediction, described, words = answer(sys.stdin.buffer.read() if given == "-" else given, name, taken)
            written.update(described[key] for key in LARGE if args.out and key in described)
        except KerasVisionError as error:
            failed += 1
            _show_error(name, error, args.json)
            continue
        rows += [(name, words), *rows_when(described)]
        answered += 1
        if args.draw and len(drawn) < MOST_PICTURES:
            drawn.append(prediction.view())
        if args.json:
            print(json.dumps({"input": name, "prediction": described}), flush=True)
    if rows and not args.json:
        _print_table(rows)
    if drawn:
        _draw(drawn, args.draw, answered)
    return 1 if failed else 0


def _of_video(args, video):
    from kerasvision.api import load, tidying

    if args.text or _beam(args) or slides(args) or args.outlines:
        raise UsageError(
            "--text, --windows, --outlines and what decodes lines go with texts, sounds and pictures, not with a video"
        )
    model = load(args.model, args.settings)
    answer = _answering(args, model, tidying(model.arch, args.largest, args.fill_holes))
    predict_video(args, video, model.arch, lambda pixels, name: answer(pixels, name, {video}))
    return 0


def _answering(args, model, tidy):
    """(what was given, its name, files that nothing may replace) -> (`Prediction`, its JSON, its words)."""
    in_distribution = _in_distribution(args.model) if args.outliers else None
    abstention, squeezing = _abstention(model, args.max_risk), _squeezing(model, args.squeezed)

    def answer(given, name, taken):
        inputs, read = model.read(given)
        tell_of_what_is_unseen(args, model.arch, inputs, name)
        prediction = model.predict_one(inputs, tidy, name, read)
        described = prediction.to_json()
        if in_distribution:
            described["outlier"] = in_distribution.describe({k: v[None] for k, v in inputs.items()})
        if squeezing:
            described["squeezed"] = squeezing.describe({k: v[None] for k, v in inputs.items()})
        if abstention:
            described["risk"] = abstention.describe(prediction["probabilities"])
        key = next((k for k in LARGE if k in model.arch.outputs), None)
        if args.out and key:
            described[key] = _write(prediction, name, args.out, taken)
        words = abstention.in_words(prediction["probabilities"]) if abstention else ""
        return prediction, described, words + model.arch.showing.in_words(described)

    return answer


def _draw(views, path, every):
    from kerasvision.drawing.pictures import save
    from kerasvision.drawing.showing.base import picture_of

    save(picture_of(views), pathlib.Path(path))
    some = f" (the first {len(views)} of {every})" if len(views) < every else ""
    print(f"drawn: {path}{some}", file=sys.stderr)


def _in_distribution(folder):
    """The `InDistribution` of a run folder, which says how far out of its distribution an image is."""
    from kerasvision.api import load_run
    from kerasvision.robustness.in_distribution import in_distribution_of

    if not pathlib.Path(folder, "recipe.json").exists():
        raise UsageError(f"--outliers needs a run, whose training images it looks at; {folder} is none")
    return in_distribution_of(load_run(folder))


def _abstention(model, max_risk):
    """The `Abstention` at a risk, or None where none was asked for."""
    if max_risk is None:
        return None
    from kerasvision.robustness.abstention import abstention_of

    return abstention_of(model, max_risk)


def _squeezing(model, rate):
    """The `Squeezing` at a false-positive rate, or None where none was asked for."""
    if rate is None:
        return None
    from kerasvision.robustness.squeezing import squeezing_of

    return squeezing_of(model, rate)


def _write(prediction, name, folder, taken):
    """The path of the file of a mask (of a volume NIfTI on its own grid, else PNG) or of a picture.

    taken: files that it must not replace.
    """
    from kerasvision.data.volumes import SUFFIXES as VOLUMES

    is_volume, stem = hasattr(prediction.read, "grid"), pathlib.Path(name).resolve().name if name != "-" else "stdin"
    suffixes = VOLUMES if is_volume else (pathlib.Path(stem).suffix.lower(),)
    stem = next((stem[: -len(s)] for s in suffixes if s and stem.lower().endswith(s)), stem)
    path = pathlib.Path(folder, f"{stem}.nii.gz" if is_volume else f"{stem}.png")
    if path.resolve() in {pathlib.Path(t).resolve() for t in taken}:
        what = "picture" if "picture" in prediction.values else "mask"
        raise KerasVisionError(
            f"the {what} of {name} would replace {path}; choose another --out, or one for each folder"
        )
    return str(prediction.save(path))


def _show_error(name, error, as_json):
    if as_json:
        print(json.dumps({"input": name, "error": str(error)}), flush=True)
    else:
        print(f"kerasvision: {lines_of(error)}", file=sys.stderr)


def _print_table(rows):
    from rich.console import Console
    from rich.table import Table

    from kerasvision.core.escaping import cells

    table = Table()
    table.add_column("input")
    table.add_column("prediction")
    for row in rows:
        table.add_row(*cells(*row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table)
