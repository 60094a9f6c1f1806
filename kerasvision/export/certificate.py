"""`export`: write each artifact into a staging folder, load it in its own runtime, compare it with the trained model on
real examples, and put it in place only then.

An artifact without its own measured metric, agreement, operators, size and latency does not leave this module.
"""

import dataclasses
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import line_of
from kerasvision.data.pipeline import raw_examples, with_validation
from kerasvision.export import heat, suspected
from kerasvision.export.base import Job
from kerasvision.export.calibration import calibration_inputs
from kerasvision.export.contract import contract_json, packed_examples, write_contract
from kerasvision.export.contract_check import wrong_in
from kerasvision.export.functions import FunctionJudge
from kerasvision.export.golden_json import write_golden_json
from kerasvision.export.loops import doubts_of
from kerasvision.export.measurement import drawn_rounding, measure
from kerasvision.export.placing import next_version, put_in_place, staging
from kerasvision.export.promises import written_with_promises
from kerasvision.export.resistance import checked, stressed
from kerasvision.export.spellings import texts_of
from kerasvision.export.table import print_table
from kerasvision.export.verification import Judge, check_metric, check_record
from kerasvision.inference.batches import batches_of_one
from kerasvision.inference.record import judged_split, read_record

FUNCTION_EXAMPLES = 4  # on which further functions are compared


def export(trained, exporters, out=".", version=None, limit=None, verbose=True, calibration="every", repaired=None):
    """Export a `Trained` model and return ([`measurement.Artifact`], the contract as a dict).

    exporters: instances such as `TFLite("int8")`. out: the folder that gets `saved_models/<name>/<version>/`,
    `tflite/models/<name>/` and `onnx/<name>/`. version: a new number by default; one that exists is an error. limit:
    evaluate on at most so many examples. verbose: print the table. calibration: see `export.calibration`; read only for
    integer files. repaired: a `repair.ladder.Repaired` whose exporter is among them, for the contract.

    Raises KerasVisionError, and writes nothing, when an artifact disagrees with the trained model beyond what its
    arithmetic explains, or breaks the recipe's budget.
    """
    _check_limit(limit)
    version = next_version(out := pathlib.Path(out), name := trained.recipe.name, exporters, version)
    split_name = judged_split(splits := with_validation(trained.recipe.data.open(), trained.recipe.validation_fraction))
    split, served = splits[split_name], checked(trained)
    with staging(out) as root:
        chosen = _calibrated(exporters, train := splits["train"], served, calibration), _samples(split, served.arch)
        job = Job(served, name, version, root, *chosen, *_asked_for(trained, exporters, train))
        rounding = drawn_rounding(served, exporters, split)
        doubts = check_record(record := read_record(trained.folder), trained, served, split, rounding)
        written, promises = written_with_promises(exporters, job, _written, trained.graph, splits)
        rules = trained.recipe.budget, limit, rounding, trained.recipe.metric, promises.job_of
        reference, artifacts, runners = measure(written, job, splits, split_name, *rules)
        check_metric(record, reference, trained.chosen_by[0], limit)
        judge = Judge(job, trained.graph, rounding)
        whole = _checked(written, artifacts, runners, judge, doubts, promises)
        artifacts = stressed(written, whole, runners, trained, split_name, limit)
        artifacts = _with_functions(written, artifacts, runners, FunctionJudge(served, job.samples[:FUNCTION_EXAMPLES]))
        artifacts = _heated(written, artifacts, runners, job)
        artifacts = _with_repairs(exporters, artifacts, calibration, repaired, promises)
        contract = contract_json(trained, version, reference, artifacts)
        if verbose:
            print_table(trained, reference, artifacts)
        _refuse_failures(artifacts)
        packages = _packages(exporters, job, contract, artifacts, runners)
        _refuse_wrong_contracts(packages, written, runners, judge)
        _say_gone(put_in_place(root, [folder for folder, _ in packages], out))
        for exporter in exporters:
            exporter.finish(job, out)
    return [dataclasses.replace(a, path=out / a.path.relative_to(root)) for a in artifacts], contract


def _say_gone(paths):
    """What an earlier export has written and this one, which took its place, has not."""
    if paths:
        listed = ", ".join(map(str, paths))
        line = f"gone with the export that this one replaces: {listed}; name all targets that you want in one --to"
        print(line_of(line), file=sys.stderr)


def _check_limit(limit):
    if limit is not None and limit < 1:
        raise UsageError(f"limit {limit}; allowed: 1 and above, or none for all examples")


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


def _samples(split, arch):
    """Serving inputs of a few examples of a split, dicts of numpy arrays [1, ...]."""
    return tuple(one for inputs, _, _ in raw_examples(split, arch, limit=8) for one in batches_of_one(inputs))


def _checked(written, artifacts, runners, judge, doubts, promises):
    """The artifacts with their promises, what an exporter's own `check` finds wrong, and what could not be compared as
    notes.
    """
    checked = []
    for (exporter, path), artifact, runner in zip(written, artifacts, runners, strict=True):
        found = () if artifact.failures else exporter.check(path, runner, judge)
        wrong = tuple(dict.fromkeys((*found, *promises.wrong(path, runner, judge.samples))))
        failures, notes, promise = (*artifact.failures, *wrong), (*artifact.notes, *doubts), promises.of(path)
        checked.append(dataclasses.replace(artifact, failures=failures, notes=notes, promise=promise))
    return checked


def _asked_for(trained, exporters, train):
    """(what pictures are compared with where an exporter writes the signature `suspect`, else None; the texts of the
    training split where one wants them, else ()).
    """
    suspects = any(getattr(exporter, suspected.WORD, False) for exporter in exporters)
    return suspected.held_out_of(trained) if suspects else None, texts_of(train, trained.arch, exporters)


def _with_functions(written, artifacts, runners, judge):
    """The artifacts with what was measured of the architecture's further functions in them."""
    held = []
    for (exporter, path), artifact, runner in zip(written, artifacts, runners, strict=True):
        rows, wrong = ({}, ()) if artifact.failures else judge.measured(exporter, path, runner)
        told = {"failures": (*artifact.failures, *wrong), "notes": (*artifact.notes, *doubts_of(rows))}
        held.append(dataclasses.replace(artifact, functions=rows, **told))
    return held


def _heated(written, artifacts, runners, job):
    """The artifacts with how like the trained model's their heat is, where they give one."""
    held = []
    for (exporter, _), artifact, runner in zip(written, artifacts, runners, strict=True):
        gives = heat.HEAT in artifact.signature["outputs"] and not artifact.failures
        kept, wrong = heat.kept(runner, exporter.precision, job.served, job.samples) if gives else ({}, ())
        held.append(dataclasses.replace(artifact, explanation=kept, failures=(*artifact.failures, *wrong)))
    return held


def _calibrated(exporters, train, served, way):
    """Prepared training images for files of integers; none where no such file is asked for."""
    integers = any(exporter.precision is None for exporter in exporters)
    return calibration_inputs(train, served, way) if integers else ()


def _with_repairs(exporters, artifacts, calibration, repaired, promises):
    """The artifacts with the steps that repaired them, which make the same bytes again."""
    held = []
    for exporter, artifact in zip(exporters, artifacts, strict=True):
        record, failures = {}, artifact.failures
        if repaired is not None and exporter == repaired.exporter:
            record = repaired.record
            if promises.plain_sum(artifact) != repaired.sha256:
                failures = (*failures, "is not the file that was judged on the validation split, by the same steps")
        elif getattr(exporter, "repair", ()):
            record = {"steps": list(exporter.repair), "calibration": calibration}
        held.append(dataclasses.replace(artifact, repair=record, failures=failures))
    return held


def _refuse_failures(artifacts):
    failed = [f"{a.kind} {reason}" for a in artifacts for reason in a.failures]
    if failed:
        raise KerasVisionError(f"nothing was exported: {'; '.join(failed)}")


def _packages(exporters, job, contract, artifacts, runners):
    """[(folder that leaves the staging folder, where its contract stands in it)], with what describes them."""
    packages, packed = {}, packed_examples(contract)
    for exporter, artifact in zip(exporters, artifacts, strict=True):
        packages.setdefault(exporter.package(job), []).append(artifact)
    for (folder, contract_path), held in packages.items():
        write_contract(contract, held, folder, contract_path, packed)
        write_golden_json((folder / contract_path).parent, contract, exporters, artifacts, runners, job)
    return list(packages)


def _refuse_wrong_contracts(packages, written, runners, judge):
    opened = [(*pair, runner) for pair, runner in zip(written, runners, strict=True)]
    for folder, contract_path in packages:
        held = [row for row in opened if row[0].package(judge.job) == (folder, contract_path)]
        wrong = list(dict.fromkeys(wrong_in(folder, contract_path, held, judge)))
        if wrong:
            specs = ", ".join(exporter.spec for exporter, _, _ in held)
            raise KerasVisionError(f"nothing was exported: {specs}: {'; '.join(wrong)}")
