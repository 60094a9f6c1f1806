"""Labels that are probably wrong, by confident learning.

"Confident Learning: Estimating Uncertainty in Dataset Labels" (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068),
through cleanlab. It needs probabilities of examples that the model was not trained on.
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import raw_examples


def suspects(labels, probabilities, classes):
    """Rows of the suspicious examples, the worst first: `{"number", "label", "suggested", "quality"}`.

    labels: int [N]; probabilities: [N, K], out of sample. quality: the probability of the given label, 0..1 (the
    paper's self-confidence); suggested: the most probable class. Which are suspicious is decided by the off-diagonal of
    the confident joint (cleanlab's `prune_by_noise_rate`).
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        raise KerasVisionError("suspicious labels need cleanlab: pip install kerasvision[noise]") from None
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    absent = [classes[k] for k in sorted(set(range(len(classes))) - set(labels.tolist()))]
    if absent:
        raise KerasVisionError(
            f"no example of {', '.join(absent)} in the split; confident learning needs some of every class: name a "
            "larger --split"
        )
    probabilities = probabilities / probabilities.sum(1, keepdims=True)  # float32 sums to 1 within 1e-7 only
    found = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        {
            "number": int(i),
            "label": classes[labels[i]],
            "suggested": classes[int(probabilities[i].argmax())],
            "quality": round(float(probabilities[i, labels[i]]), 6),
        }
        for i in found
    ]


def suspects_of(model, split):
    """The same of a split that a model was not trained on, with each example's name (its path) in `input`.

    model: (serving inputs) -> prediction, with `arch` and `classes`, such as `api.Model`.
    """
    if tuple(model.arch.label_keys) != ("label",) or "probabilities" not in model.arch.outputs:
        raise UsageError(
            f"{model.arch.registered_name} does not tell one class for each example; suspicious labels are found with "
            "a classification/classifier"
        )
    labels, probabilities, names = [], [], []
    for inputs, ground_truth, batch_names in raw_examples(split, model.arch):
        labels += ground_truth["label"].tolist()
        probabilities.append(model(inputs)["probabilities"])
        names += batch_names
    rows = suspects(labels, np.concatenate(probabilities), model.classes)
    return [{"input": names[row["number"]]} | row for row in rows]


def planted_found(rows, split):
    """How many of the wrong labels that `sources/noisy_labels` has planted are among the suspects, or None if the split
    has none of its own: `{"planted", "found", "precision", "precision_at_half"}`.

    precision: of all suspects. precision_at_half: of the first of them, the least likely labels, up to the one with
    which half of the planted ones are found; None if they never are.
    """
    if "is_planted" not in split.read_spec:
        return None
    planted = np.array(list(split.records.map(lambda r: split.read(r)["is_planted"]).as_numpy_iterator()))
    right = np.cumsum([planted[row["number"]] for row in rows])
    half = np.flatnonzero(right >= planted.sum() / 2) if planted.any() else ()
    found = int(right[-1]) if len(rows) else 0
    return {
        "planted": int(planted.sum()),
        "found": found,
        "precision": round(found / len(rows), 4) if rows else None,
        "precision_at_half": round(float(right[half[0]] / (half[0] + 1)), 4) if len(half) else None,
    }
