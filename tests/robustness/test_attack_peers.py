"""Attacks against those of foolbox 3.3.4 and adversarial-robustness-toolbox 1.20.1: one model, norm, steps and start.

Both are installed by hand beside this package (`pip install foolbox==3.3.4 adversarial-robustness-toolbox==1.20.1`);
they pin what the `test` extra does not. Without them these tests are skipped.
"""

import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable
from kerasvision.ops import balls
from kerasvision.robustness.attacks.classifier import Classifier
from kerasvision.robustness.attacks.square import Square

pytestmark = pytest.mark.slow

COUNT = 200
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}


@pytest.fixture(scope="module")
def digits():
    """(a classifier of scikit-learn's digits, pictures that it calls right, their labels)."""
    found = sklearn.datasets.load_digits()
    pixels = np.repeat((found.images * 255 / 16).astype(np.uint8)[..., None], 3, 3)
    keras.utils.set_random_seed(0)
    arch = create("classification/classifier", image_size=(8, 8), num_classes=10, backbone=create("backbones/convnet"))
    image = keras.Input((8, 8, 3), name="image")
    hidden = keras.layers.Conv2D(16, 3, activation="softplus", padding="same")(image)
    hidden = keras.layers.Dense(64, activation="softplus")(keras.layers.Flatten()(hidden))
    graph = keras.Model({"image": image}, {"logits": keras.layers.Dense(10, name="logits")(hidden)})
    graph.compile("adam", {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    inputs = arch.normalize({"image": tf.constant(pixels[:1200])})
    graph.fit(inputs, {"logits": found.target[:1200]}, epochs=12, batch_size=64, verbose=0)
    model = Classifier(arch, Explainable(arch, graph, tuple("0123456789")))
    held, labels = pixels[1200:], found.target[1200:]
    right = np.flatnonzero(model.decided(held / np.float32(255)) == labels)[:COUNT]
    return model, held[right], labels[right]


@pytest.fixture(scope="module")
def foolbox(digits):
    """(foolbox, the same model as it sees it)."""
    if not hasattr(np, "find_common_type"):  # which numpy 2 has taken away and foolbox still asks for
        np.find_common_type = lambda arrays, scalars: np.result_type(*arrays, *scalars)
    package = pytest.importorskip("foolbox", reason="foolbox 3.3.4 is not installed beside this package")
    return package, package.models.TensorFlowModel(lambda images: digits[0].logits(images), bounds=(0, 1))


@pytest.fixture(scope="module")
def art(digits):
    """(the evasion attacks of adversarial-robustness-toolbox, the same model as it sees it)."""
    reason = "adversarial-robustness-toolbox 1.20.1 is not installed beside this package"
    evasion = pytest.importorskip("art.attacks.evasion", reason=reason)
    classification = pytest.importorskip("art.estimators.classification", reason=reason)
    return evasion, classification.TensorFlowV2Classifier(
        model=lambda images, training=False: digits[0].logits(tf.cast(images, tf.float32)),
        nb_classes=10,
        input_shape=(8, 8, 3),
        loss_object=keras.losses.CategoricalCrossentropy(from_logits=True),
        clip_values=(0, 1),
    )


def ours(name, fields, digits):
    """Pictures of 0..1 that an attack of this package makes."""
    model, pixels, labels = digits
    return create(f"attacks/{name}", **fields).attack(model, pixels, labels, as_float=True).images / 255


def of_foolbox(attack, foolbox, digits, radius):
    package, model = foolbox
    _, pixels, labels = digits
    images = tf.constant(pixels / np.float32(255))
    criterion = package.criteria.Misclassification(tf.constant(labels, tf.int32))
    _, clipped, _ = attack(model, images, criterion, epsilons=radius)
    return clipped.numpy()


def robust(images, digits, norm, radius):
    """The share of pictures that is still called right by what was found within a radius."""
    model, pixels, labels = digits
    near = balls.length(images - pixels / 255, norm) <= radius + 1e-6
    return 1 - (near & (model.decided(images.astype(np.float32)) != labels)).mean()


# by L2 foolbox's pgd projects before it clips to pixels, and art's clips before it projects, as ours does
STRAIGHT = [("fgsm", "linf", 0.05), ("fgsm", "l2", 0.5), ("pgd", "linf", 0.05), ("bim", "linf", 0.05)]


@pytest.mark.parametrize(("name", "norm", "radius"), STRAIGHT)
def test_steps_along_a_slope_are_foolboxs(name, norm, radius, digits, foolbox):
    fields = {"radius": radius, "norm": norm} | ({} if name == "fgsm" else {"steps": 10})
    fields |= {"random_start": False, "step_size": radius / 4} if name == "pgd" else {}
    package = foolbox[0].attacks
    attack = {
        ("fgsm", "linf"): lambda: package.LinfFastGradientAttack(),
        ("fgsm", "l2"): lambda: package.L2FastGradientAttack(),
        ("pgd", "linf"): lambda: package.LinfPGD(abs_stepsize=radius / 4, steps=10, random_start=False),
        ("bim", "linf"): lambda: package.LinfBasicIterativeAttack(rel_stepsize=0.1, steps=10, random_start=False),
    }[name, norm]()
    found = ours(name, fields, digits)
    np.testing.assert_allclose(found, of_foolbox(attack, foolbox, digits, radius), atol=1e-6)
    assert balls.length(found - digits[1] / 255, norm).max() <= radius + 1e-6


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
@pytest.mark.parametrize(("norm", "radius"), [("linf", 0.05), ("l2", 0.5)])
def test_steps_along_a_slope_are_arts(name, norm, radius, digits, art):
    evasion, model = art
    if name == "fgsm":
        attack = evasion.FastGradientMethod(model, norm=ORDER[norm], eps=radius)
        found = ours(name, {"radius": radius, "norm": norm}, digits)
    else:
        fields = {"radius": radius, "norm": norm, "steps": 10, "step_size": radius / 4, "random_start": False}
        attack = evasion.ProjectedGradientDescent(
            model, norm=ORDER[norm], eps=radius, eps_step=radius / 4, max_iter=10, verbose=False
        )
        found = ours(name, fields, digits)
    wanted = attack.generate(digits[1] / np.float32(255), np.eye(10, dtype=np.float32)[digits[2]])
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "fields", "norm"),
    [
        ("pgd", {"radius": 0.04, "steps": 40}, "linf"),
        ("deepfool", {}, "l2"),
        ("carlini_wagner", {"searches": 6, "steps": 200}, "l2"),
    ],
)
def test_robust_accuracy_is_foolboxs(name, fields, norm, digits, foolbox):
    """At the median of what ours needs, where a point makes most of a difference; of PGD at its radius."""
    found = ours(name, fields, digits)
    package = foolbox[0].attacks
    attack = {
        "pgd": lambda: package.LinfPGD(rel_stepsize=2.5 / 40, steps=40),
        "deepfool": lambda: package.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02),
        "carlini_wagner": lambda: package.L2CarliniWagnerAttack(binary_search_steps=6, steps=200),
    }[name]()
    radius = fields.get("radius") or float(np.median(balls.length(found - digits[1] / 255, norm)))
    tf.random.set_seed(0)
    theirs = of_foolbox(attack, foolbox, digits, fields.get("radius"))
    assert abs(robust(found, digits, norm, radius) - robust(theirs, digits, norm, radius)) <= 0.01
    assert 0.05 < robust(found, digits, norm, radius) < 0.95


@pytest.mark.parametrize(
    ("name", "fields", "theirs"),
    [
        ("pgd", {"steps": 40, "step_size": 0.0025}, "ProjectedGradientDescent"),
        ("apgd_ce", {"steps": 40}, "AutoProjectedGradientDescent"),
        ("apgd_dlr", {"steps": 40}, "AutoProjectedGradientDescent"),
        ("square", {"queries": 1000}, "SquareAttack"),
    ],
)
def test_robust_accuracy_is_arts(name, fields, theirs, digits, art):
    evasion, model = art
    radius = 0.04
    found = ours(name, fields | {"radius": radius}, digits)
    own = {
        "pgd": {"eps_step": 0.0025, "max_iter": 40, "num_random_init": 1},
        "apgd_ce": {"eps_step": 2 * radius, "max_iter": 40, "nb_random_init": 1, "loss_type": "cross_entropy"},
        "apgd_dlr": {
            "eps_step": 2 * radius,
            "max_iter": 40,
            "nb_random_init": 1,
            "loss_type": "difference_logits_ratio",
        },
        "square": {"max_iter": 1000},
    }[name]
    np.random.seed(0)
    attack = getattr(evasion, theirs)(model, norm=np.inf, eps=radius, batch_size=50, verbose=False, **own)
    wanted = attack.generate(digits[1] / np.float32(255), np.eye(10, dtype=np.float32)[digits[2]])
    assert balls.length(found - digits[1] / 255, "linf").max() <= radius + 1e-6
    left, theirs_left = robust(found, digits, "linf", radius), robust(wanted, digits, "linf", radius)
    if name == "square":  # which finds more, see below
        assert left <= theirs_left + 0.01
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Square, "moved", within_arts_borders)
            found = ours(name, fields | {"radius": radius}, digits)
        left = robust(found, digits, "linf", radius)
    assert abs(left - theirs_left) <= 0.01


class Short:
    """Random numbers of which whole ones stop one earlier."""

    def __init__(self, random):
        self.choice, self._random = random.choice, random

    def integers(self, low, high):
        return self._random.integers(low, max(low + 1, high - 1))


def within_arts_borders(attack, model, images, score, random, square=Square.moved):
    """The square attack without squares at the last row and column, a quarter of these pictures, where art draws none
    and the paper's algorithm 2 does.
    """
    return square(attack, model, images, score, Short(random))


def test_decisions_alone_lead_as_near_as_arts(digits, art):
    """On fewer pictures: each is asked thousands of times, and one of 50 more or less is within two points."""
    evasion, model = art
    few = (digits[0], digits[1][:50], digits[2][:50])
    found = ours("hop_skip_jump", {"steps": 15}, few)
    np.random.seed(0)
    attack = evasion.HopSkipJump(model, norm=2, max_iter=15, max_eval=10_000, init_eval=100, verbose=False)
    wanted = attack.generate(few[1] / np.float32(255))
    far, theirs = (balls.length(images - few[1] / 255, "l2") for images in (found, wanted))
    radius = float(np.median(theirs))
    assert robust(found, few, "l2", radius) <= robust(wanted, few, "l2", radius) + 0.02
    assert np.median(far) <= 1.02 * radius
