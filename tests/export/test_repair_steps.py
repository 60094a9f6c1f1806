"""Steps that repair int8 files: each against a closed form, and what they are called."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.export.repair import biases, equalization, ranges
from kerasvision.export.repair.flatbuffer import constant, kind_of, name_of, observed, unpacked
from kerasvision.export.repair.workshop import Plan, Workshop, layer_of, layers_of, plan_of
from kerasvision.export.targets._tflite_operators import interpreter
from kerasvision.export.targets.tflite import TFLite


def answers(content, calibration):
    run = interpreter(model_content=content).get_signature_runner()
    return np.concatenate([run(**one)["probabilities"] for one in calibration])


def test_equalized_channels_answer_to_the_bit_and_have_like_ranges(shop, calibration):
    content, pairs = equalization.equalized(shop.content)
    assert pairs >= 1 and shop.pairs() == pairs
    np.testing.assert_array_equal(answers(content, calibration[:20]), answers(shop.content, calibration[:20]))
    before, after = (reaches(held) for held in (shop.content, content))
    assert (before[0] / before[1]).max() > 1000 * (before[0] / before[1]).min()
    assert ((after[0] / after[1]) < 2.001).all() and ((after[0] / after[1]) > 0.499).all()  # powers of two


def reaches(content):
    """The largest weights of each channel of the stretched pair, on both of its sides."""
    model = unpacked(content)
    graph = model.subgraphs[0]
    held = {layer_of(name_of(graph, int(o.outputs[0]))): o for o in graph.operators if kind_of(model, o) == "CONV_2D"}
    kernels = [constant(model, graph, int(held[f"backbone_c0_block0_{n}_conv"].inputs[1])) for n in (1, 2)]
    return np.abs(kernels[0]).max((1, 2, 3)), np.abs(kernels[1]).max((0, 1, 2))


def small(*layers):
    """A float .tflite of dense layers on 4 numbers."""
    graph = keras.Sequential([keras.Input((4,), batch_size=1, name="x"), *layers], name="small")
    converter = tf.lite.TFLiteConverter.from_keras_model(graph)
    return graph, lambda: converter.convert()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("activation", "expected"), [("relu", [4.0, 0.5, 1.0]), ("relu6", [16.0, 1.0, 1.0])])
def test_a_scale_is_the_root_of_the_ratio_where_the_activation_allows_it(activation, expected):
    """Nagel et al. 2019, equation 11: r1 = 16, 1/2, 1 beside r2 = 1, 1/2, 1; relu6 cuts off at a number."""
    first, second = keras.layers.Dense(3, activation=activation), keras.layers.Dense(2)
    _, convert = small(first, second)
    first.set_weights([np.float32([[16, 0, 1], [0, -1, 0], [1, 0.5, 0], [0, 0, 0]]), np.float32([8, 1, 1])])
    second.set_weights([np.float32([[1, 0.5], [0.25, -0.25], [1, -1]]), np.zeros(2, np.float32)])
    content, _ = equalization.equalized(convert())
    model = unpacked(content)
    graph = model.subgraphs[0]
    kernel, bias = (constant(model, graph, int(graph.operators[0].inputs[i])) for i in (1, 2))
    assert np.abs(kernel).max(1).tolist() == expected
    assert bias.tolist() == ([2.0, 0.5, 1.0] if activation == "relu" else [8.0, 1.0, 1.0])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_rounding_adds_to_a_channel_is_taken_off_its_bias():
    """Each weight but the largest is 0.4 of a step above an integer, so that all are rounded down."""
    layer, behind = keras.layers.Dense(2, name="rounded"), keras.layers.Dense(2, name="behind")
    _, convert = small(layer, behind)  # what makes the answer stays float
    behind.set_weights([np.eye(2, dtype=np.float32), np.zeros(2, np.float32)])
    kernel = np.float32([[127, 127], [10.4, 20.4], [30.4, 40.4], [50.4, -59.6]]) / 64
    layer.set_weights([kernel, np.ones(2, np.float32)])
    rng = np.random.default_rng(0)
    examples = [{"x": rng.uniform(0.5, 1, (1, 4)).astype(np.float32)} for _ in range(200)]
    shop = Workshop(convert(), lambda: (("serving_default", one) for one in examples))
    plain, mended = (shop.made(Plan(bias=bias)) for bias in (False, True))
    truth = np.concatenate([one["x"] for one in examples]) @ kernel + 1
    off = [np.abs((outputs(content, examples) - truth).mean(0)) for content in (plain, mended)]
    assert (off[0] > 0.8 * 3 * 0.4 / 64 * 0.75).all()  # three weights, each 0.4 / 64 too small, times the mean 0.75
    assert (off[1] < 0.25 * off[0]).all()


def outputs(content, examples):
    run = interpreter(model_content=content).get_signature_runner("serving_default")
    return np.concatenate([next(iter(run(**one).values())) for one in examples])


def test_biases_of_a_file_that_is_rounded_well_hardly_move(shop, calibration):
    content = shop.made(Plan(equalize=True))
    held = shop.calibrated(Plan(equalize=True))
    mended, changed = biases.corrected(content, held, shop.feeds())
    assert changed >= 1 and len(mended) > 0
    first, second = (answers(c, calibration[:20]) for c in (content, mended))
    assert 0 < np.abs(first - second).max() < 0.1


def test_the_narrowest_range_is_the_best_of_all_that_are_tried():
    values = np.random.default_rng(0).laplace(size=100_000)
    low, high = values.min(), values.max()
    chosen = ranges.narrowest(np.histogram(values, 4096, (low, high))[0], low, high)

    def error(part):
        step = part * (high - low) / 255
        return ((np.rint(np.clip(values, part * low, part * high) / step) * step - values) ** 2).mean()

    best = min(np.linspace(0.2, 1, 33), key=error)
    assert chosen[0] / low == pytest.approx(chosen[1] / high) and best < 0.9
    assert error(chosen[1] / high) <= 1.02 * error(best)
    uniform = np.ones(4096)
    assert ranges.narrowest(uniform, -1.0, 1.0)[1] > 0.97  # where all numbers are as frequent there is none to cut


@pytest.mark.parametrize("way", ranges.WAYS)
def test_ranges_are_those_of_the_numbers_that_pass(shop, calibration, way):
    content = shop.calibrated(Plan(equalize=True, ranges=way))
    model = unpacked(content)
    graph = model.subgraphs[0]
    number = int(next(o for o in graph.operators if kind_of(model, o) == "FULLY_CONNECTED").outputs[0])
    seen = np.concatenate([value_of(number).ravel() for value_of in observed(content, shop.feeds())])
    grid = graph.tensors[number].quantization
    assert seen.min() - 0.1 <= grid.min[0] <= 0 < grid.max[0] <= seen.max() + 0.1
    if way == "percentile":
        step = (seen.max() - seen.min()) / ranges.BINS
        assert grid.max[0] == pytest.approx(np.quantile(seen, 1 - ranges.OUTER), abs=0.1 * seen.max() + 2 * step)


def test_steps_are_read_as_they_are_written():
    plan = Plan(True, "mse", ("a", "b"), True)
    assert plan_of(plan.steps()) == plan and plan.steps() == ("equalize", "ranges=mse", "float=a,b", "bias")
    assert plan_of(("bias", "float=b,a")) == Plan(floats=("a", "b"), bias=True) and plan_of(()) == Plan()


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        (("equalise",), "repair 'equalise'; allowed: equalize, ranges=mse"),
        (("ranges=best",), "repair 'ranges=best'; allowed"),
        (("float=",), "repair 'float='; allowed"),
        (("equalize=1",), "repair 'equalize=1'; allowed"),
        (("bias", "bias"), "each step is taken once"),
    ],
)
def test_a_step_that_is_none_is_one_line(steps, line):
    with pytest.raises(UsageError, match=line):
        plan_of(steps)


def test_repair_is_of_int8_files_alone():
    assert TFLite("int8", repair=("bias",)).spec == "tflite:int8"
    with pytest.raises(UsageError, match="repair is for tflite:int8; seen: tflite:float16"):
        TFLite("float16", repair=("bias",))


def test_a_layer_that_there_is_none_of_is_one_line(shop):
    with pytest.raises(UsageError, match="float=backbone_stem_con: no such layer in integers; did you mean backbone"):
        shop.made(Plan(floats=("backbone_stem_con",)))


def test_named_layers_are_float_and_all_others_integers(shop):
    chosen = ("backbone_c1_block0_2_conv", "logits")
    content = shop.made(Plan(floats=chosen))
    assert set(layers_of(content)) & set(shop.layers) == set(chosen)
    only = shop.only("backbone_c1_block0_2_conv", Plan())
    assert set(layers_of(only)) == set(shop.layers) - {"backbone_c1_block0_2_conv"}


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("m/stem_relu/Relu;m/stem_bn/FusedBatchNormV3;m/stem_conv/Conv2D1", "stem_conv"),
        ("m/quant_logits/MatMul;m/quant_logits/BiasAdd", "logits"),
        ("kv_normalize/sub/y", ""),
        ("arith.constant", ""),
        ("StatefulPartitionedCall:0", ""),
    ],
)
def test_a_tensor_knows_its_layer(name, layer):
    assert layer_of(name) == layer
