"""`kerasvision ensemble RUN RUN ... --out RUN`."""

import sys

HELP = "join finished runs of one task into one model, in a run folder of its own"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="folders of finished runs with equal classes and inputs; RUN/phase-N is its snapshot after that phase",
    )
    parser.add_argument("--out", required=True, help="the ensemble's run folder, for evaluate, predict and export")
    parser.add_argument(
        "--combine",
        default="",
        help="mean (of probabilities; the default), weighted (shares fitted on the validation split) or stacking; of "
        "detectors wbf (weighted boxes fusion; the default), nms or soft_nms (of all boxes together)",
    )
    parser.add_argument("--name", default="ensemble", help="what exports are called")


def run(args):
    """Join, and print the metrics."""
    from kerasvision.cli.train import report
    from kerasvision.systems.joining import join

    trained = join(args.runs, args.out, args.combine, args.name)
    if fitted := getattr(trained.arch, "shares", ()):
        shares = ", ".join(f"{share:.3f} {run}" for run, share in zip(args.runs, fitted, strict=True))
        print(f"shares: {shares}", file=sys.stderr)
    report(trained)
    return 0
