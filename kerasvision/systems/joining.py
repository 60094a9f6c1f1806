"""Finished runs -> the run folder of their ensemble, which is loaded, evaluated and exported as any other."""

import dataclasses
import pathlib
import sys

import numpy as np
import scipy.optimize

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.recipe import Recipe
from kerasvision.data.pipeline import evaluation_data, with_validation
from kerasvision.inference.evaluation import evaluate_split, predictions, stacked
from kerasvision.inference.record import judged_split, record_of, write_record
from kerasvision.inference.served import Served
from kerasvision.systems.detector_ensemble import DetectorEnsemble
from kerasvision.systems.ensemble import STACKING, Ensemble
from kerasvision.systems.members import check_alike, prefix
from kerasvision.train.run import Trained, load_run, save_run

FITTED = ("weighted", "stacking")  # on the validation split
LEAST = 1e-12  # of a probability in a logarithm
SHARED = ("validation_fraction", "batch_size", "metric")  # fields that the ensemble's recipe has of its first member's


def join(runs, out, combine="", name="ensemble"):
    """Write the ensemble of run folders into the folder `out`; returns its `Trained` model.

    combine: the `mean` of probabilities, `weighted` with shares that minimize the loss on the validation split, or
    `stacking`, a logistic regression of the members' probabilities fitted there; of detectors `wbf`, `nms` or
    `soft_nms` (`DetectorEnsemble`). Empty: `mean`, or `wbf`. Metrics of classifiers hold how far members disagree on
    the test split: `disagreement`, the part of examples on which two members' top classes differ (mean over pairs),
    and `divergence`, the mean of KL(a || b) over ordered pairs, in nats. Raises KerasVisionError, one line.
    """
    out = pathlib.Path(out)
    if len(runs) < 2:
        raise UsageError(f"an ensemble has two runs or more; seen: {len(runs)}")
    if out.exists() and any(out.iterdir()):
        raise KerasVisionError(f"{out} is not empty; choose another --out")
    members = [load_run(run) for run in runs]
    system, combine = _system(members[0].arch, combine)
    _check(runs, members, combine, system.mixes_logits)
    first = members[0].recipe
    splits = with_validation(first.data.open(), first.validation_fraction)
    members = [_with_equal_factors(run, m, members[0], splits) for run, m in zip(runs, members, strict=True)]
    fields = (combine,) if system is DetectorEnsemble else ()
    arch = system(tuple(m.arch for m in members), *fields)
    head = None
    if combine in FITTED:
        probabilities, ground_truths = _predicted(members, splits, arch, combine)
        if combine == "weighted":
            arch = dataclasses.replace(arch, shares=best_shares(probabilities, ground_truths, _are_independent(arch)))
        else:
            arch = dataclasses.replace(arch, stacked=True)
            head = stacking_layer(probabilities, ground_truths.argmax(-1), arch.num_classes)
    graph = merged(arch, [m.graph for m in members], head)
    if arch.tunes and "validation" in splits:
        arch = _tuned(arch, graph, members[0].classes, splits["validation"], first.batch_size)
    recipe = Recipe(name, arch, first.data, **{k: getattr(first, k) for k in SHARED})
    trained = Trained(recipe, graph, members[0].classes, _metrics(arch, graph, members, splits), out)
    out.mkdir(parents=True, exist_ok=True)
    save_run(trained)
    write_record(record_of(trained, judged_split(splits), splits[judged_split(splits)]), out)
    return trained


def _tuned(arch, graph, classes, split, batch_size):
    """The ensemble with what a held-out split decides (`Learning.tune`)."""
    asking = arch.asking()
    found = predictions(Served(asking, graph, classes), evaluation_data(split, arch, batch_size=batch_size))
    return arch.tune(*stacked(asking.evidence(*pair) for pair in found))


def _system(arch, combine):
    """(the class of system for architectures like this one, how it combines them)."""
    system = DetectorEnsemble if arch.name == "detection" else Ensemble
    combine = combine or system.ways[0]
    if combine not in system.ways:
        raise UsageError(f"--combine {combine}: allowed: {', '.join(system.ways)} (of {arch.name})")
    system.check_kind(arch)
    return system, combine


def _check(runs, members, combine, mixes_logits):
    first = members[0]
    for run, member in zip(runs, members, strict=True):
        if _data_of(member) != _data_of(first):
            said = f"{run} was trained on other data, or with another validation split, than {runs[0]}"
            if combine in FITTED:
                raise KerasVisionError(f"{said}, on whose validation split --combine {combine} is fitted; take mean")
            print(f"{said}: what is measured of the ensemble may be of examples it was trained on", file=sys.stderr)
        if is_quantized(member.graph):
            raise KerasVisionError(f"{run} was trained with qat; an ensemble takes float runs, and is quantized itself")
        check_alike(first.arch, member.arch, run, mixes_logits)
        if member.classes != first.classes:
            raise KerasVisionError(
                f"{run} has the classes {', '.join(member.classes)} and {runs[0]} has {', '.join(first.classes)}; an "
                "ensemble's members share their classes and their order"
            )


def _data_of(member):
    return member.recipe.data, member.recipe.validation_fraction


def _with_equal_factors(run, member, first, splits):
    """A member with the class factors of the first: they multiply probabilities once, those of the mixture. Factors
    that training has chosen are left out here and chosen again for the ensemble. So are thresholds of sets; where there
    is no validation split to fit them on, the ensemble has no sets, which is said.
    """
    member = _without_slots(run, _without_sets(run, member, "validation" in splits))
    if not getattr(member.arch, "class_factors", ()) and not getattr(first.arch, "class_factors", ()):
        return member
    if member.arch.tunes and "validation" in splits:
        recipe = dataclasses.replace(member.recipe, model=_without_factors(member.arch))
        return dataclasses.replace(member, recipe=recipe)
    if member.arch.class_factors != first.arch.class_factors:
        raise KerasVisionError(f"{run} has other model.class_factors than the first run; give both the same, or none")
    return member


def _without_sets(run, member, may_be_fitted):
    key = next((key for key in ("class_sets", "pixel_sets", "outer_boxes") if hasattr(member.arch, key)), None)
    if key is None or not (held := getattr(member.arch, key)).coverage:
        return member
    again = may_be_fitted and key != "outer_boxes"  # an ensemble's boxes are fused, and none of them is its first's
    if not again:
        why = "whose boxes are fused of several" if may_be_fitted else "for there is no validation split to fit it on"
        print(f"{run} was to promise {100 * held.coverage:g} % ({key}); the ensemble does not, {why}", file=sys.stderr)
    bare = dataclasses.replace(held, thresholds=(), examples=0, coverage=held.coverage if again else 0.0)
    model = dataclasses.replace(member.arch, **{key: bare})
    return dataclasses.replace(member, recipe=dataclasses.replace(member.recipe, model=model))


def _without_slots(run, member):
    """A member without the tracker that its files have inside: what is followed are the ensemble's boxes, not its."""
    slots = getattr(member.arch, "slots", None)
    if slots is None or not slots.count:
        return member
    print(
        f"{run} has a tracker of {slots.count} slots inside (model.slots); the ensemble and its files have none: "
        "follow its boxes by `kerasvision track ENSEMBLE VIDEO`",
        file=sys.stderr,
    )
    model = dataclasses.replace(member.arch, slots=dataclasses.replace(slots, count=0))
    return dataclasses.replace(member, recipe=dataclasses.replace(member.recipe, model=model))


def _without_factors(arch):
    return dataclasses.replace(arch, class_factors=()) if getattr(arch, "class_factors", ()) else arch


def _are_independent(arch):
    """Whether an example may have any number of classes."""
    return "labels" in arch.label_keys


def merged(arch, graphs, head=None):
    """The ensemble's Keras model with its members' weights. arch: an `Ensemble` or `DetectorEnsemble`. graphs: the
    members' Keras models. head: (kernel, bias) of `stacking_layer`, where it is stacked.
    """
    graph = arch.build()
    for number, member in enumerate(graphs):
        for layer in member.layers:
            if layer.weights:
                graph.get_layer(prefix(number) + layer.name).set_weights(layer.get_weights())
    if head is not None:
        graph.get_layer(STACKING).set_weights(head)
    return graph


def _predicted(members, splits, arch, combine):
    """On the validation split: (probabilities [M, N, K] of M members, ground truth [N, K] of 0 and 1)."""
    if "validation" not in splits:
        raise UsageError(f"--combine {combine} is fitted on a validation split, and the first run's data has none")
    if "label" not in arch.label_keys and "labels" not in arch.label_keys:
        raise UsageError(f"--combine {combine} is for classification; {arch.name} takes mean")
    every = []
    for member in members:
        data = evaluation_data(splits["validation"], member.arch, batch_size=64)
        served = Served(_without_factors(member.arch), member.graph, member.classes)
        predicted, ground_truths = stacked(predictions(served, data))
        every.append(predicted["probabilities"])
    true = (
        np.eye(arch.num_classes)[ground_truths["label"]]
        if "label" in ground_truths
        else (ground_truths["present"] > 0).astype(float)
    )
    return np.array(every, np.float64), true


def best_shares(probabilities, ground_truths, independent=False):
    """Tuple of M shares, together 1, that minimize the mean cross-entropy of the mixture of M members.

    probabilities: [M, N, K]. ground_truths: [N, K] of 0 and 1. independent: an example may have any number of classes,
    so a class that it has not counts too. The loss is convex in the shares: a local minimum is the global one.
    """
    count = len(probabilities)
    likely = ground_truths * probabilities + (1 - ground_truths) * (1 - probabilities) if independent else None
    seen = likely.reshape(count, -1) if independent else (ground_truths * probabilities).sum(-1)

    def loss(shares):
        mixed = np.maximum(shares @ seen, LEAST)
        return -np.log(mixed).mean(), -(seen / mixed).mean(-1)

    found = scipy.optimize.minimize(
        loss,
        np.full(count, 1 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda s: s.sum() - 1, "jac": lambda s: np.ones(count)},
    )
    shares = np.clip(found.x, 0, None)
    return tuple(float(s) for s in shares / shares.sum())


def stacking_layer(probabilities, labels, num_classes):
    """(kernel float32 [M K, K], bias float32 [K]) of a logistic regression of the labels on M members' probabilities.

    probabilities: [M, N, K]. labels: int [N]. num_classes: K; classes that do not occur get a bias of -30. Raises
    KerasVisionError where fewer than two occur.
    """
    from sklearn.linear_model import LogisticRegression

    inputs = np.concatenate(probabilities, -1)
    if len(np.unique(labels)) < 2:
        raise KerasVisionError("--combine stacking needs two classes or more in the validation split")
    fitted = LogisticRegression(max_iter=1000).fit(inputs, labels)
    kernel, bias = np.zeros((inputs.shape[1], num_classes)), np.full(num_classes, -30.0)
    rows = fitted.coef_ if len(fitted.classes_) > 2 else np.concatenate([-fitted.coef_, fitted.coef_]) / 2
    offsets = fitted.intercept_ if len(fitted.classes_) > 2 else np.array([-1, 1]) * fitted.intercept_ / 2
    kernel[:, fitted.classes_], bias[fitted.classes_] = rows.T, offsets
    return kernel.astype(np.float32), bias.astype(np.float32)


def _metrics(arch, graph, members, splits):
    served, found = Served(arch, graph, members[0].classes), {}
    for name in ("validation", "test"):
        if name in splits:
            found |= {f"{name}/{k}": v for k, v in evaluate_split(served, splits, name).items()}
    if "test" in splits and "probabilities" in arch.outputs:
        predicted = [
            stacked(predictions(m.served(), evaluation_data(splits["test"], m.arch, batch_size=64)))[0]["probabilities"]
            for m in members
        ]
        found |= {f"test/{k}": v for k, v in disagreement(np.array(predicted), _are_independent(arch)).items()}
    return found


def disagreement(probabilities, independent=False):
    """Of members' probabilities [M, N, K] {"disagreement": the share of decisions in which two members differ, 0..1,
    "divergence": KL(a || b) in nats}, both means over ordered pairs of members and over examples.

    independent: an example may have any number of classes; then a class is decided at 0.5, and both are means over
    classes too.
    """
    p = np.clip(np.asarray(probabilities, np.float64), LEAST, 1.0)
    decided = p >= 0.5 if independent else p.argmax(-1)
    apart, divergences = [], []
    for a in range(len(p)):
        for b in range(len(p)):
            if a != b:
                apart.append((decided[a] != decided[b]).mean())
                terms = p[a] * np.log(p[a] / p[b])
                if independent:
                    rest = np.clip(1 - p[[a, b]], LEAST, 1.0)
                    terms = terms + rest[0] * np.log(rest[0] / rest[1])
                divergences.append(terms.mean() if independent else terms.sum(-1).mean())
    return {"disagreement": float(np.mean(apart)), "divergence": float(np.mean(divergences))}
