"""`kerasvision export RUN --to saved_model tf_serving tflite:int8 onnx`."""

import json

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
        "mediapipe[:float32|float16|dynamic|int8], onnx; with :explain behind them (but mediapipe) a classifier's file "
        "gives its heat, and a SavedModel the signature explain",
    )
    parser.add_argument(
        "--out", default=".", help="gets saved_models/, tflite/models/ and onnx/; the current folder by default"
    )
    parser.add_argument(
        "--calibration",
        choices=("every", "cover"),
        default="every",
        help="training images that integer files take their ranges from: every n-th, or 100 that cover the others",
    )
    parser.add_argument("--version", type=int, help="version number; the next free one by default")
    parser.add_argument("--limit", type=int, help="compare on at most so many examples")
    parser.add_argument(
        "--set",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="such as budget.accuracy_drop=0.01",
    )
    parser.add_argument("--json", action="store_true", help="the contract on stdout instead of the table")


def run(args):
    """Export and print the certificate."""
    import dataclasses

    from kerasvision.api import exportable
    from kerasvision.core.overrides import override
    from kerasvision.export.base import from_spec
    from kerasvision.export.certificate import export

    exporters = [from_spec(spec) for spec in args.to]
    trained = exportable(args.model, args.data)
    trained = dataclasses.replace(trained, recipe=override(trained.recipe, args.settings))
    asked = (args.out, args.version, args.limit, not args.json, args.calibration)
    _, contract = export(trained, exporters, *asked)
    if args.json:
        print(json.dumps(contract, indent=2))
    return 0
