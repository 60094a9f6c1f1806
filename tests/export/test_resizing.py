"""What another client's resizing costs: pixels of other libraries where those of the contract belong."""

import json
import shutil
import types

import numpy as np
import pytest
from PIL import Image

from kerasvision.api import Model
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.edge.contracts import read_contract
from kerasvision.edge.independent.fitting import fit
from kerasvision.export import resizing as module
from kerasvision.export.base import Runner
from kerasvision.export.resizing import resizing, scaling


class Sharp(Runner):
    """Calls a picture by how much its neighboring pixels differ, and remembers what it was given."""

    def __init__(self, arch):
        super().__init__(arch)
        self.given = []

    def infer(self, inputs):
        image = np.asarray(inputs["image"])
        self.given.append(image)
        steps = np.abs(np.diff(image.astype(np.float64), axis=2)).mean((1, 2, 3))
        places = np.stack([np.abs(steps - middle) for middle in (4.0, 12.0, 30.0)], -1)
        return {"probabilities": np.float32(np.exp(-places) / np.exp(-places).sum(-1, keepdims=True))}


@pytest.fixture
def model(photo_model):
    return Model(photo_model.arch, photo_model.classes, Sharp(photo_model.arch), photo_model.recipe)


def test_the_contract_s_own_way_costs_nothing(model, monkeypatch):
    rules = model.arch.preprocessing()
    own = lambda part, size: fit(part, rules | {"size_hw": [int(side) for side in size]})[0]  # noqa: E731
    monkeypatch.setattr(module, "scaling", lambda name, method: own)
    found = resizing(model, "test", ["pillow"])
    assert found["clients"]["pillow"] | {"interval": None} == {
        "value": found["value"],
        "change": 0.0,
        "interval": None,
        "flips": 0,
    }
    own, other = model.runner.given[0], model.runner.given[1]
    np.testing.assert_array_equal(own, other)


def test_pixels_are_those_of_the_library(model, judged):
    found = resizing(model, "test", ["pillow", "nearest"])
    own, pillow, nearest = model.runner.given[:3]
    pictures = [image[0] for _, image in judged][: len(own)]
    expected = [np.asarray(Image.fromarray(p).resize((16, 16), Image.Resampling.BILINEAR)) for p in pictures]
    np.testing.assert_array_equal(pillow, np.stack(expected))
    assert not np.array_equal(own, pillow) and not np.array_equal(pillow, nearest)
    values = {row["value"] for row in found["clients"].values()}
    assert found["examples"] == len(judged) and all(0 <= value <= 1 for value in values)
    for name, row in found["clients"].items():
        calls = [np.concatenate(model.runner.given[i::3]) for i in range(3)]
        sharp = Sharp(model.arch)
        decided = [sharp.infer({"image": held})["probabilities"].argmax(-1) for held in calls]
        which = 1 if name == "pillow" else 2
        assert row["flips"] == (decided[0] != decided[which]).sum()
        assert row["change"] == pytest.approx(row["value"] - found["value"])


def test_area_and_nearest_by_hand():
    part = np.arange(4 * 4 * 1).reshape(4, 4, 1).astype(np.uint8) * 3
    blocks = part.reshape(2, 2, 2, 2).mean((1, 3))
    np.testing.assert_array_equal(scaling("area", "bilinear")(part, (2, 2))[..., 0], np.round(blocks))
    np.testing.assert_array_equal(scaling("nearest", "bilinear")(part, (2, 2))[..., 0], part[1::2, 1::2, 0])


def test_a_letterbox_keeps_its_gray(photo_model):
    rules = photo_model.arch.preprocessing() | {
        "resize": "letterbox",
        "letterbox": {"gray": 114, "placement": "center", "inner_size": "half_to_even", "offset": "floor"},
    }
    picture = np.full((30, 40, 3), 200, np.uint8)
    page, geometry = fit(picture, rules, scaling("pillow", "bilinear"))
    assert (
        page.shape == (16, 16, 3) and (page[2:14] == 200).all() and (page[:2] == 114).all() and (page[14:] == 114).all()
    )
    assert geometry["offset_xy"].tolist() == [0, 2]


def test_opencv_is_asked_where_it_is_installed(monkeypatch):
    asked = []

    def resize(part, size, interpolation):
        asked.append((size, interpolation))
        return np.zeros((size[1], size[0], 3), np.uint8)

    cv2 = types.SimpleNamespace(resize=resize, INTER_LINEAR=1, INTER_CUBIC=2)
    monkeypatch.setattr(module.importlib, "import_module", lambda name: {"cv2": cv2}[name])
    assert scaling("opencv", "bicubic")(np.zeros((9, 9, 3), np.uint8), (4, 5)).shape == (4, 5, 3)
    assert asked == [((5, 4), 2)]

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module.importlib, "import_module", missing)
    with pytest.raises(UsageError, match="--resample opencv needs OpenCV: pip install opencv-python-headless"):
        scaling("opencv", "bilinear")


def test_what_does_not_resize_is_one_line(model, monkeypatch):
    with pytest.raises(UsageError, match="--resample skia; allowed: pillow, opencv, area, nearest"):
        resizing(model, "test", ["skia"])
    monkeypatch.setattr(Sharp, "takes_prepared", False)
    with pytest.raises(UsageError, match="for a file that takes pictures of its own size"):
        resizing(model, "test", ["pillow"])


def test_the_contract_holds_what_was_found(digits_exports, tmp_path, capsys):
    """Digits have the graph's size, so no client resizes them."""
    folder = shutil.copytree(digits_exports[2] / "tflite" / "models" / "digits", tmp_path / "digits")
    path = folder / "model.tflite"
    assert main(["evaluate", str(path), "--resample", "pillow", "nearest", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["examples"] == 359 and {row["flips"] for row in found["clients"].values()} == {0}
    contract = read_contract(folder)  # and its sum is right
    held = next(row for row in contract["artifacts"] if row["path"] == "model.tflite")
    assert held["resizing"] == found
    assert main(["evaluate", str(folder), "--resample", "pillow"]) == 2
    assert "--resample is for a file that takes pictures of its own size" in capsys.readouterr().err
