"""Runs side by side: mean and standard deviation over seeds, the change against a baseline, a report with a picture."""

import dataclasses
import json
import math
import pathlib
import statistics

from kerasvision.core.component import from_json
from kerasvision.core.direction import (
    DIRECTIONS,
    Direction,
    direction_of,
    distance,
    goodness,
    read_directions,
    said,
)
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.escaping import markdown_code, markdown_text, plot_text
from kerasvision.core.files import write_figure, write_text
from kerasvision.experiments.chance import LEVEL, judged

MOST_METRICS = 6  # that are compared when nobody names them
FILE_FIGURES = {"size_bytes": "min", "gzip_bytes": "min", "zeros": "max", "latency_ms": "min"}


@dataclasses.dataclass(frozen=True)
class Run:
    """What the files of a run folder say. name, seed: the recipe's. values: metrics of its splits and exported files,
    such as `test/accuracy` and `tflite:int8/size_bytes`. directions: of each metric, without split and class, as its
    evaluator states them (`core.direction`). metric: what its recipe names as deciding; "": the main one.
    """

    name: str
    seed: int
    folder: pathlib.Path
    values: dict[str, float]
    directions: dict[str, Direction] = dataclasses.field(default_factory=dict)
    metric: str = ""

    def direction(self, metric):
        """The `Direction` of a metric as `values` names it; None where nobody stated one."""
        return direction_of(self.directions | FILE_FIGURES, metric.split("/", 1)[-1])


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe's figures of one metric. direction: of the metric. change: mean difference to the baseline, of a metric
    with a target the difference of the distances from it. comparisons: how many recipes are compared with the baseline
    on this metric; for as many interval (of that mean, 95 % for all at once) and p are corrected
    (`experiments.chance`). Both None of the baseline itself, with fewer than two common seeds, and where no seed
    differs from the others.
    """

    name: str
    metric: str
    values: tuple[float, ...]
    direction: Direction | None = None
    pairs: int = 0
    change: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    comparisons: int = 0

    @property
    def mean(self):
        """The mean over the runs."""
        return statistics.fmean(self.values)

    @property
    def goodness(self):
        """The larger, the better the recipe does; NaN where nothing says which is better."""
        return statistics.fmean(goodness(v, self.direction) for v in self.values)

    @property
    def beyond(self):
        """Whether the change is more than seeds explain."""
        return self.p is not None and self.p <= LEVEL

    @property
    def deviation(self):
        """The sample's standard deviation over the runs; NaN for a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


def read_run(folder):
    """The `Run` of a finished run's folder, without loading its model. Raises KerasVisionError where it is none."""
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
    return Run(recipe["name"], recipe["seed"], folder, values, _stated(folder, recipe), recipe.get("metric", ""))


def _stated(folder, recipe):
    """The directions of a run's metrics; of a run that does not hold them, what its architecture's evaluator says."""
    if (folder / DIRECTIONS).exists():
        return read_directions(folder)
    from kerasvision.train.run import classes_of  # which imports TensorFlow

    try:
        return from_json(recipe["model"]).evaluator(classes_of(folder)).directions
    except (KeyError, KerasVisionError):  # its parts are registered no longer
        return {}


def compared(runs, metrics=()):
    """[`Row`], metric after metric, recipes in the order of their first run; the first recipe is the baseline.

    runs: [`Run`]; those of one recipe's name are its seeds. metrics: names, () for those that all runs have. Raises
    UsageError of a metric that a run has not, KerasVisionError where none is common.
    """
    groups = _groups(runs)
    metrics = tuple(metrics) or _common(runs)
    for metric in metrics:
        if missing := [r for r in runs if metric not in r.values]:
            held = close_matches(metric, missing[0].values)
            raise UsageError(f"{missing[0].folder} has no metric {metric!r}; {held}")
    baseline = next(iter(groups.values()))
    return [row for metric in metrics for row in _rows(metric, groups, baseline)]


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
    """What to compare when nobody says: figures of the test split, or else of validation, that every run has; first
    those that the runs were decided by.
    """
    for split in ("test", "validation"):
        names = [f"{split}/{r.metric}" for r in runs if r.metric]
        names += [k for k in runs[0].values if k.count("/") == 1 and k.startswith(f"{split}/")]
        if held := [k for k in dict.fromkeys(names) if all(k in r.values for r in runs)]:
            return tuple(held[:MOST_METRICS])
    raise KerasVisionError("these runs have no metric in common; name one that each has with --metrics")


def _rows(metric, groups, baseline):
    """The rows of one metric, judged together."""
    before = {r.seed: _distance(r, metric) for r in baseline}
    rows, changes = [], []
    for name, group in groups.items():
        held = tuple(r.values[metric] for r in group)
        paired = [_distance(r, metric) - before[r.seed] for r in group if r.seed in before]
        row = Row(name, metric, held, group[0].direction(metric), len(paired))
        if group is not baseline:
            apart = statistics.fmean(_distance(r, metric) for r in group) - statistics.fmean(before.values())
            row = dataclasses.replace(row, change=statistics.fmean(paired) if paired else apart)
        rows.append(row)
        changes.append([] if group is baseline else paired)
    count = sum(len(c) > 1 for c in changes)
    return [
        dataclasses.replace(row, interval=seen.interval, p=seen.p, comparisons=count)
        for row, seen in zip(rows, judged(changes), strict=True)
    ]


def _distance(run, metric):
    return distance(run.values[metric], run.direction(metric))


def conclusion(rows):
    """One sentence on the first metric of [`Row`]: which recipe is the best, and whether seeds alone explain it."""
    held = [r for r in rows if r.metric == rows[0].metric]
    metric, baseline, others = rows[0].metric, held[0], held[1:]
    if not others:
        return f"{metric} of {baseline.name} is {spread(baseline)}; there is nothing to compare it with."
    if baseline.direction in (None, "none"):
        return f"On {metric}, no recipe is the best: nothing says whether more or less of it is better."
    best = max(others, key=lambda r: r.goodness)
    begin = f"On {metric}, {best.name} is the best of {len(others)} beside the baseline {baseline.name}: "
    begin += f"{spread(best)} against {spread(baseline)}"
    if best.pairs < 2:
        return f"{begin}; fewer than two seeds in common say nothing of chance."
    if best.p is None:
        return f"{begin}; all seeds changed by {best.change:+.4f}, which leaves no spread to judge chance by."
    low, high = best.interval or (0.0, 0.0)
    beyond = f"{'' if best.beyond else 'not '}beyond what seeds explain (p = {best.p:.3g}{corrected(best)})"
    return f"{begin}, a change of {best.change:+.4f} [{low:+.4f}, {high:+.4f}], {beyond}."


def corrected(row):
    """How many comparisons a row's p and interval are corrected for; "" for one."""
    return f", Holm's correction for {row.comparisons} comparisons" if row.comparisons > 1 else ""


def spread(row):
    """A row's mean and deviation as a text: `0.9123 (sd 0.0021, 3 runs)`."""
    if len(row.values) == 1:
        return f"{number(row.mean)} (1 run)"
    return f"{number(row.mean)} (sd {number(row.deviation)}, {len(row.values)} runs)"


def number(value):
    """A figure as a text: with four decimals, or none from 1000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"


def cells(row):
    """The texts of a table's row: recipe, mean, deviation, runs, change, interval, p."""
    change = "" if row.change is None else f"{row.change:+.4f}" if abs(row.change) < 1000 else f"{row.change:+,.0f}"
    interval = "" if row.interval is None else f"{row.interval[0]:+.4f} {row.interval[1]:+.4f}"
    deviation = "" if math.isnan(row.deviation) else number(row.deviation)
    p = "" if row.p is None else f"{row.p:.2g}"
    return row.name, number(row.mean), deviation, str(len(row.values)), change, interval, p


HEADER = ("recipe", "mean", "sd", "runs", "change", "95 % interval", "p")


def note(rows):
    """How intervals and p are to be read; "" where there are none."""
    if not (count := max(r.comparisons for r in rows)):
        return ""
    many = f", for all {count} recipes at once (Bonferroni)" if count > 1 else ""
    steps = f", corrected by Holm's steps for the {count} comparisons of each metric" if count > 1 else ""
    ends = " An interval that these steps alone part from 0 ends there." if count > 1 else ""
    return (
        f"Changes are paired by seed. Intervals hold with 95 %{many}, by Student's t. A change with p of {LEVEL:g} or "
        f"less is beyond what seeds explain{steps}.{ends}"
    )


def heading(row):
    """A metric's name, and which way it is better where that is not up."""
    words = said(row.direction)
    return row.metric + (f" ({words})" if words else "")


def write_report(title, rows, out, command=""):
    """Write report.md and report.png into the folder `out`; returns the path of the text. rows: of `compared`. command:
    what the report was made with.
    """
    out = pathlib.Path(out)
    picture = "![a panel for each metric, a row for each recipe](report.png)"
    lines = [f"# {markdown_text(title)}", "", markdown_text(conclusion(rows)), "", picture, ""]
    lines += [markdown_text(note(rows)), ""] if note(rows) else []
    for metric in dict.fromkeys(r.metric for r in rows):
        head = ["| " + " | ".join(HEADER) + " |", "|---|" + "---:|" * (len(HEADER) - 1)]
        lines += [f"## {markdown_text(heading(next(r for r in rows if r.metric == metric)))}", "", *head]
        lines += ["| " + " | ".join(map(markdown_text, cells(r))) + " |" for r in rows if r.metric == metric] + [""]
    if command:
        lines += [f"Made by {markdown_code(command)}.", ""]
    out.mkdir(parents=True, exist_ok=True)
    draw(rows, out / "report.png")
    write_text(out / "report.md", "\n".join(lines))
    return out / "report.md"


def draw(rows, path):
    """Write a PNG, a panel a metric: a dot a run, a bar of one standard deviation, the baseline's mean as a line."""
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
        axis.set_title(plot_text(heading(held[0])), fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    write_figure(figure, path)
