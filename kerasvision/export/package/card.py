"""The model card of an exported package, out of its contract: "Model Cards for Model Reporting" (Mitchell et al. 2019,
arXiv:1810.03993, figure 2). It says what was measured; what only a person can say is said by that person or marked as
not said.
"""

import base64
import dataclasses
import json

from kerasvision.core.direction import direction_of, goodness
from kerasvision.core.escaping import html_text, markdown_code, markdown_text
from kerasvision.core.format import human_bytes
from kerasvision.core.intervals import folded, spelled
from kerasvision.export.directions import directions_in
from kerasvision.export.package import senses
from kerasvision.export.package.table import table
from kerasvision.export.package.trust import sections

NOT_SAID = "*Not said. Whoever publishes this model should say it.*"
FEW = 100  # examples, below which figures are called rough
_WORST_CLASSES = 3
_GROUP_METRICS = 6  # columns of the table of groups


@dataclasses.dataclass(frozen=True)
class Words:
    """What only a person can say. Markdown, one paragraph each; "" is marked as not said."""

    intended_use: str = ""
    limits: str = ""
    data: str = ""
    license: str = ""


def markdown(contract, words=Words(), robustness=None, explanations="", groups=None, trust=None, modalities=None):
    """The card as Markdown.

    robustness: what `kerasvision robustness` measured of this model, or None. explanations: a picture that `kerasvision
    explain` drew, as the card links it, or "". groups: what `kerasvision evaluate --by` found (`api.evaluate_groups`),
    or None. trust: what `kerasvision trust` wrote, taken whole, or None. modalities: what `kerasvision modalities
    --json` printed, or None.
    """
    parts = [
        f"# {markdown_text(contract['name'])}, version {contract['version']}",
        _details(contract),
        f"## Intended use\n\n{words.intended_use or NOT_SAID}",
        f"## Data\n\n{words.data or NOT_SAID}\n\n{_source(contract)}",
        f"## Figures\n\n{_figures(contract)}",
        *_classes(contract),
        *_groups(groups),
        *senses.section(modalities),
        *_robustness(robustness),
        *_explanations(explanations),
        *(["## Trust", *sections(trust, level=3)] if trust else []),
        f"## Files\n\n{_files(contract)}",
        f"## Limits\n\n{words.limits or NOT_SAID}\n\n{_limits(contract, robustness or trust, groups)}",
        f"## What a client owes\n\n{_owed(contract)}",
        f"## License\n\n{words.license or NOT_SAID}",
    ]
    return "\n\n".join(parts) + "\n"


def page(text, title, pictures=()):
    """The card as one HTML page that needs nothing else. pictures: link -> bytes of a PNG, to be held in it. HTML in
    the Markdown is text there, and nothing in the page can run or be loaded.
    """
    import markdown as converter

    convert = converter.Markdown(extensions=["tables"])
    convert.preprocessors.deregister("html_block")
    convert.inlinePatterns.deregister("html")
    body = convert.convert(text)
    for link, content in dict(pictures).items():
        encoded = base64.b64encode(content).decode()
        body = body.replace(f'src="{link}"', f'src="data:image/png;base64,{encoded}"')
    head = f'<meta charset="utf-8">{_POLICY}<title>{html_text(title)}</title>{_STYLE}'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


_POLICY = """<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">"""
_STYLE = """<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #cfcfcf; padding: .3rem .7rem; text-align: left; }
th { background: #f2f2f2; }
code { background: #f2f2f2; padding: .1rem .3rem; overflow-wrap: anywhere; }
img { max-width: 100%; }
h2 { margin-top: 2.2rem; }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e8e8e8; } th, code { background: #2a2a2a; } th, td { border-color: #454545; }
}
</style>"""


def _details(contract):
    model, classes = contract["recipe"]["model"], contract["classes"]
    backbone = model.get("backbone")
    rows = {
        "task": markdown_text(contract["task"].replace("_", " ")),
        "architecture": markdown_code(model["@"].removeprefix("architectures/")),
        "backbone": _backbone(backbone) if backbone else None,
        f"{len(classes)} classes": ", ".join(map(markdown_text, classes[:40])) + (", ..." if len(classes) > 40 else ""),
        "takes": _tensors(contract["inputs"]),
        "gives": _tensors(contract["outputs"]),
        "made with": markdown_text(contract["created_with"]),
    }
    return table(("", ""), [(k, v) for k, v in rows.items() if v])


def _backbone(held):
    weights = f", weights {markdown_text(held['weights'])}" if held.get("weights") else ""
    return f"{markdown_code(held['@'])}{weights}"


def _tensors(rows):
    parts = []
    for name, row in rows.items():
        shape = ", ".join("?" if n is None else str(n) for n in row["shape"])
        about = f"{row['dtype']} [{shape}] ({row['unit']})"
        parts.append(f"{markdown_code(name)} {markdown_text(about)}")
    return "; ".join(parts)


def _source(contract):
    data = contract["recipe"]["data"]
    fields = {k: v for k, v in data.items() if k != "@" and v not in ("", None, [], {})}
    shown = json.dumps(fields, default=str)
    return f"Read by {markdown_code(data['@'])}: {markdown_code(shown if len(shown) < 400 else shown[:400] + '...')}"


def _figures(contract):
    row = _any_artifact(contract)
    examples = row["agreement"]["examples"]
    split = next(iter(contract["metrics"]), "test/").split("/")[0]
    rows = folded(contract["metrics"]).items()
    held = [(markdown_text(k.split("/", 1)[1]), spelled(*row)) for k, row in rows if k.count("/") == 1]
    split = markdown_text(split)
    return f"Of the trained model, on {examples} examples of the {split} split.\n\n{table(('metric', 'value'), held)}"


def _by_class(contract):
    """{metric: {class: (value, interval or None)}} of what is measured for each class."""
    found = {}
    for key, held in folded(contract["metrics"]).items():
        parts = key.split("/", 2)
        if len(parts) == 3 and parts[2] in contract["classes"]:
            found.setdefault(parts[1], {})[parts[2]] = held
    return found


def _classes(contract):
    found = _by_class(contract)
    if not found:
        return []
    rows = [
        (markdown_text(name), *(spelled(*held[name]) if name in held else "" for held in found.values()))
        for name in contract["classes"]
    ]
    rows = [row for row in rows if any(row[1:])]
    return [f"## Figures of each class\n\n{table(('class', *map(markdown_text, found)), rows)}"]


def _groups(found):
    """Of each group its figures, the main one first; those of single classes are left to `evaluate`."""
    if not found:
        return []
    kinds = [key.split("/", 1)[1] for key in folded({f"all/{k}": v for k, v in found["metrics"].items()})]
    shown = [found["metric"], *(k for k in kinds if k != found["metric"] and "/" not in k)][:_GROUP_METRICS]
    rows = []
    for name, row in found["groups"].items():
        values = [row["metrics"].get(metric) for metric in shown]
        figures = ("" if value is None else f"{value:.4f}" for value in values)
        rows.append((markdown_text(name or "(empty)"), row["examples"], *figures))
    by = markdown_text(found["by"])
    said = f"Of the {found['examples']} examples of the {markdown_text(found['split'])} split, by {by}."
    return [f"## Figures of each group\n\n{said}\n\n{table((by, 'examples', *map(markdown_text, shown)), rows)}"]


def _robustness(found):
    if not found:
        return []
    severities = sorted({severity for row in found["corruptions"].values() for severity in row})
    rows = [
        (markdown_text(name.replace("_", " ")), *(f"{row[s]:.4f}" if s in row else "" for s in severities))
        for name, row in found["corruptions"].items()
    ]
    said = (
        f"{markdown_text(found['metric'])} under corruptions of rising severity (Hendrycks, Dietterich 2019, "
        f"arXiv:1903.12261), on {found['examples']} examples of the {markdown_text(found['split'])} split; "
        f"{found['clean']:.4f} without."
    )
    return [f"## Robustness\n\n{said}\n\n{table(('corruption', *map(markdown_text, severities)), rows)}"]


def _explanations(link):
    if not link:
        return []
    said = "Where in images the model sees what it says; brighter speaks more for the class that is named."
    return [f"## Explanations\n\n{said}\n\n![Heat maps over images]({link})"]


def _files(contract):
    rows = []
    for a in contract["artifacts"]:
        g = a["agreement"]
        low, high = g["metric_change_interval"]
        rows.append(
            (
                markdown_code(a["kind"]),
                human_bytes(a["size_bytes"]),
                f"{a['latency_ms']:.2f}",
                f"{a['metrics'][g['metric']]:.4f}",
                f"{g['metric_change']:+.4f} ({low:+.4f} to {high:+.4f})",
                f"{g['flips']} of {g['examples']}",
                markdown_code(f"{a['sha256'][:16]}..."),
            )
        )
    metric = markdown_text(_any_artifact(contract)["agreement"]["metric"])
    head = ("file", "size", "ms", metric, "change from the trained model (95 %)", "changed answers", "sha256")
    return table(head, rows)


def _limits(contract, robustness, groups):
    lines, examples = [], _any_artifact(contract)["agreement"]["examples"]
    if examples < FEW:
        lines.append(f"Figures come of {examples} examples only, and are rough.")
    for metric, held in _by_class(contract).items():
        direction = direction_of(directions_in(contract), metric) or "max"
        weak = sorted(held.items(), key=lambda row: goodness(row[1][0], direction))[:_WORST_CLASSES]
        if len(held) > _WORST_CLASSES:
            named = ", ".join(f"{markdown_text(name)} {value:.2f}" for name, (value, _) in weak)
            lines.append(f"{'Lowest' if direction == 'max' else 'Worst'} {markdown_text(metric)}: {named}.")
        break
    lines += _weakest_group(contract, groups)
    doubtful = [a["kind"] for a in contract["artifacts"] if a.get("verdict") == "unclear"]
    if doubtful:
        shown = ", ".join(map(markdown_text, doubtful))
        lines.append(f"Too little was compared to tell whether these keep their budget, or whom they follow: {shown}.")
    but = ", but for their corruptions" if robustness else ""
    lines.append(f"Nothing is measured of pictures unlike those of the data above{but}.")
    return "\n".join(f"- {line}" for line in lines)


def _weakest_group(contract, found):
    """A line about the group of the worst main metric, in a list; and one about groups that are small."""
    if not found or len(found["groups"]) < 2:
        return []
    metric, direction = found["metric"], direction_of(directions_in(contract), found["metric"]) or "max"
    known = {k: row for k, row in found["groups"].items() if metric in row["metrics"]}
    lines = []
    if known:
        name = min(known, key=lambda k: goodness(known[k]["metrics"][metric], direction))
        value, count = known[name]["metrics"][metric], known[name]["examples"]
        lines.append(
            f"{'Lowest' if direction == 'max' else 'Worst'} {markdown_text(metric)} by {markdown_text(found['by'])}: "
            f"{markdown_text(name or '(empty)')} {value:.2f}, of {count} examples."
        )
    few = [markdown_text(k or "(empty)") for k, row in found["groups"].items() if row["examples"] < FEW]
    if few:
        lines.append(f"Figures of groups of fewer than {FEW} examples are rough: {', '.join(few)}.")
    return lines


def _owed(contract):
    rows = [(markdown_text(k), markdown_text(v)) for k, v in _flat(contract["preprocess"])]
    return "Files that take the graph's own size are owed this; a SavedModel does it itself.\n\n" + table(
        ("", ""), rows
    )


def _flat(held, before=""):
    """(name in words, value) of each entry, also of those within entries."""
    for key, value in held.items():
        name = before + key.replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        else:
            yield name, value


def _any_artifact(contract):
    return contract["artifacts"][0]
