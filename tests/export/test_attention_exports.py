"""A classifier with attention in its backbone, int8 by calibration or in training, through every export."""

import pytest

from kerasvision.core.recipe import Budget, Phase
from kerasvision.core.registry import create
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from tests.train import tiny
from tests.undrawn import train

pytestmark = pytest.mark.slow  # minutes


@pytest.mark.parametrize("qat", [False, True], ids=["calibrated", "qat"])
@pytest.mark.parametrize("kind", ["se", "eca", "cbam", "non_local", "self_attention"])
def test_exports_agree(kind, qat, tmp_path):
    backbone = create("backbones/convnet", width=8, blocks=(1, 1), attention=kind, drop_path=0.1)
    then = (Phase(1, tiny.sgd(1e-3), (), (create("techniques/qat"),)),) if qat else ()
    recipe = tiny.recipe(
        model=tiny.classifier(backbone=backbone), epochs=4, then=then, budget=Budget(accuracy_drop=0.05)
    )
    trained = train(recipe, tmp_path / "run")
    specs = ("tflite:int8",) if qat else ("saved_model", "tflite:float32", "tflite:int8", "onnx")
    artifacts, _ = export(trained, [from_spec(s) for s in specs], tmp_path, verbose=False)
    for artifact in artifacts:
        assert artifact.verdict == "pass", artifact
        assert not [op for op in artifact.ops if op.startswith("Flex")]
        if artifact.kind != "tflite:int8":
            assert artifact.agreement["flips"] == 0
        else:
            assert artifact.agreement["flip_rate"] < 0.05
