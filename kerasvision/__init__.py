"""KerasVision: one verified line from images and labels to a model on a device.

The facade. Importing it costs nothing: TensorFlow is imported by the first verb that needs it.
"""

import os

# keras-cv and tensorflow-model-optimization read this when TensorFlow is first imported. Multi-worker `fit`
# and quantization-aware training work with tf_keras and fail with Keras 3, so it is set before anything else.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.1.0"

_VERBS = {
    "names": "kerasvision.core.registry",
    "create": "kerasvision.core.registry",
    "Recipe": "kerasvision.core.recipe",
    "Phase": "kerasvision.core.recipe",
    "Budget": "kerasvision.core.recipe",
    "Study": "kerasvision.core.study",
    "train": "kerasvision.train.fit",
    "load": "kerasvision.api",
    "evaluate": "kerasvision.api",
    "predict": "kerasvision.api",
    "export": "kerasvision.export.certificate",
}
__all__ = sorted(_VERBS)


def __getattr__(name):
    if name not in _VERBS:
        raise AttributeError(f"kerasvision has no {name!r}; it has {', '.join(__all__)}")
    import importlib

    return getattr(importlib.import_module(_VERBS[name]), name)


def __dir__():
    return __all__ + ["__version__"]
