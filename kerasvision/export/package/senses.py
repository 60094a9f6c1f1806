"""What a model of several senses owes to each of them, as a section of its card."""

from kerasvision.core.escaping import markdown_text
from kerasvision.core.intervals import spelled
from kerasvision.export.package.table import table


def section(found):
    """[Markdown] of what `kerasvision modalities --json` printed, or [] of None."""
    if not found:
        return []
    said = (
        f"On {found['examples']} examples of the {markdown_text(found['split'])} split, with 95 % intervals; "
        f"{found['chance']:.4f} by chance. Shares (Shapley values) add up to what all senses have above that."
    )
    unit = markdown_text(found["unit"])
    sets = table(("what the model is given", unit), [_row(figure) for figure in found["sets"]])
    shares = [(*_row(figure), f"{found['changed'][figure['name']]:.4f}") for figure in found["shares"]]
    owed = table(("sense", f"share of {unit}", "answers that change without its own"), shares)
    warned = "".join(f"\n- {markdown_text(line)}" for line in found["warnings"])
    return [f"## What it owes to each sense\n\n{said}\n\n{sets}\n\n{owed}" + (f"\n{warned}" if warned else "")]


def _row(figure):
    return markdown_text(figure["name"]), spelled(figure["value"], (figure["low"], figure["high"]))
