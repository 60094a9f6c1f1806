"""How well clusters that were found without labels say what the labels do, by scikit-learn.

"Information Theoretic Measures for Clusterings Comparison: Variants, Properties, Normalization and Correction for
Chance" (Vinh, Epps, Bailey 2010, Journal of Machine Learning Research 11, 2837-2854).
"""

import warnings

import numpy as np

MOST_CLASSES = 1000  # beyond, k-means would take longer than all else
FITTED = 10_000  # vectors at most that centers are made of


def clusters(vectors, labels):
    """int [N]: the k-means cluster of each vector [N, D], one start, as many as there are labels; of more than `FITTED`
    vectors the centers are those of every n-th. None of one class, of more than `MOST_CLASSES`, and of no more
    vectors than classes in what is fitted.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    count = len(np.unique(labels))
    fitted = vectors[:: -(-len(vectors) // FITTED)]
    if not 2 <= count <= min(MOST_CLASSES, len(fitted) - 1):
        return None
    with warnings.catch_warnings():  # of vectors that have fallen together, which make fewer clusters
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(count, n_init=1, random_state=0).fit(fitted).predict(vectors)


def ami(labels, found):
    """Adjusted mutual information of two int [N], 0 by chance, 1 where they part alike (equation 20 with the mean of
    both entropies). None of nothing.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(labels, found)) if len(labels) else None


def nmi(labels, found):
    """Mutual information over the mean of both entropies, 0 to 1, above 0 by chance the more clusters there are."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels, found)) if len(labels) else None
