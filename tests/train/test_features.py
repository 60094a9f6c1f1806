"""Hints and attention transfer: the terms against the formulas, the student's extra outputs, and that they are gone."""

import dataclasses
import signal

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run, structure
from tests import store
from tests.train import tiny
from tests.undrawn import train

RNG = np.random.default_rng(2)
NAMES = ("hints", "attention_transfer")
MARKS = {"hints": "hint", "attention_transfer": "attention"}


@pytest.fixture(scope="module")
def teacher():
    """Folder of a finished run: levels c0 [8, 8, 12] and c1 [4, 4, 24]; the students' have 8 and 16 channels."""
    return str(store.trained(tiny.recipe(model=wide(), epochs=2)))


def wide(**fields):
    return tiny.classifier(backbone=create("backbones/convnet", width=12, blocks=(1, 1)), **fields)


def technique(name, teacher, **fields):
    return create(f"techniques/{name}", **{"teacher": teacher, "at": ("c0", "c1")} | fields)


def numpy_apart(name, seen, own):
    if name == "hints":
        return 0.5 * ((seen - own) ** 2).reshape(len(own), -1).mean(1)
    maps = []
    for x in (seen, own):
        energy = (x**2).sum(-1).reshape(len(x), -1)
        maps.append(energy / np.linalg.norm(energy, axis=1, keepdims=True))
    return ((maps[0] - maps[1]) ** 2).mean(1)


@pytest.mark.parametrize("name", NAMES)
def test_terms_are_the_formulas(name):
    """Value, and gradient by central differences in float64."""
    channels = 4 if name == "hints" else 6
    seen, own = RNG.normal(size=(2, 3, 2, channels)), RNG.normal(size=(2, 3, 2, 4))
    part, variable = technique(name, "anywhere"), tf.Variable(own)
    with tf.GradientTape() as tape:
        value = part.apart(tf.constant(seen), variable)
        total = tf.reduce_sum(value)
    np.testing.assert_allclose(value, numpy_apart(name, seen, own), rtol=1e-9)
    gradient = tape.gradient(total, variable).numpy()
    for where in list(np.ndindex(*own.shape))[::5]:
        step = np.zeros(own.shape)
        step[where] = 1e-6
        up, down = (numpy_apart(name, seen, own + s).sum() for s in (step, -step))
        assert gradient[where] == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_attention_of_a_dark_map_is_no_nan():
    part, variable = technique("attention_transfer", "anywhere"), tf.Variable(tf.zeros((1, 2, 2, 3)))
    with tf.GradientTape() as tape:
        value = part.apart(tf.ones((1, 2, 2, 3)), variable)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, variable)).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_s_features_are_seen_and_the_student_s_come_out(name, teacher):
    """Also from a teacher's place of another size, which is resized."""
    part = technique(name, teacher, at=("c1", "c1"), teacher_at=("c1", "c0"))
    arch = tiny.classifier(num_classes=10)
    graph = part.graph(arch, arch.build())
    images = {"image": tf.constant(RNG.normal(size=(2, 8, 8, 3)), tf.float32)}
    seen, raw = part.observer(arch, graph)(images, {}), graph(images)
    held = load_run(teacher).graph
    c0, c1 = (keras.Model(held.input, held.get_layer(f"backbone_{c}_block0_relu").output) for c in ("c0", "c1"))
    mark = MARKS[name]
    np.testing.assert_allclose(seen[f"{mark}/0"], c1(images, training=False), atol=1e-5)
    small = tf.image.resize(c0(images, training=False), (4, 4), antialias=True)
    np.testing.assert_allclose(seen[f"{mark}/1"], small, atol=1e-5)
    channels = (24, 12) if name == "hints" else (16, 16)
    assert [raw[f"{mark}/{n}"].shape[1:] for n in (0, 1)] == [(4, 4, c) for c in channels]


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_as_before_once_it_is_stripped(name, teacher):
    part, arch = technique(name, teacher), tiny.classifier(num_classes=10)
    plain = arch.build()
    kept = part.strip(arch, part.graph(arch, plain))
    assert [layer.name for layer in kept.layers] == [layer.name for layer in plain.layers]
    assert list(kept.output) == ["logits"]
    assert kept.name == plain.name


# steps with both, on two replicas too: tests/contract/test_technique_replicas.py
@pytest.mark.parametrize("name", ["hints", pytest.param("attention_transfer", marks=pytest.mark.nightly)])
def test_a_student_learns_features(name, teacher, tmp_path):
    """Three epochs: the term shrinks, the run is loaded with or without its teacher, and a second phase has no term."""
    part = technique(name, teacher, weight={"hints": 1.0, "attention_transfer": 100.0}[name])
    recipe = tiny.recipe(techniques=(part,), epochs=3, then=(Phase(1, tiny.sgd(0.01)),))
    trained = train(recipe, tmp_path / "run")
    rows = [r[MARKS[name]] for r in read_history(tmp_path / "run" / "history.csv")]
    assert float(rows[2]) < 0.8 * float(rows[0])
    assert rows[3] == ""
    assert list(trained.graph.output) == ["logits"]
    images = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    reference = trained.served().serve({"image": images})["probabilities"]
    gone = dataclasses.replace(recipe, techniques=(dataclasses.replace(part, teacher=str(tmp_path / "gone")),))
    (tmp_path / "run" / "recipe.json").write_text(dataclasses.replace(gone, model=trained.arch).dumps())
    alone = load_run(tmp_path / "run").served().serve({"image": images})["probabilities"]
    np.testing.assert_array_equal(alone, reference)
    with_teacher = dataclasses.replace(recipe, model=trained.arch)
    graph = structure(with_teacher)
    graph.load_weights(tmp_path / "run" / "model.weights.h5")
    assert [v.name for v in graph.variables] == [v.name for v in trained.graph.variables]
    for a, b in zip(graph.get_weights(), trained.graph.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def student(teacher, *techniques):
    """A recipe that learns from levels and from answers."""
    parts = (technique("hints", teacher), create("techniques/distill", teacher=teacher), *techniques)
    return tiny.recipe(model=tiny.smooth_classifier(), techniques=parts, epochs=3)


@pytest.fixture(scope="module")
def whole(teacher, tmp_path_factory):
    """The weights of a student that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(student(teacher), folder)
    return tiny.weights(folder / "model.weights.h5")


@pytest.mark.nightly  # three trainings; states of other techniques in backups by day: test_prune.py, test_averages.py
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_student_ends_where_it_would_have_ended(teacher, whole, tmp_path, epoch):
    """With the regressor's weights, which stand in the backup and in the best weights, and in no kept model."""
    stop = tiny.EndOnce(marker=str(tmp_path / "marker"), epoch=epoch, step=2, number=int(signal.SIGINT))
    with pytest.raises(KerasVisionError, match="stopped at step"):
        train(student(teacher, stop), tmp_path / "run")
    train(student(teacher, stop), tmp_path / "run", resume=True)
    assert tiny.largest_difference(whole, tiny.weights(tmp_path / "run" / "model.weights.h5")) < 1e-6


def test_bad_places_are_one_line(teacher, tmp_path):
    arch = tiny.classifier(num_classes=10)
    with pytest.raises(UsageError, match=r"hints.at: no layer or level 'c7'; .*c0"):
        technique("hints", teacher, at=("c7",), teacher_at=("c1",)).graph(arch, arch.build())
    with pytest.raises(UsageError, match=r"hints.teacher_at: no layer or level 'c9'"):
        technique("hints", teacher, at=("c1",), teacher_at=("c9",)).graph(arch, arch.build())
    with pytest.raises(UsageError, match=r"Hints.at is empty"):
        technique("hints", teacher, at=())
    with pytest.raises(UsageError, match=r"names 1 places for 2"):
        technique("hints", teacher, teacher_at=("c1",))
    with pytest.raises(UsageError, match=r"weight=0; allowed: above 0"):
        technique("attention_transfer", teacher, weight=0.0)
    part = technique("hints", teacher, at=("pool",), teacher_at=("c1",))
    with pytest.raises(KerasVisionError, match=r"pool of the student has positions \[\] and the teacher's \[4, 4\]"):
        part.observer(arch, part.graph(arch, arch.build()))
    gone = technique("hints", str(tmp_path / "gone"))
    with pytest.raises(KerasVisionError, match="is no finished run"):
        gone.observer(arch, gone.graph(arch, arch.build()))
