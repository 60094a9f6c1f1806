"""Quantization-aware training: the graph learns with int8 rounding in it (Jacob et al. 2018, arXiv:1712.05877)."""

import dataclasses
import re
import typing

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import techniques
from kerasvision.ops.internals import (
    assign_moving_average,
    exchange_quantizers,
    fed_by,
    inputs_in_order,
    quantized_name,
)
from kerasvision.train.techniques._kernels import KeepValues, KeepZeros, clustered, kernels, sparsity
from kerasvision.train.techniques._replicas import of_all_replicas
from kerasvision.train.techniques.base import Technique

_NOTHING = "the weights that this phase starts from have no"


@techniques.register("qat")
@dataclasses.dataclass(frozen=True)
class QAT(Technique):
    """Through tensorflow-model-optimization. Use it in a last, short phase on trained weights, with a small rate.

    The fake-quantization layers stay in the graph: `tflite:int8` then needs no calibration. A later phase goes on
    with them, whether it names this technique or not. preserve: what an earlier phase made of the kernels stays as it
    is, zeros of `prune` ("sparsity") or equal values of `cluster`, its zeros included ("clusters"); int8 has them too.
    """

    rivals: typing.ClassVar[str] = "alike"

    preserve: typing.Literal["none", "sparsity", "clusters"] = "none"

    def start(self, arch, graph):
        if self.preserve == "sparsity" and not sparsity(kernels(graph)):
            raise KerasVisionError(f'qat.preserve="sparsity": {_NOTHING} zeros; have techniques/prune before it')
        if self.preserve == "clusters" and not clustered(kernels(graph)):
            raise KerasVisionError(f'qat.preserve="clusters": {_NOTHING} clusters; have techniques/cluster before it')

    def callbacks(self):
        return {"none": (), "sparsity": (KeepZeros(),), "clusters": (KeepValues(),)}[self.preserve]

    def graph(self, arch, graph):
        if is_quantized(graph):
            return graph
        if any(layer.compute_dtype in ("float16", "bfloat16") for layer in graph.layers):
            raise KerasVisionError("qat works in float32; leave mixed_precision out of the phase that has qat")
        learns = [layer.trainable for layer in graph.layers]
        graph.trainable = True  # tfmot keeps other lists of weights for frozen layers, and their files do not fit
        annotated = keras.models.clone_model(graph, clone_function=_annotate)
        try:
            with keras.utils.custom_object_scope({"OutputRange": OutputRange}), inputs_in_order():
                quantized = tfmot.quantization.keras.quantize_apply(annotated)
        except (ValueError, RuntimeError, TypeError) as error:
            raise KerasVisionError(
                f"qat: {arch.registered_name} holds a layer that cannot be quantized: {_reason(error)}; train without "
                "qat and export tflite:int8, which calibrates instead"
            ) from error
        for wrapper in quantized.layers:
            exchange_quantizers(wrapper, _watching)
        for layer, value in zip(graph.layers, learns, strict=True):
            layer.trainable = value
            if layer.weights and not value:
                quantized.get_layer(quantized_name(layer.name)).trainable = False
        return quantized


def _reason(error):
    """tfmot's message in one line: the class and the name of the layer, where it says so."""
    line = str(error).strip().splitlines()[0]
    named = re.match(r"Layer (\S+):<class '[\w.]*?(\w+)'> is not supported", line)
    return f"{named[2]} {named[1]!r}" if named else line.rstrip(".")


class PeakQuantizer(tfmot.quantization.keras.quantizers.MovingAverageQuantizer):
    """A range that reaches as far as any batch has, and forgets slowly. It starts with the first batch.

    tfmot's own starts at [-6, 6] and moves by a thousandth a step towards each batch's range. After 250 steps three
    quarters of that guess are left, and a layer that reaches further, such as a linear bottleneck, is clipped all the
    while. And the average of the batches' ranges clips what is rare: the surest logits, the largest boxes.
    """

    REMEMBERS = 0.999  # of what is beyond the batch's range, a step

    def __call__(self, inputs, training, weights):
        low, high = weights["min_var"], weights["max_var"]
        if training:
            untouched = tf.logical_and(tf.equal(low, -6.0), tf.equal(high, 6.0))
            least, most = _reach(inputs)
            low = self._moved(weights["min_var"], least, untouched | (least < low))
            high = self._moved(weights["max_var"], most, untouched | (most > high))
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high, self.num_bits, self.narrow_range)

    def _moved(self, variable, value, at_once):
        """The variable after a step. This way of assigning, tfmot's, averages over replicas, which all say the same."""
        remembers = tf.where(at_once, 0.0, self.REMEMBERS)
        return assign_moving_average(variable, value, remembers)


def _reach(inputs):
    """Least and largest value of the whole batch, of all replicas, and 0 always between them: N replicas and one see
    the same range. (There is no all-reduce that takes a maximum, so the two numbers of each are gathered.)
    """
    ends = tf.stack([-tf.reduce_min(inputs), tf.reduce_max(inputs)])  # [2], so that both are maxima
    ends = tf.maximum(tf.reduce_max(of_all_replicas(ends[tf.newaxis])[0], axis=0), 0.0)
    return -ends[0], ends[1]


def _watching(quantizer):
    moving = type(quantizer) is tfmot.quantization.keras.quantizers.MovingAverageQuantizer
    return PeakQuantizer(**quantizer.get_config()) if moving else quantizer


class OutputRange(tfmot.quantization.keras.QuantizeConfig):
    """Watches a layer's output range: for layers without weights that tfmot has no rule for."""

    def get_weights_and_quantizers(self, layer):
        return []

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_weights(self, layer, quantize_weights):
        pass

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        quantizers = tfmot.quantization.keras.quantizers
        return [quantizers.MovingAverageQuantizer(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)]

    def get_config(self):
        return {}


# no arithmetic but on activations; a squeeze-and-excitation block needs Multiply
_PLAIN = ("Multiply", "Subtract", "Average", "Maximum", "Rescaling")
WITHOUT_WEIGHTS = tuple(getattr(keras.layers, name) for name in _PLAIN)

FOLDING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")  # take in the batch normalization behind them


def _annotate(layer):
    output_only = isinstance(layer, WITHOUT_WEIGHTS) or getattr(layer, "quantize_output_only", False)
    config = OutputRange() if output_only or _is_lone_norm(layer) else None
    return tfmot.quantization.keras.quantize_annotate_layer(layer, config)


def _is_lone_norm(layer):
    """A batch normalization before its convolution (DenseNet, ResNet V2), which tfmot cannot fold into one."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    ((before, *_), *_) = fed_by(layer)
    return type(before).__name__ not in FOLDING
