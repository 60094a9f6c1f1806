"""Narrower canvases of a recognizer that does not see padding: the same losses and gradients."""

import json
import types
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.data.sources.base import Split
from kerasvision.export.targets._tflite_operators import tflite_ops
from kerasvision.export.targets.onnx import ONNX
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.ops import ctc as paths
from kerasvision.ops.geometry import PAD_VALUE
from tests.contract import reading_cases
from tests.contract.cases import CaseSamples
from tests.train import tiny

WIDTH = 160


def recognizer(**fields):
    small = {"num_classes": 4, "width": 4, "depth": 1, "image_size": (16, WIDTH), "dropout": 0.0}
    return create("text_recognition/conv", **small | {"padding": "unseen"} | fields)


def canvases(widths, width=WIDTH, seed=0):
    """uint8 [B, 16, width, 3]: noise of these widths in the middle, amid gray, the same whatever the canvas."""
    found = np.full((len(widths), 16, width, 3), PAD_VALUE, np.uint8)
    for number, inner in enumerate(widths):
        left = (width - inner) // 2
        rng = np.random.default_rng([seed, number])
        found[number, :, left : left + inner] = rng.integers(0, 256, (16, inner, 3))
    return {"image": tf.constant(found)}


def texts(*rows):
    padded = np.full((len(rows), WIDTH // 4), -1, np.int32)
    for held, row in zip(padded, rows, strict=True):
        held[: len(row)] = row
    return {"characters": tf.constant(padded)}


def buckets(arch, **fields):
    return create("techniques/width_buckets", **fields).fit_statistics(arch, None)


def stepped(arch, graph, prepared, targets, training):
    """(loss [B], [gradient of each weight], all weights afterwards) of a step that moves the statistics alone."""
    before = graph.get_weights()
    with tf.GradientTape() as tape:
        raw = graph(arch.normalize(prepared), training=training)
        losses = arch.loss(targets, raw)["ctc"]
    gradients = [g.numpy() for g in tape.gradient(losses, graph.trainable_variables)]
    moved = graph.get_weights()
    graph.set_weights(before)
    return losses.numpy(), gradients, moved


@pytest.mark.parametrize("training", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_losses_gradients_and_statistics_are_those_of_the_whole_width(training):
    """Nothing differs but the order of sums, of at most n = B H W terms, each rounded to u: n u."""
    keras.utils.set_random_seed(3)
    arch = recognizer()
    graph, targets = arch.build(), texts((0, 1), (2, 2, 3), (1,))
    whole = canvases((37, 60, 8))
    narrow, _ = buckets(arch).batch(whole, targets, None)
    assert narrow["image"].shape[2] == 64 and whole["image"].shape[2] == WIDTH
    found, wanted = (stepped(arch, graph, held, targets, training) for held in (narrow, whole))
    within = 3 * 16 * WIDTH * 2.0**-24
    np.testing.assert_allclose(found[0], wanted[0], rtol=within)
    for some, other in zip(found[1] + found[2], wanted[1] + wanted[2], strict=True):
        assert np.linalg.norm(some - other) <= within * np.linalg.norm(other)
    assert any(np.abs(a - b).max() > 0 for a, b in zip(wanted[2], graph.get_weights(), strict=True)) == training


def test_neither_neighbors_nor_the_canvas_change_a_text():
    """A line alone, beside a longer one and on a canvas twice as wide; one that sees padding answers otherwise."""
    for padding in ("unseen", "seen"):
        keras.utils.set_random_seed(1)
        arch, wide = (recognizer(padding=padding, image_size=(16, width)) for width in (WIDTH, 2 * WIDTH))
        graph, other = arch.build(), wide.build()
        other.set_weights(graph.get_weights())
        alone = graph(arch.normalize(canvases((52,))), training=False)["logits"][0]
        beside = graph(arch.normalize(canvases((52, 150))), training=False)["logits"][0]
        twice = other(wide.normalize(canvases((52,), 2 * WIDTH)), training=False)["logits"]
        np.testing.assert_allclose(alone, beside, atol=1e-5)
        middle = twice[0, WIDTH // 8 : -WIDTH // 8]
        assert (np.abs(alone - middle).max() < 1e-5) == (padding == "unseen")
        if padding == "unseen":
            one, two = (paths.greedy(logits) for logits in (alone[None], twice))
            assert int(one["count"][0]) == int(two["count"][0])
            np.testing.assert_allclose(one["path_score"], two["path_score"], rtol=1e-4)


@pytest.mark.parametrize(
    ("inner", "length", "width"),
    [
        ((64, 8), 3, 64),  # frames of 4, from 48 to 112
        ((65, 8), 3, 80),
        ((160, 8), 3, 160),
        ((8, 8), 16, 64),  # 16 frames for 16 characters
        ((8, 8), 17, 80),
        ((0, 0), 1, 24),  # gray alone; 20 and a frame on either side
    ],
)
def test_the_least_width_that_holds_lines_and_texts(inner, length, width):
    targets = texts(*[(np.arange(length) % 4).tolist()] * 2)
    held, same = buckets(recognizer(), widths=8).batch(canvases(inner), targets, None)
    assert held["image"].shape == (2, 16, width, 3) and same is targets


def of_lengths(lengths):
    rows = tf.data.Dataset.from_generator(
        lambda: ({"characters": np.zeros(n, np.int32)} for n in lengths),
        output_signature={"characters": tf.TensorSpec([None], tf.int32)},
    )
    return Split(rows, lambda record: record, len(lengths))


LENGTHS = np.random.default_rng(5).integers(1, 31, 96)


def test_batches_are_alike_in_length_and_each_line_comes_once_an_epoch():
    numbers = buckets(recognizer(), together=6).order(of_lengths(LENGTHS), 8, 7)
    epoch = [numbers(step) for step in range(12)]
    assert sorted(np.concatenate(epoch)) == list(range(96))
    spread = np.mean([np.ptp(LENGTHS[batch]) for batch in epoch])
    assert spread < 30 / 6 + 1, "of 48 lines in order a sixth, and not nearly all of 30"
    longest = [LENGTHS[batch].max() for batch in epoch]
    assert longest != sorted(longest), "long ones do not come last"


def test_a_batch_is_a_function_of_its_step():
    first, again = (buckets(recognizer()).order(of_lengths(LENGTHS), 10, 7) for _ in range(2))
    expected = [first(step) for step in range(30)]
    for step in (29, 0, 17, 3):
        np.testing.assert_array_equal(again(step), expected[step])
    other = buckets(recognizer()).order(of_lengths(LENGTHS), 10, 8)
    assert any((other(step) != expected[step]).any() for step in range(5))
    few = buckets(recognizer()).order(of_lengths([3, 1, 2]), 4, 0)
    assert set(few(0).tolist()) | set(few(1).tolist()) == {0, 1, 2}


def test_training_sees_the_narrow_canvases():
    arch = recognizer(num_classes=len(reading_cases.ALPHABET))
    split = CaseSamples("text_recognition/conv").open().splits["train"]
    phase = types.SimpleNamespace(augment=(), techniques=(buckets(arch),))
    inputs, targets = next(iter(training_data(split, arch, phase, batch_size=4, seed=0)))
    assert inputs["image"].shape[2] < WIDTH and inputs["inside"].shape == (4, inputs["image"].shape[2] // 4)
    raw = arch.build()(inputs, training=True)
    assert raw["logits"].shape[1] == inputs["inside"].shape[1] and np.isfinite(arch.loss(targets, raw)["ctc"]).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: buckets(recognizer(), widths=1), "width_buckets.widths=1; allowed: 2 or more"),
        (lambda: buckets(recognizer(), together=0), "width_buckets.together=0; allowed: 1 or more"),
        (
            lambda: buckets(recognizer(padding="seen")),
            "with model.padding=unseen; text_recognition/conv answers otherwise",
        ),
        (
            lambda: buckets(create("classification/classifier", num_classes=2)),
            "classification/classifier answers other",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line(make, says):
    with pytest.raises(UsageError, match=says):
        make()


def test_what_does_not_go_with_padding_that_is_not_seen_is_one_line():
    qat = types.SimpleNamespace(techniques=(types.SimpleNamespace(registered_name="techniques/qat"),), augment=())
    recognizer(padding="seen").check_phase(qat, 8)
    with pytest.raises(UsageError, match="qat cannot fold layers of model.padding=unseen; export tflite:int8"):
        recognizer().check_phase(qat, 8)
    phase = types.SimpleNamespace(
        techniques=(create("techniques/width_buckets"), create("techniques/distill", teacher="run")), augment=()
    )
    with pytest.raises(UsageError, match="width_buckets narrows what the teacher of techniques/distill sees"):
        recognizer().check_phase(phase, 8)
    cut, jitter = create("augmentations/geometric/random_crop"), create("augmentations/photometric/color_jitter")
    for augment, is_refused in (((cut, jitter), True), ((cut,), False), ((jitter, cut), False)):
        phase = types.SimpleNamespace(techniques=(), augment=augment)
        recognizer(padding="seen").check_phase(phase, 8)
        if not is_refused:
            recognizer().check_phase(phase, 8)
            continue
        with pytest.raises(UsageError, match="geometric/random_crop brings padding"):
            recognizer().check_phase(phase, 8)


@pytest.mark.nightly
def test_two_replicas_of_other_widths_have_the_statistics_of_one():
    """And of numpy's mean and variance, with Bessel's correction, of what is inside."""
    done = tiny.run_python("-m", "tests.train.inside_replicas")
    assert done.returncode == 0, done.stderr[-3000:]
    assert max(json.loads(done.stdout.splitlines()[-1])) < 1e-5


@pytest.mark.nightly
def test_files_read_as_the_graph_by_builtin_operators(tmp_path):
    """Fresh weights, so that frames say different things; the picture of gray alone says nothing."""
    keras.utils.set_random_seed(3)
    arch = recognizer()
    graph = arch.build()
    classes = graph.get_layer("classes")
    classes.set_weights([30 * weights for weights in classes.get_weights()])
    served, pictures = Served(arch, graph, tuple("abcd")), canvases((40, 80, 120, 160, 10, 0, 33))["image"].numpy()
    texts = served.fixed(batch=None)({"image": pictures})
    assert int(texts["count"][5]) == 0 and len({tuple(text) for text in texts["labels"].numpy()}) > 4
    (tmp_path / "model.tflite").write_bytes(convert(served, "float32", "mixed", []))
    assert all(kind.isupper() for kind in tflite_ops(tmp_path / "model.tflite"))
    found = [TFLiteRunner(tmp_path / "model.tflite", arch).infer({"image": pictures})]
    with mock.patch.object(ONNX, "package", return_value=(tmp_path, None)):
        path = ONNX().write(types.SimpleNamespace(served=served))
    found.append(ONNX().open(path, arch).infer({"image": pictures}))
    for held in found:
        np.testing.assert_array_equal(held["labels"], texts["labels"])
        np.testing.assert_allclose(held["scores"], texts["scores"], atol=1e-4)


@pytest.mark.nightly
def test_what_asks_qat_itself_hears_which_layer_it_is():
    with pytest.raises(KerasVisionError, match="a layer that cannot be quantized: InsideNorm"):
        create("techniques/qat").graph(recognizer(), recognizer().build())
