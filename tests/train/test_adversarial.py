"""What adversarial techniques move pictures to, by closed forms of linear networks, and what a step learns from it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy.special import log_softmax, softmax

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from kerasvision.train.techniques import fast_adversarial
from kerasvision.train.techniques._adversaries import Adversary
from tests.contract.cases import CASES
from tests.train import steps, tiny

ARCH = tiny.classifier(num_classes=2)
RADIUS, COUNT = 0.1, 6
RNG = np.random.default_rng(3)
PIXELS = RNG.uniform(0.2, 0.8, (COUNT, 8, 8, 3)).astype(np.float32)  # 0..1, nowhere near black or white
LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1, 0]]
KERNEL = RNG.normal(0, 0.1, (192, 2)).astype(np.float32)
BALL = {"radius": RADIUS}


def linear(kernel=KERNEL):
    """A graph whose logits are linear in its inputs."""
    image = keras.Input((8, 8, 3), name="image")
    logits = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.Flatten()(image))
    graph = keras.Model({"image": image}, {"logits": logits})
    graph.set_weights([kernel])
    return graph


def prepared(pixels):
    """Pixels of 0..1 -> the graph's inputs."""
    return {"image": ARCH.normalize({"image": tf.constant(255 * pixels)})["image"]}


def pixels_of(inputs):
    """The way back, by the numbers that the contract of a file states."""
    stated = ARCH.preprocessing()
    return (inputs["image"].numpy() * stated["std"] + stated["mean"]) / 255


def moved_by(name, pixels=PIXELS, graph=None, **fields):
    technique = create(f"techniques/{name}", **BALL | fields)
    inputs, targets = technique.observer(ARCH, graph or linear())(prepared(pixels), {"logits": tf.constant(LABELS)})
    return technique, inputs, targets


def towards_the_other(pixels=PIXELS):
    """Of each value, the sign by which the loss of a linear network of two classes rises."""
    lead = np.where(LABELS[:, :1] == 1, *(s * (KERNEL[:, 1] - KERNEL[:, 0]) for s in (1, -1)))
    return np.sign(lead).reshape(pixels.shape)


@pytest.mark.parametrize("name", ["adversarial_training", "fast_adversarial"])
def test_a_linear_network_s_pictures_go_to_the_corner_of_the_ball(name):
    """By Linf the loss of a linear network is largest at x + r sign, from whatever start, within black and white."""
    pixels = PIXELS.copy()
    pixels[0, :4], pixels[1, :4] = 0.02, 0.97  # the ball reaches beyond black and white here
    fields = {"steps": 5} if name == "adversarial_training" else {"step_size": 2 * RADIUS}
    _, inputs, targets = moved_by(name, pixels, **fields)
    expected = np.clip(pixels + RADIUS * towards_the_other(), 0, 1)
    np.testing.assert_allclose(pixels_of(inputs), expected, atol=1e-6)
    assert list(targets) == ["logits"]


def test_by_l2_they_go_along_the_slope():
    """x + r g / |g|, for which many steps are needed from a random start, as each is projected."""
    _, inputs, _ = moved_by("adversarial_training", norm="l2", steps=60, step_size=0.05)
    way = np.where(LABELS[:, :1] == 1, *(s * (KERNEL[:, 1] - KERNEL[:, 0]) for s in (1, -1)))
    expected = PIXELS + RADIUS * (way / np.linalg.norm(way, axis=1, keepdims=True)).reshape(PIXELS.shape)
    np.testing.assert_allclose(pixels_of(inputs), expected, atol=1e-4)


def test_one_fast_step_is_the_paper_s():
    """Algorithm 3: delta ~ U(-r, r); delta + 1.25 r sign, back in the ball."""
    technique, inputs, _ = moved_by("fast_adversarial")
    change = pixels_of(inputs) - PIXELS
    assert np.abs(change).max() <= RADIUS + 1e-6
    ends = (change * towards_the_other()).ravel() / RADIUS  # min(u + 1.25, 1) of u even in -1..1
    assert ends.min() > 0.25 - 1e-4
    share = (ends > 1 - 1e-4).mean()
    assert abs(share - 0.625) < 4 * np.sqrt(0.625 * 0.375 / ends.size)
    assert float(technique.size_of(1)) == pytest.approx(1.25 * RADIUS)
    assert float(technique.size_of(5)) == pytest.approx(0.5 * RADIUS)


def test_starts_are_other_ones_each_batch_and_within_the_ball():
    technique = create("techniques/adversarial_training", **BALL, norm="l2")
    draws = [technique.begin(tf.constant([400, 2, 2, 3]), tf.constant([1, n])).numpy() for n in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    lengths = np.linalg.norm(draws[0].reshape(400, -1), axis=1) / RADIUS
    assert lengths.max() <= 1 and abs((lengths**12).mean() - 0.5) < 4 * np.sqrt(1 / 12 / 400)  # even by volume
    assert np.abs(draws[0] - draws[2]).max() > RADIUS / 10
    adversary = technique.observer(ARCH, linear())
    adversary(prepared(PIXELS), {"logits": tf.constant(LABELS)})
    assert int(adversary.batches) == 1 and len(adversary.variables) == 2  # of the graph, none


def test_trades_is_its_equation():
    """Of two classes and a linear network the divergence rises along one direction, both ways: each picture's moved one
    is a corner of the ball; then the loss is cross-entropy + beta KL, by numpy in float64.
    """
    technique, inputs, targets = moved_by("trades", steps=8, beta=3.0)
    both = pixels_of(inputs)
    np.testing.assert_allclose(both[:COUNT], PIXELS, atol=1e-6)
    way = (both[COUNT:] - PIXELS) * np.sign(KERNEL[:, 0] - KERNEL[:, 1]).reshape(8, 8, 3) / RADIUS
    np.testing.assert_allclose(np.abs(way), 1, atol=1e-5)
    assert all(len(np.unique(np.sign(each))) == 1 for each in way)
    raw = linear()(inputs)
    terms = technique.objective(steps.objective, ARCH)(targets, raw)
    clean, moved = np.split(raw["logits"].numpy().astype(np.float64), 2)
    divergence = (softmax(clean, 1) * (log_softmax(clean, 1) - log_softmax(moved, 1))).sum(1)
    np.testing.assert_allclose(terms["trades"], np.tile(3 * divergence, 2), rtol=1e-4)
    np.testing.assert_allclose(terms["class"], np.tile(-(LABELS * log_softmax(clean, 1)).sum(1), 2), rtol=1e-5)


def learned(technique, watch=None, epochs=1, kernel=KERNEL):
    """(weights after an epoch of one step of descent of rate 0.1, logs)."""
    graph = linear(kernel)
    learner = Learner(graph, technique.objective(steps.objective, ARCH), [technique.observer(ARCH, graph)])
    learner.compile(optimizer=keras.optimizers.SGD(0.1))
    data = tf.data.Dataset.from_tensors((prepared(PIXELS), {"logits": LABELS}))
    callbacks = [technique.watch(ARCH, graph, lambda: data)] if watch else []
    history = learner.fit(data.repeat(), epochs=epochs, steps_per_epoch=1, callbacks=callbacks, verbose=0)
    return graph.get_weights()[0], learner, history.history


def test_a_step_learns_from_the_moved_pictures():
    """The weights after a step of descent, by the derivative of the cross-entropy at the corners of the ball."""
    after, _, _ = learned(create("techniques/adversarial_training", **BALL))
    x = (PIXELS + RADIUS * towards_the_other()).reshape(COUNT, -1)
    x = (255 * x - 127.5) / 127.5
    np.testing.assert_allclose(after, KERNEL - 0.1 * x.T @ (softmax(x @ KERNEL, 1) - LABELS) / COUNT, atol=1e-5)


@pytest.mark.parametrize(("least", "is_noticed"), [(0.8, False), (0.9, True)])
def test_the_guard_takes_back_an_epoch_whose_one_step_finds_too_little(least, is_noticed, capsys):
    """The loss of a nearly linear network rises by as much as pixels move: by one step from u even in -r..r,
    min(u + 1.25 r, r), in the mean 0.859 r; so that is the share that is found.
    """
    small = KERNEL / 100  # no curvature
    technique = create("techniques/fast_adversarial", **BALL, least_share=least)
    after, learner, logs = learned(technique, watch=True, epochs=2, kernel=small)
    adversary = next(o for o in learner.observers if isinstance(o, Adversary))
    shares = logs["validation/one_step_share"]
    assert shares[0] == pytest.approx(0.859, abs=0.02)
    assert len(shares) == (1 if is_noticed else 2) and int(adversary.steps) == (7 if is_noticed else 1)
    said = capsys.readouterr().err
    assert ("epoch 1: catastrophic overfitting (one step finds 0.8" in said) == is_noticed
    one, _, _ = learned(create("techniques/adversarial_training", **BALL), kernel=small)
    # taken back and one step of seven; else two steps
    assert (np.abs(after - one).max() < 1e-6) == is_noticed


def test_what_counts_as_catastrophic_overfitting():
    share = fast_adversarial.share_found
    assert share([1.0, 3.0], [2.0, 4.0], [3.0, 5.0]) == 0.5
    assert share([1.0], [0.5], [2.0]) == -0.5 and share([1.0], [1.0], [1.0]) == 1.0
    technique = create("techniques/fast_adversarial")
    assert technique.is_overfitted(0.49) and not technique.is_overfitted(0.5)


OWN_LOSSES = ("detection/retinanet", "instance_segmentation/mask_rcnn", "semantic_segmentation/unet")


@pytest.mark.parametrize(
    "name",
    [
        *(
            pytest.param(n, marks=pytest.mark.nightly if n == "instance_segmentation/mask_rcnn" else ())
            for n in OWN_LOSSES
        ),
        "classification/multi_label",
    ],
)
def test_whatever_the_family_its_own_loss_rises(name):
    """By more than by noise of the same size, and neither weights nor statistics move."""
    case = CASES[name]
    arch, samples = case.make(), case.samples()[:2]
    keras.utils.set_random_seed(0)
    graph = arch.build()
    held = [arch.example({k: tf.constant(v) for k, v in sample.items()}) for sample in samples]
    inputs, targets = tf.nest.map_structure(lambda *v: tf.stack(v), *held)
    inputs, before = arch.normalize(inputs), graph.get_weights()
    adversary = create("techniques/adversarial_training", radius=0.03).observer(arch, graph)
    seen, same = tf.function(adversary)(inputs, targets)
    assert same.keys() == targets.keys()
    noisy = adversary.against(inputs, targets, 0.03 * RNG.choice([-1.0, 1.0], inputs["image"].shape), tf.constant(0))
    loss = [tf.add_n(list(arch.loss(targets, adversary.raw(x)).values())).numpy() for x in (inputs, noisy, seen)]
    assert (loss[2] > np.maximum(loss[0], loss[1])).all()
    assert all((a == b).all() for a, b in zip(before, graph.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("name", "fields", "line"),
    [
        ("adversarial_training", {"radius": 0.0}, "adversarial_training.radius=0; allowed: above 0"),
        ("adversarial_training", {"radius": -1.0}, "radius=-1; allowed"),
        ("trades", {"steps": 0}, "trades.steps=0; allowed: 1 or more"),
        ("trades", {"beta": 0.0}, "trades.beta=0; allowed: above 0"),
        ("adversarial_training", {"step_size": -0.1}, "step_size=-0.1; allowed"),
        ("fast_adversarial", {"least_share": 1.0}, "least_share=1; allowed: above 0, below 1"),
        ("fast_adversarial", {"then_steps": 1}, "then_steps=1; allowed: 2 or more"),
    ],
)
def test_settings_that_mean_nothing(name, fields, line):
    with pytest.raises(UsageError, match=line):
        create(f"techniques/{name}", **fields)


def test_models_that_cannot_be_moved_against():
    part = create("techniques/adversarial_training")
    for name, line in (
        ("volume_segmentation/unet3d", "takes volume"),
        ("self_supervised/simclr", "image in 2 views"),
    ):
        with pytest.raises(UsageError, match=f"adversarial_training moves the pixels of one picture.*{line}"):
            part.observer(CASES[name].make(), None)
    with pytest.raises(UsageError, match="trades compares logits of classes.*use adversarial_training"):
        create("techniques/trades").fit_statistics(CASES["detection/faster_rcnn"].make(), None)
