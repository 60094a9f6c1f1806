"""The certificate as a table."""

import sys

from rich.console import Console
from rich.table import Table

from kerasvision.core.escaping import cell
from kerasvision.core.format import human_bytes

_COLUMNS = ("change", "95 % interval", "flips", "max error", "relative", "tolerance", "size", "ms", "verdict")


def print_table(trained, reference, artifacts):
    """One row an artifact, below one for the trained model, on stdout."""
    metric, _ = trained.chosen_by
    table = Table(title=cell(f"{trained.recipe.name}: {reference.size} examples of the {reference.split} split"))
    explained = any(a.explanation for a in artifacts)
    columns = ("artifact", metric, *_COLUMNS, *(["heat kept"] if explained else []))
    for column in columns:
        table.add_column(column, justify="left" if column in ("artifact", "verdict") else "right")
    table.add_row("trained model", f"{reference.metrics[metric]:.4f}", *[""] * (len(columns) - 2))
    for a in artifacts:
        g = a.agreement
        low, high = g["metric_change_interval"]
        table.add_row(
            cell(a.kind),
            f"{a.metrics[metric]:.4f}",
            f"{g['metric_change']:+.4f}",
            f"{low:+.4f} {high:+.4f}",
            f"{g['flips']}/{g['examples']}",
            f"{g['max_error']:.1e}",
            f"{g['max_relative_error']:.1e}",
            "budget" if g["tolerance"] is None else f"{g['tolerance']:.1e}",
            human_bytes(a.size_bytes),
            f"{a.latency_ms:.2f}",
            a.verdict,
            *([_kept(a.explanation)] if explained else []),
        )
    wide = None if sys.stdout.isatty() else 130
    Console(file=sys.stdout, width=wide).print(table)


def _kept(explanation):
    """Rank correlation with the trained model's heat, and the share of the hottest tenth that both have."""
    if not explanation:
        return ""
    doubt = "" if explanation["trusted"] else ", not to be trusted"
    return f"{explanation['rank_correlation']:.3f}, {explanation['hottest_shared']:.0%}{doubt}"
