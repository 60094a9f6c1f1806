"""Outlier scores against scipy and scikit-learn, and on digits whose outliers are planted."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from kerasvision.core.errors import UsageError
from kerasvision.robustness.outliers import Mahalanobis, Nearest, energy

RNG = np.random.default_rng(0)


def test_logit_scores_are_scipy_s():
    logits = RNG.normal(0, 5, (30, 7))
    np.testing.assert_allclose(energy(logits, 2.0), -2.0 * logsumexp(logits / 2.0, axis=1))
    np.testing.assert_allclose(energy(np.array([[1e4, 0.0]])), [-1e4])


def test_mahalanobis_is_the_distance_under_the_pooled_covariance():
    features, labels = RNG.normal(size=(90, 4)) @ RNG.normal(size=(4, 4)), np.arange(90) % 3
    features += labels[:, None]
    lda = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(features, labels)
    inverse, new = np.linalg.inv(lda.covariance_), RNG.normal(size=(11, 4)) * 3
    expected = [min((x - m) @ inverse @ (x - m) for m in lda.means_) for x in new]
    np.testing.assert_allclose(Mahalanobis.fit(features, labels).score(new), expected)


def test_a_feature_that_never_varies_is_left_out():
    features = np.concatenate([RNG.normal(size=(50, 3)), np.zeros((50, 1))], 1)
    found = Mahalanobis.fit(features, np.zeros(50, int)).score(features)
    assert np.isfinite(found).all() and found.mean() == pytest.approx(3.0)  # the mean is the rank


@pytest.mark.parametrize("k", [1, 5, 40])
def test_nearest_is_scikit_learn_s_kth_distance(k):
    features, new = RNG.normal(size=(60, 5)), RNG.normal(size=(2100, 5))  # several blocks
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (features, new)]
    distances, _ = NearestNeighbors(n_neighbors=k).fit(unit[0]).kneighbors(unit[1])
    np.testing.assert_allclose(Nearest.fit(features, k).score(new), distances[:, -1], atol=1e-7)


def test_wrong_shapes_are_one_line():
    with pytest.raises(UsageError, match=r"k=9; allowed: 1 to 4"):
        Nearest.fit(np.ones((4, 2)), 9)
    with pytest.raises(UsageError, match=r"features of shape \[4\]; allowed: \[N, D\]"):
        Nearest.fit(np.ones(4), 1)
    with pytest.raises(UsageError, match="4 features and 3 labels"):
        Mahalanobis.fit(np.ones((4, 2)), [0, 1, 2])


def test_digits_never_trained_on_are_farther_out_of_distribution():
    """Digits 0 to 6 are known, 7 to 9 are not: the area under the ROC curve of each score."""
    bunch = load_digits()
    x, y = bunch.data / 16.0, bunch.target
    known, order = y < 7, RNG.permutation(len(y))
    fit, inside = (np.array([i for i in order if known[i]])[part] for part in (slice(0, 800), slice(800, None)))
    tested = np.concatenate([inside, np.flatnonzero(~known)])
    model = LogisticRegression(max_iter=500).fit(x[fit], y[fit])
    logits = model.decision_function(x[tested])
    scores = {
        "softmax": -softmax(logits, axis=1).max(1),  # the baseline of arXiv:1610.02136
        "energy": energy(logits),
        "mahalanobis": Mahalanobis.fit(x[fit], y[fit]).score(x[tested]),
        "nearest": Nearest.fit(x[fit], 5).score(x[tested]),
    }
    areas = {name: roc_auc_score(~known[tested], score) for name, score in scores.items()}
    assert min(areas.values()) > 0.75 and areas["nearest"] > 0.9, areas
