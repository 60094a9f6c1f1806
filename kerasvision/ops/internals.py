"""What TensorFlow, tf_keras, tensorflow-model-optimization and LiteRT have and do not promise to keep.

Their private and undocumented names stand here and nowhere else (`tests/test_private_names.py`). Each function says
what it does, why the public interface does not do, and what to do when the name is gone; `tests/ops/test_internals.py`
tries each, and fails with those words. tf2onnx is used by its public names alone.
"""

import contextlib
import math
import pathlib
import threading

import tensorflow as tf


def made_by(tensor):
    """Keras tensor of a functional graph -> the layer that it comes out of.

    Public names lead from a layer to its output, not back. When it goes: compare the tensor with the outputs of the
    layers of `keras.Model(inputs, tensor)`.
    """
    return tensor._keras_history.layer


def called_with(tensor):
    """Keras tensor of a functional graph -> the Keras tensors that its layer was called with there.

    A shared layer has several calls, of which public names tell neither which one made a tensor. When it goes: of the
    calls `layer.get_input_at(number)` that whose `layer.get_output_at(number)` is the tensor, with `made_by`.
    """
    history = tensor._keras_history
    return list(history.layer.inbound_nodes[history.node_index].keras_inputs)


def fed_by(layer):
    """The layers whose outputs a layer of a functional graph was given: a list for each of its calls.

    `layer.input` is public, but refuses a layer that is called more than once (the heads of a pyramid). When it goes:
    `layer.get_input_at(number)` until it raises, and `made_by`.
    """
    return [[made_by(tensor) for tensor in node.keras_inputs] for node in layer.inbound_nodes]


def synchronize(layer, correct):
    """Let a BatchNormalization that is built already take its moments over the whole batch of all replicas.

    correct: (variance, number of this replica's values of a channel) -> what the moving variance moves towards. Keras
    decides with `synchronized` when a layer is made, before anybody knows the strategy that a saved graph will train
    under, and its synchronized layer has no correction. When it goes: a layer of our own in `layers/norm.py`, with
    weights of the same names, put in place of Keras's by `keras.models.clone_model`.
    """
    if "_assign_moving_average" in vars(layer):
        return  # by an earlier phase, which compiled the same graph
    layer.synchronized, layer.fused = True, False
    moments, assign = layer._calculate_mean_and_var, layer._assign_moving_average
    held = threading.local()  # each replica is traced in a thread of its own

    def counted(inputs, reduction_axes, keep_dims, mask=None):
        shape = tf.shape(inputs)
        sides = [inputs.shape[a] if inputs.shape[a] is not None else shape[a] for a in reduction_axes]
        held.count = tf.cast(math.prod(sides), inputs.dtype)
        return moments(inputs, reduction_axes, keep_dims, mask=mask)

    def corrected(variable, value, momentum, inputs_size):
        if variable is layer.moving_variance:
            value = correct(value, held.count)
        return assign(variable, value, momentum, inputs_size)

    layer._calculate_mean_and_var, layer._assign_moving_average = counted, corrected


def variable_key(optimizer, variable):
    """By what a Keras optimizer knows a variable: the same for the variable of all replicas and for each one's part.

    `variable.ref()` differs between these. When it goes: the variable's name, if the graph's are unique.
    """
    return optimizer._var_key(variable)


def variable_index(optimizer, variable):
    """The place of a variable in the list that a Keras optimizer was built with.

    Public is only the list that one gives. When it goes: keep `{key: place}` in `build`, with `variable_key`.
    """
    return optimizer._index_dict[optimizer._var_key(variable)]


def is_built(optimizer):
    """Whether a Keras optimizer has made its variables. `build` is called before each update, by Keras too.

    Optimizers have no `built` as layers do. When it goes: an attribute of our own.
    """
    return getattr(optimizer, "_built", False)


def mark_built(optimizer):
    """Say at the end of `build`, as each optimizer of Keras does, that the variables are made.

    Keras then refuses another `iterations` and takes `set_weights`. When it goes: see whether Keras marks it itself.
    """
    optimizer._built = True


def decaying_one_by_one(base):
    """A subclass of a Keras optimizer whose weight decay takes variables one at a time, in `self.rate_of(variable)`.

    Keras reads the learning rate once for each variable, but public hooks enclose the decay of all. When it goes: give
    the optimizer no `weight_decay`, and decay in `update_step`, where the rate is a variable's own already.
    """

    class OneByOne(base):
        def _apply_weight_decay(self, variables):
            for variable in variables:
                with self.rate_of(variable):
                    super()._apply_weight_decay([variable])

    return OneByOne


def on_each_replica(strategy, function, keywords):
    """Call a function on each replica from where replicas have been merged. keywords: a value for each replica.

    `strategy.run` is for the outside of a step. When it goes: try `strategy.run` there all the same, against
    `tests/train/test_replicas.py`.
    """
    return strategy.extended.call_for_each_replica(function, args=(), kwargs=keywords)


def takes_tensors(callback):
    """Let a Keras callback have the logs of a batch as tensors, so that no step waits until its loss is fetched.

    callback: after its own `super().__init__()`, which says the contrary. All callbacks with hooks around batches must
    agree. When it goes: nothing breaks; measure `tests/benchmarks/test_fit.py` again.
    """
    callback._supports_tf_logs = True


def quantized_name(name):
    """A layer's name -> the name of the wrapper that tensorflow-model-optimization puts around it.

    The prefix is nowhere documented. When it goes: find the wrapper whose `layer` has the name.
    """
    return f"quant_{name}"


def unquantized_name(name):
    """The name of a layer, or of the wrapper that `quantized_name` names -> the layer's.

    When it goes: as there; the `layer` of a wrapper has the name.
    """
    return name.removeprefix("quant_")


def exchange_quantizers(wrapper, exchange):
    """Replace the quantizers of activations and outputs in one layer of a quantized graph. Others are left alone.

    exchange: quantizer -> quantizer with the same variables. tfmot's schemes have no option for another moving average,
    and its wrappers keep the quantizers in attributes alone. When it goes: a scheme of our own, whose configurations of
    layers give our quantizers (`tfmot.quantization.keras.QuantizeConfig`).
    """
    for activation in getattr(wrapper, "_quantize_activations", ()):
        activation.quantizer = exchange(activation.quantizer)
    if getattr(wrapper, "_output_quantizers", None):
        wrapper._output_quantizers = [exchange(quantizer) for quantizer in wrapper._output_quantizers]


@contextlib.contextmanager
def inputs_in_order():
    """Around `quantize_apply`: a layer of several inputs gets them in the order that it had them in.

    tfmot connects a layer that it matches anew, in the order of the graph's list: Concatenate([b, a]) joins [a, b].
    When it goes: compare `fed_by` of each Concatenate before and after, and refuse a graph where they differ.
    """
    import tensorflow_model_optimization as tfmot

    transformer = tfmot.quantization.keras.graph_transformations.model_transformer.ModelTransformer
    found = transformer._get_layers

    def in_order(self, names):
        held = {layer["config"]["name"]: layer for layer in found(self, names)}
        return [held[name] for name in dict.fromkeys(names) if name in held]

    transformer._get_layers = in_order
    try:
        yield
    finally:
        transformer._get_layers = found


def assign_moving_average(variable, value, remembers):
    """Move a variable towards a value, float of its shape, or on replicas towards the mean of theirs.

    remembers: the share that stays, 0..1. It is what tfmot's own quantizers call, within a replica as outside;
    `tf.train.ExponentialMovingAverage` makes variables of its own. When it goes: `context.all_reduce` of the value, and
    `strategy.extended.update` in a `merge_call`.
    """
    return tf.__internal__.train.assign_moving_average(variable, value, remembers, zero_debias=False)


def calibrated(converter):
    """A TFLiteConverter with a representative data set -> bytes of a float file that holds the ranges it has seen.

    The input of `quantized_except`; `convert` does both at once and for the whole graph. When it goes: see there.
    """
    converter._experimental_calibrate_only = True
    return converter.convert()


def with_ranges(content, feeds):
    """A float .tflite -> the same with the ranges that its tensors have over some inputs, as `calibrated` gives it.

    feeds: a function that gives them, (signature, {input: array}). The converter calibrates what it has just converted
    and nothing else. When it goes: convert again with another representative data set.
    """
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    return Calibrator(content).calibrate(feeds)


def quantized_except(content, float_tensors):
    """A calibrated .tflite -> the same in int8, but for operators that make the named tensors, which stay float32.

    The converter cannot be told what to spare. When it goes: `tf.lite.experimental.QuantizationDebugger`, which does it
    so (`denylisted_nodes` of its options, `get_nondebug_quantized_model`), but calibrates and quantizes twice.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    return mlir_quantize(content, fully_quantize=False, denylisted_nodes=list(float_tensors))


def lite_schema():
    """The module of classes (`ModelT`, `BufferT`, ...) that read and write a .tflite as objects.

    The interpreter shows neither constants nor metadata, and writes nothing. When it goes: the same module stands in
    `ai_edge_litert`, and `flatc --python --gen-object-api` makes it of TensorFlow's `schema.fbs`.
    """
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def operator_names(interpreter):
    """Name of every operator that LiteRT runs, in order; XNNPACK's own node among them unless delegates are off.

    `interpreter.get_tensor_details` is public and knows tensors alone. When it goes: read `operatorCodes` and
    `subgraphs[0].operators` with `lite_schema`.
    """
    return [operator["op_name"] for operator in interpreter._get_ops_details()]


def operators_held(interpreter):
    """[(name, numbers of the tensors it takes, of those it makes)] of every operator, XNNPACK's parts (DELEGATE) among
    them, which stand beside those that they run.

    As `operator_names`. When it goes: the parts cannot be seen; say nothing of what XNNPACK leaves out.
    """
    rows = interpreter._get_ops_details()
    return [(row["op_name"], [int(i) for i in row["inputs"]], [int(i) for i in row["outputs"]]) for row in rows]


def meta_graph(folder):
    """The first MetaGraphDef of a SavedModel, its signatures and functions, without loading the model.

    The class of the message that holds it, SavedModel, has no documented place. When it goes:
    `tf.compat.v1.saved_model.load(session, ["serve"], folder)` gives it too, and loads the model.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    read = saved_model_pb2.SavedModel.FromString((pathlib.Path(folder) / "saved_model.pb").read_bytes())
    return read.meta_graphs[0]


def not_inlined(function, specs):
    """A traced function that graphs call and do not copy: what it needs is prepared when it is first called.

    specs: of its arguments, tf.TensorSpec. `tf.function` has no other way to say so, and the attribute's name is not
    documented. When it goes: leave it out; programs start slower and answer the same.
    """
    attributes = {"_noinline": True}
    return tf.function(function, input_signature=specs, autograph=False, experimental_attributes=attributes)


@contextlib.contextmanager
def gradients_let_go():
    """Around work whose traced functions are not differentiated after it: lets go of what holds their graphs.

    TensorFlow registers the gradient of a `tf.custom_gradient` (swish, and what optimizers and losses are made of)
    under another name whenever a function with it is traced, for ever, and with it the function's whole graph: a
    process that trains again and again grows by ten megabytes and more each time. When it goes: take the context away
    where it is used; nothing but memory depends on it.
    """
    from tensorflow.python.framework import ops

    held = ops.gradient_registry._registry
    before = set(held)
    try:
        yield
    finally:
        for name in [n for n in held if n not in before and n.startswith("CustomGradient-")]:
            del held[name]
