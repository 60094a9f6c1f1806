"""`export`: write each artifact beside, reload it in its own runtime, compare it on real examples, then let it out.

An artifact without its own measured metric, agreement, operators, size and latency does not leave this module.
"""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import tempfile

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import evaluation_data, raw_examples, with_validation
from kerasvision.export.base import Job, batches_of_one
from kerasvision.export.contract import contract_json, write_contract
from kerasvision.export.measurement import measure, reference_of
from kerasvision.export.table import print_table

CALIBRATION_EXAMPLES = 100


def export(trained, exporters, out=".", version=None, limit=None, verbose=True):
    """Export a `Trained` model and return (artifacts, contract as a dict).

    exporters: instances such as `TFLite("int8")`. out: the folder that gets `saved_models/<name>/<version>/`,
    `tflite/models/<name>/` and `onnx/<name>/`. version: a new number by default; one that exists is an error. limit:
    evaluate on at most so many examples. verbose: print the table to stdout.

    Raises KerasVisionError, and writes nothing, when an artifact disagrees with the trained model beyond what its
    arithmetic explains, or breaks the recipe's budget.
    """
    out = pathlib.Path(out)
    name = trained.recipe.name
    version = _version(out, name, version)
    splits = with_validation(trained.recipe.data.open(), trained.recipe.validation_fraction)
    split_name = next(s for s in ("test", "validation", "train") if s in splits)
    served = trained.served()
    reference = reference_of(served, trained.graph, splits[split_name], split_name, limit)
    with _staging(out) as root:
        job = Job(served, name, version, root, *_real_inputs(splits, split_name, served.arch))
        written = [(exporter, _written(exporter, job)) for exporter in exporters]
        artifacts = [
            measure(exporter, path, job, splits[split_name], reference, trained.recipe.budget, limit)
            for exporter, path in written
        ]
        contract = contract_json(trained, version, reference, artifacts)
        if verbose:
            print_table(trained, reference, artifacts)
        _refuse_failures(artifacts)
        _put_in_place(job, _packages(exporters, job, contract, artifacts), out)
        for exporter in exporters:
            exporter.finish(job, out)
    return [dataclasses.replace(a, path=out / a.path.relative_to(root)) for a in artifacts], contract


def _version(out, name, version):
    """The version to write: `tflite/` and `onnx/` hold one each, `saved_models/` all of them."""
    folder = out / "saved_models" / name
    held = [int(p.name) for p in folder.glob("*") if p.name.isdigit()] if folder.exists() else []
    for contract in (out / "tflite" / "models" / name / "contract.json", out / "onnx" / name / "contract.json"):
        if contract.exists():
            held.append(json.loads(contract.read_text(encoding="utf-8"))["version"])
    if version is None:
        return max(held, default=0) + 1
    if version in held:
        raise KerasVisionError(
            f"version {version} of {name} exists in {out} and is never overwritten; the next free one is "
            f"{max(held) + 1}"
        )
    return version


class _staging:
    """A folder beside the destination, on the same file system, gone afterwards whatever happens.

    After an error the destination is gone too, if it was not there before.
    """

    def __init__(self, out):
        self._out = out
        self._new = [p for p in (out, *out.parents) if not p.exists()]

    def __enter__(self):
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._root = pathlib.Path(tempfile.mkdtemp(prefix=".export-", dir=self._out))
        except OSError as error:
            raise KerasVisionError(f"cannot write to {self._out}: {error.strerror}; choose another --out") from None
        return self._root

    def __exit__(self, kind, error, trace):
        shutil.rmtree(self._root, ignore_errors=True)
        if error:
            with contextlib.suppress(OSError):  # something was put there meanwhile
                for folder in self._new:
                    folder.rmdir()
        if isinstance(error, OSError):
            raise KerasVisionError(f"cannot write to {self._out}: {error.strerror}; nothing was exported") from None


def _written(exporter, job):
    try:
        return exporter.write(job)
    except (KerasVisionError, OSError):
        raise
    except Exception as error:  # converters raise whatever they like; the user needs to know which one it was
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise KerasVisionError(
            f"{exporter.spec} could not convert {job.served.arch.registered_name}: {reason}"
        ) from error


def _real_inputs(splits, split_name, arch):
    """Calibration inputs, spread over the training split, and a few serving inputs of the evaluated split."""
    train = splits["train"]
    step = max(1, train.size // CALIBRATION_EXAMPLES)
    spread = dataclasses.replace(train, records=train.records.shard(step, 0).take(CALIBRATION_EXAMPLES))
    data = evaluation_data(spread, arch, batch_size=1)
    calibration = tuple({k: np.asarray(v) for k, v in arch.own_size(prepared).items()} for prepared, _, _ in data)
    samples = tuple(
        one for inputs, _, _ in raw_examples(splits[split_name], arch, limit=8) for one in batches_of_one(inputs)
    )
    return calibration, samples


def _refuse_failures(artifacts):
    failed = [f"{a.kind} {reason}" for a in artifacts for reason in a.failures]
    if failed:
        raise KerasVisionError(f"nothing was exported: {'; '.join(failed)}")


def _packages(exporters, job, contract, artifacts):
    """The folders that leave the staging folder, each with its contract in it."""
    packages = {}
    for exporter, artifact in zip(exporters, artifacts, strict=True):
        packages.setdefault(exporter.package(job), []).append(artifact)
    for (folder, contract_path), held in packages.items():
        write_contract(contract, held, folder, contract_path)
    return list(dict.fromkeys(folder for folder, _ in packages))


def _put_in_place(job, packages, out):
    """Each package to its place by one rename; when one fails, those before it go back."""
    begun = []
    try:
        for folder in packages:
            inside = folder.relative_to(job.root)
            target, old = out / inside, job.root / "replaced" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            old.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target.rename(old)
            begun.append((target, old))
            folder.rename(target)
    except OSError:
        for target, old in reversed(begun):
            if target.exists():
                shutil.rmtree(target)
            if old.exists():
                old.rename(target)
        raise
