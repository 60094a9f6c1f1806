"""`kerasvision evaluate RUN [--split S] [--draw FOLDER]`."""

import json
import sys

from kerasvision.core.errors import UsageError

HELP = "evaluate a run, or an exported file, on a split of its data"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--draw",
        metavar="FOLDER",
        help="write pictures there: what a classifier confuses, a regressor's errors, a detector's errors and curves, "
        "a segmenter's worst cases",
    )


def run(args):
    """Print the metrics of one split."""
    from kerasvision.api import evaluate, load
    from kerasvision.cli.figures import shown
    from kerasvision.core.escaping import line_of

    if args.draw and args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: name a folder; an evaluation has several pictures")
    model = load(args.model)
    mistakes = []
    metrics = evaluate(model, args.split, args.draw, mistakes.append)
    if args.draw:
        print(f"drawn into {args.draw}", file=sys.stderr)
    if args.json:
        print(json.dumps(metrics, indent=2))
    else:
        figures, line = shown(metrics, model.arch.evaluator(model.classes).directions, "what --json prints")
        figures = {line_of(name): value for name, value in figures.items()}
        width = max(map(len, figures))
        for name, value in figures.items():
            print(f"{name:<{width}}  {value:.4f}")
        if line:
            print(line, file=sys.stderr)
        for mistake in mistakes:
            print(line_of(mistake))
    return 0
