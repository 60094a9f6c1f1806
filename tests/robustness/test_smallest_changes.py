"""Attacks that look for the smallest change, or ask for answers alone, against what a linear model's algebra says."""

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.ops import balls
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.classifier import AskedClassifier
from tests.robustness.linear import RADIUS, SHAPE, SIDE, linear, step_of

CLASSES, COUNT = 5, 6
NIGHTLY = pytest.mark.nightly
DUAL = {"linf": 1, "l2": 2, "l1": np.inf}


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(3).normal(size=(SIDE * SIDE * 3, CLASSES)).astype(np.float32)


@pytest.fixture(scope="module")
def model(kernel):
    return linear(kernel)


@pytest.fixture(scope="module")
def pixels():
    """Pictures so far from black and white that no change that is looked for gets there."""
    return np.random.default_rng(1).integers(100, 156, (COUNT, *SHAPE)).astype(np.uint8)


@pytest.fixture(scope="module")
def labels(model, pixels):
    return model.decided(pixels / np.float32(255))


def nearest(model, kernel, pixels, labels, norm):
    """How far the nearest border is, [B]: |f_k - f_l| / the dual norm of w_k - w_l (arXiv:1511.04599, section 3)."""
    logits = np.asarray(model.logits(pixels / np.float32(255)), np.float64)
    far = [
        [
            (row[own] - row[k]) / (np.linalg.norm(kernel[:, own] - kernel[:, k], DUAL[norm]) * step_of(model))
            for k in range(kernel.shape[1])
            if k != own
        ]
        for row, own in zip(logits, labels, strict=True)
    ]
    return np.min(far, 1)


@pytest.mark.parametrize(
    ("name", "norm", "fields", "within"),
    [
        ("fab", "linf", {"steps": 30}, 0.01),
        ("fab", "l2", {"steps": 30}, 0.01),
        pytest.param("fab", "l1", {"steps": 60}, 0.02, marks=NIGHTLY),
        ("carlini_wagner", "l2", {"searches": 5, "steps": 100, "step_size": 0.001}, 0.05),
    ],
)
def test_the_nearest_border_of_a_linear_model_is_found(name, norm, fields, within, model, kernel, pixels, labels):
    fields = fields if name == "carlini_wagner" else fields | {"norm": norm}
    found = create(f"attacks/{name}", **fields).attack(model, pixels, labels, as_float=True)
    wanted = nearest(model, kernel, pixels, labels, norm)
    assert (found.after != labels).all()
    assert (found.moved >= wanted * (1 - 1e-4)).all()
    np.testing.assert_allclose(found.moved, wanted, rtol=within)


def test_carlini_and_wagner_go_as_far_as_they_are_told(model, pixels, labels):
    """To a class of one's choice, and with a lead of so many logits."""
    targets = (labels + 1) % CLASSES
    attack = create("attacks/carlini_wagner", searches=4, steps=60, confidence=5.0)
    found = attack.attack(model, pixels, labels, targets, as_float=True)
    lead = -Goal(labels, targets).margin(model.logits(found.images / 255))
    assert (found.after == targets).all() and (lead >= 5 - 1e-2).all() and np.median(lead) < 10


class Decisions:
    """A model of which decisions alone can be had, and that counts them."""

    has_slopes, pixel_step = False, 0.0

    def __init__(self, model):
        self.model, self.asked = model, 0

    def decided(self, images):
        self.asked += len(images)
        return self.model.decided(images)


@pytest.mark.parametrize(("norm", "within"), [("l2", 1.1), pytest.param("linf", 1.35, marks=NIGHTLY)])
def test_decisions_alone_lead_near_the_nearest_border(norm, within, kernel, pixels):
    two = linear(kernel[:, :2])
    labels = two.decided(pixels[:2] / np.float32(255))
    asked = Decisions(two)
    attack = create("attacks/hop_skip_jump", norm=norm, steps=12, questions=200)
    found = attack.attack(asked, pixels[:2], labels, as_float=True)
    wanted = nearest(two, kernel[:, :2], pixels[:2], labels, norm)
    assert (found.after != labels).all()
    assert (found.moved >= wanted * (1 - 1e-3)).all() and (found.moved <= wanted * within).all()
    most = 2 * sum(int(200 * n**0.5) + 80 for n in range(1, 13)) + 2 * 200 + 4
    assert 2 * 12 * 200 < asked.asked < most


@pytest.mark.parametrize("name", ["deepfool", "fab", "auto", "hop_skip_jump"])
def test_attacks_without_a_target_say_so(name, model, pixels, labels):
    with pytest.raises(UsageError, match=f"attacks/{name} .*target.*pgd"):
        create(f"attacks/{name}").attack(model, pixels, labels, targets=labels)


@pytest.mark.parametrize("norm", DUAL)
def test_changes_to_a_plane_are_the_smallest(norm):
    """By linear programs of scipy, and of L2 by bisection; where pixels end before the plane, all go to their ends."""
    rng = np.random.default_rng(6)
    images, slopes = rng.uniform(size=(4, 3, 3, 1)), rng.normal(size=(4, 3, 3, 1))
    most = np.where(slopes > 0, 1 - images, images)
    rises = np.array([0.2, 0.5, 0.9, 1.5]) * (np.abs(slopes) * most).sum((1, 2, 3))
    for sign in (1, -1):
        found = balls.to_plane(images, sign * slopes, sign * rises, norm)
        met = (slopes * found).sum((1, 2, 3))
        np.testing.assert_allclose(met, [*rises[:3], rises[3] / 1.5], rtol=1e-5)
        assert (images + found).min() >= -1e-6 and (images + found).max() <= 1 + 1e-6
        for change, slope, room, rise in zip(found[:3], slopes, most, rises, strict=False):
            least = smallest(np.abs(slope).ravel(), room.ravel(), rise, norm)
            assert balls.length(change[None], norm)[0] == pytest.approx(least, rel=1e-4)


def smallest(gain, room, rise, norm):
    """The norm of the smallest change of sizes within room whose gains add up to a rise."""
    if norm == "l2":
        low, high = 0.0, 1e6
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if gain @ np.minimum(middle * gain, room) < rise else (low, middle)
        return np.linalg.norm(np.minimum(high * gain, room))
    if norm == "l1":
        program = scipy.optimize.linprog(np.ones(len(gain)), -gain[None], [-rise], bounds=[(0, r) for r in room])
        return program.fun
    rows = np.concatenate([np.eye(len(gain)), -np.ones((len(gain), 1))], 1)
    program = scipy.optimize.linprog(
        [0] * len(gain) + [1],
        np.vstack([np.append(-gain, 0), rows]),
        [-rise, *[0] * len(gain)],
        bounds=[*[(0, r) for r in room], (0, None)],
    )
    return program.fun


@pytest.fixture(scope="module")
def ahead():
    """(a model of four classes whose label 0 stays ahead of 1 in every ball, the direction in which 1 gains on it).

    The other two say nothing of the pixels, so that both losses rise along that direction wherever they are taken.
    """
    way = np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, 1)).astype(np.float32)
    kernel = np.concatenate([-way, way, 0 * way, 0 * way], 1) / 2
    return linear(kernel, np.array([8.0, 0.0, -80.0, -90.0], np.float32)), way.reshape(SHAPE)


@pytest.mark.parametrize(
    ("name", "norm", "targeted"),
    [
        ("apgd_ce", "linf", False),
        ("apgd_dlr", "linf", True),
        ("apgd_dlr", "l2", False),
        *(
            pytest.param(*held, marks=NIGHTLY)
            for held in (("apgd_ce", "linf", True), ("apgd_ce", "l2", False), ("apgd_dlr", "linf", False))
        ),
    ],
)
def test_auto_pgd_climbs_to_the_best_place_of_a_ball(name, norm, targeted, ahead, pixels):
    """Which of a linear model is a corner (Linf), or as far as it goes along the slope (L2)."""
    (model, way), labels, radius = ahead, np.zeros(COUNT, int), RADIUS[norm] / 4
    found = create(f"attacks/{name}", radius=radius, norm=norm, steps=40).attack(
        model, pixels, labels, labels + 1 if targeted else None, as_float=True
    )
    best = radius * (np.sign(way) if norm == "linf" else way / np.linalg.norm(way))
    assert (found.after == 0).all()
    np.testing.assert_allclose(found.images / 255 - pixels / 255, [best] * COUNT, atol=2e-3 * radius)


def test_the_ratio_of_logits_is_the_papers():
    """Equations 6 and 7 of arXiv:2003.01690 by hand, where the label leads and where it does not."""
    logits = tf.constant([[4.0, 1.0, 3.0, 0.0], [4.0, 1.0, 3.0, 0.0]])
    labels = np.array([0, 1])
    np.testing.assert_allclose(Goal(labels).ratio(logits), [-(4 - 3) / (4 - 1), -(1 - 4) / (4 - 1)], rtol=1e-6)
    towards = [-(4 - 0) / (4 - 0.5), -(1 - 0) / (4 - 0.5)]
    np.testing.assert_allclose(Goal(labels, np.array([3, 3])).ratio(logits), towards, rtol=1e-6)
    np.testing.assert_allclose(Goal(labels, None, np.array([3, 3])).ratio(logits), towards, rtol=1e-6)
    np.testing.assert_allclose(Goal(labels).ratio(1000 * logits), Goal(labels).ratio(logits), rtol=1e-5)


def test_auto_breaks_what_can_be_broken_and_nothing_else(model, kernel, pixels, labels):
    """A linear model is robust at a picture exactly where its nearest border is farther than the radius."""
    far = nearest(model, kernel, pixels, labels, "linf")
    radius = float(np.sort(far)[COUNT // 2 - 1 : COUNT // 2 + 1].mean())
    found = create("attacks/auto", radius=radius, steps=10, queries=50).attack(model, pixels, labels, as_float=True)
    np.testing.assert_array_equal(found.after == labels, far > radius)
    assert 0 < (far > radius).sum() < COUNT
    np.testing.assert_array_equal(found.moved[far > radius], 0)


@pytest.mark.parametrize("count", [2, 3])
def test_auto_knows_what_to_do_of_few_classes(count, kernel, pixels):
    few = linear(kernel[:, :count])
    labels = few.decided(pixels / np.float32(255))
    found = create("attacks/auto", radius=0.3, steps=5, queries=5).attack(few, pixels, labels)
    assert (found.after != labels).all()
    if count == 2:
        with pytest.raises(UsageError, match="needs 3 classes for its loss, and the model has 2: apgd_ce"):
            create("attacks/apgd_dlr").attack(few, pixels, labels)


def test_square_asks_no_more_often_than_it_may(kernel, pixels, model, labels):
    """Each picture `queries` times, and twice for what it is called before and after."""
    asked = []

    def infer(inputs):
        asked.append(len(inputs["image"]))
        return {"probabilities": tf.nn.softmax(model.logits(inputs["image"] / np.float32(255))).numpy()}

    found = create("attacks/square", radius=1 / 255, queries=7).attack(
        AskedClassifier(model.arch, infer), pixels, labels
    )
    still = (found.after == labels).sum()
    assert still and COUNT * 2 + still * 7 <= sum(asked) <= COUNT * (7 + 2)


def test_a_patch_that_covers_all_is_the_best_picture(kernel, pixels):
    """Of two classes a linear model says where each value of the pattern has to go: to one end or the other."""
    two = linear(kernel[:, :2])
    labels = np.zeros(COUNT, int)
    attack = create("attacks/patch", share=1.0, turned=0.0, scaled=0.0, steps=30, step_size=0.05)
    learned = attack.learned(two, pixels, Goal(labels))
    wanted = (kernel[:, 1] > kernel[:, 0]).reshape(SHAPE)
    np.testing.assert_allclose(learned.pattern, wanted, atol=1e-6)
    found = learned.attack(two, 255 - pixels, labels, as_float=True)
    np.testing.assert_allclose(found.images / 255, [wanted] * COUNT, atol=1e-5)


def test_a_patch_changes_its_share_of_a_picture_alone(kernel, pixels):
    attack = create("attacks/patch", share=1 / 9, turned=0.0, scaled=0.0, steps=2)
    two = linear(kernel[:, :2])
    found = attack.attack(two, pixels, np.zeros(COUNT, int), as_float=True)
    changed = (np.abs(found.images - pixels) > 1e-3).any(3).sum((1, 2))
    assert (changed >= 4).all() and (changed <= 9).all()  # 2 x 2 pixels, between pixels on 3 x 3
    weight = np.abs(found.images - pixels).max()
    assert weight > 10


def test_a_patch_larger_than_the_picture_is_refused(kernel):
    attack = create("attacks/patch", share=0.9)
    wide = np.zeros((1, 4, 12, 3), np.uint8)
    with pytest.raises(
        UsageError, match=r"share=0.9: a square of 7 pixels is larger than 4 x 12; allowed: up to 0.333"
    ):
        attack.learned(linear(kernel), wide, Goal(np.zeros(1, int)))
