"""A contract that was written, held against the files beside it, by a client that knows nothing else.

The classes are the trained model's, sums and shapes are the files' own, and `edge.independent`, which shares no code
with what trained or exported, must prepare real examples as the graph got them and answer from each file as its runner.
"""

import contextlib
import hashlib
import json

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.edge import independent
from kerasvision.export import identity
from kerasvision.export.base import files_below
from kerasvision.export.golden_json import given_of

# a processor that fuses multiplications and additions rounds ties of pixels otherwise
MOST_TIES = 0.001  # part of the pixels
MOST_APART = 1e-3  # of a score or a part of the image's side, by a client that adds in another order
ASKED = 2  # examples that are answered by the contract alone


def wrong_in(folder, contract_path, held, judge):
    """Yields a line for each thing that a written contract says wrongly.

    folder: of a package. contract_path: of its contract, within it. held: [(exporter, path, runner)] of its files.
    judge: a `verification.Judge`.
    """
    place = folder / contract_path
    contract = json.loads(place.read_text(encoding="utf-8"))
    if contract["classes"] != list(judge.job.served.classes):
        yield f"{contract_path} has other classes than the trained model"
    yield from _wrong_files(contract, folder, held)
    if contract["preprocess"]["kind"] == "other":
        return  # an architecture that says nothing of its preprocessing: then the contract says so
    try:
        examples = [given_of(sample) for sample in judge.samples[:ASKED]]
        yield from _wrong_preprocess(contract, examples, judge)
        yield from _wrong_pairs(contract, place.parent)
    except independent.NotDescribedError:
        return
    for _, path, runner in held:
        with contextlib.suppress(independent.NotDescribedError):  # of some files outputs are not described, or inputs
            yield from _wrong_predictions(contract, _row(contract, folder, path), runner, examples, judge)


def _row(contract, folder, path):
    inside = "." if path == folder else path.relative_to(folder).as_posix()
    return next((row for row in contract["artifacts"] if row["path"] == inside), None)


def _wrong_files(contract, folder, held):
    for exporter, path, _ in held:
        row = _row(contract, folder, path)
        if row is None or row["sha256"] != _sum(path):
            yield f"its contract does not have the sha256 of {path.name}"
            continue
        try:
            identity.check_signature(path.name, row, exporter.signature(path))
        except KerasVisionError as error:
            yield str(error)


def _sum(path):
    """sha256 by `hashlib` alone, see `measurement.sha256`."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    listed = b"".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(path).as_posix()}\n".encode()
        for file in files_below(path)
    )
    return hashlib.sha256(listed).hexdigest()


def _wrong_preprocess(contract, examples, judge):
    arch = judge.arch
    for sample, example in zip(judge.samples, examples, strict=False):
        prepared, _ = arch.geometry({k: tf.constant(v) for k, v in sample.items()})
        mine, _ = independent.prepare(contract["preprocess"], **example)
        for key, value in mine.items():
            if not _alike(value, prepared[key][0].numpy()):
                yield f"preprocess of contract.json does not make the graph's {key} of an example"
                return
        if "mean" in contract["preprocess"] and not _normalized_alike(contract["preprocess"], prepared, arch):
            yield "preprocess of contract.json has another mean or std than what normalizes inside of the files"
            return


def _normalized_alike(rules, prepared, arch):
    """Whether the stated mean, std and order of channels turn a prepared image into what the graph gets.

    Of images alone: where pixels are missing, what stands in for them is the architecture's.
    """
    if set(prepared) != {"image"}:
        return True
    image = arch.at_graph_size(prepared)["image"].numpy()
    ordered = image[..., ::-1] if rules.get("channel_order") == "BGR" else image
    mine = (ordered - np.float32(rules["mean"])) / np.float32(rules["std"])
    return _alike(mine, arch.normalize(arch.at_graph_size(prepared))["image"].numpy())


def _wrong_pairs(contract, folder):
    """The examples of preprocessing beside a contract."""
    said = contract.get("preprocess_examples")
    if said is None:
        return
    path = folder / said["path"]
    if said["sha256"] != _sum(path):
        yield f"{path.name} is not the file whose sha256 contract.json has"


def _alike(mine, theirs):
    if mine.shape != theirs.shape:
        return False
    if theirs.dtype == np.uint8:
        apart = np.abs(mine.astype(int) - theirs)
        return apart.max(initial=0) <= 1 and (apart > 0).mean() <= MOST_TIES
    return np.abs(mine - theirs).max(initial=0.0) <= 1e-4 * max(1.0, float(np.abs(theirs).max(initial=0.0)))


def _wrong_predictions(contract, row, runner, examples, judge):
    """What the file says through the contract alone, against what it says through its own runner."""
    infer = getattr(runner, "raw", runner.infer)
    for number, example in enumerate(examples):
        prediction = {k: v[None] for k, v in independent.predict(contract, row, infer, **example).items()}
        expected = runner(judge.samples[number])
        known = {k: v for k, v in expected.items() if k in prediction}
        apart = judge.arch.compare(known, prediction)[0][0]
        if not apart <= MOST_APART:
            yield f"answers otherwise by what its contract says (by {apart:.2g}) than by its own runner"
            return
