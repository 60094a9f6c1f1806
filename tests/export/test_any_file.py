"""Files that take pictures of any size: what a client would have to do is inside of them."""

import types

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.edge import open_client
from kerasvision.edge.bench import ANY_SIDE, drawn_feed
from kerasvision.edge.client import as_png
from kerasvision.edge.independent.fitting import fit
from kerasvision.export import described
from kerasvision.export.base import Job, from_spec
from kerasvision.export.light import light_model
from kerasvision.export.targets import _tflite_any
from kerasvision.export.targets.tflite import TFLite
from kerasvision.inference.served import Served
from tests import store
from tests.contract.cases import CASES

SIDES = ((33, 20), (8, 8), (5, 61), (97, 130))
SPEC = "tflite:float32:any"


def picture(sides):
    return np.random.default_rng(sum(sides)).integers(0, 256, (*sides, 3), np.uint8)


def made(name, quantize="float32"):
    """(`Served`, bytes) of an untrained model of the contract tests."""
    arch = CASES[name].make()
    served = Served(arch, arch.build(), tuple(map(str, range(arch.num_classes))))
    ((key, spec),) = arch.prepared_inputs().items()
    calibration = tuple({key: picture(spec.shape[1:3])[None]} for _ in range(3 if quantize == "int8" else 0))
    return served, TFLite(quantize, input="any").content(Job(served, "any", 1, None, calibration, ()))


def agree(served, content):
    run = Interpreter(model_content=content).get_signature_runner()
    for sides in SIDES:
        inputs = {"image": picture(sides)[None]}
        wanted = {k: v.numpy() for k, v in served.serve({k: tf.constant(v) for k, v in inputs.items()}).items()}
        assert served.arch.compare(wanted, run(**inputs))[0][0] < 0.02, sides


def test_it_answers_as_predict_at_any_size_and_its_row_says_so(tmp_path):
    served, content = made("classification/classifier")
    agree(served, content)
    (tmp_path / "model_any.tflite").write_bytes(content)
    row = described.file(served.arch, from_spec(SPEC).signature(tmp_path / "model_any.tflite"))
    assert (row["takes"], row["restore"]) == ("original", {"rule": "none"})
    assert row["inputs"] == {"image": {"dtype": "uint8", "shape": [1, None, None, 3], "unit": "pixel 0..255"}}
    assert drawn_feed(row["inputs"])["image"].shape == (1, ANY_SIDE, ANY_SIDE, 3)


@pytest.mark.nightly
def test_clients_give_it_pixels_and_golden_json_is_of_other_files(digits_recipe, digits_run):
    folder = store.exported(digits_recipe, (SPEC,), 8)[2]
    path = folder / "tflite" / "models" / "digits" / "model_float32_any.tflite"
    client, light = open_client(path), light_model(path)
    model = Served(digits_run.arch, digits_run.graph, digits_run.classes)
    for sides in SIDES:
        given = picture(sides)
        wanted = model.serve({"image": given[None]})["probabilities"][0].numpy()
        for found in (client.predict(given), light.predict_one(light.read(as_png(given))[0]).values):
            assert np.abs(found["probabilities"] - wanted).max() < 0.02
    assert not (path.parent / "golden.json").exists()


@pytest.mark.parametrize("spec", ["tflite:int8:uint8:any", "tflite:int16x8:any", "tflite:float32:any:explain"])
def test_what_it_cannot_be_is_said(spec):
    with pytest.raises(UsageError, match="does not exist; pictures of any size: tflite:float32:any"):
        from_spec(spec)


def test_its_name_is_read_and_written():
    assert from_spec("tflite:int8:any") == TFLite("int8", input="any") and from_spec("tflite:any").input == "any"
    with pytest.raises(UsageError, match="repair is for tflite:int8; seen: tflite:int8:any"):
        TFLite("int8", input="any", repair=("bias",))


def judged(rules, takes_image=True, functions=()):
    arch = types.SimpleNamespace(preprocessing=lambda: rules, registered_name="family/model")
    _tflite_any.require(
        types.SimpleNamespace(arch=arch, takes_image=takes_image, functions=functions), "tflite:int8:any"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (({"kind": "text"}, False), "family/model has inputs of kind 'text': export tflite:int8$"),
        (({"kind": "image", "resize": "windows"},), "family/model has resize='windows': export tflite:int8$"),
        (({"kind": "image", "resize": "stretch"}, True, ("step",)), "family/model also has step: export tflite:int8$"),
    ],
)
def test_models_that_it_is_not_for_are_named(words, line):
    with pytest.raises(KerasVisionError, match=line):
        judged(*words)
    judged({"kind": "image", "resize": "letterbox"})


@pytest.mark.parametrize("share", [1.0, 0.875, 0.5, 0.3])
def test_calibration_pictures_are_prepared_as_they_are(share):
    """The middle of a framed picture is the picture, which a center crop of that share finds."""
    rules = {"resize": "center_crop", "crop_fraction": share, "size_hw": [24, 40], "resample": "nearest"}
    served = types.SimpleNamespace(arch=types.SimpleNamespace(preprocessing=lambda: rules))
    pixels = picture((24, 40))
    (framed,) = _tflite_any.pictures(served, [{"image": pixels[None]}])
    found, _ = fit(framed["image"][0], rules | {"antialias": "none"})
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "quantize"), [("classification/classifier", "int8"), ("detection/yolo", "float32")])
def test_other_families_and_integers(name, quantize):
    agree(*made(name, quantize))


@pytest.mark.nightly
def test_a_mask_in_pixels_of_the_picture_is_refused():
    line = "by ImageProjectiveTransformV3.*which TFLite lacks; export tflite:float32, and let"
    with pytest.raises(KerasVisionError, match=line):
        made("semantic_segmentation/unet")
