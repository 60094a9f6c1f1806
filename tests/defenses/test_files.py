"""Files of networks behind defenses: each beside the trained model, and its twin beside LiteRT."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load, look_inside
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.explain.base import explainable
from kerasvision.export.targets.tflite import convert
from kerasvision.export.twin.twin import Twin
from kerasvision.inference.served import Served
from kerasvision.robustness.attacks.classifier import Classifier
from kerasvision.train.run import load_run
from tests import store
from tests.contract import contracts
from tests.defenses.test_defended import SQUEEZED, classifier, defended
from tests.export import twins
from tests.export.random_models import randomized

MOVED = ("median", "resize_pad")
SPECS = ("saved_model", "tflite", "tflite:int8", "onnx")


def digits(name, backbone):
    return Recipe(
        name=name,
        model=create("classification/classifier", image_size=(8, 8), backbone=backbone),
        data=create("sources/digits"),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=3,
        batch_size=64,
    )


@pytest.fixture(scope="module", params=[SQUEEZED, pytest.param(MOVED, marks=pytest.mark.nightly)], ids="-".join)
def exported(request):
    """(run, artifacts by spec): `export` has compared each file with the trained model and refuses what differs."""
    recipe = digits("-".join(request.param), defended(*request.param))
    artifacts = store.exported(recipe, SPECS, 60)[0]
    return load_run(store.trained(recipe)), artifacts


@pytest.mark.nightly
def test_every_file_agrees_with_the_trained_model(exported):
    run, artifacts = exported
    assert set(artifacts) == {"saved_model", "tflite:float32", "tflite:int8", "onnx"}
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
    own = Served(run.arch, run.graph, run.classes).serve({"image": tf.constant(images)})["probabilities"].numpy()
    assert len(set(own.argmax(1))) > 2
    for kind, artifact in artifacts.items():
        theirs = load(artifact.path)({"image": images})["probabilities"]
        if kind == "tflite:int8":
            assert (theirs.argmax(1) == own.argmax(1)).mean() >= 0.9
        else:
            np.testing.assert_allclose(theirs, own, atol=1e-4, err_msg=kind)


@pytest.mark.nightly
def test_twins_know_its_operators_and_let_gradients_through(exported):
    run, artifacts = exported
    images = np.random.default_rng(1).integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)
    for kind in ("tflite:float32", "tflite:int8"):
        file, inside = load(artifacts[kind].path), look_inside(artifacts[kind].path)
        model = Classifier(inside.arch, explainable(inside))
        theirs = file({"image": images})["probabilities"]
        np.testing.assert_array_equal(model.decided(images / np.float32(255)), theirs.argmax(1))
        slope = np.asarray(model.slope(images / np.float32(255), lambda logits: logits[:, 3])[1])
        assert (np.abs(slope).reshape(8, -1).max(1) > 0).all()


@pytest.mark.parametrize(("quantize", "names"), [("float32", SQUEEZED), ("int8", SQUEEZED), ("int8", MOVED)])
def test_each_operator_of_the_twin_is_litert_s(quantize, names, tmp_path):
    """On the file's own tensors, within what each kernel may be off."""
    arch = classifier(defended(*names), (20, 12), 4)
    served = Served(arch, randomized(contracts.built(arch), 3), tuple("abcd"))
    random = np.random.default_rng(0)
    rows = [{"image": random.integers(0, 256, (1, 20, 12, 3)).astype(np.uint8)} for _ in range(4)]
    path = tmp_path / "model.tflite"
    path.write_bytes(convert(served, quantize, "mixed", rows))
    twin, interpreter = Twin(path), twins.opened(path)
    for row in rows[:2]:
        twins.answers(interpreter, [row])
        for node in twin.nodes:
            assert max(twins.apart(twin, interpreter, node)) <= 1, node.kind


def test_a_form_that_litert_does_not_have_is_one_line():
    arch = classifier(defended("bit_depth"))
    rows = [{"image": np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)}]
    with pytest.raises(KerasVisionError, match="int16x8: LiteRT has no such form of ROUND.*; export tflite:int8"):
        convert(Served(arch, contracts.built(arch), tuple("0123456789")), "int16x8", "mixed", rows)
