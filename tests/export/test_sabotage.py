"""Each test breaks one function of a model that is exported, and the certificate must refuse it by its name."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets import mediapipe
from kerasvision.inference import served
from kerasvision.ops import geometry
from kerasvision.tasks import _one_of_several, image
from kerasvision.tasks.detection.task import Detection
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation
from tests.export.sabotage import anew, refusal, wrap

OTHERWISE = "the model answers otherwise"


@pytest.mark.slow
def test_what_is_not_broken_passes(recorded_classifier, tmp_path):
    specs = ("tf_serving", "tflite:float32", "mediapipe:float32", "onnx")
    artifacts, _ = export(recorded_classifier, [from_spec(s) for s in specs], tmp_path, verbose=False)
    assert [a.verdict for a in artifacts] == ["pass"] * 4 and not [n for a in artifacts for n in a.notes]


def swapped(answer, *_):
    return {k: v[..., ::-1] for k, v in answer.items()}


def transposed(answer, *_):
    return {k: tf.gather(v, [1, 0, 3, 2], axis=-1) if k == "boxes_xyxy" else v for k, v in answer.items()}


MODEL = {  # what is broken in the model itself -> (owner, name, change)
    "channels swapped": (image.ImageModel, "normalize", swapped),
    "a temperature in decode": (
        _one_of_several.OneOfSeveral,
        "decode",
        lambda answer, *_: {k: tf.nn.softmax(tf.math.log(v) / 2) for k, v in answer.items()},
    ),
    "classes shifted in decode": (
        _one_of_several.OneOfSeveral,
        "decode",
        lambda answer, *_: {k: tf.roll(v, 1, -1) for k, v in answer.items()},
    ),
}


@pytest.mark.parametrize("what", MODEL)
def test_a_model_that_is_not_the_one_evaluated_is_refused(recorded_classifier, tmp_path, monkeypatch, what):
    wrap(monkeypatch, *MODEL[what])
    message = refusal(anew(recorded_classifier), ["saved_model"], tmp_path)
    assert OTHERWISE in message and "rounding explains" in message


def test_other_padding_than_in_training_is_refused(recorded_classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(geometry, "PAD_VALUE", 0)
    assert OTHERWISE in refusal(anew(recorded_classifier), ["saved_model"], tmp_path)


def test_other_weights_than_were_evaluated_are_refused(recorded_classifier, tmp_path):
    held = recorded_classifier.graph.get_weights()
    try:
        recorded_classifier.graph.set_weights([held[0] * np.float32(1 + 1e-6), *held[1:]])
        message = refusal(anew(recorded_classifier), ["saved_model"], tmp_path)
    finally:
        recorded_classifier.graph.set_weights(held)
    assert "weights of" in message and "are not those that were evaluated" in message


@pytest.mark.slow
def test_a_module_that_is_not_the_trained_model_is_refused(recorded_classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, served.Served, "_serve", lambda answer, *_: {k: v[:, ::-1] for k, v in answer.items()})
    message = refusal(anew(recorded_classifier), ["saved_model"], tmp_path)
    assert "the module that exports are made of does not answer as the trained model does" in message


@pytest.mark.slow
def test_transposed_boxes_are_refused(recorded_detector, tmp_path, monkeypatch):
    wrap(monkeypatch, Detection, "decode", transposed)
    assert OTHERWISE in refusal(anew(recorded_detector), ["saved_model"], tmp_path)


@pytest.mark.slow
def test_boxes_that_a_file_s_runner_transposes_are_refused(recorded_detector, tmp_path, monkeypatch):
    def change(found, *_):
        return found | {"boxes_xyxy": found["boxes_xyxy"][..., [1, 0, 3, 2]]}

    wrap(monkeypatch, mediapipe.DetectorRunner, "infer", change)
    assert "mediapipe:float32 differs from the trained model" in refusal(
        recorded_detector, ["mediapipe:float32"], tmp_path
    )


@pytest.mark.slow
def test_another_class_for_each_pixel_is_refused(recorded_segmenter, tmp_path, monkeypatch):
    def change(found, arch, *_):
        return found | {"mask": (found["mask"] + 1) % arch.num_classes}

    wrap(monkeypatch, SemanticSegmentation, "finish", change)
    assert OTHERWISE in refusal(anew(recorded_segmenter), ["saved_model"], tmp_path)
