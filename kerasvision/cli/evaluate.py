"""`kerasvision evaluate RUN [--split S]`."""

import json

HELP = "evaluate a run, or an exported file, on a split of its data"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("model", metavar="RUN|SAVED_MODEL|FILE")
    parser.add_argument("--split", default="test", help="train, validation or test")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print the metrics of one split."""
    from kerasvision.api import evaluate

    metrics = evaluate(args.model, args.split)
    if args.json:
        print(json.dumps(metrics, indent=2))
    else:
        width = max(map(len, metrics))
        for name, value in metrics.items():
            print(f"{name:<{width}}  {value:.4f}")
    return 0
