"""Integer files of graphs whose decoding runs in a loop: the converter's own calibration ends the process at one."""

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.repair.ranges import seen
from kerasvision.export.repair.workshop import spared
from kerasvision.ops.internals import quantized_except

LOOPS = ("While", "StatelessWhile")


def has_loop(function):
    """Whether a concrete function runs in a loop."""
    return any(operator.type in LOOPS for operator in function.graph.get_operations())


def quantized(converter, served, quantize, io, feeds):
    """The bytes of an int8 file, whose ranges are seen in LiteRT's interpreter. feeds: calibration examples,
    (signature, {input: array}). Raises KerasVisionError of a form, or of a model trained so, in which the loop itself
    would be integers.
    """
    if quantize == "int16x8" or io == "uint8":
        what = "tflite:int16x8" if quantize == "int16x8" else "tflite:int8 with io=uint8"
        raise KerasVisionError(
            f"{what}: {served.arch.registered_name} decodes in a loop, which has no integer form; export tflite:int8"
        )
    if served.quantization_aware:
        raise KerasVisionError(
            f"tflite:int8: after quantization-aware training {', '.join(served.loop_functions)} would reckon in 8 "
            "bits; export tflite, tflite:float16 or tflite:dynamic, or leave the tracker out with model.slots.count=0"
        )
    content = seen(converter.convert(), feeds)
    return quantized_except(content, spared(content, served.float_layers))
