"""The run folder: what a training leaves behind, and how it is loaded again.

recipe.json, classes.txt, weights.h5: the trained model. reference.npz: what it answered when it was evaluated, for
exports to be held against. metrics.json, history.csv, curves.png, environment.json: the record; directions.json:
whether more or less of each metric is better; with a test split also pictures, a classifier's confusion.png and
worst.png (of several labels labels.png too), a regressor's scatter.png and worst.png, a detector's precision_recall.png
and errors.png, a segmenter's worst.png.
phase-1/, phase-2/ ...: backups while training, best weights, TensorBoard's files.
"""

import dataclasses
import importlib.metadata
import json
import pathlib
import platform
import typing

from kerasvision.core.direction import write_directions
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_figure, write_text
from kerasvision.core.intervals import folded
from kerasvision.core.packages import installed
from kerasvision.core.recipe import Recipe
from kerasvision.data.class_names import read_names, write_names
from kerasvision.data.pipeline import splits_of
from kerasvision.inference.evaluation import evaluate_served, examples_of
from kerasvision.inference.record import judged_split, record_of, write_record
from kerasvision.inference.served import Served
from kerasvision.train.callbacks import BEST_WEIGHTS, CHOSEN_BY, save_weights
from kerasvision.train.probing import probe_directions

WEIGHTS = "model.weights.h5"  # of a run folder
PACKAGES = ("tensorflow", "tf-keras", "keras-cv", "tensorflow-model-optimization", "tensorflow-datasets", "tf2onnx")


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained recipe: its graph, class names, metrics and the folder it stands in (None: nowhere)."""

    recipe: Recipe
    graph: typing.Any
    classes: tuple[str, ...]
    metrics: dict[str, float]
    folder: pathlib.Path | None = None
    chief: bool = True  # this process wrote the folder
    mistakes: tuple[str, ...] = ()  # in words, the most frequent of the test split, where training has just ended
    embedder: typing.Any = None  # a `Trained` embedder that files have inside (`train.appearance`)

    @property
    def arch(self):
        """The architecture, with what training decided about it."""
        return self.recipe.model

    @property
    def directions(self):
        """Name of each metric, without its split -> which way it is better."""
        return self.arch.evaluator(self.classes).directions | probe_directions(self.recipe)

    @property
    def chosen_by(self):
        """(name, direction) of the figure that decides, `tasks.base.Task.chosen_by`."""
        return self.arch.chosen_by(self.recipe.metric, self.classes)

    def served(self):
        """The `Served` that every exporter takes: how this run prepares, answers and decodes, and its embedder."""
        return Served(self.arch, self.graph, self.classes, self.embedder and self.embedder.served())


def save_run(trained):
    """Write a run folder's model and record."""
    folder = trained.folder
    save_weights(trained.graph, folder / WEIGHTS)
    write_text(folder / "recipe.json", trained.recipe.dumps())
    write_names(folder / "classes.txt", trained.classes)
    write_text(folder / "metrics.json", json.dumps(trained.metrics, indent=2) + "\n")
    write_directions(folder, trained.directions)


def judged_again(trained):
    """A `Trained` model that was changed after its training, saved with the figures and the record that exports are
    held against.
    """
    splits = splits_of(trained.recipe)
    judged, size, found = judged_split(splits), trained.recipe.batch_size, {}
    for name in dict.fromkeys((judged, *(n for n in ("validation",) if n in splits))):
        examples = examples_of(trained.arch, trained.classes, splits, name, batch_size=size)
        found |= {f"{name}/{k}": v for k, v in evaluate_served(trained.served(), examples).items()}
    chosen = {key: value for key, value in trained.metrics.items() if key.startswith(CHOSEN_BY)}
    trained = dataclasses.replace(trained, metrics=found | chosen)
    save_run(trained)
    write_record(record_of(trained, judged, splits[judged]), trained.folder)
    return trained


def load_run(folder):
    """The trained model of a run folder; of RUN/phase-N, its snapshot after that phase, which has no metrics."""
    folder = pathlib.Path(folder)
    if (folder / BEST_WEIGHTS).exists() and (folder.parent / "recipe.json").exists():
        return _snapshot(folder)
    weights = folder / WEIGHTS
    if not weights.exists():
        raise KerasVisionError(f"{folder} is no finished run (no {weights.name}); train with --resume to finish it")
    recipe = Recipe.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    graph = structure(recipe)
    graph.load_weights(weights)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return Trained(recipe, graph, _fitting(recipe, folder), metrics, folder)


def classes_of(folder):
    """The classes of a run folder, or of RUN/phase-N, without loading the run."""
    folder = pathlib.Path(folder)
    held = [f for f in (folder / "classes.txt", folder.parent / "classes.txt") if f.exists()]
    if not held:
        raise KerasVisionError(f"{folder} is no finished run (no classes.txt); train with --resume to finish it")
    return read_names(held[0])


def _fitting(recipe, folder):
    """The classes of a run folder, as many as its model has: a name of two lines would shift all that follow."""
    classes = classes_of(folder)
    try:
        recipe.model.for_classes(classes)
    except KerasVisionError:
        raise KerasVisionError(
            f"{folder / 'classes.txt'} has {len(classes)} lines, and the model another number of classes; mend it: one "
            "name a line, in the order of training"
        ) from None
    if why := recipe.model.outdated(classes):
        raise KerasVisionError(f"{folder} {why}")
    return classes


def _snapshot(folder):
    """The best weights of one phase. A network trained on at a rate that rises again leaves one after the other:
    "Snapshot Ensembles: Train 1, Get M for Free" (Huang et al. 2017, arXiv:1704.00109).
    """
    run, number = folder.parent, int(folder.name.removeprefix("phase-"))
    recipe = Recipe.loads((run / "recipe.json").read_text(encoding="utf-8"))
    graph = structure(recipe, training=number)
    graph.load_weights(folder / BEST_WEIGHTS)
    for technique in recipe.phases()[number - 1].techniques:
        graph = technique.strip(recipe.model, graph)
    return Trained(recipe, graph, _fitting(recipe, run), {}, folder)


def structure(recipe, training=None):
    """The graph that the last phase leaves, with fresh weights; or the one that phase number `training` trains."""
    arch, graph = recipe.model, recipe.model.build()
    for number, phase in enumerate(recipe.phases(), start=1):
        for technique in phase.techniques:
            graph = technique.graph(arch, graph)
        if number == training:
            return graph
        for technique in phase.techniques:
            graph = technique.strip(arch, graph)
    return graph


def environment(strategy, replicas):
    """What the run was made with. versions: of the packages that shape a model; packages: of all that are installed."""
    import tensorflow as tf

    from kerasvision import __version__

    versions = {"kerasvision": __version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "versions": versions,
        "packages": installed(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "devices": [d.device_type for d in tf.config.list_logical_devices()],
        "strategy": strategy,
        "replicas": replicas,
    }


def draw_curves(history_csv, path):
    """Losses and metrics over epochs, from history.csv to a PNG; metrics of single classes are left to the table."""
    import csv

    from matplotlib import colormaps
    from matplotlib.figure import Figure

    if not pathlib.Path(history_csv).exists():  # there were no epochs
        return
    with pathlib.Path(history_csv).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return
    names = [n for n in rows[0] if n not in ("epoch", "phase", "learning_rate") and not n.startswith(CHOSEN_BY)]
    losses = [n for n in names if "loss" in n or "/" not in n]  # what is no loss in all is a term of it
    figures = folded(dict.fromkeys(names))  # without the ends of intervals
    metrics = [n for n in figures if n not in losses and n.count("/") < 2]  # validation/ap, not validation/ap/bird
    figure = Figure(figsize=(12, 4), layout="constrained")
    epochs = range(1, len(rows) + 1)
    for axis, group in zip(figure.subplots(1, 2), (losses, metrics), strict=True):
        axis.set_prop_cycle(color=colormaps["tab10" if len(group) <= 10 else "tab20"].colors)
        for name in group:
            axis.plot(epochs, [float(r[name] or "nan") for r in rows], label=name, marker="." if len(rows) < 30 else "")
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        if group:
            axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    write_figure(figure, path)
