"""Runs side by side: mean and standard deviation over seeds, the change against a baseline, a report with a picture."""

import dataclasses
import json
import math
import pathlib
import statistics

from scipy import stats

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.escaping import markdown_code, markdown_text, plot_text
from kerasvision.core.files import write_figure, write_text

MOST_METRICS = 6  # that are compared when nobody names them
FILE_FIGURES = ("size_bytes", "gzip_bytes", "zeros", "latency_ms")
LESS_IS_BETTER = (
    "loss",
    "error",
    "mae",
    "rmse",
    "mse",
    "hd95",
    "size_bytes",
    "gzip_bytes",
    "latency_ms",
    "nll",
    "ece",
    "coverage",
    "pinball",
    "missed",
    "spurious",
)
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run folder says of itself. values: the metrics of its splits and of its exported files."""

    name: str
    seed: int
    folder: pathlib.Path
    values: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe's figures of one metric. change: mean difference to the baseline; interval: of that mean, 95 % by
    Student's t over paired seeds, None with fewer than two pairs or of the baseline itself.
    """

    name: str
    metric: str
    values: tuple[float, ...]
    change: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def mean(self):
        return statistics.fmean(self.values)

    @property
    def deviation(self):
        """Of the sample; NaN for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


def read_run(folder):
    """The `Run` of a folder, without its model."""
    folder = pathlib.Path(folder)
    try:
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        values = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KerasVisionError(
            f"{folder} is no finished run (no {pathlib.Path(error.filename).name}); name folders that train wrote"
        ) from None
    for contract in sorted(folder.rglob("contract.json")):
        for artifact in json.loads(contract.read_text(encoding="utf-8"))["artifacts"]:
            figures = artifact["metrics"] | {k: artifact.get(k) for k in FILE_FIGURES}
            values |= {f"{artifact['kind']}/{k}": v for k, v in figures.items() if v is not None}
    return Run(recipe["name"], recipe["seed"], folder, values)


def compared(runs, metrics=()):
    """[`Row`], metric after metric, recipes in the order of their first run; the first recipe is the baseline."""
    groups = _groups(runs)
    metrics = tuple(metrics) or _common(runs)
    for metric in metrics:
        if missing := [r for r in runs if metric not in r.values]:
            held = close_matches(metric, missing[0].values)
            raise UsageError(f"{missing[0].folder} has no metric {metric!r}; {held}")
    baseline = next(iter(groups.values()))
    return [_row(name, metric, group, baseline) for metric in metrics for name, group in groups.items()]


def _groups(runs):
    """Label -> runs. Runs of one recipe's name are its seeds; equal seeds are runs of their own, named by folder."""
    groups = {}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    labeled = {}
    for name, group in groups.items():
        if len({r.seed for r in group}) == len(group):
            labeled[name] = group
        else:
            labeled |= {str(r.folder): [r] for r in group}
    return labeled


def _common(runs):
    """What to compare when nobody says: figures of the test split, or else of validation, that every run has."""
    for split in ("test", "validation"):
        names = [k for k in runs[0].values if k.count("/") == 1 and k.startswith(f"{split}/")]
        if held := [k for k in names if all(k in r.values for r in runs)]:
            return tuple(held[:MOST_METRICS])
    raise KerasVisionError("these runs have no metric in common; name one that each has with --metrics")


def _row(name, metric, group, baseline):
    values = tuple(r.values[metric] for r in group)
    if group is baseline:
        return Row(name, metric, values)
    before = {r.seed: r.values[metric] for r in baseline}
    pairs = [r.values[metric] - before[r.seed] for r in group if r.seed in before]
    if not pairs:
        return Row(name, metric, values, statistics.fmean(values) - statistics.fmean(before.values()))
    change = statistics.fmean(pairs)
    if len(pairs) < 2:
        return Row(name, metric, values, change)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1) * statistics.stdev(pairs) / math.sqrt(len(pairs))
    return Row(name, metric, values, change, (change - reach, change + reach))


def less_is_better(metric):
    """Whether a small value is a good one, by the metric's name."""
    parts = metric.split("/")  # split or file, metric, perhaps a class
    name = parts[min(1, len(parts) - 1)].removesuffix("_low").removesuffix("_high")
    return any(name.endswith(word) for word in LESS_IS_BETTER)


def conclusion(rows):
    """One sentence on the first metric."""
    metric, sign = rows[0].metric, -1 if less_is_better(rows[0].metric) else 1
    held = [r for r in rows if r.metric == metric]
    if len(held) == 1:
        return f"{metric} of {held[0].name} is {spread(held[0])}; there is nothing to compare it with."
    best = max(held[1:], key=lambda r: sign * r.mean)
    said = f"On {metric}, {best.name} is the best of {len(held) - 1} beside the baseline {held[0].name}: {spread(best)}"
    said += f" against {spread(held[0])}"
    if best.interval is None:
        return f"{said}; one run each says nothing of chance."
    low, high = best.interval
    proved = "beyond" if low * high > 0 else "not beyond"
    return f"{said}, a change of {best.change:+.4f} [{low:+.4f}, {high:+.4f}], {proved} what seeds explain."


def spread(row):
    """`0.9123 (sd 0.0021, 3 runs)`"""
    if len(row.values) == 1:
        return f"{number(row.mean)} (1 run)"
    return f"{number(row.mean)} (sd {number(row.deviation)}, {len(row.values)} runs)"


def number(value):
    """Four decimals, or none of what is counted in thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"


def cells(row):
    """The texts of a table's row: recipe, mean, deviation, runs, change, interval."""
    change = "" if row.change is None else f"{row.change:+.4f}" if abs(row.change) < 1000 else f"{row.change:+,.0f}"
    interval = "" if row.interval is None else f"{row.interval[0]:+.4f} {row.interval[1]:+.4f}"
    deviation = "" if math.isnan(row.deviation) else number(row.deviation)
    return row.name, number(row.mean), deviation, str(len(row.values)), change, interval


HEADER = ("recipe", "mean", "sd", "runs", "change", "95 % interval")


def write_report(title, rows, out, command=""):
    """report.md and report.png into a folder; returns the path of the text."""
    out = pathlib.Path(out)
    picture = "![a panel for each metric, a row for each recipe](report.png)"
    lines = [f"# {markdown_text(title)}", "", markdown_text(conclusion(rows)), "", picture, ""]
    for metric in dict.fromkeys(r.metric for r in rows):
        head = ["| " + " | ".join(HEADER) + " |", "|---|" + "---:|" * (len(HEADER) - 1)]
        lines += [f"## {markdown_text(metric)}", "", *head]
        lines += ["| " + " | ".join(map(markdown_text, cells(r))) + " |" for r in rows if r.metric == metric] + [""]
    if command:
        lines += [f"Made by {markdown_code(command)}.", ""]
    out.mkdir(parents=True, exist_ok=True)
    draw(rows, out / "report.png")
    write_text(out / "report.md", "\n".join(lines))
    return out / "report.md"


def draw(rows, path):
    """A panel a metric: a dot a run, a bar of one standard deviation about the mean, the baseline's mean as a line."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(r.metric for r in rows))
    count = len(rows) // len(metrics)
    figure = Figure(figsize=(5.2 * len(metrics), 1.4 + 0.42 * count), layout="constrained")
    for axis, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        held = [r for r in rows if r.metric == metric]
        axis.axvline(held[0].mean, color="0.6", linestyle="--", linewidth=1)
        for place, row in enumerate(held):
            color = "0.35" if place == 0 else "tab:blue"
            deviation = 0.0 if math.isnan(row.deviation) else row.deviation
            axis.errorbar(row.mean, place, xerr=deviation, color=color, fmt="s", capsize=4, markersize=6)
            axis.plot(row.values, [place] * len(row.values), "o", color=color, alpha=0.4, markersize=4)
        is_first = axis.get_subplotspec().is_first_col()
        axis.set_yticks(range(len(held)), [plot_text(r.name) if is_first else "" for r in held])
        axis.invert_yaxis()
        axis.set_title(plot_text(metric) + (" (less is better)" if less_is_better(metric) else ""), fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    write_figure(figure, path)
