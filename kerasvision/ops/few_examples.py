"""Classes from a few vectors of length 1 each: what stands for a class, and when a picture is of none."""

import numpy as np

from kerasvision.core.errors import KerasVisionError


def standing(vectors, head, keep):
    """float32 [N, D] of one class -> the vectors that stand for it, [R, D]: their mean, made 1 long ("Prototypical
    Networks for Few-shot Learning", Snell, Swersky, Zemel 2017, arXiv:1703.05175), or themselves, at most `keep` of
    them: a coreset, the first and then whichever is farthest from those that are kept ("Active Learning for
    Convolutional Neural Networks: A Core-Set Approach", Sener, Savarese 2018, arXiv:1708.00489, algorithm 1). keep: 0
    for all.
    """
    if head == "means":
        mean = vectors.mean(0, dtype=np.float64)
        length = np.linalg.norm(mean)
        if length < 1e-6:
            raise KerasVisionError("the pictures of a class cancel out, so that they have no mean; choose head=nearest")
        return np.float32(mean / length)[None]
    if not keep or len(vectors) <= keep:
        return vectors
    kept, nearest = [0], vectors @ vectors[0]
    while len(kept) < keep:
        kept.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[kept[-1]])
    return vectors[sorted(kept)]


def ridge(vectors, labels, classes, strength):
    """The rows of a ridge regression from vectors to their classes, float32 [K, D]: products with them come near 1 for
    the class of a vector and near 0 for all others ("Meta-learning with differentiable closed-form solvers", Bertinetto
    et al. 2019, arXiv:1805.08136, equation 5; nothing is added, so that a vector of zeros is of no class).

    vectors: [N, D]. labels: int [N], 0 to classes - 1. strength: of the penalty on rows, above 0. What is solved has
    the smaller of N and D unknowns a class.
    """
    held, wanted = vectors.astype(np.float64), np.eye(classes)[labels]
    if len(held) <= held.shape[1]:
        return np.float32(np.linalg.solve(_penalized(held @ held.T, strength), wanted).T @ held)
    return np.float32(np.linalg.solve(_penalized(held.T @ held, strength), held.T @ wanted).T)


def ridge_threshold(vectors, labels, classes, strength, false_accept):
    """As `threshold`, of `ridge`: each class in turn is left out of the rows that its pictures are then judged by."""
    best, held = np.empty(len(vectors)), vectors.astype(np.float64)
    # up to 2 D: beyond, a class of fewer than D leaves more than D, whose products have no zeros to be taken from zeros
    of_left_out = _by_vectors if len(held) <= 2 * held.shape[1] else _by_features
    for own, scores in of_left_out(held, labels, classes, strength):
        best[own] = scores.max(1)
    return _above_most(best, classes, false_accept)


def _by_vectors(held, labels, classes, strength):
    """Yields (int [n], the places of a class; float64 [n, K - 1], their products with the rows of the other classes,
    which were made without them). held: float64 [N, D].

    With M = X X^T + strength, k the class's own places and o all others, these are M_ko M_oo^-1 Y_o. The inverse C of M
    has C_ko = -C_kk M_ko M_oo^-1 (inverse of a matrix of blocks), and Y_k is 0 in the columns of other classes, so they
    are -C_kk^-1 (C Y)_k: the whole is inverted once, and then what the class has.
    """
    inverse = np.linalg.inv(_penalized(held @ held.T, strength))
    solved = inverse @ np.eye(classes)[labels]
    for k in range(classes):
        own = np.flatnonzero(labels == k)
        yield own, -np.linalg.solve(inverse[np.ix_(own, own)], np.delete(solved[own], k, 1))


def _by_features(held, labels, classes, strength):
    """The same of many vectors: with A = X^T X + strength, they are X_k (A - X_k^T X_k)^-1 X^T Y. Of a class of fewer
    than D vectors that is (1 - X_k A^-1 X_k^T)^-1 X_k A^-1 X^T Y (Sherman, Morrison and Woodbury), for which A is
    inverted once.
    """
    whole, sums = _penalized(held.T @ held, strength), held.T @ np.eye(classes)[labels]
    inverse = np.linalg.inv(whole)
    for k in range(classes):
        own = np.flatnonzero(labels == k)
        ours, others = held[own], np.delete(sums, k, 1)
        if len(own) < len(whole):
            seen = ours @ inverse
            yield own, np.linalg.solve(np.eye(len(own)) - seen @ ours.T, seen @ others)
        else:
            yield own, ours @ np.linalg.solve(whole - ours.T @ ours, others)


def _penalized(products, strength):
    """`products` with `strength` more on its diagonal, in place."""
    products.flat[:: len(products) + 1] += strength
    return products


def scores_of(vectors, standing_for, neighbors):
    """float32 [N, D], a list of [R, D] for each class -> [N, K]: the mean cosine of the `neighbors` nearest of a class,
    of all where it has fewer.
    """
    columns = []
    for rows in standing_for:
        cosines = np.sort(vectors @ rows.T, 1)[:, ::-1]
        columns.append(cosines[:, :neighbors].mean(1))
    return np.stack(columns, 1)


def threshold(scores, labels, false_accept):
    """The score above which a picture of no class is expected to be in at most `false_accept` of cases.

    Each picture is one of no class as long as its own is left out: of its score the best of the other classes counts,
    and as there is a class fewer to be taken for, its chance is smaller by as much. Of N such scores and one more like
    them, the chance that it is above all but the `n` largest is (n + 1) / (N + 1): the quantile of conformal prediction
    (Angelopoulos, Bates 2021, arXiv:2107.07511, section 1). Where N is too small for that, it is the largest of them
    (`least_rate`). scores: [N, K], labels: int [N].
    """
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return _above_most(others.max(1), scores.shape[1], false_accept)


def _above_most(best, classes, false_accept):
    """The quantile of `threshold`. best: of each picture the best score of a class that is not its own, [N]."""
    above = int(false_accept / least_rate(len(best), classes) + 1e-9) - 1
    return float(np.sort(best)[::-1][min(len(best) - 1, max(0, above))])


def least_rate(pictures, classes):
    """The least share of accepted strangers that so many pictures, of so many classes, can vouch for."""
    return classes / (classes - 1) / (pictures + 1)


def episodes(vectors, labels, ways, shots, count, seed=0):
    """Accuracy of each of `count` draws, [count]: `ways` classes, `shots` pictures of each to know them by, and all
    others of these classes to be told apart by the nearest mean ("Matching Networks for One Shot Learning", Vinyals et
    al. 2016, arXiv:1606.04080, section 4.1). A class takes part that has a picture more than `shots`. vectors: float32
    [N, D] of length 1; labels: int [N].
    """
    places = {k: np.flatnonzero(labels == k) for k in np.unique(labels)}
    able = [k for k, held in places.items() if len(held) > shots]
    if len(able) < max(2, ways):
        raise KerasVisionError(
            f"{len(able)} classes have more than {shots} pictures each; an episode needs {ways} of them, at least two"
        )
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        drawn = [rng.permutation(places[k]) for k in rng.choice(able, ways, replace=False)]
        means = [standing(vectors[held[:shots]], "means", 0) for held in drawn]
        asked = np.concatenate([held[shots:] for held in drawn])
        ground_truth = np.repeat(np.arange(ways), [len(held) - shots for held in drawn])
        found.append((scores_of(vectors[asked], means, 1).argmax(1) == ground_truth).mean())
    return np.array(found)


def mean_with_interval(values):
    """(mean, half of the 95 % interval of the mean) of values that were drawn independently."""
    return float(values.mean()), float(1.96 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
