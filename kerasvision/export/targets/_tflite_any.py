"""A .tflite that takes pictures of any height and width: what `preprocess` says is inside of it (`ops.any_size`)."""

import itertools
import math
import re

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.ops import any_size
from kerasvision.ops.geometry import RESIZES

WORD = "any"  # behind an exporter's name
BEYOND = ("present", "constant_inputs", "windows")  # of `preprocess`: what takes more than one picture of one size


def content(job, exporter, convert):
    """The bytes of a file. job: the export's `Job`. exporter, convert: of `targets.tflite`. Raises KerasVisionError of
    a model that has no such form.
    """
    served = job.served
    require(served, exporter.spec)
    try:
        held = tuple(pictures(served, job.calibration))
        return convert(served, exporter.quantize, exporter.io, held, predicting(served), custom=False)
    except Exception as error:  # the converter's own class has no public name
        lacking = ", ".join(dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op", str(error))))
        if not lacking:
            raise
        raise KerasVisionError(
            f"{exporter.spec}: {served.arch.registered_name} answers in pixels of the picture by {lacking}, which "
            f"TFLite lacks; export {exporter.spec.replace(f':{WORD}', '')}, and let the client restore its answer"
        ) from None


def require(served, spec):
    """KerasVisionError of a model whose preparing has no such form. spec: of the exporter."""
    rules, whole = served.arch.preprocessing(), spec.replace(f":{WORD}", "")
    name = served.arch.registered_name
    if not served.takes_image or rules.get("resize") not in RESIZES or set(BEYOND) & set(rules):
        seen = f"resize={rules['resize']!r}" if "resize" in rules else f"inputs of kind {rules['kind']!r}"
        raise KerasVisionError(
            f"{spec} brings one picture to the graph's size by {', '.join(RESIZES)}; {name} has {seen}: export {whole}"
        )
    if served.functions:
        raise KerasVisionError(
            f"{spec} answers with predictions alone, and {name} also has {', '.join(served.functions)}: export {whole}"
        )


def predicting(served):
    """A tf.function: {"image": uint8 [1, H, W, 3]} -> the prediction in pixels of that picture."""
    ((key, spec),) = served.arch.serving_specs().items()
    rules = served.arch.preprocessing()

    def prepare(sent):
        pixels, geometry = any_size.fit(sent[key], rules)
        return {key: pixels}, geometry

    return served.whole({key: tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, key)}, prepare)


def pictures(served, calibration):
    """Of prepared inputs, dicts of numpy arrays [1, ...], pictures that become these when they are prepared."""
    rules = served.arch.preprocessing()
    margin = rules["crop_fraction"] if rules["resize"] == "center_crop" else 1.0
    return ({key: _framed(value, margin) for key, value in held.items()} for held in calibration)


def _framed(pixels, share):
    """[1, h, w, C] in the middle of a repeated border, so that a center crop of this share of the sides finds it."""
    sides = pixels.shape[1:3]
    near = [(int(side / share), math.ceil(side / share)) for side in sides]
    whole = min(itertools.product(*near), key=lambda held: _beside(held, sides, share))
    pads = [((w - s) // 2, w - s - (w - s) // 2) for w, s in zip(whole, sides, strict=True)]
    return np.pad(pixels, [(0, 0), *pads, (0, 0)], "edge")


def _beside(whole, sides, share):
    """By how many pixels the window that is cut of a picture of these sides is larger or smaller than `sides`."""
    step = min(w / s for w, s in zip(whole, sides, strict=True)) * share
    return sum(abs(round(side * step) - side) for side in sides)
