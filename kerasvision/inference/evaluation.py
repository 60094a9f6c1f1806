"""Predictions over a split, and the metrics that the task's evaluator computes of them.

served: an `inference.served.Served`. data: batches of `data.pipeline.evaluation_data`, (prepared, geometry, ground
truth). split: a `Split` of an opened source.
"""

import csv
import dataclasses
import io
import os
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import csv_text
from kerasvision.core.files import write_text
from kerasvision.data.pipeline import evaluation_data, raw_examples


def predictions(served, data):
    """Yields (prediction, ground_truth), dicts of numpy arrays [B, ...]; labels of unequal length, such as boxes, are
    an object array of B arrays.
    """
    for prepared, geometry, ground_truth in data:
        yield as_numpy(served.predict(prepared, geometry)), {k: rows_of(v) for k, v in ground_truth.items()}


def as_numpy(tensors):
    """A dict of tensors -> of arrays."""
    return {k: v.numpy() for k, v in tensors.items()}


def rows_of(value):
    """A ragged batch becomes a row of arrays, also when its lengths happen to agree: all batches then stack alike."""
    if not isinstance(value, tf.RaggedTensor):
        return value.numpy()
    rows = np.empty(value.nrows(), object)
    for number, row in enumerate(value):
        rows[number] = row.numpy()
    return rows


def evaluator_of(arch, classes, split):
    """A fresh evaluator of the architecture for a split, whose groups it is told."""
    evaluator = arch.evaluator(classes)
    evaluator.split_groups = split.groups
    return evaluator


def gallery_of(evaluator, splits, judged=""):
    """The split that an evaluator takes as its gallery; None where it takes none. splits: name -> `Split`. judged: name
    of the one that it is updated with: where that is the gallery itself, there is none beside it.

    Raises KerasVisionError where the data has no such split.
    """
    name = evaluator.gallery
    if name and name not in splits:
        raise KerasVisionError(
            f"{type(evaluator).__name__} compares with the split {name!r}, and the data has {', '.join(splits)}; bring "
            "a source with that split"
        )
    return splits[name] if name and name != judged else None


def show_gallery(answer, evaluators, gallery, arch):
    """Give evaluators a gallery, of which each picture is answered once. answer: serving inputs -> prediction, numpy.
    gallery: what `gallery_of` gives.
    """
    for inputs, ground_truth, _ in raw_examples(gallery, arch) if gallery else ():
        prediction = answer(inputs)
        for evaluator in evaluators:
            evaluator.see_gallery(prediction, ground_truth)


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a model is evaluated on: `split`, and as its evaluator's gallery another split or None, both as batches of
    `data.pipeline.evaluation_data` too. Its splits are read anew each time unless they are kept in memory.
    """

    split: typing.Any
    data: typing.Any
    gallery: typing.Any = None


def examples_of(arch, classes, splits, name, *, batch_size=64, cache=False):
    """The `Examples` of the split of a name. splits: name -> `Split`. cache: keep decoded samples in memory."""
    gallery = gallery_of(arch.evaluator(classes), splits, name)
    batches = [
        None if split is None else evaluation_data(split, arch, batch_size=batch_size, cache=cache)
        for split in (splits[name], gallery)
    ]
    return Examples(splits[name], *batches)


def evaluated(served, examples):
    """The task's `metrics.base.Evaluator`, updated with every one of `examples`, an `Examples`."""
    evaluator = evaluator_of(served.arch, served.classes, examples.split)
    for prediction, ground_truth in predictions(served, examples.gallery or ()):
        evaluator.see_gallery(prediction, ground_truth)
    for prediction, ground_truth in predictions(served, examples.data):
        evaluator.update(prediction, ground_truth)
    return evaluator


def evaluate_served(served, examples):
    """Metric name -> float, over every one of `examples`, an `Examples`."""
    return evaluated(served, examples).result()


def draw_evaluation(evaluator, folder, split, arch):
    """Write the evaluator's pictures of the split that it was updated with into an existing folder; returns paths."""
    return evaluator.draw(folder, lambda numbers: _images(split, arch, numbers))


def picture_folder(folder, evaluator, name):
    """Make the folder for an evaluator's pictures, before the evaluation, and return its path. name: of the
    architecture.

    Raises UsageError of an evaluator that draws none, KerasVisionError where nothing can be written.
    """
    if not evaluator.draws:
        raise UsageError(f"{name} has no pictures to draw of an evaluation")
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; name a folder to draw into") from None
    if not os.access(folder, os.W_OK):
        raise KerasVisionError(f"cannot write to {folder}: permission denied; name a folder to draw into")
    return folder


def case_file(path, evaluator, name):
    """The path of a file for `write_cases`, looked at before the evaluation. name: of the architecture.

    Raises UsageError of an evaluator without figures of single cases and of a file that is no .csv, KerasVisionError
    where nothing can be written.
    """
    path = pathlib.Path(path)
    if not evaluator.has_cases:
        raise UsageError(f"{name} has no figures of single cases; segmenters and captions have")
    if path.suffix.lower() != ".csv" or path.is_dir():
        raise UsageError(f"{path} is no file for figures of single cases; name a .csv")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(
            f"cannot write {path}: {error.strerror}; name a .csv in a folder you can write"
        ) from None
    if not os.access(path.parent, os.W_OK):
        raise KerasVisionError(f"cannot write {path}: permission denied; name a .csv in a folder you can write")
    return path


def write_cases(evaluator, path, names):
    """Write `Evaluator.cases` as CSV, a row an example: its name as `file`, then its figures. names: of the examples,
    in the order of the updates. Fields that hold text are quoted, and none of them is a formula; undefined ones are
    empty.
    """
    rows, text = evaluator.cases(), io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(["file", *map(csv_text, rows[0] if rows else ())])
    for name, row in zip(names, rows, strict=True):
        writer.writerow([csv_text(name), *("" if value is None else value for value in row.values())])
    write_text(path, text.getvalue())


def figures_by_group(evaluator, groups):
    """{group: {"examples": how many, "metrics": {name: value}}}, by name: the evaluator's figures of each group's
    examples alone. groups: a text an example, in the order of the updates.
    """
    held = np.array(groups, object)
    found = {name: np.flatnonzero(held == name) for name in sorted(set(groups))}
    return {name: {"examples": len(i), "metrics": evaluator.result(i)} for name, i in found.items()}


def examples_at(split, arch, numbers):
    """Number of an example in the split -> its serving inputs, numpy [1, ...]; only those examples are read."""
    wanted = sorted(int(n) for n in numbers)
    if not wanted:
        return {}
    listed = tf.constant(wanted, tf.int64)
    records = split.records.enumerate().filter(lambda i, _: tf.reduce_any(i == listed)).map(lambda _, record: record)
    rows = raw_examples(dataclasses.replace(split, records=records, size=len(wanted)), arch, batch_size=1)
    return dict(zip(wanted, (inputs for inputs, _, _ in rows), strict=True))


def _images(split, arch, numbers):
    """Number of an example -> its first picture or volume, numpy without batch axis; None where it has none."""
    shown = next((key for key, held in arch.serving_inputs().items() if held.kind in ("image", "volume")), None)
    if shown is None:
        return dict.fromkeys(numbers)
    return {n: inputs[shown][0] for n, inputs in examples_at(split, arch, numbers).items()}


def stacked(batches):
    """Batches of `predictions` -> (one dict of predictions, one of ground truths), joined along the batch axis. Needs
    one batch or more.
    """
    held = list(batches)
    return tuple({k: np.concatenate([pair[i][k] for pair in held]) for k in held[0][i]} for i in (0, 1))


def evaluate_split(served, splits, name):
    """Metric name -> float, over every example of the split of a name. splits: name -> `Split`."""
    return evaluate_served(served, examples_of(served.arch, served.classes, splits, name))
