"""What decides between classes, chosen on a split: a threshold a label (Lipton et al. 2014, arXiv:1402.1892), or a
factor a class (Provost 2000).
"""

import numpy as np
from sklearn import metrics as sk


def best_thresholds(probabilities, ground_truth):
    """Per class, the threshold of the probability with the largest F1 (Lipton et al. 2014, arXiv:1402.1892).

    probabilities: [N, K]; ground_truth: 0 or 1 [N, K] -> tuple of K floats, 0.5 for a class without an example. Each
    lies midway between the lowest probability that passes it and the next lower one, so that rounding in an exported
    file changes no decision, and is a float32 exactly.
    """
    thresholds = []
    for k in range(ground_truth.shape[1]):
        if not ground_truth[:, k].any():
            thresholds.append(0.5)
            continue
        precision, recall, cuts = sk.precision_recall_curve(ground_truth[:, k], probabilities[:, k])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(np.argmax(f1[:-1]))
        below = cuts[best - 1] if best else 0.0
        midway = np.float32((float(cuts[best]) + float(below)) / 2)
        exact = midway if midway > below else np.float32(cuts[best])  # neighbors in float32 have nothing between them
        thresholds.append(float(str(exact)))  # the shortest number that is this float32
    return tuple(thresholds)


def best_factors(probabilities, labels, weights, rounds=20):
    """One factor a class, with which argmax(probabilities * factors) is right on more weight of examples.

    probabilities: [N, K]; labels: int [N]; weights: [K], of an example of each class -> tuple of K, the largest 1.
    Thresholds moved as in Provost 2000, Machine Learning from Imbalanced Data Sets 101 (AAAI workshop), for several
    classes by coordinate ascent: with all other factors fixed, an example's decision changes once, where the class
    overtakes the best of the others, so each factor's best interval is found exactly. The end is a local optimum, never
    worse than factors of 1. A factor moves only where that is better, to the middle of the interval, in logarithms.
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    of_example = np.asarray(weights, np.float64)[labels]
    biases = np.zeros(logs.shape[1])
    for _ in range(rounds):
        before = biases.copy()
        for k in range(len(biases)):
            biases[k] = _best_bias(logs + biases, k, labels, of_example) + biases[k]
        if np.array_equal(before, biases):
            break
    return tuple(float(f"{f:.6g}") for f in np.exp(biases - biases.max()))


def _best_bias(scores, k, labels, weights):
    """What to add to column k of the scores [N, K] of an argmax; 0 where nothing is better."""
    others = np.delete(scores, k, 1)
    second = others.argmax(1)
    second += second >= k
    cuts = others.max(1) - scores[:, k]  # an example's answer is k from this bias on
    gains = weights * ((labels == k).astype(np.float64) - (second == labels))
    order = np.argsort(cuts, kind="stable")
    cuts, totals = cuts[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    edges = np.concatenate([[cuts[0] - 2.0], cuts, [cuts[-1] + 2.0]])  # interval i lies between edges i and i + 1
    wide = np.diff(edges) > 1e-5  # equal scores cannot be told apart, nor can scores that an export rounds
    now = totals[np.searchsorted(cuts, 0.0, side="right")]
    best = int(np.argmax(np.where(wide, totals, -np.inf)))
    if totals[best] <= now + 1e-9:
        return 0.0
    return float((edges[best] + edges[best + 1]) / 2)
