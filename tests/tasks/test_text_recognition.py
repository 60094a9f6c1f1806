"""Lines of text: where characters are found, what decides between two answers, and what cannot be trained."""

import types
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.sources.base import Split
from kerasvision.export.targets._tflite_operators import tflite_ops
from kerasvision.export.targets.onnx import ONNX
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.tasks.targets import Asked
from kerasvision.train import calibrate
from kerasvision.train.calibrate import calibrated
from kerasvision.train.run import Trained
from tests.contract import reading_cases
from tests.contract.cases import CaseSamples

CLASSES = ("a", "b", "c")


def recognizer(name="conv", **fields):
    return create(
        f"text_recognition/{name}", **{"num_classes": 3, "width": 4, "depth": 1, "image_size": (32, 64)} | fields
    )


def logits_of(rows, frames=16):
    """Logits [1, T, 4] whose probabilities are `rows`, {frame: four shares}, and blanks elsewhere."""
    shares = np.tile([0.02, 0.02, 0.02, 0.94], (frames, 1))
    for frame, row in rows.items():
        shares[frame] = row
    return tf.constant(np.log(shares)[None], tf.float32)


def answer(arch, logits, size=(20, 40)):
    """(prediction, what `compare` looks at in a reference, the geometry), of an image of that size."""
    _, geometry = arch.geometry({"image": tf.zeros([1, *size, 3], tf.uint8)})
    held = arch.judged({"logits": logits}, geometry)
    as_numpy = {k: v.numpy() for k, v in held.items()}
    return {k: as_numpy[k] for k in arch.outputs}, as_numpy, geometry


def test_a_character_stands_where_its_frames_are():
    """40 x 20 pixels become 64 x 32: a frame is 2.5 pixels of the image; 20 x 20 lie between 16 gray columns."""
    arch = recognizer()
    logits = logits_of({6: [0.9, 0.04, 0.04, 0.02], 7: [0.9, 0.04, 0.04, 0.02], 9: [0.02, 0.9, 0.04, 0.04]})
    prediction, _, _ = answer(arch, logits)
    assert prediction["labels"][0, :3].tolist() == [0, 1, -1]
    np.testing.assert_allclose(prediction["boxes_xyxy"][0, :2], [[15, 0, 20, 20], [22.5, 0, 25, 20]], atol=1e-4)
    square, _, _ = answer(arch, logits, (20, 20))
    np.testing.assert_allclose(square["boxes_xyxy"][0, 0], [(24 - 16) / 1.6, 0, (32 - 16) / 1.6, 20], atol=1e-4)
    assert arch.describe({k: v[0] for k, v in prediction.items()}, CLASSES)["text"] == "ab"


def test_files_of_the_graph_s_size_end_at_the_same_boxes():
    arch = recognizer()
    logits = logits_of({3: [0.9, 0.04, 0.04, 0.02], 9: [0.02, 0.9, 0.04, 0.04]})
    prediction, _, geometry = answer(arch, logits)
    fixed = arch.decode({"logits": logits}, arch.no_geometry({"image": tf.zeros([1, 32, 64, 3])}))
    restored = arch.to_original_pixels({k: v.numpy() for k, v in fixed.items()}, geometry)
    for key, value in prediction.items():
        np.testing.assert_allclose(restored[key], value, atol=1e-4)


@pytest.mark.parametrize("gap", [0.001, 0.2])
def test_an_answer_is_as_far_off_as_a_probability_must_have_moved(gap):
    """The frame says a or b, which are `gap` apart: half of it each must have moved for the other text."""
    arch = recognizer()
    high, low = 0.45 + gap / 2, 0.45 - gap / 2
    reference = answer(arch, logits_of({8: [high, low, 0.05, 0.05]}))[1]
    same = answer(arch, logits_of({8: [high, low, 0.05, 0.05]}))[0]
    error, flip = arch.compare(reference, same)
    assert error[0] < 1e-6 and not flip[0]
    other = answer(arch, logits_of({8: [low, high, 0.05, 0.05]}))[0]
    error, flip = arch.compare(reference, other)
    assert error[0] == pytest.approx(gap / 2, abs=1e-5) and flip[0]


def test_a_character_that_is_nowhere_in_the_reference_is_far_off():
    arch = recognizer()
    reference = answer(arch, logits_of({}))[1]
    for frames, expected in (({5: [0.9, 0.04, 0.04, 0.02]}, (0.94 - 0.02) / 2), ({}, 0.0)):
        error, flip = arch.compare(reference, answer(arch, logits_of(frames))[0])
        assert error[0] == pytest.approx(expected, abs=1e-5) and flip[0] == bool(frames)
    moved = answer(arch, logits_of({8: [0.9, 0.04, 0.04, 0.02]}))[0]  # the same text, elsewhere
    error, flip = arch.compare(answer(arch, logits_of({3: [0.9, 0.04, 0.04, 0.02]}))[1], moved)
    assert error[0] > 0.4 and not flip[0]


def test_what_is_no_number_is_no_agreement():
    arch = recognizer()
    prediction, reference, _ = answer(arch, logits_of({5: [0.9, 0.04, 0.04, 0.02]}))
    assert np.isnan(arch.compare(reference, prediction | {"path_score": np.array([np.nan])})[0][0])


@pytest.mark.parametrize(
    ("image_hw", "left"),
    [
        ((8, 10), None),
        ((7, 10), "10 x 7"),
        ((1, 300), "64 x 0.21"),
        ((32, 256), None),
        ((32, 257), "64 x 8"),
        ((32, 20000), "64 x 0.1"),
        ((1024, 32), None),
        ((1025, 32), "1 x 32"),
    ],
)
def test_a_line_that_can_hardly_be_seen_is_doubted(image_hw, left):
    """At 64 x 32 pixels, of which 8 rows are a quarter."""
    said = recognizer().doubt(image_hw)
    assert said == "" if left is None else f" pixels {left} are left at 64 x 32, " in said


def lines(*characters):
    records = tf.data.Dataset.from_tensor_slices({"characters": tf.ragged.constant(characters, dtype=tf.int32)})
    read = lambda r: {"characters": tf.ensure_shape(tf.convert_to_tensor(r["characters"]), [None])}  # noqa: E731
    return Split(records, read, len(characters))


def test_lines_that_no_frames_can_say_are_named_before_training():
    """Sixteen frames say sixteen characters, or eight equal ones with a blank between each two; not nine."""
    arch = recognizer()
    assert arch.for_data(lines([0, 1] * 8, [0] * 8)) == arch
    with pytest.raises(
        KerasVisionError, match=r"1 of 2 training lines .* number 1; the longest needs 17: .*\(32, 68\)"
    ):
        arch.for_data(lines([0, 1] * 8, [0] * 9))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more characters than 16 frames can say"):
        arch.encode({"characters": tf.constant([0] * 9)})


def test_a_character_can_be_asked_for():
    arch = recognizer()
    raw = {"logits": logits_of({5: [0.9, 0.04, 0.04, 0.02], 9: [0.02, 0.04, 0.9, 0.04]})}
    first, second = arch.targets().choose(raw, {}, CLASSES)
    assert (first.text, second.text) == ("a (character 0)", "c (character 1)")
    np.testing.assert_allclose(second.score(raw), raw["logits"][:, 9, 2])
    with pytest.raises(UsageError, match="--box 2: 2 characters are read; allowed: 0 to 1"):
        arch.targets().choose(raw, {}, CLASSES, Asked(box=(2,)))


def loop(cell, unroll=False):
    """(Served of fresh weights, eight pictures, their texts as lists of classes)."""
    keras.utils.set_random_seed(3)
    arch = recognizer("crnn", cell=cell, unroll=unroll, image_size=(16, 48), units=8, num_classes=4)
    graph = arch.build()
    graph.set_weights([4 * w for w in graph.get_weights()])  # so that frames say different things
    served = Served(arch, graph, (*CLASSES, "d"))
    pictures = np.random.default_rng(0).integers(0, 256, (8, 16, 48, 3)).astype(np.uint8)
    texts = served.fixed(batch=None)({"image": pictures})["labels"].numpy()
    assert len({tuple(text) for text in texts}) > 4
    return served, pictures, texts


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_files_of_loops_forget_one_picture_before_the_next(cell, tmp_path):
    """By builtin operators: LiteRT's own LSTM goes on with the state that the picture before has left."""
    served, pictures, texts = loop(cell)
    (tmp_path / "model.tflite").write_bytes(convert(served, "float32", "mixed", []))
    kinds = tflite_ops(tmp_path / "model.tflite")
    assert "WHILE" in kinds and not [k for k in kinds if "SEQUENCE" in k or k.startswith("Flex") or not k.isupper()]
    runner = TFLiteRunner(tmp_path / "model.tflite", served.arch)
    for _ in range(2):
        np.testing.assert_array_equal(runner.infer({"image": pictures})["labels"], texts)
    with pytest.raises(KerasVisionError, match="recurrent1 runs in a loop, .*; train with model.unroll=True, or"):
        convert(served, "int8", "mixed", [])
    job = types.SimpleNamespace(served=served)
    with mock.patch.object(ONNX, "package", return_value=(tmp_path, None)):
        path = ONNX().write(job)
    np.testing.assert_array_equal(ONNX().open(path, served.arch).infer({"image": pictures})["labels"], texts)


def test_the_least_sure_tenth_of_held_out_lines_is_below_what_is_fitted():
    """By the mean of a character's probability: of ten characters and of one; of 29 lines two are left out, of 30
    three.
    """
    rng = np.random.default_rng(2)
    for size, left_out in ((29, 2), (30, 3), (1, 0)):
        sure, counts = rng.uniform(0.2, 1.0, size), rng.integers(1, 11, size)
        tuned = recognizer().tune({"path_score": sure**counts, "count": counts}, {})
        assert (sure < tuned.least_certainty - 1e-12).sum() == left_out
        assert np.abs(sure - tuned.least_certainty).min() < 1e-12, "it is a line's own"
    assert f"10 % of validation lines are less sure than {tuned.least_certainty:.4g}" in tuned.tuned_words()
    counts = np.array([0] * 3 + [4] * 27)  # what says nothing is not sure, whatever its path's probability
    assert recognizer().tune({"path_score": np.full(30, 0.5), "count": counts}, {}).least_certainty == 0.5**0.25
    assert recognizer(refused_share=0.0).tunes is False and recognizer().tuned_words() == ""
    assert recognizer(refused_share=0.29).tune(
        {"path_score": np.arange(100) / 100, "count": np.ones(100, int)}, {}
    ).least_certainty == pytest.approx(0.29)


def test_training_fits_it_to_the_validation_split():
    """Eight rendered lines and weights that say something of each; of two and a half lines two are left out."""
    keras.utils.set_random_seed(1)
    arch = recognizer(num_classes=4, image_size=(16, 48), refused_share=0.32)
    graph = arch.build()
    layer = graph.get_layer("classes")
    layer.set_weights([30 * w for w in layer.get_weights()])
    split = CaseSamples("text_recognition/conv").open().splits["test"]
    tuned = calibrated(arch, graph, reading_cases.ALPHABET, split, 3)
    served = Served(tuned, graph, reading_cases.ALPHABET)
    found = [served.judge({"image": sample["image"][None]}) for sample in reading_cases.samples()]
    sure = [float(f["path_score"][0]) ** (1 / max(int(f["count"][0]), 1)) * bool(f["count"][0] > 0) for f in found]
    assert len(set(np.round(sure, 3))) > 4, "lines that are all alike would prove nothing"
    assert tuned.least_certainty == pytest.approx(sorted(sure)[2], abs=1e-5)
    assert calibrated(recognizer(refused_share=0.0), graph, (), split, 3).least_certainty is None


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_fitting_anew_forgets_what_was_fitted(share, tmp_path, monkeypatch):
    """`calibrate RUN --set refused_share=0` leaves none; of a share above 0 another one."""
    arch = recognizer(num_classes=4, image_size=(16, 48), least_certainty=0.875)
    recipe = Recipe(name="lines", model=arch, data=CaseSamples("text_recognition/conv", validation=True))
    trained = Trained(recipe, arch.build(), reading_cases.ALPHABET, {}, tmp_path)
    monkeypatch.setattr(calibrate, "load_run", lambda folder: trained)
    monkeypatch.setattr(calibrate, "judged_again", lambda held: held)
    fitted = calibrate.recalibrated(tmp_path, [f"refused_share={share}"]).arch
    assert fitted.refused_share == share and fitted.least_certainty != 0.875
    assert (fitted.least_certainty is None) == (share == 0)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *(("conv", f) for f in ({"refused_share": 1.0}, {"refused_share": -0.1}, {"least_certainty": 1.1})),
        *(("conv", f) for f in ({"image_size": (32, 62)}, {"image_size": (40, 64)}, {"reach": 4}, {"width": 0})),
        *(("crnn", f) for f in ({"image_size": (40, 64)}, {"dropout": 1.0}, {"depth": 0}, {"units": 0})),
    ],
)
def test_bad_fields_are_one_line(name, fields):
    with pytest.raises(UsageError, match=f"{next(iter(fields))}=.*; allowed: "):
        recognizer(name, **fields)
