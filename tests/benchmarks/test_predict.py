"""What `predict` costs around the runtime: a float .tflite, a run and a bare interpreter, MobileNetV2 at 224 px."""

import dataclasses

import numpy as np
import pytest

from kerasvision.api import Model, ServedRunner
from kerasvision.core.registry import create
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from tests.benchmarks.ratios import paired

pytestmark = pytest.mark.benchmark


@dataclasses.dataclass
class Case:
    arch: object
    classes: tuple
    graph: object
    path: object
    image: np.ndarray


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    data = pytest.importorskip("skimage.data")
    backbone = create("backbones/mobilenet", version="v2")
    arch = create("classification/classifier", num_classes=1000, image_size=(224, 224), backbone=backbone)
    graph, classes = arch.build(), tuple(map(str, range(1000)))
    path = tmp_path_factory.mktemp("benchmark") / "model.tflite"
    path.write_bytes(convert(Served(arch, graph, classes), "float32", "mixed", ()))
    return Case(arch, classes, graph, path, np.ascontiguousarray(data.astronaut()[:224, :224]))


def _bare(case):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(case.path))
    interpreter.allocate_tensors()
    index = interpreter.get_input_details()[0]["index"]
    output = interpreter.get_output_details()[0]["index"]

    def invoke():
        interpreter.set_tensor(index, case.image[None])
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return invoke


def _times(count, function):
    def run():
        for _ in range(count):
            function()

    return run


def test_predict_of_a_tflite_against_a_bare_interpreter(case):
    model = Model(case.arch, case.classes, TFLiteRunner(case.path, case.arch))
    inputs = {"image": case.image[None]}
    ratio, ours, theirs = paired(_times(30, lambda: model(inputs)), _times(30, _bare(case)), rounds=9)
    print(f"\npredict {1000 * ours / 30:.2f} ms, bare LiteRT {1000 * theirs / 30:.2f} ms, ratio {ratio:.3f}")
    assert ratio <= 1.15


def test_predict_of_a_run_against_keras_predict(case):
    model = Model(case.arch, case.classes, ServedRunner(Served(case.arch, case.graph, case.classes)))
    inputs = {"image": case.image[None]}
    normalized = {k: v.numpy() for k, v in case.arch.normalize(inputs).items()}
    ratio, ours, theirs = paired(
        _times(20, lambda: model(inputs)), _times(20, lambda: case.graph.predict(normalized, verbose=0)), rounds=5
    )
    bare, run, lite = paired(_times(20, lambda: model(inputs)), _times(20, _bare(case)), rounds=5)
    print(f"\nrun {1000 * ours / 20:.1f} ms, keras predict {1000 * theirs / 20:.1f} ms, ratio {ratio:.3f}")
    print(f"run {1000 * run / 20:.1f} ms, bare LiteRT {1000 * lite / 20:.1f} ms, ratio {bare:.2f}")
    assert ratio < 0.6  # keras.Model.predict is never on the way
