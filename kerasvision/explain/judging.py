"""How true the heats of a model's methods are on many inputs, and what is left of them in an exported file."""

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.explain import fidelity

FLOOR = "random"  # a heat that knows nothing
SHARES = (1 / 3, 2 / 3, 1.0)  # of the layers, from the outputs, that a cascade makes random
BETTER = {
    "deletion": "lower",
    "insertion": "higher",
    "pointing": "higher",
    "inside": "higher",
    "sensitivity": "lower",
    "missing": "lower",
    "random_third": "lower",
    "random_two_thirds": "lower",
    "random_all": "lower",
    "rank_correlation": "higher",
    "hottest_shared": "higher",
    "deletion_change": "near 0",
}


class Floor:
    """Heat at random, the same for the same input."""

    layer = ""

    def explain(self, model, prepared, target):
        """Even in 0..1, float32 [*size]."""
        seed = int(np.asarray(prepared, np.int64).sum()) % 2**32
        return np.random.default_rng(seed).random(prepared.shape[:-1], np.float32)


def judged(model, explainers, inputs, progress=lambda *_: None):
    """{method: {figure: {"mean", "low", "high", "examples"}}}, the figures of `fidelity` on many inputs, one target
    each, with a row `random` as the floor; "why" in place of figures where a method cannot explain this model.

    model: an `Explainable`. explainers: name -> `Explainer`. inputs: serving inputs of one example each, without batch
    axis; one of which nothing is said that has a target is left out. progress: called with (task, done, total).
    """
    chosen = _chosen(model, inputs)
    every = {FLOOR: Floor(), **explainers}
    found = {}
    for number, (name, explainer) in enumerate(every.items()):
        try:
            rows = [_figures(model, explainer, *one) for one in chosen]
        except UsageError as error:
            found[name] = {"why": str(error)}
        else:
            found[name] = summarized(rows)
        progress("methods", number + 1, len(every))
    return found


def compared(model, other, explainers, inputs, progress=lambda *_: None):
    """{method: {figure: {"mean", "low", "high", "examples"}, "trusted": bool}}: how alike a method's heats of a trained
    model and of an exported file are, each of the same target by its own score: `rank_correlation`, `hottest_shared`
    of the hottest tenth, and `deletion_change`. trusted: whether the means of the first two are 0.8 or more.

    model, other: `Explainable`s. The rest as of `judged`.
    """
    chosen, found = _chosen(model, inputs), {}
    for number, (name, explainer) in enumerate(explainers.items()):
        try:
            rows = [_alike(model, other, explainer, *one) for one in chosen]
        except UsageError as error:
            found[name] = {"why": str(error)}
        else:
            found[name] = summarized(rows)
            alike = (found[name][figure]["mean"] for figure in ("rank_correlation", "hottest_shared"))
            found[name]["trusted"] = min(alike) >= fidelity.TRUSTED
        progress("methods", number + 1, len(explainers))
    return found


def _chosen(model, inputs):
    """[(prepared, target)] of the first target of each input."""
    chosen = []
    for one in inputs:
        prepared, geometry, _ = model.prepared(one)
        try:
            chosen.append((prepared, model.targets(prepared, geometry)[0]))
        except UsageError:
            raise
        except KerasVisionError:  # nothing is found in it
            continue
    if not chosen:
        raise KerasVisionError("nothing is found in any of these inputs, so no heat can be judged; take others")
    return chosen


def _figures(model, explainer, prepared, target):
    """Figure -> value of one input; those that do not apply are left out."""
    heat, scored = explainer.explain(model, prepared, target), target.likely()
    found = {
        "deletion": fidelity.area(fidelity.curve(model, prepared, scored, heat)),
        "insertion": fidelity.area(fidelity.curve(model, prepared, scored, heat, is_insertion=True)),
    }
    if target.region is not None:
        found["pointing"] = fidelity.points_inside(heat, target.region)
        found["inside"] = fidelity.share_inside(heat, target.region)
    if not isinstance(explainer, Floor):
        found["sensitivity"] = fidelity.sensitivity(model, prepared, target, explainer)
        if model.file is None:
            found |= _cascade(model, explainer, prepared, target, heat)
    if hasattr(explainer, "start"):
        found["missing"] = fidelity.missing(model, prepared, target, heat, explainer.start(model, prepared))
    return found


def _cascade(model, explainer, prepared, target, heat):
    """How like the sizes of a heat those of a graph with random layers are, by rank correlation."""
    found = {}
    for name, share in zip(("random_third", "random_two_thirds", "random_all"), SHARES, strict=True):
        with fidelity.randomized(model.graph, share):
            try:
                other = explainer.explain(model, prepared, target)
            except UsageError:
                raise
            except KerasVisionError:  # a graph of random weights may overflow
                continue
        found[name] = fidelity.rank_correlation(np.abs(heat), np.abs(other))
    return found


def _alike(model, other, explainer, prepared, target):
    one, two = (explainer.explain(each, prepared, target) for each in (model, other))
    areas = [
        fidelity.area(fidelity.curve(each, prepared, target.likely(), heat))
        for each, heat in ((model, one), (other, two))
    ]
    return {
        "rank_correlation": fidelity.rank_correlation(one, two),
        "hottest_shared": fidelity.hottest_shared(one, two),
        "deletion_change": areas[1] - areas[0],
    }


def summarized(rows):
    """Figure -> {"mean", "low", "high", "examples"} of many inputs' {figure: value}, with a 95 % interval of the mean:
    percentiles of 1,000 resamples of the inputs (bootstrap).
    """
    found = {}
    for figure in dict.fromkeys(name for row in rows for name in row):
        values = np.array([row[figure] for row in rows if figure in row], float)
        drawn = np.random.default_rng(0).integers(0, len(values), (1000, len(values)))
        low, high = np.percentile(values[drawn].mean(1), (2.5, 97.5))
        ends = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
        found[figure] = ends | {"examples": len(values)}
    return found
