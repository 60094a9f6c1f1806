"""Each test breaks what travels with a model, or what is said of it, and the certificate must refuse it by its name."""

import dataclasses

import pytest
import tensorflow as tf

from kerasvision.export import certificate, contract, contract_check, measurement, metadata
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets import _tflite_beside, _tflite_runner, onnx, saved_model, tf_serving, tflite
from kerasvision.inference import served
from tests.export.sabotage import anew, refusal, wrap


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


def test_labels_beside_a_tflite_in_another_order_are_refused(recorded_classifier, tmp_path, monkeypatch):
    reversed_names(monkeypatch, tflite, "write_beside")
    message = refusal(recorded_classifier, ["tflite:float32"], tmp_path)
    assert "tflite:float32 has other class names in labels.txt than the trained model" in message


@pytest.mark.slow
def test_labels_inside_of_mediapipe_s_file_in_another_order_are_refused(recorded_classifier, tmp_path, monkeypatch):
    whole = metadata.pack

    def pack(*args):
        lines = reversed(args[-1][metadata.LABELS_FILE].splitlines())
        return whole(*args[:-1], {metadata.LABELS_FILE: "".join(f"{line}\n" for line in lines)})

    monkeypatch.setattr(metadata, "pack", pack)
    message = refusal(recorded_classifier, ["mediapipe:float32"], tmp_path)
    assert "has other class names in model_mediapipe.tflite" in message


@pytest.mark.slow
def test_reversed_goldens_are_refused(recorded_classifier, tmp_path, monkeypatch):
    def change(held, *_):
        return held | {k: v[::-1] for k, v in held.items() if "output" in k}

    wrap(monkeypatch, _tflite_beside, "goldens", change)
    assert "other answers in golden.npz than the trained model gives" in refusal(
        recorded_classifier, ["tflite:float32"], tmp_path
    )


@pytest.mark.slow
def test_goldens_of_other_examples_are_refused(recorded_classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, _tflite_beside, "goldens", lambda held, *_: {k: v[::-1] for k, v in held.items()})
    assert "other inputs in golden.npz" in refusal(recorded_classifier, ["tflite:float32"], tmp_path)


def test_a_batch_in_another_order_is_refused(recorded_classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, _tflite_runner, "joined", lambda whole, *_: {k: v[::-1] for k, v in whole.items()})
    message = refusal(recorded_classifier, ["tflite:float32"], tmp_path)
    assert "in a batch of" in message or "differs from the trained model" in message


@pytest.mark.slow
def test_a_saved_model_that_reverses_batches_of_two_alone_is_refused(recorded_classifier, tmp_path, monkeypatch):
    def change(answer, *_):
        return {k: v[::-1] if len(v) == 2 else v for k, v in answer.items()}

    wrap(monkeypatch, saved_model.SavedModelRunner, "infer", change)
    assert "in a batch of 2 otherwise than alone" in refusal(recorded_classifier, ["saved_model"], tmp_path)


@pytest.mark.slow
def test_encoded_images_with_swapped_channels_are_refused(recorded_classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, served.Served, "_decoded", lambda found, *_: {k: v[..., ::-1] for k, v in found.items()})
    assert "saved_model serving_bytes differs" in refusal(anew(recorded_classifier), ["saved_model"], tmp_path)


@pytest.mark.slow
def test_reversed_features_are_refused(recorded_classifier, tmp_path, monkeypatch):
    def change(function, *_):
        turned = tf.function(
            lambda inputs: {"features": function(inputs)["features"][:, ::-1]},
            input_signature=[recorded_classifier.arch.serving_specs()],
            autograph=False,
        )
        return turned if function else None

    wrap(monkeypatch, served, "_features", change)
    assert "serving_features gives other features" in refusal(anew(recorded_classifier), ["saved_model"], tmp_path)


@pytest.mark.slow
def test_warm_up_requests_of_other_examples_are_refused(recorded_classifier, tmp_path, monkeypatch):
    whole = tf_serving._write_warmup

    def write(path, job):
        whole(path, dataclasses.replace(job, samples=job.samples[::-1]))

    monkeypatch.setattr(tf_serving, "_write_warmup", write)
    assert "has other warm-up requests" in refusal(recorded_classifier, ["tf_serving"], tmp_path)


def test_a_contract_with_classes_in_another_order_is_refused(recorded_classifier, tmp_path, monkeypatch):
    wrap(monkeypatch, certificate, "contract_json", lambda held, *_: held | {"classes": held["classes"][::-1]})
    assert "contract.json has other classes" in refusal(recorded_classifier, ["onnx"], tmp_path)


@pytest.mark.parametrize("said", [{"mean": [0.0, 0.0, 9.0]}, {"resize": "stretch"}, {"antialias": "none"}])
@pytest.mark.slow
def test_a_contract_with_other_preprocessing_is_refused(recorded_classifier, tmp_path, monkeypatch, said):
    def change(held, *_):
        return held | {"preprocess": held["preprocess"] | said}

    wrap(monkeypatch, certificate, "contract_json", change)
    assert "preprocess of contract.json" in refusal(recorded_classifier, ["onnx"], tmp_path)


@pytest.mark.slow
def test_a_contract_with_another_sum_is_refused(recorded_classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "sha256", lambda path: "0" * 64)
    assert "does not have the sha256 of model.onnx" in refusal(recorded_classifier, ["onnx"], tmp_path)


@pytest.mark.slow
def test_a_contract_with_other_shapes_is_refused(recorded_classifier, tmp_path, monkeypatch):
    def change(rows, *_):
        rows[0]["outputs"]["probabilities"]["shape"] = [None, 4]
        return rows

    wrap(monkeypatch, contract, "_artifact", lambda row, *_: change([row])[0])
    message = refusal(recorded_classifier, ["onnx"], tmp_path)
    assert "model.onnx gives" in message and "its contract.json says" in message


@pytest.mark.slow
def test_boxes_that_a_contract_calls_original_pixels_are_refused(recorded_detector, tmp_path, monkeypatch):
    """Fixed-size files give pixels of the graph: who restores nothing gets boxes elsewhere."""

    def change(row, *_):
        return row | {"restore": row["restore"] | {"rule": "none"}} if "restore" in row else row

    wrap(monkeypatch, contract, "_artifact", change)
    assert "answers otherwise by what its contract says" in refusal(recorded_detector, ["tflite:float32"], tmp_path)


@pytest.mark.slow
def test_onnx_labels_are_looked_at(recorded_classifier, tmp_path, monkeypatch):
    whole = onnx.ONNX.write

    def write(exporter, job):
        path = whole(exporter, job)
        (path.parent / "labels.txt").write_text("x\ny\nz\n")
        return path

    monkeypatch.setattr(onnx.ONNX, "write", write)
    assert "onnx has other class names in labels.txt" in refusal(recorded_classifier, ["onnx"], tmp_path)


@pytest.mark.slow
def test_a_metric_that_is_not_the_recorded_one_is_refused(recorded_classifier, tmp_path, monkeypatch):
    class Other:
        """Says of everything that it is a tenth worse."""

        def __init__(self, whole):
            self._whole = whole

        def __getattr__(self, name):
            return getattr(self._whole, name)

        def result(self, examples=None, only=()):
            return {k: v - 0.4 for k, v in self._whole.result(examples, only).items()}

    whole = type(recorded_classifier.arch).evaluator
    monkeypatch.setattr(type(recorded_classifier.arch), "evaluator", lambda arch, classes: Other(whole(arch, classes)))
    message = refusal(recorded_classifier, ["onnx"], tmp_path)
    assert "accuracy" in message and "when its run was evaluated" in message


@pytest.mark.slow
def test_data_that_has_become_other_data_is_said(recorded_classifier, tmp_path, monkeypatch):
    """Not refused, since data may grow; but that nothing was compared must be seen."""
    monkeypatch.setattr("kerasvision.export.verification.records.sum_of", lambda inputs: "0" * 64)
    (artifact,), _ = export(recorded_classifier, [from_spec("onnx")], tmp_path, verbose=False)
    assert any("recorded on are no longer in the data" in note for note in artifact.notes)


@pytest.mark.slow
def test_the_check_itself_reads_what_was_written(recorded_classifier, tmp_path, monkeypatch):
    """A contract that is changed after it was written is seen: nothing is held in memory in its place."""
    whole = contract_check.wrong_in

    def change(folder, place, *rest):
        path = folder / place
        path.write_text(path.read_text().replace('"chelsea"', '"cat"', 1))
        return whole(folder, place, *rest)

    monkeypatch.setattr(certificate, "wrong_in", change)
    assert "has other classes than the trained model" in refusal(recorded_classifier, ["onnx"], tmp_path)
