"""`kerasvision modalities RUN [--split S] [--draw FILE.png]`: what a model of several senses owes to each of them."""

import json
import sys

HELP = "tell what a model of several senses owes to each: its result from all sets of senses, and Shapley shares"

ROWS = 10  # of epochs


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="folder of a finished run of multi_modal/...")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--draw", metavar="FILE.png", help="a chart of the sets and of the shares")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args):
    """Print the tables."""
    from kerasvision.core.errors import UsageError
    from kerasvision.core.escaping import line_of
    from kerasvision.experiments.modalities import draw, modalities_of

    if args.draw and not args.draw.lower().endswith(".png"):
        raise UsageError(f"--draw {args.draw}: this is written as .png")
    report = modalities_of(args.run_folder, args.split)
    if args.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        _print(report)
        for line in report.warnings:
            print(line_of(line))
    if args.draw:
        draw(report, args.draw)
        print(f"drawn into {args.draw}", file=sys.stderr)
    return 0


def _print(report):
    from kerasvision.cli.pictures import print_table
    from kerasvision.core.intervals import spelled

    def row(figure, *more):
        return (figure.name, spelled(figure.value, (figure.low, figure.high)), *more)

    print_table(("senses", report.unit), [("none", f"{report.chance:.4f}"), *map(row, report.sets)])
    shares = [row(share, f"{report.changed[share.name]:.4f}") for share in report.shares]
    print_table(("sense", "share of what is above", "answers that change without its own"), shares)
    if report.agreement:
        pairs = [(a, b, f"{share:.4f}") for a, b, share in report.agreement]
        print_table(("alone", "and alone", "say the same"), pairs)
    if report.gradients:
        _print_gradients(report.gradients)
    else:
        print("how senses learned is not known: techniques/balance_modalities (alpha=0 to watch alone) records it")
    print(f"{report.examples} examples; shares add up to what all senses have above none")


def _print_gradients(gradients):
    """Of at most `ROWS` epochs, the first and the last among them."""
    from kerasvision.cli.pictures import print_table

    epochs = list(next(iter(gradients.values())))
    shown = sorted({epochs[round(n * (len(epochs) - 1) / max(1, ROWS - 1))] for n in range(ROWS)})
    rows = [(str(epoch), *(f"{norms[epoch]:.4g}" for norms in gradients.values())) for epoch in shown]
    print_table(("epoch", *(f"gradient of {sense}" for sense in gradients)), rows)
