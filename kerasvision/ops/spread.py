"""How evenly vectors are spread over the directions that there are, in numpy.

Effective rank: "RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations by Their
Rank" (Garrido, Balestriero, Najman, LeCun 2022, arXiv:2210.02885, equation 1). Alignment and uniformity: "Understanding
Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere" (Wang, Isola 2020,
arXiv:2005.10242, equations 1 and 2).
"""

import numpy as np

MOST_PAIRED = 2000  # vectors, evenly from all, of which all pairs are looked at


def effective_rank(embeddings):
    """exp of the entropy of the singular values, each in parts of their sum: 1 where all lie on one line, D where all
    directions are used alike. embeddings: [N, D], as they are, not centered.
    """
    values = np.linalg.svd(np.asarray(embeddings, np.float64), compute_uv=False)
    shares = values / max(values.sum(), 1e-300) + 1e-7  # the paper's epsilon
    return float(np.exp(-(shares * np.log(shares)).sum()))


def deviation(embeddings):
    """The mean over dimensions of the standard deviation of vectors of length 1, times the root of D: 1 where they are
    spread evenly over the sphere, 0 where all are one (Chen and He 2020, arXiv:2011.10566, section 4.1).
    """
    held = unit(embeddings)
    return float(held.std(0).mean() * np.sqrt(held.shape[1]))


def largest_share(embeddings):
    """The largest eigenvalue of the covariance of vectors of length 1, in parts of the sum of all; 1 where there is no
    variance at all.
    """
    held = unit(embeddings)
    values = np.linalg.svd(held - held.mean(0), compute_uv=False) ** 2
    return float(values[0] / values.sum()) if values.sum() > 1e-12 * len(held) else 1.0


def uniformity(embeddings, scale=2.0):
    """log of the mean over pairs of exp(-scale |x - y|^2), vectors of length 1: 0 where all are one, towards -4 the
    more evenly they are spread. Of at most 2000 examples, evenly from all. None of fewer than two.
    """
    step = -(-len(embeddings) // MOST_PAIRED)
    held = unit(embeddings[::step])
    if len(held) < 2:
        return None
    apart = 2.0 - 2.0 * (held @ held.T)[np.triu_indices(len(held), 1)]
    return float(np.log(np.exp(-scale * apart).mean()))


def alignment(first, second):
    """The mean squared distance of two views of a picture, vectors of length 1: 0 where views are one."""
    return float(((unit(first) - unit(second)) ** 2).sum(1).mean())


def named(logits):
    """exp of the entropy of the mean share that each of K has among N: 1 where all name one, K where all are named
    alike. logits: [N, K], whose softmax are the shares.
    """
    held = np.asarray(logits, np.float64)
    shares = np.exp(held - held.max(1, keepdims=True))
    mean = (shares / shares.sum(1, keepdims=True)).mean(0)
    return float(np.exp(-(mean[mean > 0] * np.log(mean[mean > 0])).sum()))


def unit(vectors):
    """float64 [N, D] of length 1; zeros stay zeros."""
    held = np.asarray(vectors, np.float64)
    return held / np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12)
