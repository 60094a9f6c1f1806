"""`export --c-array`: what a C++ compiler makes of the source, and TensorFlow Lite for Microcontrollers of bytes."""

import collections
import re
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from kerasvision.cli.main import main
from kerasvision.export import certificate, micro
from kerasvision.export.inspection import inspect

FILE = "model_int8_uint8.tflite"
PROGRAM = """
#include <cstdio>
#include "model_int8_uint8.h"
struct Named { %s };
int main() {
  Named resolver;
  if (!digits_model_int8_uint8_add_operators(resolver)) return 1;
  for (const char* label : digits_model_int8_uint8_labels) std::printf("%%s\\n", label);
  std::printf("%%zu %%d\\n", reinterpret_cast<std::size_t>(digits_model_int8_uint8) %% 16,
              digits_model_int8_uint8_operators);
  std::fwrite(digits_model_int8_uint8, 1, digits_model_int8_uint8_bytes, stdout);
}
"""


Named = collections.namedtuple("Named", ("kind", "path"))


@pytest.fixture
def folder(digits_exports, tmp_path):
    return shutil.copytree(digits_exports[2] / "tflite" / "models" / "digits", tmp_path / "digits")


@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")
def test_a_compiler_finds_the_bytes_the_labels_and_the_operators(folder):
    (folder / "labels.txt").write_text('näh"t?\\\n' + "".join(f"{n}\n" for n in range(1, 10)), encoding="utf-8")
    assert micro.write_c_array(folder / FILE) == []
    held = sorted(inspect(folder / FILE)["operators"])
    methods = " ".join(f"int {micro.method_of(op)}() {{ return 0; }}" for op in held)
    (folder / "main.cc").write_text(PROGRAM % methods)
    words = ["g++", "-std=c++17", "-Wall", "-Werror", "main.cc", "model_int8_uint8.cc", "-o", "program"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    seen = subprocess.run([folder / "program"], check=True, capture_output=True).stdout
    lines = [b'n\xc3\xa4h"t?\\', *(str(n).encode() for n in range(1, 10)), f"0 {len(held)}".encode()]
    assert seen == b"\n".join(lines) + b"\n" + (folder / FILE).read_bytes()


def test_its_interpreter_answers_as_this_one(folder):
    """Against LiteRT's reference kernels, of the same source: one step of an output of 256. (XNNPACK's were 4 away.)"""
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    held = runtime.Interpreter.from_file(str(folder / FILE), arena_size=inspect(folder / FILE)["arena_bytes"] + 2**16)
    plain = Interpreter(str(folder / FILE), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    ours, inputs = plain.get_signature_runner(), np.load(folder / "golden.npz")["input/image"]
    for image in inputs[:5]:
        held.set_input(image[None], 0)
        held.invoke()
        expected, found = ours(image=image[None])["probabilities"], held.get_output(0)
        assert found.argmax() == expected.argmax()
        assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        ("CONV_2D", "AddConv2D"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("AVERAGE_POOL_2D", "AddAveragePool2D"),
        ("FULLY_CONNECTED", "AddFullyConnected"),
        ("PADV2", "AddPadV2"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("RELU6", "AddRelu6"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("SELECT_V2", "AddSelectV2"),
        ("CUMSUM", "AddCumSum"),
    ],
)
def test_methods_are_spelled_as_there(operator, method):
    """As micro_mutable_op_resolver.h of tensorflow/tflite-micro has them."""
    assert micro.method_of(operator) == method and operator in micro.OPERATORS


def test_what_has_no_kernel_there_is_named(folder, monkeypatch):
    monkeypatch.setattr(micro, "OPERATORS", micro.OPERATORS - {"CONV_2D"})
    assert micro.write_c_array(folder / FILE) == ["CONV_2D"]
    text = (folder / "model_int8_uint8.h").read_text()
    assert "No kernel there for CONV_2D" in text and "AddConv2D" not in text


class Two(tf.Module):
    """One signature of TANH alone; one whose loop has SIN in its body and LESS in its condition."""

    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32, "image")])
    def plain(self, image):
        return {"out": tf.tanh(image)}

    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32, "image")])
    def step(self, image):
        turn = [tf.zeros([], tf.int32), image]
        _, image = tf.while_loop(lambda n, _: n < 9, lambda n, held: (n + 1, tf.sin(held)), turn)
        return {"out": tf.cumsum(image)}


def test_operators_of_all_subgraphs_are_added_and_signatures_named(folder, tmp_path):
    module = Two()
    tf.saved_model.save(module, str(tmp_path / "two"), {"serving_default": module.plain, "step": module.step})
    path = tmp_path / "two.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "two")).convert())
    assert set(inspect(path)["operators"]) == {"TANH"} and micro.write_c_array(path) == []
    text = path.with_suffix(".h").read_text()
    added = set(re.findall(r"resolver\.(\w+)\(\)", text))
    assert {"AddTanh", "AddWhile", "AddSin", "AddLess", "AddAdd", "AddCumSum"} <= added
    assert f"_operators = {len(added)};" in text
    assert "// Signatures: serving_default, step." in text and "subgraph 0 alone (serving_default)" in text
    micro.write_c_array(folder / FILE)
    assert "Signatures" not in (folder / "model_int8_uint8.h").read_text()


def test_the_command_writes_it_beside_files_of_tflite(folder, digits_run, monkeypatch, capsys):
    artifacts = [Named("tflite:int8:uint8", folder / FILE), Named("onnx", folder / "none.onnx")]
    monkeypatch.setattr(certificate, "export", lambda *_: (artifacts, {}))
    words = ["export", str(digits_run.folder), "--to", "tflite:int8:uint8", "onnx", "--c-array"]
    assert main(words) == 0
    path = folder / "model_int8_uint8.cc"
    assert f"for TensorFlow Lite Micro: {path} and .h\n" in capsys.readouterr().err
    assert path.exists() and path.with_suffix(".h").exists()
    assert main(["export", str(digits_run.folder), "--to", "onnx", "--c-array"]) == 2
    assert "--c-array is for tflite; seen: --to onnx" in capsys.readouterr().err
