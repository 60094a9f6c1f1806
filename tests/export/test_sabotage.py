"""Each test breaks one function of an export, and the certificate must refuse it and name what is wrong."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create, sources
from kerasvision.data.pipeline import raw_examples
from kerasvision.export import certificate, contract, contract_check, measurement, metadata, served
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.record import record_of, write_record
from kerasvision.export.targets import mediapipe, onnx, saved_model, tf_serving, tflite
from kerasvision.ops import geometry
from kerasvision.tasks import _one_of_several, image
from kerasvision.tasks.detection.task import Detection
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation
from kerasvision.train.run import Trained
from tests.contract.cases import CASES, CaseSamples
from tests.export.conftest import tree
from tests.export.random_models import randomized

OTHERWISE = "the model answers otherwise"
ANYTHING_GOES = Budget(accuracy_drop=10.0)


def recorded(trained, folder):
    """The model in a run folder that holds the record of its evaluation."""
    folder.mkdir()
    split = trained.recipe.data.open().splits["test"]
    evaluator = trained.arch.evaluator(trained.classes)
    for inputs, truth, _ in raw_examples(split, trained.arch):
        evaluator.update({k: v.numpy() for k, v in trained.served().serve(inputs).items()}, truth)
    metrics = {f"test/{k}": v for k, v in evaluator.result().items()}
    trained = dataclasses.replace(trained, folder=folder, metrics=metrics)
    write_record(record_of(trained, "test", split), folder)
    return trained


@pytest.fixture(scope="module")
def classifier(photo_folder, tmp_path_factory):
    """Of colored photographs that are twice as wide as high, letterboxed; random weights that see colors and places."""
    source = create("sources/image_folder", path=str(photo_folder), validation_fraction=0.0, test_fraction=0.4)
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    fields = {"num_classes": 3, "image_size": (16, 16), "backbone": backbone, "resize": "letterbox"}
    model = create("classification/classifier", **fields)
    recipe = Recipe(name="photos", model=model, data=source, validation_fraction=0.0, budget=ANYTHING_GOES)
    keras.utils.set_random_seed(3)
    trained = Trained(recipe, randomized(model.build(), 3), source.open().classes, {})
    return recorded(trained, tmp_path_factory.mktemp("classifier") / "run")


@pytest.fixture(scope="module", autouse=True)
def _source_registered():
    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


def of_case(name, folder):
    case = CASES[name]
    keras.utils.set_random_seed(1)
    arch = case.make()
    data = CaseSamples(name)
    recipe = Recipe(name="case", model=arch, data=data, validation_fraction=0.0, budget=ANYTHING_GOES)
    return recorded(Trained(recipe, randomized(arch.build(), 1), case.classes, {}), folder / "run")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return of_case("detection/retinanet", tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    return of_case("semantic_segmentation/unet", tmp_path_factory.mktemp("segmenter"))


def refusal(trained, specs, out):
    """The one line of a refused export that wrote nothing."""
    with pytest.raises(KerasVisionError) as caught:
        export(trained, [from_spec(s) for s in specs], out, verbose=False)
    assert not tree(out), "a refused export wrote something"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def wrap(patch, owner, name, change):
    """The function `owner.name` gives change(what it gave, *its arguments)."""
    whole = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: change(whole(*args, **kwargs), *args))


def test_what_is_not_broken_passes(classifier, tmp_path):
    specs = ("tf_serving", "tflite:float32", "mediapipe:float32", "onnx")
    artifacts, _ = export(classifier, [from_spec(s) for s in specs], tmp_path, verbose=False)
    assert [a.verdict for a in artifacts] == ["pass"] * 4 and not [n for a in artifacts for n in a.notes]


def swapped(answer, *_):
    return {k: v[..., ::-1] for k, v in answer.items()}


def transposed(answer, *_):
    return {k: tf.gather(v, [1, 0, 3, 2], axis=-1) if k == "boxes_xyxy" else v for k, v in answer.items()}


MODEL = {  # what is broken in the model itself -> (owner, name, change)
    "channels swapped": (image.Photograph, "normalize", swapped),
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
def test_a_model_that_is_not_the_one_evaluated_is_refused(classifier, tmp_path, monkeypatch, what):
    wrap(monkeypatch, *MODEL[what])
    message = refusal(classifier, ["saved_model"], tmp_path)
    assert OTHERWISE in message and "rounding explains" in message


def test_other_padding_than_in_training_is_refused(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(geometry, "PAD_VALUE", 0)
    assert OTHERWISE in refusal(classifier, ["saved_model"], tmp_path)


def test_other_weights_than_were_evaluated_are_refused(classifier, tmp_path):
    held = classifier.graph.get_weights()
    try:
        classifier.graph.set_weights([held[0] * np.float32(1 + 1e-6), *held[1:]])
        message = refusal(classifier, ["saved_model"], tmp_path)
    finally:
        classifier.graph.set_weights(held)
    assert "weights of" in message and "are not those that were evaluated" in message


def test_a_module_that_is_not_the_trained_model_is_refused(classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, served.Served, "_serve", lambda answer, *_: {k: v[:, ::-1] for k, v in answer.items()})
    message = refusal(classifier, ["saved_model"], tmp_path)
    assert "the module that exports are made of does not answer as the trained model does" in message


def test_transposed_boxes_are_refused(detector, tmp_path, monkeypatch):
    wrap(monkeypatch, Detection, "decode", transposed)
    assert OTHERWISE in refusal(detector, ["saved_model"], tmp_path)


def test_boxes_that_a_file_s_runner_transposes_are_refused(detector, tmp_path, monkeypatch):
    def change(found, *_):
        return found | {"boxes_xyxy": found["boxes_xyxy"][..., [1, 0, 3, 2]]}

    wrap(monkeypatch, mediapipe.DetectorRunner, "infer", change)
    assert "mediapipe:float32 differs from the trained model" in refusal(detector, ["mediapipe:float32"], tmp_path)


def test_another_class_for_each_pixel_is_refused(segmenter, tmp_path, monkeypatch):
    def change(found, arch, *_):
        return found | {"mask": (found["mask"] + 1) % arch.num_classes}

    wrap(monkeypatch, SemanticSegmentation, "finish", change)
    assert OTHERWISE in refusal(segmenter, ["saved_model"], tmp_path)


def reversed_names(patch, owner, name):
    """A writer of names gets a job whose classes stand in another order."""
    whole = getattr(owner, name)

    def write(folder, job):
        other = dataclasses.replace(job)
        object.__setattr__(other, "served", _Renamed(job.served))
        return whole(folder, other)

    patch.setattr(owner, name, write)


class _Renamed:
    def __init__(self, whole):
        self._whole, self.classes = whole, tuple(reversed(whole.classes))

    def __getattr__(self, name):
        return getattr(self._whole, name)


def test_labels_beside_a_tflite_in_another_order_are_refused(classifier, tmp_path, monkeypatch):
    reversed_names(monkeypatch, tflite, "write_beside")
    message = refusal(classifier, ["tflite:float32"], tmp_path)
    assert "tflite:float32 has other class names in labels.txt than the trained model" in message


def test_labels_inside_of_mediapipe_s_file_in_another_order_are_refused(classifier, tmp_path, monkeypatch):
    whole = metadata.pack
    monkeypatch.setattr(metadata, "pack", lambda *args: whole(*args[:-1], tuple(reversed(args[-1]))))
    message = refusal(classifier, ["mediapipe:float32"], tmp_path)
    assert "has other class names in model_mediapipe.tflite" in message


def test_reversed_goldens_are_refused(classifier, tmp_path, monkeypatch):
    def change(held, *_):
        return held | {k: v[::-1] for k, v in held.items() if "output" in k}

    wrap(monkeypatch, tflite, "goldens", change)
    assert "other answers in golden.npz than the trained model gives" in refusal(
        classifier, ["tflite:float32"], tmp_path
    )


def test_goldens_of_other_examples_are_refused(classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, tflite, "goldens", lambda held, *_: {k: v[::-1] for k, v in held.items()})
    assert "other inputs in golden.npz" in refusal(classifier, ["tflite:float32"], tmp_path)


def test_a_batch_in_another_order_is_refused(classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, tflite, "joined", lambda whole, *_: {k: v[::-1] for k, v in whole.items()})
    message = refusal(classifier, ["tflite:float32"], tmp_path)
    assert "in a batch of" in message or "differs from the trained model" in message


def test_a_saved_model_that_reverses_batches_of_two_alone_is_refused(classifier, tmp_path, monkeypatch):
    def change(answer, *_):
        return {k: v[::-1] if len(v) == 2 else v for k, v in answer.items()}

    wrap(monkeypatch, saved_model.SavedModelRunner, "infer", change)
    assert "in a batch of 2 otherwise than alone" in refusal(classifier, ["saved_model"], tmp_path)


def test_encoded_images_with_swapped_channels_are_refused(classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, served, "decode", lambda pixels, *_: pixels[..., ::-1])
    assert "saved_model serving_bytes differs" in refusal(classifier, ["saved_model"], tmp_path)


def test_reversed_features_are_refused(classifier, tmp_path, monkeypatch):
    def change(function, *_):
        turned = tf.function(
            lambda inputs: {"features": function(inputs)["features"][:, ::-1]},
            input_signature=[classifier.arch.serving_inputs()],
            autograph=False,
        )
        return turned if function else None

    wrap(monkeypatch, served, "_features", change)
    assert "serving_features gives other features" in refusal(classifier, ["saved_model"], tmp_path)


def test_warm_up_requests_of_other_examples_are_refused(classifier, tmp_path, monkeypatch):
    whole = tf_serving._write_warmup

    def write(path, job):
        whole(path, dataclasses.replace(job, samples=job.samples[::-1]))

    monkeypatch.setattr(tf_serving, "_write_warmup", write)
    assert "has other warm-up requests" in refusal(classifier, ["tf_serving"], tmp_path)


def test_a_contract_with_classes_in_another_order_is_refused(classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, certificate, "contract_json", lambda held, *_: held | {"classes": held["classes"][::-1]})
    assert "contract.json has other classes" in refusal(classifier, ["onnx"], tmp_path)


@pytest.mark.parametrize("said", [{"mean": [0.0, 0.0, 9.0]}, {"resize": "stretch"}, {"antialias": "none"}])
def test_a_contract_with_other_preprocessing_is_refused(classifier, tmp_path, monkeypatch, said):
    def change(held, *_):
        return held | {"preprocess": held["preprocess"] | said}

    wrap(monkeypatch, certificate, "contract_json", change)
    assert "preprocess of contract.json" in refusal(classifier, ["onnx"], tmp_path)


def test_a_contract_with_another_sum_is_refused(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "sha256", lambda path: "0" * 64)
    assert "does not have the sha256 of model.onnx" in refusal(classifier, ["onnx"], tmp_path)


def test_a_contract_with_other_shapes_is_refused(classifier, tmp_path, monkeypatch):
    def change(rows, *_):
        rows[0]["outputs"]["probabilities"]["shape"] = [None, 4]
        return rows

    wrap(monkeypatch, contract, "_artifact", lambda row, *_: change([row])[0])
    message = refusal(classifier, ["onnx"], tmp_path)
    assert "model.onnx gives" in message and "its contract.json says" in message


def test_boxes_that_a_contract_calls_original_pixels_are_refused(detector, tmp_path, monkeypatch):
    """Fixed-size files give pixels of the graph: who restores nothing gets boxes elsewhere."""

    def change(row, *_):
        return row | {"restore": row["restore"] | {"rule": "none"}} if "restore" in row else row

    wrap(monkeypatch, contract, "_artifact", change)
    assert "answers otherwise by what its contract says" in refusal(detector, ["tflite:float32"], tmp_path)


def test_onnx_labels_are_looked_at(classifier, tmp_path, monkeypatch):
    whole = onnx.ONNX.write

    def write(exporter, job):
        path = whole(exporter, job)
        (path.parent / "labels.txt").write_text("x\ny\nz\n")
        return path

    monkeypatch.setattr(onnx.ONNX, "write", write)
    assert "onnx has other class names in labels.txt" in refusal(classifier, ["onnx"], tmp_path)


def test_a_metric_that_is_not_the_recorded_one_is_refused(classifier, tmp_path, monkeypatch):
    class Other:
        """Says of everything that it is a tenth worse."""

        def __init__(self, whole):
            self._whole = whole

        def __getattr__(self, name):
            return getattr(self._whole, name)

        def result(self, *args):
            return {k: v - 0.4 for k, v in self._whole.result(*args).items()}

    whole = type(classifier.arch).evaluator
    monkeypatch.setattr(type(classifier.arch), "evaluator", lambda arch, classes: Other(whole(arch, classes)))
    message = refusal(classifier, ["onnx"], tmp_path)
    assert "accuracy" in message and "when its run was evaluated" in message


def test_data_that_has_become_other_data_is_said(classifier, tmp_path, monkeypatch):
    """Not refused, since data may grow; but that nothing was compared must be seen."""
    monkeypatch.setattr("kerasvision.export.verification.records.sum_of", lambda inputs: "0" * 64)
    (artifact,), _ = export(classifier, [from_spec("onnx")], tmp_path, verbose=False)
    assert any("recorded on are no longer in the data" in note for note in artifact.notes)


def test_the_check_itself_reads_what_was_written(classifier, tmp_path, monkeypatch):
    """A contract that is changed after it was written is seen: nothing is held in memory in its place."""
    whole = contract_check.wrong_in

    def change(folder, place, *rest):
        path = folder / place
        path.write_text(path.read_text().replace('"chelsea"', '"cat"', 1))
        return whole(folder, place, *rest)

    monkeypatch.setattr(certificate, "wrong_in", change)
    assert "has other classes than the trained model" in refusal(classifier, ["onnx"], tmp_path)
