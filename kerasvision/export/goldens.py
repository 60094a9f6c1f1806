"""golden.npz in a SavedModel's `assets.extra`: real examples and what the trained model answers to them, so that
whoever has the package can see whether it still answers so, on another machine or with another runtime.

Keys, for number 00 and on: `input/NN/<key>` as a client sends it, `output/NN/<key>` the judged prediction
(`Architecture.judged`), numpy [1, ...]. Texts, which numpy could only pickle, are two: `<name>#bytes`, all of them one
after the other, and `<name>#lengths`.
"""

import pathlib
import zipfile

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.inference.evaluation import as_numpy

PLACE = pathlib.Path("assets.extra") / "golden.npz"
_BYTES, _LENGTHS = "#bytes", "#lengths"
EXAMPLES, MOST_BYTES = 5, 2**24  # of inputs and predictions, before compression; of large examples there are fewer


def write_goldens(folder, job):
    """Write the goldens of a SavedModel's folder. job: the export's `Job`."""
    held, size = {}, 0
    for number, sample in enumerate(job.samples[:EXAMPLES]):
        rows = {"input": sample, "output": as_numpy(job.served.judge(sample))}
        size += sum(value.nbytes for row in rows.values() for value in row.values())
        if held and size > MOST_BYTES:
            break
        for part, row in rows.items():
            for key, value in row.items():
                held |= _stored(f"{part}/{number:02d}/{key}", np.asarray(value))
    (folder / PLACE).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / PLACE, **held)


def _stored(name, value):
    """name -> array that needs no pickling."""
    if value.dtype != object:
        return {name: value}
    texts = [bytes(text) for text in value.ravel()]
    lengths = np.array([len(text) for text in texts], np.int64).reshape(value.shape)
    return {name + _BYTES: np.frombuffer(b"".join(texts), np.uint8), name + _LENGTHS: lengths}


def _texts(held, name):
    """Object array of the bytes that `_stored` has made two arrays of."""
    whole, lengths = held[name + _BYTES].tobytes(), held[name + _LENGTHS]
    ends = np.cumsum(lengths)
    texts = np.empty(lengths.size, object)
    texts[:] = [whole[end - length : end] for end, length in zip(ends, lengths.ravel(), strict=True)]
    return texts.reshape(lengths.shape)


def read_goldens(folder):
    """[(inputs, judged prediction)] of a SavedModel's folder, both name -> numpy [1, ...]; [] where it has none, as of
    exports of before. Raises KerasVisionError where the file is damaged.
    """
    if not (folder / PLACE).exists():
        return []
    rows = {}
    try:
        with np.load(folder / PLACE) as held:
            for name in held.files:
                if name.endswith(_LENGTHS):
                    continue
                part, number, key = name.removesuffix(_BYTES).split("/", 2)
                value = _texts(held, name.removesuffix(_BYTES)) if name.endswith(_BYTES) else held[name]
                rows.setdefault(number, {"input": {}, "output": {}})[part][key] = value
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise KerasVisionError(f"{folder / PLACE} is damaged; export the model again") from None
    return [(row["input"], row["output"]) for _, row in sorted(rows.items())]


def same_inputs(given, wanted):
    """Whether inputs of one example are these, {key: numpy}; a number that is missing, NaN, is like another."""
    return set(given) == set(wanted) and all(
        np.array_equal(given[k], v, equal_nan=np.asarray(v).dtype.kind == "f") for k, v in wanted.items()
    )


def check_written(folder, judge):
    """Yields a line unless the goldens of a folder are real examples and the trained model's answers to them. judge: an
    `export.verification.Judge`.
    """
    for number, (inputs, prediction) in enumerate(read_goldens(folder)):
        sample = judge.samples[number]
        if not same_inputs(inputs, sample):
            yield f"has other inputs in {PLACE.name} than the examples that it was made of"
            return
        outputs = {k: v for k, v in prediction.items() if k in judge.arch.outputs}
        yield from judge.predictions(f"{PLACE.name} has another answer than the trained model: it", number, outputs)
