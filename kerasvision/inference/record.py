"""reference.npz in a run folder: what the run predicted when it was evaluated. An export of another model, or of the
same one with other preprocessing or decoding, does not agree with it and is refused.

It holds a sha256 of the weights and, for a few examples of the evaluated split, a sha256 of the input and the
prediction of `keras.Model` called on it, which no code that exports has a part in.
"""

import dataclasses
import hashlib
import json
import zipfile

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples, thinned
from kerasvision.inference.batches import batches_of_one

NAME = "reference.npz"
EXAMPLES, MOST_BYTES = 24, 2**24  # of predictions, before compression; masks of large photographs are fewer
MOVED, MOVED_EXAMPLES = 0.005, 3  # how far the metric of one model may move between two evaluations of one split


@dataclasses.dataclass(frozen=True)
class Record:
    """What a run predicted. split, size: name of the evaluated split and how many examples it has. weights: sha256.
    metrics: name -> value, on that split.

    predictions: [(name of the example, sha256 of its inputs, judged prediction)]. A judged prediction is what
    `Architecture.judged` makes of raw outputs: the prediction and what it was decided from, numpy [1, ...].
    """

    split: str
    size: int
    weights: str
    metrics: dict
    predictions: list


def judged_split(splits):
    """The name of the split that a model is judged on: test, else validation, else train. splits: by name."""
    return next(name for name in ("test", "validation", "train") if name in splits)


def recorded_examples(split):
    """The `Split` of the examples that a record is made of, at most `EXAMPLES`, spread evenly over a split."""
    return thinned(split, EXAMPLES)


def predicted_by(arch, graph, inputs):
    """The judged prediction of `keras.Model` itself, called eagerly. inputs: serving ones, numpy [B, ...] -> numpy."""

    answers = arch.answering(graph)

    def run_graph(prepared, decode):
        raw = answers(arch.normalize(prepared), training=False)
        return decode({k: tf.cast(v, tf.float32) for k, v in raw.items()})

    prepared, geometry = arch.geometry({k: tf.constant(v) for k, v in inputs.items()})
    return {k: v.numpy() for k, v in arch.predict(run_graph, prepared, geometry, arch.judged).items()}


def record_of(trained, split_name, split):
    """The `Record` of a `Trained` model, on `recorded_examples` of a split, fewer where predictions are large."""
    arch, predictions, held = trained.arch, [], 0
    for inputs, _, names in raw_examples(recorded_examples(split), arch, batch_size=EXAMPLES):
        judged = predicted_by(arch, trained.graph, inputs)
        rows = zip(names, batches_of_one(inputs), batches_of_one(judged), strict=True)
        for name, one, prediction in rows:
            held += sum(v.nbytes for v in prediction.values())
            if predictions and held > MOST_BYTES:
                break
            predictions.append((name, sum_of(one), prediction))
    metrics = {
        k.removeprefix(f"{split_name}/"): v for k, v in trained.metrics.items() if k.startswith(f"{split_name}/")
    }
    return Record(split_name, split.size, weights_sum(trained.graph), metrics, predictions)


def write_record(record, folder):
    """Write a `Record` as reference.npz into a run folder (a pathlib.Path)."""
    about = {k: v for k, v in dataclasses.asdict(record).items() if k != "predictions"}
    about |= {"examples": [{"name": name, "sha256": digest} for name, digest, _ in record.predictions]}
    held = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for number, (_, _, prediction) in enumerate(record.predictions):
        held |= {f"{number:02d}/{k}": v for k, v in prediction.items()}
    np.savez_compressed(folder / NAME, **held)


def read_record(folder):
    """The `Record` of a run folder; None where there is no folder or no reference.npz in it, as of a model that was
    never evaluated as a run. Raises KerasVisionError where the file is damaged.
    """
    if folder is None or not (folder / NAME).exists():
        return None
    try:
        with np.load(folder / NAME) as held:
            about = json.loads(held["about"].tobytes())
            rows = about.pop("examples")
            keys = [k.partition("/")[2] for k in held.files if k.startswith("00/")]
            predictions = [
                (row["name"], row["sha256"], {k: held[f"{number:02d}/{k}"] for k in keys})
                for number, row in enumerate(rows)
            ]
            return Record(**about, predictions=predictions)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise KerasVisionError(f"{folder / NAME} is damaged; restore it, or train again") from None


def weights_sum(graph):
    """sha256, in hex, of all weights of a Keras model, in their order."""
    digest = hashlib.sha256()
    for value in graph.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def sum_of(inputs):
    """sha256, in hex, of a dict of numpy arrays: of keys, dtypes, shapes and values."""
    digest = hashlib.sha256()
    for key in sorted(inputs):
        digest.update(f"{key} {inputs[key].dtype} {inputs[key].shape}".encode())
        texts = inputs[key].dtype == object  # whose memory holds addresses
        digest.update(repr(inputs[key].tolist()).encode() if texts else np.ascontiguousarray(inputs[key]).tobytes())
    return digest.hexdigest()
