"""What is known of a trained model and of every file of it, part by part: what was measured, and what was not."""

import dataclasses
import typing

from kerasvision.core.direction import to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.explain.base import explainable
from kerasvision.explain.judging import compared, judged
from kerasvision.robustness.corruptions.base import SEVERITIES
from kerasvision.robustness.report import measured as corrupted
from kerasvision.robustness.trust.attacking import attacked_part
from kerasvision.robustness.trust.document import PARTS, VERSION, not_measured, part

TRAINED = "trained model"
# figures of what is promised to hold what is right; `coverage` alone is that of quantiles, which promise nothing
_COVERED = (("interval_coverage", "interval_width"), ("coverage", "set_size"), ("coverage", "box_growth"))
_FIDELITY = ("deletion", "insertion", "pointing", "inside", "sensitivity", "random_all")
_CHANGE = ("rank_correlation", "hottest_shared", "deletion_change")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One model that is asked. kind: `TRAINED`, or as an exporter names it. file: its path from the run's folder, or
    "". model: what `kerasvision.load` gives. inside: what `kerasvision.look_inside` gives, or the words why it cannot.
    sha256: of the weights or the file.
    """

    kind: str
    file: str
    model: typing.Any
    inside: typing.Any
    sha256: str


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is asked. examples: of each part at most, evenly from the split; None: all. corruptions, severities: as
    of `report.measured`. radius: of attacks, by Linf, pixels counting 0..1. heats: examples of which heats are judged.
    """

    split: str = "test"
    examples: int | None = None
    corruptions: tuple[str, ...] = ()
    severities: tuple[int, ...] = SEVERITIES
    radius: float = 8 / 255
    heats: int = 20


def trust_of(subjects, extent, progress=lambda *_: None, proofs=None):
    """The document of `document.read`. subjects: `Subject`s, the trained model first. extent: an `Extent`. progress:
    called with (task, done, total). proofs: {kind: the part `certified`} of `certified.certified_parts`.
    """
    trained = subjects[0]
    recipe, classes = trained.model.recipe, trained.model.classes
    metric, direction = trained.model.arch.chosen_by(recipe.metric, classes)
    models = []
    for subject in subjects:
        task = f"{subject.kind}: "
        parts = _shifted(subject, extent, lambda _, *at, task=task: progress(task + "corruptions", *at))
        parts["attacked"] = _asked(attacked_part, subject, trained, extent, task, progress)
        parts["certified"] = (proofs or {}).get(subject.kind) or not_measured(
            "it answers as it is, not smoothed; `kerasvision certify` says what smoothing proves of a classifier, and "
            "`trust --certificates` takes it"
        )
        parts["explained"] = _asked(_explained, subject, trained, extent, task, progress)
        ordered = {name: parts[name] for name in PARTS}
        models.append({"model": subject.kind, "file": subject.file, "parts": ordered})
    head = {"trust_version": VERSION, "name": recipe.name, "split": extent.split, "metric": metric}
    return head | {"direction": to_json(direction), "models": models}


def _asked(measure, subject, trained, extent, task, progress):
    """A part, or why it cannot be measured."""
    if isinstance(subject.inside, str) and measure is _explained:
        return not_measured(subject.inside)
    try:
        return measure(subject, trained, extent, lambda name, *at: progress(f"{task}{name}", *at))
    except (UsageError, KerasVisionError) as error:
        return not_measured(error)


def _shifted(subject, extent, progress):
    """The parts that come of answers to clean and corrupted images."""
    asked = (extent.split, extent.corruptions, extent.severities, extent.examples, progress)
    found = corrupted(subject.model, *asked)
    many, metric = found["examples"], found["metric"]
    clean = {metric: (found["clean"], found["interval"]["clean"])}
    mean = {metric: (found["mean"], found["interval"]["mean"])}
    if weak := found["weakest"]:
        clean[f"{weak['figure']} of {weak['class']}"] = (weak["clean"], None)
        mean[f"{weak['figure']} of {weak['class']}, the weakest class"] = (weak["mean"], None)
    levels = ", ".join(map(str, extent.severities))
    how = f"mean over {len(found['corruptions'])} corruptions at severities {levels}"
    extra = found["extra"]
    return {
        "clean": part(f"the {extent.split} split as it is", many, clean),
        "corrupted": part(how, many, mean),
        "calibrated": _pair(extra, ("calibration_error",), how, many, "has no probabilities of one class"),
        "covered": _covered(found, how, many),
    }


def _promised(extra):
    """The figures of a promise, () where there is none."""
    return next((names for names in _COVERED if set(names) <= set(extra)), ())


def _covered(found, how, examples):
    """Of a promise for each class or number also of the one that holds least, for that is what was promised."""
    made = _pair(found["extra"], _promised(found["extra"]), how, examples, "promises no sets (conformal prediction)")
    for key, words in (("clean", ""), ("mean", ", corrupted")) if "figures" in made else ():
        if shares := {name: row[key] for name, row in found["promised"].items()}:
            worst = min(shares, key=shares.get)
            made["figures"][f"coverage of {worst}, the least{words}"] = {"value": shares[worst], "interval": None}
    return made


def _pair(extra, names, how, many, lack):
    """A part of figures that are told of clean and of corrupted images."""
    held = {name: extra[name] for name in names if name in extra}
    if not held:
        return not_measured(f"the model {lack}")
    figures = {}
    for name, row in held.items():
        words = name.replace("_", " ")
        figures |= {words: (row["clean"], None), f"{words}, corrupted": (row["mean"], None)}
    return part(f"on clean images; corrupted: {how}", many, figures)


def _explained(subject, trained, extent, progress):
    """Fidelity of Grad-CAM's heats; of a file also how alike they are to those of the trained model."""
    model, methods = explainable(subject.inside), {"grad_cam": create("explainers/grad_cam")}
    data = thinned(splits_of(subject.inside.recipe, extent.split)[extent.split], extent.heats)
    inputs = [
        {key: value[i] for key, value in batch.items()}
        for batch, _, names in raw_examples(data, model.arch)
        for i in range(len(names))
    ]
    row, names = judged(model, methods, inputs, progress)["grad_cam"], _FIDELITY
    if subject is not trained and not isinstance(trained.inside, str):
        row = row | compared(explainable(trained.inside), model, methods, inputs, progress)["grad_cam"]
        names = (*_CHANGE, *_FIDELITY)
    if "why" in row:
        return not_measured(row["why"])
    held = {name: row[name] for name in names if name in row}
    figures = {n.replace("_", " "): (v["mean"], (v["low"], v["high"])) for n, v in held.items()}
    return part("heats of Grad-CAM", len(inputs), figures)
