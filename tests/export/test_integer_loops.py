"""Loops in integer files: the tracker's ids against Python's over what the same file finds, its weights, what is
refused; and suppression that takes score away.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import architectures
from kerasvision.export.loops import followed, in_loop, likeness, shown
from kerasvision.export.repair.flatbuffer import kind_of, name_of, unpacked
from kerasvision.export.targets.mediapipe import DetectorRunner, detector
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.ops.slots import Slots
from kerasvision.systems.slots import state_of
from kerasvision.train.techniques.qat import QAT
from tests.export.squares import CLASSES, NAME, Squares, film, make

INT8 = 9  # of the schema's types


@pytest.fixture(scope="module", autouse=True)
def registered():
    architectures.register(NAME)(Squares)
    yield
    del architectures._parts[NAME]


@pytest.fixture(scope="module")
def served():
    arch = make()
    return Served(arch, arch.build(), CLASSES)


@pytest.fixture(scope="module")
def frames():
    return [frame[None] for frame in film(0, 120)]


@pytest.fixture(scope="module")
def path(served, frames, tmp_path_factory):
    held = tmp_path_factory.mktemp("int8") / "model.tflite"
    held.write_bytes(convert(served, "int8", "mixed", [{"image": frame} for frame in frames[:8]]))
    return held


def test_ids_are_the_python_tracker_s_over_what_the_same_file_finds(served, frames, path):
    """8 bits of a score may make another pair than float32, so the trained model is no reference."""
    slots, runner = served.arch.slots, TFLiteRunner(path, served.arch)
    specs = {k: tf.TensorSpec(v.shape, tf.float32) for k, v in state_of(slots).items()}
    given = [shown(answer) for answer in in_loop(lambda of: runner.call("step", of), specs, frames)]
    found = [runner.infer({"image": frame}) for frame in frames]
    assert len({i for frame in given for i in frame}) > 5
    same, iou = likeness(followed(slots, found), given)
    assert same == 1.0 and iou >= 0.99
    plain = [{k: v.numpy() for k, v in served.fixed(batch=1)({"image": tf.constant(f)}).items()} for f in frames[:20]]
    apart = [np.abs(a["scores"] - b["scores"]).max() for a, b in zip(plain, found, strict=False)]
    assert 0 < max(apart) < 2 / 255  # scores 0 to 1, and the sums of a kernel of 8 bits


def test_weights_are_there_once_in_8_bits_and_the_state_is_float32(path):
    whole = unpacked(path.read_bytes())
    kernels = [
        graph.tensors[int(operator.inputs[1])]
        for graph in whole.subgraphs
        for operator in graph.operators
        if kind_of(whole, operator) == "CONV_2D"
    ]
    assert [kernel.type for kernel in kernels] == [INT8, INT8]
    assert len({kernel.buffer for kernel in kernels}) == 1
    (place,) = [held.subgraphIndex for held in whole.signatureDefs if held.signatureKey == b"step"]
    step = whole.subgraphs[place]
    integers = [name_of(step, n) for n, tensor in enumerate(step.tensors) if tensor.type == INT8]
    assert integers and not [name for name in integers if "kv_" in name or "step_" in name]


@pytest.mark.parametrize(("quantize", "io"), [("int16x8", "mixed"), ("int8", "uint8")])
def test_files_whose_tracker_would_be_integers_are_refused_in_one_line(served, frames, quantize, io):
    with pytest.raises(KerasVisionError, match=r"decodes in a loop, which has no integer form; export tflite:int8$"):
        convert(served, quantize, io, [{"image": frames[0]}])


def test_a_tracker_after_quantization_aware_training_is_refused_in_integers(served):
    aware = Served(served.arch, QAT().graph(served.arch, served.arch.build()), CLASSES)
    with pytest.raises(KerasVisionError, match="after quantization-aware training step would reckon in 8 bits; export"):
        convert(aware, "int8", "mixed", ())


def test_suppression_that_takes_score_away_is_calibrated_too(served, frames, tmp_path):
    """It runs in a loop, at which TensorFlow's calibrator ends the process."""
    rule = dataclasses.replace(served.arch.suppression, soft_sigma=0.5)
    arch = dataclasses.replace(served.arch, suppression=rule, slots=Slots())
    soft = Served(arch, arch.build(), CLASSES)
    (tmp_path / "model.tflite").write_bytes(convert(soft, "int8", "mixed", [{"image": f} for f in frames[:8]]))
    found = TFLiteRunner(tmp_path / "model.tflite", arch).infer({"image": frames[0]})
    wanted = soft.fixed(batch=1)({"image": tf.constant(frames[0])})
    surest = wanted["scores"].numpy()[0] > 0.6  # of whole squares
    assert surest.sum() > 2
    np.testing.assert_allclose(found["scores"][0][surest], wanted["scores"].numpy()[0][surest], atol=2 / 255)
    np.testing.assert_array_equal(found["boxes_xyxy"][0][surest], wanted["boxes_xyxy"].numpy()[0][surest])


def test_a_file_that_leaves_the_tracker_out_is_calibrated_without_it(served, frames, tmp_path):
    """MediaPipe's tasks know one signature."""
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(served, "int8", "mixed", [{"image": frame} for frame in frames[:2]], detector(served)))
    runner = DetectorRunner(path, served.arch)
    assert runner.infer({"image": frames[0]})["count"] == [5]
    with pytest.raises(KerasVisionError, match="has no function step; it only predicts"):
        runner.call("step", {})
