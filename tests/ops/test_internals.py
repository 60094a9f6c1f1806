"""What `kerasvision/ops/internals.py` leans on is there and does what we need; else its own words say what to do."""

import contextlib
import gc
import importlib.metadata
import inspect
import pathlib
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from kerasvision.core.graphs import is_quantized
from kerasvision.ops import internals

PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
PACKAGES = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "ai-edge-litert")
QUANTIZERS = tfmot.quantization.keras.quantizers
FUNCTIONS = [f for _, f in inspect.getmembers(internals, inspect.isfunction) if f.__module__ == internals.__name__]


@contextlib.contextmanager
def needed(*functions):
    """Whatever fails within fails with what the functions say to do."""
    try:
        yield
    except Exception as error:
        versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
        told = "\n".join(f"{f.__name__}: {inspect.getdoc(f)}" for f in functions)
        pytest.fail(f"{type(error).__name__}: {error}\nwith {versions}\n{told}", pytrace=False)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_function_says_what_to_do_and_is_tried(function):
    assert "When it goes: " in " ".join(inspect.getdoc(function).split())
    assert f"internals.{function.__name__}(" in pathlib.Path(__file__).read_text()


def test_a_failure_says_what_to_do():
    told = r"(?s)AttributeError.*tf_keras 2.*made_by: .*When it goes: compare"
    with pytest.raises(pytest.fail.Exception, match=told), needed(internals.made_by):
        internals.made_by(tf.constant(0.0))


def _graph():
    """image -> conv, twice -> norm -> add."""
    image, other = keras.Input((4, 4, 3), name="image"), keras.Input((4, 4, 3), name="other")
    conv = keras.layers.Conv2D(2, 1, name="conv")
    norm = keras.layers.BatchNormalization(name="norm")(conv(image))
    return keras.Model([image, other], keras.layers.Add(name="add")([norm, conv(other)]))


def test_layers_know_what_feeds_them():
    graph = _graph()
    fed = {}
    with needed(internals.made_by, internals.fed_by, internals.called_with):
        assert internals.made_by(graph.output) is graph.get_layer("add")
        normed, second = internals.called_with(graph.output)
        assert [internals.made_by(t).name for t in (normed, second)] == ["norm", "conv"]
        assert [t.name for t in internals.called_with(second)] == ["other"]  # of the shared layer's two calls this one
        for layer in graph.layers:
            fed[layer.name] = [[source.name for source in call] for call in internals.fed_by(layer)]
        assert fed.pop("image") == fed.pop("other") == [[]]
        assert fed == {"conv": [["image"], ["other"]], "norm": [["conv"]], "add": [["norm", "conv"]]}


def test_a_normalization_that_is_built_gets_another_moving_variance():
    """The moments of the batch against numpy's; on replicas: `tests/train/test_replicas.py`."""
    layer = keras.layers.BatchNormalization(momentum=0.0, name="norm")
    x = np.random.default_rng(0).normal(3.0, 2.0, (4, 3, 5, 2)).astype(np.float32)
    layer.build(x.shape)
    with needed(internals.synchronize):
        internals.synchronize(layer, lambda variance, count: variance * count)
        seen = tf.function(lambda x: layer(x, training=True))(x)
        np.testing.assert_allclose(layer.moving_variance, x.var((0, 1, 2)) * 4 * 3 * 5, rtol=1e-5)
        np.testing.assert_allclose(layer.moving_mean, x.mean((0, 1, 2)), rtol=1e-5)
        expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_an_optimizer_knows_its_variables():
    first, second = tf.Variable(1.0), tf.Variable(1.0)
    optimizer = keras.optimizers.SGD(0.1)
    with needed(internals.variable_key, internals.variable_index, internals.is_built):
        assert not internals.is_built(optimizer)
        optimizer.build([first, second])
        assert internals.is_built(optimizer)
        assert [internals.variable_index(optimizer, v) for v in (first, second)] == [0, 1]
        keys = [internals.variable_key(optimizer, v) for v in (first, second, first)]
        assert keys[0] == keys[2] != keys[1]


def test_an_optimizer_of_our_own_is_marked_as_built():
    optimizer = keras.optimizers.Optimizer(name="own")
    with needed(internals.is_built, internals.mark_built):
        assert not internals.is_built(optimizer)
        internals.mark_built(optimizer)
        assert internals.is_built(optimizer)
        with pytest.raises(RuntimeError, match="iterations"):
            optimizer.iterations = tf.Variable(0, dtype=tf.int64)


def test_weights_decay_one_by_one():
    """SGD: w <- w (1 - rate decay) for a gradient of 0, with a rate of its own for each variable."""

    class Own(internals.decaying_one_by_one(keras.optimizers.SGD)):
        @contextlib.contextmanager
        def rate_of(self, variable):
            before, self.learning_rate = float(self.learning_rate), rates[variable.name]
            yield
            self.learning_rate = before

    variables = [tf.Variable(1.0, name="fast"), tf.Variable(1.0, name="slow")]
    rates = {"fast:0": 0.5, "slow:0": 0.25}
    with needed(internals.decaying_one_by_one):
        Own(0.0, weight_decay=0.5).apply_gradients([(tf.constant(0.0), v) for v in variables])
        assert [float(v) for v in variables] == [0.75, 0.875]


def test_a_function_is_called_on_each_replica_from_a_merged_call():
    strategy, seen = tf.distribute.get_strategy(), []

    def merged(strategy, number):
        internals.on_each_replica(strategy, lambda number: seen.append(number), {"number": number})

    with needed(internals.on_each_replica):
        strategy.run(lambda: tf.distribute.get_replica_context().merge_call(merged, args=(7,)))
        assert seen == [7]


@pytest.mark.parametrize("takes", [False, True])
def test_a_callback_gets_tensors_where_it_says_so(takes):
    class Seen(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            if takes:
                internals.takes_tensors(self)

        def on_train_batch_end(self, batch, logs=None):
            self.logs = logs

    graph, seen = keras.Sequential([keras.layers.Dense(1)]), Seen()
    graph.compile("sgd", "mse")
    with needed(internals.takes_tensors):
        graph.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0, callbacks=[seen])
        assert tf.is_tensor(seen.logs["loss"]) == takes


class Telling(QUANTIZERS.MovingAverageQuantizer):
    calls = []

    def __call__(self, inputs, training, weights):
        self.calls.append(sorted(weights))
        return super().__call__(inputs, training, weights)


def test_quantizers_of_a_wrapped_graph_are_exchanged_and_called():
    """An activation of its own (Dense) and an output (Add) are what tfmot's two lists hold."""
    x = keras.Input((3,))
    y = keras.layers.Dense(3, activation="relu", name="dense")(x)
    graph = keras.Model(x, keras.layers.Add(name="add")([x, y]))
    quantized = tfmot.quantization.keras.quantize_model(graph)
    asked = []

    def exchange(quantizer):
        asked.append(type(quantizer))
        moving = type(quantizer) is QUANTIZERS.MovingAverageQuantizer
        return Telling(**quantizer.get_config()) if moving else quantizer

    with needed(internals.quantized_name, internals.unquantized_name, internals.exchange_quantizers):
        assert is_quantized(quantized) and not is_quantized(graph)
        assert quantized.get_layer(internals.quantized_name("dense")).layer.name == "dense"
        assert [internals.unquantized_name(n) for n in ("quant_dense", "dense")] == ["dense", "dense"]
        for kind in (QUANTIZERS.MovingAverageQuantizer, Telling):
            asked.clear()
            for layer in quantized.layers:
                internals.exchange_quantizers(layer, exchange)
            assert asked.count(kind) == 2
        Telling.calls.clear()
        assert quantized.call(tf.ones((1, 3)), training=True).shape == (1, 3)
        assert Telling.calls == [["max_var", "min_var"]] * 2


def test_a_wrapped_layer_gets_its_inputs_in_order():
    """Without the context it does not, which is why it is there."""
    x = keras.Input((4, 4, 3))
    normed = keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 1, use_bias=False)(x))
    branches = [keras.layers.ReLU(name="relu")(normed), keras.layers.MaxPooling2D(1, name="pool")(x)]
    graph = keras.Model(x, keras.layers.Concatenate(name="join")(branches))
    orders = []
    for around in (internals.inputs_in_order(), contextlib.nullcontext()):
        with needed(internals.inputs_in_order), around:
            wrapped = tfmot.quantization.keras.quantize_model(graph).get_layer("quant_join")
            orders.append([source.name for source in internals.fed_by(wrapped)[0]])
    assert orders == [["quant_relu", "quant_pool"], ["quant_pool", "quant_relu"]]


def test_a_moving_average_moves_by_its_share():
    variable = tf.Variable(8.0)
    with needed(internals.assign_moving_average):
        internals.assign_moving_average(variable, tf.constant(4.0), 0.75)
        assert float(variable) == 7.0
        internals.assign_moving_average(variable, tf.constant(4.0), tf.constant(0.0))
        assert float(variable) == 4.0


def _converter():
    """Two products in a row, of [1, 4]."""
    kernels = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")], autograph=False)
    def predict(x):
        return {"y": tf.nn.relu(x @ kernels[0]) @ kernels[1]}

    module.predict = predict
    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    data = np.random.default_rng(1).normal(size=(8, 1, 4)).astype(np.float32)
    converter.representative_dataset = lambda: ({"x": x} for x in data)
    return converter, kernels


def _opened(content):
    return Interpreter(model_content=content, experimental_op_resolver_type=PLAIN)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_calibrated_file_is_quantized_but_for_what_is_spared():
    converter, kernels = _converter()
    read = (internals.lite_schema, internals.operator_names, internals.operators_held, internals.with_ranges)
    data = np.random.default_rng(1).normal(size=(8, 1, 4)).astype(np.float32)
    with needed(internals.calibrated, internals.quantized_except, *read):
        content = internals.calibrated(converter)
        assert internals.operator_names(_opened(content)) == ["FULLY_CONNECTED"] * 2
        (first, takes, made), (second, then, last) = internals.operators_held(_opened(content))
        assert first == second == "FULLY_CONNECTED" and made[0] in then and last[0] not in (*takes, *made)
        (answer,) = _opened(content).get_output_details()
        inside = internals.quantized_except(content, [answer["name"]])
        names = internals.operator_names(_opened(inside))
        assert names == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE", "FULLY_CONNECTED"]
        assert internals.operator_names(_opened(internals.quantized_except(content, []))).count("DEQUANTIZE") == 1
        _check_constants(content, kernels)
        ranged = internals.with_ranges(content, lambda: ({"x": 9 * x} for x in data))
        (graph,) = internals.lite_schema().ModelT.InitFromPackedBuf(ranged).subgraphs
        assert graph.tensors[int(graph.inputs[0])].quantization.max[0] == (9 * data).max()


def _check_constants(content, kernels):
    """The schema's classes read the float file's two kernels, which stand transposed, and write what they have read."""
    schema = internals.lite_schema()
    model = schema.ModelT.InitFromPackedBuf(content)
    found = [
        np.frombuffer(bytes(model.buffers[t.buffer].data), np.float32).reshape(t.shape)
        for t in model.subgraphs[0].tensors
        if t.type == schema.TensorType.FLOAT32 and model.buffers[t.buffer].data is not None and len(t.shape) == 2
    ]
    assert len(found) == 2
    assert all(any(np.array_equal(kernel.T, held) for held in found) for kernel in kernels)
    assert [s.name.decode() for s in model.signatureDefs[0].outputs] == ["y"]


def test_a_saved_model_is_read_without_loading_it(tmp_path):
    module = tf.Module()
    module.serve = tf.function(lambda x: {"y": tf.nn.relu(x)}, input_signature=[tf.TensorSpec((None, 3), name="x")])
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    with needed(internals.meta_graph):
        held = internals.meta_graph(tmp_path)
        assert [d.size for d in held.signature_def["serving_default"].inputs["x"].tensor_shape.dim] == [-1, 3]
        assert "Relu" in {node.op for function in held.graph_def.library.function for node in function.node_def}


def test_a_function_that_is_not_inlined_says_so_in_the_graph_that_calls_it():
    inner = internals.not_inlined(lambda x: x + 1.0, [tf.TensorSpec([], tf.float32)])
    outer = tf.function(lambda x: inner(x) * 2.0, autograph=False)
    with needed(internals.not_inlined):
        assert float(outer(tf.constant(1.0))) == 4.0
        library = outer.get_concrete_function(tf.constant(1.0)).graph.as_graph_def().library.function
        assert [f.attr["_noinline"].b for f in library if "_noinline" in f.attr] == [True]


def test_graphs_with_gradients_of_their_own_are_let_go():
    """Without the context one stays, which is why it is there."""
    graphs = []
    for around in (internals.gradients_let_go(), contextlib.nullcontext()):
        with needed(internals.gradients_let_go), around:
            slope = tf.function(lambda x: tf.gradients(tf.nn.swish(x), x))
            graphs.append(weakref.ref(slope.get_concrete_function(tf.TensorSpec([])).graph))
    del slope
    gc.collect()
    assert [graph() is None for graph in graphs] == [True, False]
