"""`kerasvision calibrate RUN --set class_sets.coverage=0.9`: what a trained run promises, fitted anew and saved in
it."""

import json
import pathlib
import sys

from kerasvision.cli.recipes import add_settings

HELP = "fit a run's probabilities and what its answers promise, such as sets that hold the right class"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="RUN", help="a folder that `train` wrote")
    add_settings(
        parser, "such as class_sets.coverage=0.9 class_sets.method=raps class_sets.by_class=true scaling=temperature"
    )
    parser.add_argument("--json", action="store_true", help="the promise and the metrics as JSON on stdout")


def run(args):
    """Fit, save and say what is promised."""
    from kerasvision.cli.figures import print_figures
    from kerasvision.train.calibrate import recalibrated

    trained = recalibrated(args.folder, args.settings)
    promise = trained.arch.promise()
    if list(pathlib.Path(args.folder).glob("*/**/contract.json")):
        print(f"files in {args.folder} keep what they were exported with; export again", file=sys.stderr)
    if args.json:
        print(json.dumps({"promise": promise, "metrics": trained.metrics}, indent=2))
        return 0
    print_figures(trained.metrics, trained.directions)
    if said := trained.arch.tuned_words():
        print(said)
    if promise:
        line = (
            f"promised: {100 * promise['coverage']:g} % of {promise['of']}, by {promise['examples']} held-out examples"
        )
        if "between" in promise:
            low, high = promise["between"]
            line += f" (which can make it {100 * low:.1f} to {100 * high:.1f} %)"
        print(line)
    elif any("." in setting.partition("=")[0].removeprefix("model.") for setting in args.settings):
        field = trained.arch.calibrates[-1]
        print(f"nothing is promised, for {field}.coverage is 0; set it too, as in 0.9", file=sys.stderr)
    return 0
