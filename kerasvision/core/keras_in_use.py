"""Keras 3 and tf_keras in one process: found at the point of use, said in one line."""

import os
import sys

from kerasvision.core.errors import KerasVisionError


def require_tf_keras():
    """Raise when TensorFlow's Keras is Keras 3. A Keras 3 loss would even be accepted by our models, silently."""
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true")
    module = sys.modules.get("tensorflow")
    if not legacy or (module is not None and keras_in_use(module) == "3"):
        raise KerasVisionError(
            "tf.keras is Keras 3 in this process, and KerasVision needs tf_keras; import kerasvision before tensorflow, "
            "or set TF_USE_LEGACY_KERAS=1 in the environment"
        )


def keras_in_use(tensorflow):
    """ "3", "2", or "" while `tf.keras` has not been touched."""
    loaded = vars(tensorflow).get("keras")
    where = getattr(loaded, "__name__", "") if loaded is not None else ""
    inner = getattr(loaded, "_local_name", "") or where
    version = getattr(vars(loaded).get("Model"), "__module__", "") if hasattr(loaded, "__dict__") else ""
    if version.startswith("keras.src") or where.startswith("keras.") or inner == "keras":
        return "3"
    return "2" if "tf_keras" in (where + version) else ""
