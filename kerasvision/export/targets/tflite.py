"""TensorFlow Lite (LiteRT): float32, float16, dynamic-range, int8, int16x8 and quantization-aware trained files."""

import dataclasses
import functools
import re
import tempfile
import typing
import warnings

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import exporters
from kerasvision.export.base import Exporter
from kerasvision.export.functions import prepared_feeds
from kerasvision.export.heat import WORD, heated, without_word
from kerasvision.export.repair.workshop import Workshop, plan_of, spared
from kerasvision.export.targets import _tflite_any, _tflite_loops
from kerasvision.export.targets._tflite_beside import write_beside
from kerasvision.export.targets._tflite_operators import interpreter, tflite_ops
from kerasvision.export.targets._tflite_overflow import overflows, widened
from kerasvision.export.targets._tflite_rounding import exact_of
from kerasvision.export.targets._tflite_runner import DEFAULT, TFLiteRunner
from kerasvision.export.targets._tflite_weights import integer_step, kernel_zeros
from kerasvision.export.targets.saved_model import spelled
from kerasvision.export.twin.graph import TwinGraph
from kerasvision.export.twin.twin import Twin
from kerasvision.ops.internals import calibrated, quantized_except

Quantize = typing.Literal["float32", "float16", "dynamic", "int8", "int16x8"]


@exporters.register("tflite")
@dataclasses.dataclass(frozen=True)
class TFLite(Exporter):
    """`tflite/models/<name>/model[_<quantize>].tflite`, batch 1, the graph's size, pixels 0..255.

    quantize: `int8` and `int16x8` calibrate on training images. A graph trained with `techniques/qat` carries its own
    ranges. io: `mixed` takes uint8 pixels and gives float32 scores, with normalization and decoding in float32 around
    the integer graph (int16x8 has no such kernel for uint8 and takes float32 pixels, still 0..255); `float32` takes and
    gives float32; `uint8` is integer throughout (for EdgeTPU-like devices), normalization and scores in 8 bits too.
    input: `any` takes uint8 pixels of a picture of any height and width, brings it to the graph's size inside of the
    file (`ops.any_size`) and answers in pixels of that picture; its file's name ends in `_any`.
    explain: a further output `heat`, see `export.heat`; its file's name ends in `_explain`.
    repair: steps by which an int8 file keeps more of its accuracy (`export.repair.workshop`), as in ("equalize",
    "float=head", "bias"); what `export --max-drop` finds.
    """

    home: typing.ClassVar[str] = "tflite/models/{name}"
    suffixes: typing.ClassVar[tuple[str, ...]] = (".tflite",)

    quantize: Quantize = "float32"
    io: typing.Literal["mixed", "float32", "uint8"] = "mixed"
    input: typing.Literal["fixed", "any"] = "fixed"
    explain: bool = False
    repair: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if self.io == "uint8" and self.quantize != "int8":
            raise UsageError(
                f"tflite:{self.quantize}:uint8 does not exist; integer input and output: tflite:int8:uint8"
            )
        if plan_of(self.repair).steps() and self.spec != "tflite:int8":
            raise UsageError(f"repair is for tflite:int8; seen: {self.spec}")
        if self.takes_any and (self.quantize == "int16x8" or self.io != "mixed" or self.explain):
            raise UsageError(
                f"{self.spec} does not exist; pictures of any size: tflite:float32:any, and float16, dynamic, int8"
            )

    @property
    def takes_any(self):
        """Whether it takes pictures of any size."""
        return self.input == "any"

    @property
    def spec(self):
        io = f":{self.io}" if self.io != "mixed" else ""
        any_size = f":{_tflite_any.WORD}" if self.takes_any else ""
        return f"tflite:{self.quantize}{io}{any_size}" + (f":{WORD}" if self.explain else "")

    @classmethod
    def from_spec(cls, options):
        (words, explain), names = without_word(options), ("quantize", "io")
        held = "any" if _tflite_any.WORD in words else "fixed"
        words = [word for word in words if word != _tflite_any.WORD]
        if len(words) > len(names):
            raise UsageError(
                f"tflite:{':'.join(options)}: write tflite[:QUANTIZE[:IO]][:any][:explain], as in tflite:int8:uint8"
            )
        return cls(**dict(zip(names, words, strict=False)), input=held, explain=explain)

    def write(self, job):
        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        variant = self.spec.removeprefix("tflite:").replace(":", "_")
        path = folder / ("model.tflite" if variant == "float32" else f"model_{variant}.tflite")
        path.write_bytes(self.content(job))
        write_beside(folder, job)
        return path

    def content(self, job):
        """The bytes of the file for a `Job`."""
        if self.io == "uint8" and "outer_xyxy" in job.served.arch.outputs:
            raise KerasVisionError(
                f"{self.spec}: boxes that are promised to hold objects whole are not answered in 8 bits; export "
                "tflite:int8, whose decoding is float, or without the promise: --set model.outer_boxes.coverage=0"
            )
        if self.repair:
            return workshop(job.served, job.calibration).made(plan_of(self.repair))
        if self.takes_any:
            return _tflite_any.content(job, self, convert)
        return convert(job.served, self.quantize, self.io, job.calibration, explain=self.explain)

    def open(self, path, arch):
        return TFLiteRunner(path, arch, takes_prepared=not self.takes_any)

    def exact(self, path, job):
        return exact_of(self, path, job)

    def look_inside(self, path, graph):
        if self.takes_any:
            return super().look_inside(path, graph)
        return TwinGraph(Twin(path, DEFAULT), graph)

    def ops(self, path):
        return tflite_ops(path)

    def zeros(self, path):
        return kernel_zeros(path.read_bytes())

    def step(self, path):
        return integer_step(path.read_bytes())

    def signature(self, path):
        return self.functions(path, (DEFAULT,))[DEFAULT]

    def functions(self, path, names):
        held = interpreter(model_path=str(path), delegates=False)
        runs = {name: held.get_signature_runner(name) for name in names if name in held.get_signature_list()}
        return {
            name: {"inputs": _rows(run.get_input_details()), "outputs": _rows(run.get_output_details())}
            for name, run in runs.items()
        }

    def check(self, path, runner, judge):
        yield from super().check(path, runner, judge)
        yield from judge.names(path.parent / "labels.txt")
        yield from judge.goldens(path.parent / "golden.npz")

    @property
    def precision(self):
        return self.quantize if self.quantize in ("float32", "float16") else None


def workshop(served, calibration):
    """A `Workshop` of a trained model. calibration: prepared inputs. Raises UsageError of a model that has learned its
    own ranges (`techniques/qat`).
    """
    if served.quantization_aware:
        raise UsageError("repair: the model has learned its ranges by techniques/qat, so there is nothing to choose")
    content = convert(served, "float32", "mixed", ())
    return Workshop(content, lambda: _feeds(served, calibration, None, bool(served.functions)), served.float_layers)


def convert(served, quantize, io, calibration, predict=None, explain=False, custom=True):
    """The bytes of a .tflite. calibration: prepared inputs, read only for int8 and int16x8.

    predict: a tf.function of one example's prepared inputs that the file is made of, instead of the prediction; it may
    have custom operators, if `custom` lets it. Takes uint8 pixels (so neither int16x8 nor another io). explain: as of
    `TFLite`.
    """
    if served.loops and quantize in ("int8", "int16x8"):
        raise KerasVisionError(
            f"tflite:{quantize}: {', '.join(served.loops)} runs in a loop, which has no integer form; train with "
            "model.unroll=True, or export tflite:dynamic"
        )
    with warnings.catch_warnings():  # TensorFlow's converter warns of its own interpreter's retirement
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated.*")
        content = _converted(served, quantize, io, calibration, predict, explain, custom)
        if quantize == "int8" and served.quantization_aware and overflows(content):
            return widened(content, _converted(served, "float32", io, calibration, predict, explain, custom))
        return content


def _converted(served, quantize, io, calibration, predict, explain, custom):
    pixels = None if io == "mixed" and quantize != "int16x8" else tf.float32
    plain = heated(served, 1, pixels, quantize) if explain else served.fixed(batch=1, image_dtype=pixels)
    module = tf.Module()  # a bare module converts six times faster than a Keras model
    module.weights = list(served.weights)
    module.predict = predict or plain
    has_functions = bool(served.functions) and predict is None
    feeds = functools.partial(_feeds, served, calibration, pixels, has_functions)
    if has_functions:
        with tempfile.TemporaryDirectory() as folder:
            converter = _of_several(served, module, folder)
            if served.loop_functions and quantize in ("int8", "int16x8"):
                return _tflite_loops.quantized(converter, served, quantize, io, feeds())
            return _made(converter, served, quantize, io, feeds)
    function = module.predict.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.allow_custom_ops = predict is not None and custom
    if quantize in ("int8", "int16x8") and not served.quantization_aware and _tflite_loops.has_loop(function):
        return _tflite_loops.quantized(converter, served, quantize, io, feeds())
    return _made(converter, served, quantize, io, feeds)


def _of_several(served, module, folder):
    """The converter of a file with a signature for each function. A file of one is made without the way over a
    SavedModel, which takes longer.
    """
    signatures = {DEFAULT: spelled(module.predict, module.predict.input_signature[0])}
    for name, function in served.functions.items():
        specs = {
            k: tf.TensorSpec([s.shape[0] or 1, *s.shape[1:]], s.dtype) for k, s in function.input_signature[0].items()
        }
        signatures[name] = spelled(function, specs)
    module.functions = served.functions
    tf.saved_model.save(module, folder, signatures=signatures)
    return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))


def _made(converter, served, quantize, io, feeds):
    if quantize == "float32":
        return converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
    if quantize == "dynamic":
        return converter.convert()
    if not served.quantization_aware or quantize == "int16x8":
        converter.representative_dataset = lambda: feeds(whole_range=io == "uint8")
    if quantize == "int16x8":
        ops = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [ops]
        return _in_16_bits(converter)
    if io == "uint8":
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        return converter.convert()
    return converter.convert() if served.quantization_aware else _quantize_core(converter, served.float_layers)


def _in_16_bits(converter):
    try:
        return converter.convert()
    except RuntimeError as error:
        missing = ", ".join(sorted(set(re.findall(r"16x8-bit not yet supported for op: '(\w+)'", str(error)))))
        if not missing:
            raise
        text = f"tflite:int16x8: LiteRT has no such form of {missing}; export tflite:int8 or tflite:float16"
        raise KerasVisionError(text) from None


def _feeds(served, calibration, pixels, has_functions, whole_range=False):
    """has_functions: whether the file has the architecture's further ones, which are fed too. whole_range: the first
    image gets a pixel at each end of 0..255, for then uint8 input has the scale 1: pixels are taken as they are, also
    where all calibration images are dark.
    """
    images = [k for k, spec in served.arch.prepared_inputs().items() if spec.dtype == tf.uint8]
    for number, prepared in enumerate(calibration):
        feed = dict(prepared)
        for key in images if feed.keys() >= set(images) else ():
            feed[key] = feed[key].astype(np.float32) if pixels else feed[key]
            if whole_range and not number:
                feed[key] = feed[key].copy()
                feed[key].flat[0], feed[key].flat[-1] = 0, 255
        yield (DEFAULT, feed)
        yield from next(prepared_feeds(served, [prepared])).items() if has_functions else ()


def _quantize_core(converter, float_layers):
    """int8 for the graph alone; normalization and decoding, known by their name scopes, stay float32, and so do those
    layers of the graph that say `stays_float`: two-stage detectors do box arithmetic in the midst of it.

    Boxes decoded in int8 were wrong by 0.107 px where a float decoding was by 0.0074 px.
    """
    content = calibrated(converter)
    return quantized_except(content, spared(content, float_layers))


def _rows(details):
    rows = {}
    for key, tensor in sorted(details.items()):
        shape = [None if n < 0 else int(n) for n in tensor["shape_signature"]]
        rows[key] = {"dtype": np.dtype(tensor["dtype"]).name, "shape": shape}
        scale, zero = tensor["quantization"]
        if scale:
            rows[key]["quantization"] = [float(scale), int(zero)]
    return rows
