"""Keras 3 and tf_keras in one process: found at the point of use, said in one line."""

import os
import sys
import types

from kerasvision.core.errors import KerasVisionError


def require_tf_keras():
    """Raise when TensorFlow's Keras is Keras 3. A Keras 3 loss would even be accepted by our models, silently."""
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true")
    if not legacy or keras_in_use() == "3":
        raise KerasVisionError(
            "tf.keras is Keras 3 in this process, and KerasVision needs tf_keras; import kerasvision before "
            "tensorflow, or set TF_USE_LEGACY_KERAS=1 in the environment"
        )


def keras_in_use():
    """Which Keras `tf.keras` has become in this process: "3", "2" (tf_keras), or "" while it has not been touched."""
    tensorflow = sys.modules.get("tensorflow")
    loaded = vars(tensorflow).get("keras") if tensorflow else None
    if type(loaded) is not types.ModuleType:  # TensorFlow's lazy loader stands there until the first use
        return ""
    # its name would not tell: tf_keras is called tensorflow.keras once keras-cv has imported it by that name
    return "2" if loaded.Model.__module__.startswith("tf_keras.") else "3"
