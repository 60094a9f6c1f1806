"""Distillation: its losses against the formulas, what a student learns of its teachers, and whom it refuses."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import with_validation
from kerasvision.losses import divergence
from kerasvision.train.run import load_run
from tests import store
from tests.contract.cases import CASES
from tests.train import tiny
from tests.undrawn import train

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def teachers():
    """Folders of two finished runs: the student's own architecture, and a wider one."""
    same = store.trained(tiny.recipe(model=tiny.smooth_classifier(), epochs=2))
    wide = tiny.classifier(backbone=create("backbones/convnet", width=12, blocks=(1, 1)))
    return str(same), str(store.trained(tiny.recipe(model=wide, seed=1)))


def numpy_softmax_divergence(p, z, t):
    terms = p * (np.log(p) - log_softmax(z / t, -1))
    return t**2 * terms.sum(-1).reshape(len(p), -1).mean(1)


def numpy_sigmoid_divergence(p, z, t):
    q = expit(z / t)
    return t**2 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).reshape(len(p), -1).mean(1)


def numpy_logit_error(v, z, t):
    return 0.5 * ((v - z) ** 2).reshape(len(v), -1).mean(1)


FORMULAS = {
    "softmax": (divergence.softmax_divergence, numpy_softmax_divergence, lambda z: softmax(z, -1)),
    "sigmoid": (divergence.sigmoid_divergence, numpy_sigmoid_divergence, expit),
    "values": (lambda v, z, t: divergence.logit_error(v, z), numpy_logit_error, lambda z: z),
}


@pytest.mark.parametrize("form", FORMULAS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 4, 5)])
def test_losses_are_the_formulas(form, temperature, shape):
    """Value, and gradient by central differences in float64."""
    ours, formula, answer = FORMULAS[form]
    seen, logits = answer(RNG.normal(size=shape)), 3 * RNG.normal(size=shape)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = ours(tf.constant(seen), variable, tf.constant(temperature, tf.float64))
        total = tf.reduce_sum(value)
    np.testing.assert_allclose(value, formula(seen, logits, temperature), rtol=1e-10)
    gradient = tape.gradient(total, variable).numpy()
    for where in list(np.ndindex(*shape))[::7]:
        step = np.zeros(shape)
        step[where] = 1e-5
        up, down = (formula(seen, logits + s, temperature).sum() for s in (step, -step))
        assert gradient[where] == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_softmax_gradient_is_hinton_s():
    """T (q - p) by each logit (equation 2 times T^2), and 0 where the student agrees, even with probabilities of 0."""
    p, z, t = np.array([[0.7, 0.3, 0.0]]), tf.Variable([[1.0, -2.0, 0.5]], dtype=tf.float64), 4.0
    with tf.GradientTape() as tape:
        value = divergence.softmax_divergence(tf.constant(p), z, tf.constant(t, tf.float64))
    assert np.isfinite(value).all()
    np.testing.assert_allclose(tape.gradient(value, z), t * (softmax(z.numpy() / t, -1) - p), atol=1e-12)


def observed(technique, arch, images):
    graph = arch.build()
    return technique.observer(arch, graph)({"image": images}, {"logits": tf.zeros((len(images), 10))})


@pytest.mark.nightly
def test_an_ensemble_teaches_its_mean(teachers):
    arch, images = tiny.smooth_classifier(num_classes=10), tf.constant(RNG.normal(size=(4, 8, 8, 3)), tf.float32)
    raws = [load_run(t).graph({"image": images}, training=False)["logits"].numpy() for t in teachers]
    soft = observed(create("techniques/distill", teacher=teachers, temperature=2.0), arch, images)
    expected = np.mean([softmax(z / 2.0, -1) for z in raws], 0)
    np.testing.assert_allclose(soft["teacher/softmax/logits"], expected, atol=1e-6)
    hard = observed(create("techniques/distill", teacher=teachers, on="logits"), arch, images)
    np.testing.assert_allclose(hard["teacher/values/logits"], np.mean(raws, 0), atol=1e-5)
    assert set(hard) == {"logits", "teacher/values/logits"}


def test_objective_mixes_the_terms(teachers):
    technique = create("techniques/distill", teacher=teachers[0], alpha=0.25, temperature=3.0)
    arch, images = tiny.smooth_classifier(num_classes=10), tf.constant(RNG.normal(size=(4, 8, 8, 3)), tf.float32)
    targets = observed(technique, arch, images) | {"logits": tf.one_hot([1, 2, 3, 4], 10)}
    raw = {"logits": tf.constant(RNG.normal(size=(4, 10)), tf.float32)}
    mixed = technique.objective(arch.loss, arch)(targets, raw)
    np.testing.assert_allclose(mixed["cross_entropy"], 0.75 * arch.loss(targets, raw)["cross_entropy"], rtol=1e-6)
    expected = numpy_softmax_divergence(targets["teacher/softmax/logits"].numpy(), raw["logits"].numpy(), 3.0)
    np.testing.assert_allclose(mixed["distill"], 0.25 * expected, rtol=1e-4)


@pytest.mark.parametrize("on", ["soft_targets", pytest.param("logits", marks=pytest.mark.nightly)])
def test_a_born_again_student_without_labels_comes_close_to_its_teacher(teachers, tmp_path, on):
    """alpha = 1: nothing but the teacher. Each epoch the terms shrink, and the teacher keeps every bit."""
    before = tiny.weights(f"{teachers[0]}/model.weights.h5")
    technique = create("techniques/distill", teacher=teachers[0], alpha=1.0, on=on)
    recipe = tiny.recipe(model=tiny.smooth_classifier(), techniques=(technique,), epochs=4, seed=3)
    trained = train(recipe, tmp_path / "run")
    rows = [float(r["distill"]) for r in tiny_history(tmp_path / "run")]
    assert rows[-1] < 0.5 * rows[0]
    assert tiny.largest_difference(before, tiny.weights(f"{teachers[0]}/model.weights.h5")) == 0
    images = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    answers = [t.served().serve({"image": images})["probabilities"] for t in (trained, load_run(tmp_path / "run"))]
    np.testing.assert_array_equal(*answers)


def tiny_history(folder):
    from kerasvision.train.callbacks import read_history

    return read_history(folder / "history.csv")


def test_a_run_is_loaded_without_its_teacher(teachers, tmp_path):
    gone = tmp_path / "gone"
    shutil.copytree(store.trained(tiny.recipe()), gone)
    train(tiny.recipe(techniques=(create("techniques/distill", teacher=str(gone)),)), tmp_path / "run")
    gone.rename(tmp_path / "elsewhere")
    assert load_run(tmp_path / "run").classes


@pytest.mark.parametrize(
    "name",
    [
        "detection/yolo",
        pytest.param("detection/retinanet", marks=pytest.mark.nightly),  # independent classes, as yolo's
        "detection/ssd",
        "semantic_segmentation/unet",
    ],
)
def test_raw_of_positions_can_be_learned(name, monkeypatch):
    """A teacher of the same architecture with the same weights: no term is above 0, and each is one an example."""
    from kerasvision.train import run

    arch = CASES[name].make()
    teacher, student = arch.build(), arch.build()
    student.set_weights(teacher.get_weights())
    monkeypatch.setattr(run, "load_run", lambda folder: run.Trained(tiny.recipe(model=arch), teacher, (), {}))
    images = {"image": tf.constant(RNG.normal(size=(2, *arch.image_size, 3)), tf.float32)}
    raw = student(images, training=False)
    for on in ("soft_targets", "logits"):
        technique = create("techniques/distill", teacher="here", on=on)
        targets = technique.observer(arch, student)(images, {})
        terms = technique.objective(lambda targets, raw: {}, arch)(targets, raw)
        assert terms["distill"].shape == (2,), on
        np.testing.assert_allclose(terms["distill"], 0, atol=1e-4)
        moved = technique.objective(lambda targets, raw: {}, arch)(
            targets, {k: v + tf.random.normal(v.shape) for k, v in raw.items()}
        )
        assert (moved["distill"].numpy() > 1e-3).all(), on


BAD_TEACHERS = {
    "classes": ({"num_classes": 7}, "another number of classes than the student's: 10 and not 7"),
    "size": ({"image_size": (16, 16)}, r"takes image \[8, 8, 3\] and the student image \[16, 16, 3\]"),
    "resize": ({"resize": "letterbox"}, "other preprocessing .resize stretch and not letterbox.; give both the same"),
}


@pytest.mark.parametrize("case", BAD_TEACHERS)
def test_a_teacher_that_does_not_fit_is_one_line(teachers, case):
    fields, message = BAD_TEACHERS[case]
    arch = tiny.smooth_classifier(**{"num_classes": 10} | fields)
    with pytest.raises(KerasVisionError, match=message) as caught:
        create("techniques/distill", teacher=teachers[0]).observer(arch, arch.build())
    assert "\n" not in str(caught.value)


def test_a_teacher_of_other_classes_is_one_line(teachers):
    split = with_validation(tiny.recipe().data.open(), 0.0)["train"]
    technique, arch = create("techniques/distill", teacher=teachers), tiny.smooth_classifier(num_classes=10)
    assert technique.fit_statistics(arch, split) == technique
    other = dataclasses.replace(split, classes=tuple("jihgfedcba"))
    with pytest.raises(
        KerasVisionError, match="knows 0, 1, 2, 3, 4, ... and the data has j, i, h, g, f, ...; they must"
    ):
        technique.fit_statistics(arch, other)


def test_bad_fields_are_one_line(teachers, tmp_path):
    for fields in ({"temperature": 0.0}, {"alpha": 0.0}, {"alpha": 1.5}, {"teacher": ()}, {"on": "features"}):
        with pytest.raises(UsageError, match=next(iter(fields))):
            create("techniques/distill", **{"teacher": teachers[0]} | fields)
    arch = tiny.smooth_classifier(num_classes=10)
    with pytest.raises(UsageError, match="distill.keys: classification/classifier has no 'boxes'.*allowed: logits"):
        create("techniques/distill", teacher=teachers[0], keys=("boxes",)).observer(arch, arch.build())
    with pytest.raises(KerasVisionError, match="is no finished run"):
        create("techniques/distill", teacher=str(tmp_path)).observer(arch, arch.build())
    instances = dataclasses.make_dataclass("Other", [], namespace={"class_logits": {}, "registered_name": "other"})()
    with pytest.raises(UsageError, match="set on='logits'"):
        create("techniques/distill", teacher=teachers[0])._forms(instances, arch.build())
