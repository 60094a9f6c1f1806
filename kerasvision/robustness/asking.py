"""A model and a split of its data, on which it is asked again and again, each time corrupted otherwise."""

import math
import pathlib
import zlib

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.inference.evaluation import evaluator_of, gallery_of
from kerasvision.inference.folds import fold_metrics
from kerasvision.robustness.moving import moved

# figures that are told beside the metric, of evaluators that have them
EXTRA = ("calibration_error", "coverage", "set_size", "interval_coverage", "interval_width", "box_growth")
_KEPT = 2**29  # bytes of decoded examples that stay in memory; a larger split is read for each severity


class Asked:
    """Final. model: what `kerasvision.load` gives. split: a name. examples: at most so many of it, evenly; None: all.

    metric, direction: by which the recipe decides. keys: of the ground truth. size: how many examples there are. Raises
    UsageError of a model that takes no image or has no data.
    """

    def __init__(self, model, split="test", examples=None):
        splits = _splits(model, split)
        data = thinned(splits[split], examples) if examples else splits[split]
        self.model, self.split, self.size, self._data = model, split, data.size, data
        self.metric, self.direction = model.arch.chosen_by(model.recipe.metric, model.classes)
        gallery = gallery_of(evaluator_of(model.arch, model.classes, data), splits, split)
        shown = raw_examples(gallery, model.arch) if gallery else ()
        self._gallery = [(model(inputs), ground_truth) for inputs, ground_truth, _ in shown]
        first = next(raw_examples(data, model.arch, limit=1))
        self.keys = tuple(first[1])
        size = sum(np.asarray(v).nbytes for part in first[:2] for v in part.values()) * data.size
        self._held = list(raw_examples(data, model.arch)) if size <= _KEPT else None

    def batches(self, corruption=None, severity=0):
        """Yields (serving inputs, ground truth) of the split, corrupted unless there is no `Corruption`."""
        for inputs, ground_truth, ids in self._held or raw_examples(self._data, self.model.arch):
            yield (
                _corrupted(inputs, ground_truth, ids, corruption, severity, self.model.arch)
                if corruption
                else (inputs, ground_truth)
            )

    def inputs(self):
        """Yields (serving inputs, names) of the split."""
        for inputs, _, ids in self._held or raw_examples(self._data, self.model.arch):
            yield inputs, ids

    def cell(self, corruption=None, severity=0, answer=None):
        """{"value", "folds", "extra", "figure", "classes", "promised"}: the metric, the metric without each fold,
        figures of `EXTRA`, the figure of each class, and where a promise is for each class or number the share of each
        that it holds. answer: who is asked in place of the model, inputs -> prediction.
        """
        judge = evaluator_of(self.model.arch, self.model.classes, self._data)
        for prediction, ground_truth in self._gallery:
            judge.see_gallery(prediction, ground_truth)
        for inputs, ground_truth in self.batches(corruption, severity):
            judge.update((answer or self.model)(inputs), ground_truth)
        figure, classes = _classes_of(judge, self.metric)
        found = judge.result(only=(*EXTRA, *(f"{figure}/{name}" for name in classes)))
        return {
            "value": figure_of(judge, self.metric, self.split),
            "folds": fold_metrics(judge, self.metric, self.size),
            "extra": {name: found[name] for name in EXTRA if name in found},
            "figure": figure,
            "classes": {name: found[f"{figure}/{name}"] for name in classes if f"{figure}/{name}" in found},
            "promised": _promised(judge.promised_shares()),
        }


def figure_of(judge, metric, split):
    """A figure of an evaluator; UsageError where the split, by its name, has no example that it could be of."""
    held = judge.result(only=(metric,))
    if metric not in held:
        raise UsageError(f"metric={metric!r}: the {split} split has no example to measure it on; --split takes another")
    return float(held[metric])


def _promised(shares):
    """{name: the mean of those that there are} of `Evaluator.promised_shares`; {} of a promise for all alike."""
    means = {name: held[~np.isnan(held)] for name, held in shares.items() if name}
    return {name: float(held.mean()) for name, held in means.items() if held.size}


def _classes_of(judge, metric):
    """(name of the figure by which classes are compared, their names): the metric's own, else the first there is."""
    held = [key.split("/", 1) for key in judge.figures() if "/" in key]
    families = list(dict.fromkeys(family for family, _ in held))
    if not families:
        return "", []
    family = metric if metric in families else families[0]
    return family, [name for other, name in held if other == family]


def _splits(model, name):
    """The splits of the data of a model that takes images, with that of a name."""
    if "image" not in model.arch.serving_inputs():
        raise UsageError(f"{model.arch.registered_name} takes no image that could be corrupted")
    if model.recipe is None:
        raise UsageError("a pretrained model has no data of its own to be measured on; train or export it first")
    return splits_of(model.recipe, name)


def _corrupted(inputs, ground_truth, ids, corruption, severity, arch):
    """(inputs, ground truth) of a batch, corrupted; the seed is an example's name."""
    images, extras = [], _extras(inputs["image"], ground_truth, corruption, arch)
    rows = [{key: value[i] for key, value in ground_truth.items()} for i in range(len(ids))]
    for number, (image, name, extra) in enumerate(zip(inputs["image"], ids, extras, strict=True)):
        seed = zlib.crc32(f"{corruption.name} {severity} {pathlib.PurePath(name).name}".encode())
        made, places = corruption.corrupt(image, severity, np.random.default_rng(seed), extra)
        images.append(made)
        if places is not None:
            rows[number] = moved(rows[number], places)
    if corruption.moves:
        ground_truth = {key: _joined([row[key] for row in rows]) for key in rows[0]}
    return inputs | {"image": np.stack(images)}, ground_truth


def _joined(values):
    """Values of examples as a batch: of one array where their shapes agree, else a row of arrays."""
    if len({np.shape(value) for value in values}) == 1:
        return np.stack(values)
    found = np.empty(len(values), object)
    for number, value in enumerate(values):
        found[number] = value
    return found


def _extras(images, ground_truth, corruption, arch):
    """What a corruption wants besides each image: the graph's size, or what is seen of the next example."""
    if corruption.wants == "size":
        return [tuple(arch.prepared_inputs()["image"].shape[1:3])] * len(images)
    if corruption.wants == "other":
        boxes = ground_truth.get("boxes_xyxy", [()] * len(images))
        pieces = [_piece(image, some) for image, some in zip(images, boxes, strict=True)]
        return [*pieces[1:], pieces[0]]
    return [None] * len(images)


def _piece(image, boxes):
    """The largest object of an image by its box; all of it where it has none."""
    if not len(boxes):
        return image
    left, top, right, bottom = max(np.asarray(boxes, float), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    cut = image[int(max(top, 0)) : math.ceil(bottom), int(max(left, 0)) : math.ceil(right)]
    return cut if cut.size else image
