"""Losses of dense prediction, in the plane and in volumes. Each returns one value an example, float32 [B].

targets: one-hot [B, ..., K] over any number of spatial axes, all zeros where a position is ignored or was not
annotated; logits: [B, ..., K], softmax over the K classes. An ignored position has no influence on a value or a
gradient, whatever its logits are; an example of which all is ignored has loss 0.

The losses of regions (Dice, Tversky, Lovász) are means over the classes that are present in the example's ground truth.
A class that is absent has no overlap to raise: counted with a small `smooth` it would add a constant next to 1 and
hardly a gradient. Where it is predicted nevertheless, the classes that are really there lose overlap. With
background=False an example of nothing but background (class 0) therefore has loss 0: what it teaches is up to the
cross-entropy beside it.

In the formulas g is a target, p the probability that is predicted for it, and sums are over positions.
"""

import numpy as np
import tensorflow as tf
from scipy import ndimage

# what a softmax may miss of 1
_ROUNDING = 2.0**-23


def cross_entropy(targets, logits, class_weights=None):
    """Sum over annotated positions of -w log(p), over the sum of w, the weight of a position's true class.

    "U-Net" (Ronneberger, Fischer, Brox 2015, arXiv:1505.04597, equation 1), divided as torch.nn.CrossEntropyLoss
    divides it, yet for each example alone. class_weights: K numbers, None: all 1.
    """
    weights = targets if class_weights is None else targets * tf.convert_to_tensor(class_weights, tf.float32)
    log_p = tf.nn.log_softmax(_annotated(_known(targets), logits))
    entropy = -tf.reduce_sum(_over_positions(weights * log_p), -1)
    return tf.math.divide_no_nan(entropy, tf.reduce_sum(_over_positions(weights), -1))


def dice(targets, logits, smooth=1e-5, background=True):
    """Mean over classes present of 1 - D, D = (2 sum p g + smooth) / (sum p + sum g + smooth).

    "V-Net" (Milletari, Navab, Ahmadi 2016, arXiv:1606.04797, section 3, not numbered), but with the plain sums below
    the line rather than V-Net's squares: so has nnU-Net (Isensee et al. 2018, arXiv:1809.10486), whose code gives
    `smooth`, and so D is Tversky's index at 1/2, 1/2. background: whether class 0 counts.
    """
    hits, false, missed = _counts(targets, logits)
    # 1 - D with sum p = hits + false and sum g = hits + missed, which spares the difference of near equals
    losses = tf.math.divide_no_nan(false + missed, 2.0 * hits + false + missed + smooth)
    return _mean_of_present(targets, losses, background)


def generalized_dice(targets, logits):
    """1 - 2 (sum_k w_k sum p g) / (sum_k w_k sum (p + g)), w_k = 1 / (sum g)^2.

    "Generalised Dice overlap as a deep learning loss function for highly unbalanced segmentations" (Sudre, Li,
    Vercauteren, Ourselin, Cardoso 2017, arXiv:1707.03237, section 2.1, GDL, not numbered). The weight of an absent
    class would be infinite; here it is 0, as for every loss of this module (the authors' NiftyNet gives it the largest
    of the others).
    """
    hits, false, missed = _counts(targets, logits)
    weights = tf.math.divide_no_nan(1.0, tf.square(_over_positions(targets)))
    errors = tf.reduce_sum(weights * (false + missed), -1)
    return tf.math.divide_no_nan(errors, 2.0 * tf.reduce_sum(weights * hits, -1) + errors)


def tversky(targets, logits, alpha=0.3, beta=0.7, background=True):
    """Mean over classes present of 1 - T, T = sum p g / (sum p g + alpha sum p (1 - g) + beta sum (1 - p) g).

    "Tversky loss function for image segmentation using 3D fully convolutional deep networks" (Salehi, Erdogmus,
    Gholipour 2017, arXiv:1706.05721, equation 3; the defaults are their best). alpha weights false positives, beta
    false negatives. The paper has two classes and takes T of the lesion: background=False.
    """
    return _mean_of_present(targets, _tversky_losses(targets, logits, alpha, beta), background)


def focal_tversky(targets, logits, alpha=0.3, beta=0.7, gamma=4.0 / 3.0, background=True):
    """Mean over classes present of (1 - T)^(1 / gamma), T as in `tversky`.

    "A Novel Focal Tversky loss function with improved Attention U-Net for lesion segmentation" (Abraham, Khan 2018,
    arXiv:1810.07842, equation 4, where it is the sum over classes). The paper's alpha weights false negatives and its
    beta false positives; here they mean what they mean to `tversky`, so the paper's 0.7 and 0.3 are 0.3 and 0.7.
    """
    errors = _tversky_losses(targets, logits, alpha, beta)
    # a softmax may miss 1 by a rounding, of which a root makes 0.003 and a slope that drowns all others
    losses = tf.where(errors > _ROUNDING, tf.pow(tf.maximum(errors, _ROUNDING), 1.0 / gamma), 0.0)
    return _mean_of_present(targets, losses, background)


def lovasz_softmax(targets, logits):
    """Mean over classes present of the Lovász extension of 1 - IoU at the errors |g - p|, image by image.

    "The Lovász-Softmax loss: A tractable surrogate for the optimization of the intersection-over-union measure in
    neural networks" (Berman, Rannen Triki, Blaschko 2018, arXiv:1705.08790, equations 8, 9, 11, 12).
    """
    # equation 11; 0 where ignored, hence behind all other errors, whose slopes depend only on what is before them
    errors = tf.abs(targets - _probabilities(_known(targets), logits))
    errors, order = tf.math.top_k(_by_class(errors), _count_positions(errors))
    losses = tf.reduce_sum(errors * _jaccard_slopes(tf.gather(_by_class(targets), order, batch_dims=2)), -1)
    return _mean_of_present(targets, losses, background=True)


def boundary(distances, logits):
    """Mean over annotated positions of sum_k p_k phi_k: float32 [B], below 0 where most of p lies inside its class.

    "Boundary loss for highly unbalanced segmentation" (Kervadec et al. 2019, arXiv:1812.07032, equation 5). distances:
    phi [B, ..., K] as `signed_distances` gives it, 0 for all classes where ignored. Of an example with one class there
    is no boundary: loss 0. The paper adds it to a loss of regions, with a weight that grows while training.
    """
    # the distance to another class is never 0 at an annotated position of an example that has a boundary
    known = _known(distances)
    total = tf.reduce_sum(_over_positions(_probabilities(known, logits) * distances), -1)
    return tf.math.divide_no_nan(total, _over_positions(tf.cast(known, tf.float32))[:, 0])


def signed_distances(mask_onehot, spacing=None):
    """Distance of each position to the boundary of each class, in the unit of `spacing`, below 0 inside the class:
    mask_onehot [..., K] of one example, numpy -> float32 of the same shape.

    arXiv:1812.07032, phi of equation 5: inside the class minus the distance to the nearest position of another class,
    outside it the distance to the class's nearest. (The authors' code adds 1 inside, where the distances then start at
    0; that is a step of no one length where `spacing` differs by axis.) 0 everywhere for a class that is absent or all
    over, and at ignored positions, which bound no class. spacing: of the positions along each axis, in mm; None: 1.
    Within tf.data: tf.numpy_function(signed_distances, [mask_onehot], tf.float32).
    """
    mask = np.asarray(mask_onehot) > 0
    known = mask.any(-1)
    distances = np.zeros(mask.shape, np.float32)
    for k in range(mask.shape[-1]):
        inside, outside = mask[..., k], known & ~mask[..., k]
        if inside.any() and outside.any():
            to_inside, to_outside = (ndimage.distance_transform_edt(~m, sampling=spacing) for m in (inside, outside))
            distances[..., k] = np.where(known, to_inside - to_outside, 0.0)  # one of the two is 0
    return distances


def _known(values):
    """Whether a position is annotated: [B, ..., K] -> bool [B, ..., 1]."""
    return tf.reduce_any(tf.not_equal(values, 0.0), -1, keepdims=True)


def _annotated(known, logits):
    """Logits with 0 at ignored positions: a NaN there would outlive a multiplication by 0."""
    return tf.where(known, logits, 0.0)


def _probabilities(known, logits):
    """Softmax, 0 for all classes at ignored positions."""
    return tf.nn.softmax(_annotated(known, logits)) * tf.cast(known, tf.float32)


def _over_positions(values):
    """Sum over the spatial axes: [B, ..., K] -> [B, K]."""
    return tf.reduce_sum(values, list(range(1, len(values.shape) - 1)))


def _counts(targets, logits):
    """Soft true positives, false positives and false negatives of each class, each [B, K]."""
    p = _probabilities(_known(targets), logits)
    return tuple(_over_positions(x) for x in (p * targets, p * (1.0 - targets), (1.0 - p) * targets))


def _tversky_losses(targets, logits, alpha, beta):
    """1 - T, [B, K]."""
    hits, false, missed = _counts(targets, logits)
    errors = alpha * false + beta * missed
    return tf.math.divide_no_nan(errors, hits + errors)


def _mean_of_present(targets, losses, background):
    """Mean of losses [B, K] over the classes in the targets, without class 0 if not `background` -> [B]; of none: 0."""
    first = 0 if background else 1
    present = tf.cast(_over_positions(targets) > 0.0, tf.float32)[:, first:]
    return tf.math.divide_no_nan(tf.reduce_sum(losses[:, first:] * present, -1), tf.reduce_sum(present, -1))


def _count_positions(values):
    return tf.reduce_prod(tf.shape(values)[1:-1])


def _by_class(values):
    """[B, ..., K] -> [B, K, P], P positions."""
    flat = tf.reshape(values, [tf.shape(values)[0], _count_positions(values), values.shape[-1]])
    return tf.transpose(flat, [0, 2, 1])


def _jaccard_slopes(ground_truth):
    """What each further error adds to 1 - IoU: ground truth 0 or 1 [B, K, P], ordered by error -> [B, K, P].

    arXiv:1705.08790, equation 9, its difference worked out, as float32 would lose that of one position among millions:
    to miss a true position takes one from the intersection I, and 1 / U from I / U; to add a false one makes the union
    U from U - 1, and takes I / (U - 1) - I / U.
    """
    volume = tf.reduce_sum(ground_truth, -1, keepdims=True)
    intersection = volume - tf.cumsum(ground_truth, -1)
    union = volume + tf.cumsum(1.0 - ground_truth, -1)
    missed = ground_truth > 0.0
    return tf.math.divide_no_nan(tf.where(missed, 1.0, intersection), union * tf.where(missed, 1.0, union - 1.0))
