"""`kerasvision export RUN --to saved_model tf_serving tflite:int8 onnx`."""

import json
import sys

from kerasvision.cli.recipes import add_settings
from kerasvision.core.errors import UsageError

REPAIRED = "tflite:int8"
HELP = "export a run to other runtimes, each reloaded and compared with the trained model on real images"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|PRETRAINED", help="a run folder, or imagenet/efficientnet_lite0")
    parser.add_argument("--data", help="for a pretrained model: a .csv manifest whose labels are among its classes")
    parser.add_argument(
        "--to",
        nargs="+",
        required=True,
        metavar="TARGET",
        help="saved_model, tf_serving, tflite[:float32|float16|dynamic|int8|int16x8[:uint8]], "
        "mediapipe[:float32|float16|dynamic|int8], web[:float32|float16|dynamic|int8[:uint8]], onnx; with :explain "
        "behind them (but mediapipe and web) a classifier's file has its heat, a SavedModel the signature explain",
    )
    parser.add_argument(
        "--out", default=".", help="gets saved_models/, tflite/models/, web/ and onnx/; the current folder by default"
    )
    parser.add_argument(
        "--calibration",
        choices=("every", "cover"),
        default="every",
        help="training images that integer files take their ranges from: every n-th, or 100 that cover the others",
    )
    _configure_companions(parser)
    _configure_repair(parser)
    parser.add_argument(
        "--c-array",
        action="store_true",
        help="of tflite: each file also as C++ source, for microcontrollers (tflite:int8:uint8)",
    )
    parser.add_argument("--version", type=int, help="version number; the next free one by default")
    parser.add_argument("--limit", type=int, help="compare on at most so many examples")
    add_settings(parser, "such as budget.accuracy_drop=0.01")
    parser.add_argument("--json", action="store_true", help="the contract on stdout instead of the table")


def _configure_companions(parser):
    """What goes into files or beside them."""
    parser.add_argument(
        "--runtime",
        metavar="FOLDER",
        help="of web: npm's packages of LiteRT.js, unpacked or as npm pack writes them; fetched by npm by default",
    )
    parser.add_argument(
        "--appearance",
        metavar="RUN",
        help="of a detector with model.slots.count: its files' tracker knows objects again by this embedding/* run, "
        "or by colors",
    )


def _configure_repair(parser):
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="X",
        help="of tflite:int8: try repairs on the validation split, the cheapest first, until the metric is known to "
        "fall by no more; the smallest such file is exported",
    )
    parser.add_argument("--max-bytes", type=int, metavar="N", help="with --max-drop: of the file")
    parser.add_argument("--max-ms", type=float, metavar="N", help="with --max-drop: of the file, one example, here")
    parser.add_argument(
        "--qat",
        metavar="FOLDER",
        help="with --max-drop: where no file of integers alone keeps it, train a run with rounding in its graph from "
        "this run's weights into FOLDER, and judge its file beside the others",
    )
    parser.add_argument("--qat-epochs", type=int, metavar="N", help="of --qat (default: a tenth of the run's)")
    parser.add_argument(
        "--repair",
        nargs="+",
        default=[],
        metavar="STEP",
        help="of tflite:int8: these steps, as contract.json holds them: equalize, ranges=mse, ranges=percentile, "
        "float=LAYER,LAYER, bias",
    )


def run(args):
    """Export and print the certificate."""
    import dataclasses

    from kerasvision.api import exportable
    from kerasvision.core.overrides import override
    from kerasvision.export.base import from_spec
    from kerasvision.export.certificate import export
    from kerasvision.train.appearance import with_appearance

    exporters = _with_runtime(_with_steps([from_spec(spec) for spec in args.to], args), args)
    trained = exportable(args.model, args.data)
    trained = dataclasses.replace(trained, recipe=override(trained.recipe, args.settings))
    if args.appearance:
        from kerasvision.systems.looked import fingerprint

        trained = with_appearance(trained, args.appearance, fingerprint)
    calibration, repaired = args.calibration, None
    if args.max_drop is not None:
        trained, exporters, repaired = _repaired(trained, exporters, args)
        calibration = repaired.calibration
    asked = (args.out, args.version, args.limit, not args.json, calibration, repaired)
    artifacts, contract = export(trained, exporters, *asked)
    if args.c_array:
        _write_c_arrays(artifacts)
    if args.json:
        print(json.dumps(contract, indent=2))
    return 0


def _write_c_arrays(artifacts):
    from kerasvision.export.micro import LIST, write_c_array

    for artifact in (a for a in artifacts if a.kind.startswith("tflite:")):
        lacking = write_c_array(artifact.path)
        lacks = f"; it has no kernel for {', '.join(lacking)}, by {LIST}" if lacking else ""
        print(f"for TensorFlow Lite Micro: {artifact.path.with_suffix('.cc')} and .h{lacks}", file=sys.stderr)


def _with_steps(exporters, args):
    """The exporters, that of int8 files with the steps of --repair. Raises UsageError of options that miss others."""
    import dataclasses

    if args.c_array and not any(e.spec.startswith("tflite:") for e in exporters):
        raise UsageError(f"--c-array is for tflite; seen: --to {' '.join(args.to)}")
    if args.max_drop is None and (args.max_bytes is not None or args.max_ms is not None):
        raise UsageError("--max-bytes and --max-ms go with --max-drop X")
    if args.qat_epochs is not None and args.qat is None:
        raise UsageError("--qat-epochs goes with --qat FOLDER")
    if args.qat is not None:
        _check_qat(args)
    if args.max_drop is not None and (args.repair or args.calibration != "every"):
        raise UsageError("--max-drop looks for steps and calibration itself; leave out --repair and --calibration")
    if (args.max_drop is not None or args.repair) and REPAIRED not in {e.spec for e in exporters}:
        raise UsageError(f"--max-drop and --repair are for {REPAIRED}; seen: --to {' '.join(args.to)}")
    return [dataclasses.replace(e, repair=tuple(args.repair)) if e.spec == REPAIRED else e for e in exporters]


def _check_qat(args):
    import pathlib

    if args.max_drop is None:
        raise UsageError("--qat goes with --max-drop X, which it is to keep")
    if not pathlib.Path(args.model, "recipe.json").exists():
        raise UsageError(f"--qat trains on from a run's weights; {args.model} is no run")
    if pathlib.Path(args.qat).exists():
        raise UsageError(f"--qat {args.qat}: it is there already; {_way_out(pathlib.Path(args.qat))}")
    if args.appearance:
        raise UsageError("--qat and --appearance do not go together; leave one of them out")


def _way_out(folder):
    is_left = folder.is_dir() and not (folder / "metrics.json").exists()
    if is_left and ((folder / "recipe.json").exists() or not any(folder.iterdir())):
        return f"no run has ended in it, so that you may remove the folder {folder}; or name a new one"
    return "name a new folder"


def _with_runtime(exporters, args):
    """The exporters, those of pages with the folder of --runtime. Raises UsageError where there is none."""
    import dataclasses

    if args.runtime is None:
        return exporters
    if not any(hasattr(e, "runtime") for e in exporters):
        raise UsageError(f"--runtime is for web; seen: --to {' '.join(args.to)}")
    return [dataclasses.replace(e, runtime=args.runtime) if hasattr(e, "runtime") else e for e in exporters]


def _repaired(trained, exporters, args):
    """(the `Trained` model with the bound as its budget, exporters with the one that was chosen, the `Repaired`)."""
    import dataclasses

    from kerasvision.export.repair.ladder import HINT, Target, repair
    from kerasvision.export.repair.learning import why_not

    target, reason = Target(args.max_drop, args.max_bytes, args.max_ms), why_not(trained)
    if args.qat and reason:
        raise UsageError(f"--qat: {reason}")

    def tell(attempt):
        print(_line(attempt, target), file=sys.stderr)

    def warn(line):
        print(f"qat: the run in {args.qat} gives no file: {line}", file=sys.stderr)

    found = repair(trained, target, args.limit, tell, _learning(trained.recipe, args) if args.qat else None, warn)
    if not found.is_whole and not args.qat and not reason:
        print(f"not all of it is in integers; {HINT}", file=sys.stderr)
    trained = found.learned or trained
    budget = dataclasses.replace(trained.recipe.budget, accuracy_drop=args.max_drop)
    trained = dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, budget=budget))
    chosen = [found.exporter if e.spec == REPAIRED else e for e in exporters]
    return trained, list(dict.fromkeys(chosen)), found


def _learning(recipe, args):
    """What trains a run with rounding in its graph and gives it, or None, which is said."""
    import pathlib

    from kerasvision.core.errors import KerasVisionError
    from kerasvision.export.repair.learning import qat_recipe
    from kerasvision.train.fit import train

    rounded = qat_recipe(recipe, args.model, args.qat_epochs)

    def learn():
        print(f"qat: {rounded.epochs} epochs from the weights of {args.model} into {args.qat}", file=sys.stderr)
        try:
            return train(rounded, args.qat)
        except KerasVisionError as error:
            again = f"; remove {args.qat} before another try" if pathlib.Path(args.qat).exists() else ""
            print(f"qat: {error}{again}", file=sys.stderr)
            return None

    return learn


def _line(attempt, target):
    from kerasvision.core.escaping import line_of

    held, steps = attempt.trial, " ".join(attempt.steps)
    images = "" if attempt.calibration == "every" else f" calibration={attempt.calibration}"
    return line_of(
        f"{attempt.spec} {steps or 'as it is'}{images}: {held.change:+.4f} ({held.low:+.4f} to {held.high:+.4f}), "
        f"{held.size_bytes:,} bytes, {held.latency_ms:.2f} ms: {'kept' if target.keeps(held) else 'no'}"
    )
