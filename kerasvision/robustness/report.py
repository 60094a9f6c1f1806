"""How well a model does on corrupted images: the metric its recipe decides by under each corruption and severity."""

import json
import pathlib
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.files import write_figure, write_text
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.inference.evaluation import evaluator_of, gallery_of, show_gallery
from kerasvision.robustness.corruptions import CORRUPTIONS, SEVERITIES

FIELDS = {"name", "split", "metric", "examples", "clean", "corruptions"}


def measured(model, split="test", corruptions=(), severities=SEVERITIES, examples=None, progress=lambda *_: None):
    """The document that `read` reads: {name, split, metric, examples, clean, corruptions: {name: {severity: value}}}.

    model: what `kerasvision.load` gives. corruptions: names of `corruptions.CORRUPTIONS`, or none for all. severities:
    of 1 to 5. examples: at most so many, spread evenly over the split. progress: called with (task, done, total). The
    noise of an image is the same at every call. Raises UsageError of an unknown corruption, of a model that takes no
    image or has no data, and where the split has no example of the class that the metric is of.
    """
    names, arch = tuple(corruptions) or tuple(CORRUPTIONS), model.arch
    for name in names:
        if name not in CORRUPTIONS:
            raise UsageError(f"no corruption {name!r}; {close_matches(name, CORRUPTIONS)}")
    splits = _splits(model, split)
    data = thinned(splits[split], examples) if examples else splits[split]
    cells = [(None, 0), *((name, severity) for name in names for severity in severities)]
    judges, seen = [evaluator_of(arch, model.classes, data) for _ in cells], 0
    show_gallery(model, judges, gallery_of(judges[0], splits, split), arch)
    for inputs, ground_truth, ids in raw_examples(data, arch):
        for judge, (name, severity) in zip(judges, cells, strict=True):
            judge.update(model(_corrupted(inputs, ids, name, severity)), ground_truth)
        seen += len(ids)
        progress("images", seen, data.size)
    metric, _ = arch.chosen_by(model.recipe.metric, model.classes)
    values = [figure_of(judge, metric, split) for judge in judges]
    found = {name: {} for name in names}
    for (name, severity), value in zip(cells[1:], values[1:], strict=True):
        found[name][str(severity)] = value
    held = {"name": model.recipe.name, "split": split, "metric": metric, "examples": seen}
    return held | {"clean": values[0], "corruptions": found}


def figure_of(judge, metric, split):
    """A figure of an evaluator; UsageError where the split, by its name, has no example that it could be of."""
    held = judge.result(only=(metric,))
    if metric not in held:
        raise UsageError(f"metric={metric!r}: the {split} split has no example to measure it on; --split takes another")
    return float(held[metric])


def _splits(model, name):
    """The splits of the data of a model that takes images, with that of a name."""
    if "image" not in model.arch.serving_inputs():
        raise UsageError(f"{model.arch.registered_name} takes no image that could be corrupted")
    if model.recipe is None:
        raise UsageError("a pretrained model has no data of its own to be measured on; train or export it first")
    return splits_of(model.recipe, name)


def _corrupted(inputs, ids, name, severity):
    if name is None:
        return inputs
    seeds = [zlib.crc32(f"{name} {severity} {pathlib.PurePath(i).name}".encode()) for i in ids]
    images = zip(inputs["image"], seeds, strict=True)
    return inputs | {"image": np.stack([CORRUPTIONS[name](i, severity, np.random.default_rng(s)) for i, s in images])}


def mean(found):
    """The metric's mean over all corruptions and severities of a document of `measured`."""
    return float(np.mean([value for row in found["corruptions"].values() for value in row.values()]))


def read(path):
    """The document in a robustness.json. Raises KerasVisionError where the file is none."""
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KerasVisionError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(found, dict) or not set(found) >= FIELDS:
        raise KerasVisionError(f"{path} is no robustness.json; `kerasvision robustness RUN --out DIR` writes one")
    return found


def write(found, folder):
    """Write robustness.json and robustness.png into a folder; returns the path of the first. found: of `measured`."""
    folder = pathlib.Path(folder)
    write_text(folder / "robustness.json", json.dumps(found, indent=2) + "\n")
    draw(found, folder / "robustness.png")
    return folder / "robustness.json"


def draw(found, path):
    """Write a PNG of the metric over severity, a line a corruption; severity 0 is the clean images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    for number, (name, row) in enumerate(found["corruptions"].items()):
        places = [0, *map(int, row)]
        axis.plot(places, [found["clean"], *row.values()], "os^vDP*X"[number % 8] + "-", label=name.replace("_", " "))
    axis.axhline(found["clean"], color="0.6", linestyle="--", linewidth=1)
    axis.set(
        xlabel="severity",
        ylabel=found["metric"],
        title=f"{found['name']}, {found['examples']} examples of {found['split']}",
    )
    axis.set_xticks(range(max(SEVERITIES) + 1), ["clean", *map(str, SEVERITIES)])
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    write_figure(figure, path)
