"""Outlier scores: how far out of distribution an input is, by a classifier's logits or features. Larger is farther.

features: float [N, D], the input of the layer that makes the logits. `fit` takes those of the training data. Scores are
float64 [N]. Features of another rank raise UsageError.
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError

BLOCK = 1024  # rows that are compared at once


def energy(logits, temperature=1.0):
    """-T log sum_k exp(f_k / T) of logits [N, K] -> [N]: "Energy-based Out-of-distribution Detection" (Liu, Wang,
    Owens, Li 2020, arXiv:2010.03759, equation 4).
    """
    scaled = np.asarray(logits, np.float64) / temperature
    top = scaled.max(1)
    return -temperature * (top + np.log(np.exp(scaled - top[:, None]).sum(1)))


@dataclasses.dataclass(frozen=True)
class Mahalanobis:
    """means [K, D] of the classes and their common precision [D, D], the inverse of the covariance: "A Simple Unified
    Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks" (Lee, Lee, Lee, Shin 2018,
    arXiv:1807.03888, equations 1, 2). Of one layer's features; the paper's perturbation of inputs and its weights over
    layers are not here.
    """

    means: np.ndarray
    precision: np.ndarray

    @classmethod
    def fit(cls, features, labels):
        """features: [N, D]; labels: int [N]. A covariance without full rank gets its pseudo-inverse. Raises UsageError
        unless there is one label for each feature vector.
        """
        features, labels = _matrix(features), np.asarray(labels)
        if len(labels) != len(features):
            raise UsageError(f"{len(features)} features and {len(labels)} labels; give one label each")
        classes, index = np.unique(labels, return_inverse=True)
        means = np.stack([features[labels == c].mean(0) for c in classes])
        centered = features - means[index]
        return cls(means, np.linalg.pinv(centered.T @ centered / len(features), hermitian=True))

    def score(self, features):
        """Squared Mahalanobis distance to the nearest class mean, [N, D] -> [N]: minus the paper's confidence."""
        features = _matrix(features)
        distances = [np.einsum("nd,de,ne->n", features - m, self.precision, features - m) for m in self.means]
        return np.min(distances, 0)


@dataclasses.dataclass(frozen=True)
class Nearest:
    """held: training features [N, D], scaled to length 1: "Out-of-Distribution Detection with Deep Nearest Neighbors"
    (Sun, Ming, Zhu, Li 2022, arXiv:2204.06507, section 3). k: which neighbor's distance is the score, 1 the nearest.
    """

    held: np.ndarray
    k: int = 50

    @classmethod
    def fit(cls, features, k=50):
        """features: [N, D], of any length. k: 1 to N. Raises UsageError of any other k."""
        held = _unit(_matrix(features))
        if not 1 <= k <= len(held):
            raise UsageError(f"k={k}; allowed: 1 to {len(held)}, the number of training features")
        return cls(held, k)

    def score(self, features):
        """Euclidean distance, 0..2, of features scaled to length 1 to their k-th nearest in `held`: [N, D] -> [N]."""
        features, scores = _unit(_matrix(features)), []
        for start in range(0, len(features), BLOCK):
            cosines = features[start : start + BLOCK] @ self.held.T
            kth = -np.partition(-cosines, self.k - 1, axis=1)[:, self.k - 1]
            scores.append(np.sqrt(np.maximum(2.0 - 2.0 * kth, 0.0)))
        return np.concatenate(scores) if scores else np.zeros(0)


def _matrix(features):
    features = np.asarray(features, np.float64)
    if features.ndim != 2:
        raise UsageError(f"features of shape {list(features.shape)}; allowed: [N, D], a vector an example")
    return features


def _unit(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
