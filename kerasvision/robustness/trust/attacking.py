"""What is left of a model under attack, each way that there is."""

import scipy.stats

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import explainable
from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier
from kerasvision.robustness.attacks.goals import goals_of
from kerasvision.robustness.attacks.report import attacked, three_ways
from kerasvision.robustness.attacks.scenes import Aim, Scenes
from kerasvision.robustness.attacks.scenes import attacked as attacked_scenes
from kerasvision.robustness.trust.document import part

_STEPS = 20


def attacked_part(subject, trained, extent, progress):
    """The part `attacked` of a `measured.Subject`: `pgd` of 20 steps; of a file that takes the graph's own pixels also
    on pictures made on the trained model, and `square`. Raises UsageError of what cannot be attacked.
    """
    arch, recipe, classes = subject.model.arch, subject.model.recipe, subject.model.classes
    attack = create("attacks/pgd", radius=extent.radius, steps=_STEPS)
    how = f"pgd of {_STEPS} steps, Linf {extent.radius:.4g}"
    asked = {"split": extent.split, "examples": extent.examples}
    if goals_of(arch):
        model = Scenes(arch, explainable(_inside(subject)))
        found, _ = attacked_scenes(model, recipe, classes, attack, Aim(), progress=progress, **asked)
        return part(how, found["examples"], {found["metric"]: (found["attacked"], None)})
    if subject is trained or not subject.model.runner.takes_prepared:
        found, _ = attacked(_white(subject), recipe, classes, attack, progress=progress, **asked)
        return part(how, found["examples"], {"white box": shared(found["robust"], found["examples"])})
    file = AskedClassifier(arch, subject.model.runner.infer)
    white = None if isinstance(subject.inside, str) else _white(subject)
    ways = three_ways(file, white, _white(trained), recipe, classes, attack, asked | {"target": ""}, progress)
    gone = {name.replace("_", " "): way for name, way in ways.items() if way}
    rows = {name: shared(way["robust"], way["examples"]) for name, way in gone.items()}
    return part(f"{how}; asked alone: square", next(iter(gone.values()))["examples"], rows)


def shared(value, examples):
    """(share, its 95 % interval) of so many examples: Wilson's score interval (Wilson 1927,
    doi:10.1080/01621459.1927.10502953).
    """
    ends = scipy.stats.binomtest(round(value * examples), examples).proportion_ci(method="wilson")
    return value, (ends.low, ends.high)


def _inside(subject):
    if isinstance(subject.inside, str):
        raise UsageError(subject.inside)
    return subject.inside


def _white(subject):
    inside = _inside(subject)
    return Classifier(inside.arch, explainable(inside))
