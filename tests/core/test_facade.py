"""Keras 3 in this process is said in one clear error; the facade's verbs can be called again and again."""

import os
import subprocess
import sys

import pytest

KERAS_3 = """
import sys
import tensorflow as tf
if "touch" in sys.argv: tf.keras.layers.Dense
import kerasvision
from kerasvision.core.keras_in_use import keras_in_use
for _ in range(2):
    try:
        kerasvision.train(None, "nowhere")
    except Exception as error:
        print(type(error).__name__, keras_in_use() or "-", error)
"""
SAYS = (
    "KerasVisionError {keras} tf.keras is Keras 3 in this process, and KerasVision needs tf_keras; import kerasvision "
    "before tensorflow, or set TF_USE_LEGACY_KERAS=1 in the environment"
)


@pytest.mark.parametrize(
    ("environment", "how", "keras"),
    [({}, "touch", "3"), pytest.param({"TF_USE_LEGACY_KERAS": "0"}, "", "-", marks=pytest.mark.nightly)],
    ids=["used before", "chosen"],
)
def test_keras_3_is_said_at_the_point_of_use(environment, how, keras):
    held = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", KERAS_3, how],
        env=held | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [SAYS.format(keras=keras)] * 2


FACADE = """
import sys
import kerasvision
assert "tensorflow" not in sys.modules, "importing the facade must cost nothing"
assert {"create", "names", "train", "Recipe"} <= set(dir(kerasvision))
from kerasvision.core.registry import KINDS
KINDS["techniques"].names()
assert not [m for m in sys.modules if "techniques" in m], "listing names imports nothing"
import keras_cv  # imports tf_keras as `tensorflow.keras`, and then the module is called so
from kerasvision.core.keras_in_use import keras_in_use
print("tf_keras is keras", keras_in_use())
KINDS["techniques"]["freeze"]
loaded = sorted(m.rpartition(".")[2] for m in sys.modules if m.startswith("kerasvision.train.techniques."))
assert loaded == ["base", "freeze"], loaded
import kerasvision.train.fit, kerasvision.export.certificate
for verb, function in (("train", kerasvision.train.fit.train), ("export", kerasvision.export.certificate.export)):
    for _ in range(2):
        try:
            getattr(kerasvision, verb)()
        except TypeError as error:
            print(error)
from kerasvision import train, export, create
print(callable(train), callable(export), create("techniques/freeze").prefix)
try:
    kerasvision.trian
except AttributeError as error:
    print(error)
"""


def test_verbs_stay_callable_after_their_packages_are_imported():
    """Python binds `kerasvision.train` to the package once it is imported, over the facade's function."""
    done = subprocess.run([sys.executable, "-c", FACADE], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    lines = lines[lines.index("tf_keras is keras 2") + 1 :]  # known by whatever name it was imported
    assert lines[0] == lines[1] == "train() missing 2 required positional arguments: 'recipe' and 'out'"
    assert lines[2] == lines[3] == "export() missing 2 required positional arguments: 'trained' and 'exporters'"
    assert lines[4] == "True True backbone_"
    assert lines[5].startswith("kerasvision has no 'trian'; it has ")
