"""trust.json in words: what was measured of a model and of each of its files, with intervals, and what was not."""

from kerasvision.core.escaping import markdown_code, markdown_text
from kerasvision.export.package.table import table

_HEAD = ("model", "figure", "value", "examples", "how")
_SAYS = {
    "clean": "On images as they are.",
    "corrupted": "Under noise, blur, weather, compression (Hendrycks, Dietterich 2019, arXiv:1903.12261).",
    "attacked": "The share that is still right after small changes made to mislead. Transfer: made on the trained "
    "model; white box: by the file's own gradients; asked alone: by its scores alone.",
    "certified": "What is proven, whatever the attack.",
    "explained": "Whether heats are true: deletion (lower is better), insertion, pointing and inside (higher), and how "
    "alike a file's are to those of the trained model.",
    "calibrated": "The gap between confidence and accuracy; 0 is best.",
    "covered": "How often a promised set holds what is right.",
}


def markdown(found):
    """The whole as Markdown. found: a trust.json."""
    title = f"# {markdown_text(found['name'])}: what is known before it is let out"
    said = (
        f"The {markdown_text(found['split'])} split; what decides is {markdown_text(found['metric'])}. In brackets "
        "95 % intervals. Nothing is known of what is marked as not measured."
    )
    return "\n\n".join([title, said, *sections(found)]) + "\n"


def sections(found, level=2):
    """A section a part, with a row a model and figure. level: of their headings."""
    return [_section(name, found, "#" * level) for name in _SAYS]


def _section(name, found, marks):
    rows, missing = [], {}
    for model in found["models"]:
        held, what = model["parts"][name], markdown_text(model["model"])
        if "not_measured" in held:
            missing.setdefault(held["not_measured"], []).append(what)
            continue
        for figure, row in held["figures"].items():
            ends = row["interval"]
            within = f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
            about = held["examples"], markdown_text(held["how"])
            rows.append((what, markdown_text(figure), f"{row['value']:.4f}{within}", *about))
    parts = [f"{marks} {name.capitalize()}", _SAYS[name], *([table(_HEAD, rows)] if rows else [])]
    parts += [f"- Not measured of {', '.join(whose)}: {markdown_text(why)}." for why, whose in missing.items()]
    return "\n\n".join(parts)


def files_of(found):
    """Lines that name the file of each model."""
    return [f"{markdown_text(m['model'])}: {markdown_code(m['file'])}" for m in found["models"] if m["file"]]
