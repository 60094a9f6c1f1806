"""Losses of dense prediction against the papers' formulas in float64 numpy, which never see an ignored position."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses import segmentation as losses


def value_and_gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = function(x)
    return values.numpy(), tape.gradient(values, x).numpy()


def onehot(labels, count):
    """labels [...], -1 ignored -> float32 [..., count]."""
    return np.float32(labels[..., None] == np.arange(count))


def case(shape, count, ignored=0.3, examples=3):
    """One-hot targets and logits; each example has a position of class 0 that is not ignored."""
    rng = np.random.default_rng([count, len(shape), int(10 * ignored)])
    labels = rng.integers(0, count, (examples, *shape))
    labels = np.where(rng.random(labels.shape) < ignored, -1, labels)
    labels.reshape(examples, -1)[:, 0] = 0
    return onehot(labels, count), rng.normal(0, 2, (examples, *shape, count)).astype(np.float32)


def annotated(values, logits):
    """What is left of one example [..., K] without the ignored positions: [P, K] and softmax [P, K], float64."""
    keep = (values != 0).any(-1)
    z = np.float64(logits)[keep]
    p = np.exp(z - z.max(-1, keepdims=True))
    return np.float64(values)[keep], p / p.sum(-1, keepdims=True)


def cross_entropy(g, p, weights=None):
    w = np.ones(g.shape[1]) if weights is None else np.float64(weights)
    terms = [(w[k], -w[k] * np.log(row[k])) for k, row in zip(g.argmax(-1), p, strict=True)]
    total = sum(weight for weight, _ in terms)
    return sum(term for _, term in terms) / total if total else 0.0


def over_classes(g, p, loss, background=True):
    present = [k for k in range(0 if background else 1, g.shape[1]) if g[:, k].any()]
    return np.mean([loss(g[:, k], p[:, k]) for k in present]) if present else 0.0


def dice(g, p, smooth=1e-5, background=True):
    return over_classes(g, p, lambda g, p: 1 - (2 * (p * g).sum() + smooth) / (p.sum() + g.sum() + smooth), background)


def generalized_dice(g, p):
    present = g.any(0)
    g, p = g[:, present], p[:, present]
    w = 1 / g.sum(0) ** 2
    return 1 - 2 * (w * (p * g).sum(0)).sum() / (w * (p + g).sum(0)).sum() if present.any() else 0.0


def index(g, p, alpha, beta):
    both, false, missed = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
    return both / (both + alpha * false + beta * missed)


def tversky(g, p, alpha=0.3, beta=0.7, background=True):
    return over_classes(g, p, lambda g, p: 1 - index(g, p, alpha, beta), background)


def focal_tversky(g, p, alpha=0.3, beta=0.7, gamma=4 / 3, background=True):
    return over_classes(g, p, lambda g, p: (1 - index(g, p, alpha, beta)) ** (1 / gamma), background)


def jaccard_loss(truth, mistaken):
    """arXiv:1705.08790, equation 6: 1 - IoU of the truth and a prediction wrong at the mistaken positions."""
    predicted = truth ^ mistaken
    return 1 - len(truth & predicted) / len(truth | predicted)


def extension(g, p):
    """Equations 8 and 9 with the set function itself."""
    m, truth = np.abs(g - p), set(np.flatnonzero(g))
    order = np.argsort(-m).tolist()
    loss = [jaccard_loss(truth, set(order[:i])) for i in range(len(m) + 1)]
    return sum(m[position] * (loss[i + 1] - loss[i]) for i, position in enumerate(order))


WEIGHTS = [2.0, 0.5, 3.0, 0.0, 1.5]
# name -> the loss and its formula, both with the same options
LOSSES = {
    name: (functools.partial(loss, **options), functools.partial(formula, **options))
    for name, loss, formula, options in [
        ("cross_entropy", losses.cross_entropy, cross_entropy, {}),
        ("dice", losses.dice, dice, {}),
        ("dice_smooth", losses.dice, dice, {"smooth": 1.0}),
        ("dice_exact", losses.dice, dice, {"smooth": 0.0}),
        ("dice_foreground", losses.dice, dice, {"background": False}),
        ("generalized_dice", losses.generalized_dice, generalized_dice, {}),
        ("tversky", losses.tversky, tversky, {}),
        ("tversky_foreground", losses.tversky, tversky, {"alpha": 0.8, "beta": 0.1, "background": False}),
        ("focal_tversky", losses.focal_tversky, focal_tversky, {}),
        ("focal_tversky_3", losses.focal_tversky, focal_tversky, {"alpha": 0.6, "beta": 0.5, "gamma": 3.0}),
        ("focal_tversky_foreground", losses.focal_tversky, focal_tversky, {"gamma": 0.5, "background": False}),
        ("lovasz_softmax", losses.lovasz_softmax, functools.partial(over_classes, loss=extension), {}),
        ("boundary", losses.boundary, lambda phi, p: (p * phi).sum() / max(len(phi), 1), {}),
    ]
}


def truth_of(name, targets):
    """The loss's first argument: the targets, or their distances."""
    return np.stack([losses.signed_distances(t) for t in targets]) if name == "boundary" else targets


def check(loss, formula, truth, logits):
    """Values, and gradients by central differences of the formula, example by example."""
    seen, gradient = value_and_gradient(lambda x: loss(truth, x), logits)
    expected = [formula(*annotated(*example)) for example in zip(truth, logits, strict=True)]
    np.testing.assert_allclose(seen, expected, rtol=2e-5, atol=1e-6)
    differences = np.zeros(logits.shape)
    for at in np.ndindex(logits.shape):
        step = np.zeros(logits.shape[1:])
        step[at[1:]] = 1e-5
        up, down = (formula(*annotated(truth[at[0]], logits[at[0]] + d)) for d in (step, -step))
        differences[at] = (up - down) / 2e-5
    np.testing.assert_allclose(gradient, differences, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2)], ids=["plane", "volume"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_is_the_paper_s_formula(name, shape, count):
    for ignored in (0.0, 0.5):
        targets, logits = case(shape, count, ignored, examples=2)
        check(*LOSSES[name], truth_of(name, targets), logits)


@pytest.mark.parametrize("name", LOSSES)
def test_is_the_paper_s_formula_of_full_and_absent_classes(name):
    """One class all over, classes that are absent, one annotated position, none, all of one class but one."""
    labels = np.full((6, 2, 2, 2), -1)
    labels[0], labels[1], labels[2, 0, 0, 0] = 0, 2, 1
    labels[4], labels[5] = [[[0, 0], [3, 0]], [[0, 3], [3, 3]]], 3
    labels[5, 1, 1, 0] = 1
    _, logits = case((2, 2, 2), 4, examples=6)
    check(*LOSSES[name], truth_of(name, onehot(labels, 4)), logits)


@pytest.mark.parametrize("kind", [list, np.float64, tf.constant])
def test_class_weights_weight_the_mean(kind):
    loss = functools.partial(losses.cross_entropy, class_weights=kind(WEIGHTS))
    check(loss, functools.partial(cross_entropy, weights=WEIGHTS), *case((4, 3), 5))
    # of nothing but a class without weight: 0, where torch divides by 0
    only = onehot(np.full((1, 2, 2), 3), 5)
    assert loss(only, np.zeros_like(only)).numpy() == [0.0]


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_positions_have_no_influence(name):
    targets, logits = case((4, 3), 3)
    loss, truth = LOSSES[name][0], truth_of(name, targets)
    ignored = ~targets.any(-1)
    value, gradient = value_and_gradient(lambda x: loss(truth, x), logits)
    assert ignored.any(axis=(1, 2)).all() and np.abs(gradient[~ignored]).max() > 1e-4
    assert not gradient[ignored].any()
    for other in (-3.0, 1e4, np.inf, np.nan):
        changed = np.where(ignored[..., None], np.float32([other, 0, 0]), logits)
        value_2, gradient_2 = value_and_gradient(lambda x, changed=changed: loss(truth, x), changed)
        np.testing.assert_array_equal(value_2, value)
        np.testing.assert_array_equal(gradient_2, gradient)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_that_is_ignored_changes_nothing(name):
    targets, logits = case((4, 3), 3)
    loss, padding = LOSSES[name][0], [(0, 0), (1, 0), (2, 3), (0, 0)]
    seen = loss(truth_of(name, np.pad(targets, padding)), np.pad(logits, padding, constant_values=5.0))
    np.testing.assert_allclose(seen, loss(truth_of(name, targets), logits), rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite(name):
    """Right everywhere, wrong everywhere, a class that is absent everywhere, and each with a class that is absent."""
    loss = LOSSES[name][0]
    for labels in (np.arange(8) % 3, np.arange(8) % 2, np.full(8, 1), np.full(8, -1)):
        targets = onehot(labels.reshape(2, 4), 3)
        signed = 200.0 * targets - 100.0
        logits = np.stack([signed, -signed, np.broadcast_to(np.float32([-100, -100, 100]), signed.shape)])
        truth = truth_of(name, np.stack([targets] * 3))
        value, gradient = value_and_gradient(lambda x, truth=truth: loss(truth, x), logits)
        assert np.isfinite(value).all() and np.isfinite(gradient).all()
        assert 0 <= value[0] < 1e-6 or name == "boundary"
        assert labels.max() >= 0 or not (value.any() or gradient.any())
        if labels.max() > 1 or name == "cross_entropy" and labels.max() > 0:
            assert value[1] > value[0] + 0.4


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_positions_and_the_other_examples_do_not_matter(name):
    targets, logits = case((4, 3), 4)
    loss, truth = LOSSES[name][0], truth_of(name, targets)
    order = np.random.default_rng(0).permutation(12)
    together = loss(truth, logits).numpy()
    assert together.shape == (3,) and together.dtype == np.float32
    moved = loss(truth.reshape(3, 12, 4)[:, order], logits.reshape(3, 12, 4)[:, order])
    np.testing.assert_allclose(moved, together, rtol=1e-5)
    alone = [loss(truth[i : i + 1], logits[i : i + 1]).numpy()[0] for i in range(3)]
    np.testing.assert_allclose(alone, together, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_is_traced_with_unknown_sizes(name):
    loss = LOSSES[name][0]
    traced = tf.function(loss, [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([None, None, None, 3])])
    for shape in ((4, 3), (2, 5)):
        targets, logits = case(shape, 3)
        truth = truth_of(name, targets)
        np.testing.assert_allclose(traced(truth, logits), loss(truth, logits), rtol=1e-6)
    assert traced(np.zeros((0, 2, 2, 3), np.float32), np.zeros((0, 2, 2, 3), np.float32)).shape == (0,)


def test_alpha_is_of_false_positives_and_beta_of_false_negatives():
    targets = onehot(np.int64([[1, 1, 0, 0, 0, 0, 0, 0]] * 2), 2)
    logits = 100 * onehot(np.int64([[1, 1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]]), 2)
    seen = losses.tversky(targets, logits, alpha=0.2, beta=0.6, background=False)
    np.testing.assert_allclose(seen, [0.2 * 3 / (2 + 0.2 * 3), 0.6 / (1 + 0.6)], rtol=1e-6)
    focal = losses.focal_tversky(targets, logits, alpha=0.2, beta=0.6, gamma=2.0, background=False)
    np.testing.assert_allclose(focal, np.sqrt(seen), rtol=1e-6)


def test_lovasz_is_the_jaccard_loss_of_hard_predictions():
    """At the vertices the extension is the set function: all predictions of 5 positions, one ignored or none."""
    predicted = np.int64(list(itertools.product(range(3), repeat=5)))
    for labels in ([0, 0, 1, 2, 2], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, -1, 1, 1, 2]):
        true, known = np.int64([labels] * len(predicted)), np.int64(labels) >= 0
        classes = [(true == k, (predicted == k) & known) for k in set(labels) - {-1}]
        expected = 1 - np.mean([(t & p).sum(-1) / (t | p).sum(-1) for t, p in classes], 0)
        seen = losses.lovasz_softmax(onehot(true, 3), 200 * onehot(predicted, 3) - 100)
        np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_lovasz_keeps_its_precision_over_many_positions():
    """The sum of the slopes is the loss of an error of 1 everywhere; each is compared with its float64 difference."""
    truth = np.random.default_rng(0).random(200_000) < 0.3
    seen = losses._jaccard_slopes(np.float32(truth)[None, None]).numpy()[0, 0]
    left, union = truth.sum() - np.cumsum(truth, dtype=float), truth.sum() + np.cumsum(~truth, dtype=float)
    np.testing.assert_allclose(seen, np.diff(1 - left / union, prepend=0.0), rtol=1e-5, atol=1e-15)


def nearest(others, step):
    """Distance of each position to the nearest of the others (a mask), by comparing all pairs."""
    at = np.stack(np.meshgrid(*map(np.arange, others.shape), indexing="ij"), -1) * np.float64(step)
    return np.sqrt(((at[..., None, :] - at[others]) ** 2).sum(-1)).min(-1)


@pytest.mark.parametrize(("shape", "spacing"), [((7, 5), None), ((7, 5), (2, 0.5)), ((3, 4, 5), (3, 1, 0.7))])
def test_signed_distances_are_those_of_all_pairs(shape, spacing):
    step = spacing or (1,) * len(shape)
    for targets in case(shape, 3, examples=5)[0]:
        known, expected = targets.any(-1), np.zeros(targets.shape)
        for k in range(3):
            inside, outside = targets[..., k] > 0, known & (targets[..., k] == 0)
            if inside.any() and outside.any():
                expected[inside, k] = -nearest(outside, step)[inside]
                expected[outside, k] = nearest(inside, step)[outside]
        seen = losses.signed_distances(targets, spacing)
        assert seen.dtype == np.float32 and (seen[targets > 0] < 0).all()
        np.testing.assert_allclose(seen, expected, rtol=1e-6)


def test_signed_distances_of_a_line():
    seen = losses.signed_distances(onehot(np.int64([0, 0, 0, 1, 1, -1, 0]), 3))
    expected = [[-3, -2, -1, 1, 2, 0, -2], [3, 2, 1, -1, -2, 0, 2], [0] * 7]
    np.testing.assert_array_equal(seen.T, expected)
    for labels in ([1, 1, 1], [1, -1, 1], [-1, -1, -1]):
        assert not losses.signed_distances(onehot(np.int64(labels), 2)).any()


@pytest.mark.parametrize("spacing", [[], [np.float32([3, 1])]], ids=["", "spaced"])
def test_signed_distances_within_tf_data(spacing):
    targets, _ = case((4, 3), 3)
    data = tf.data.Dataset.from_tensor_slices(targets)
    data = data.map(lambda x: tf.numpy_function(losses.signed_distances, [x, *spacing], tf.float32))
    np.testing.assert_array_equal(list(data), [losses.signed_distances(x, *spacing) for x in targets])


def test_boundary_falls_towards_the_truth():
    """Class 1 grows by one position after the other beyond its truth, the last four."""
    targets = onehot(np.int64([[0, 0, 0, 0, 1, 1, 1, 1]]), 2)
    phi = truth_of("boundary", targets)
    grown = [50 * onehot(np.int64([[0] * n + [1] * (8 - n)]), 2) for n in (4, 3, 2, 1, 0)]
    values = [losses.boundary(phi, logits).numpy()[0] for logits in grown]
    np.testing.assert_allclose(np.diff(values) * 8, [2, 4, 6, 8], rtol=1e-5)
