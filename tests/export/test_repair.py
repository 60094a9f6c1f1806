"""Int8 files that are broken on purpose, by channels of unlike scales, and what repairs them.

The function of a broken model is that of the trained one, to the bit: scales are powers of two, and what multiplies a
channel is divided out again behind it.
"""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import splits_of
from kerasvision.export.base import Job
from kerasvision.export.blame import blame, draw
from kerasvision.export.calibration import calibration_inputs
from kerasvision.export.certificate import export
from kerasvision.export.layers import Layer
from kerasvision.export.repair import biases, equalization, ranges
from kerasvision.export.repair.flatbuffer import constant, kind_of, name_of, observed, unpacked
from kerasvision.export.repair.ladder import Target, repair
from kerasvision.export.repair.workshop import Plan, Workshop, layer_of, layers_of, plan_of
from kerasvision.export.targets._tflite_operators import interpreter
from kerasvision.export.targets.tflite import TFLite, TFLiteRunner, workshop
from kerasvision.export.trials import Trial, Trials
from kerasvision.train.run import structure
from tests.export.conftest import Traced

SCALES = np.exp2(np.arange(8) * 2.0 - 7).astype(np.float32)
INSIDE = (("backbone_c0_block0_1_bn",), ("backbone_c0_block0_2_conv",))  # a pair that equalization can mend
# a tensor with a shortcut, which it cannot
AROUND = (
    ("backbone_stem_bn", "backbone_c0_block0_2_bn"),
    ("backbone_c0_block0_1_conv", "backbone_c1_block0_1_conv", "backbone_c1_block0_shortcut_conv"),
)
DROP = 0.03  # 179 validation examples can tell


def stretched(trained, where):
    """The trained model with channels multiplied by SCALES, and divided by them again behind."""
    graph = structure(trained.recipe)
    graph.set_weights(trained.graph.get_weights())
    for name in where[0]:
        layer = graph.get_layer(name)
        gamma, beta, *moments = layer.get_weights()
        layer.set_weights([gamma * SCALES, beta * SCALES, *moments])
    for name in where[1]:
        layer = graph.get_layer(name)
        kernel, *bias = layer.get_weights()
        layer.set_weights([kernel / SCALES[:, None], *bias])
    return Traced(trained.recipe, graph, trained.classes, {})


@pytest.fixture(scope="module")
def inside(digits_run):
    return stretched(digits_run, INSIDE)


@pytest.fixture(scope="module")
def around(digits_run):
    return stretched(digits_run, AROUND)


@pytest.fixture(scope="module")
def calibration(inside):
    return calibration_inputs(splits_of(inside.recipe, "train")["train"], inside.served())


@pytest.fixture(scope="module")
def shop(inside, calibration):
    return workshop(inside.served(), calibration)


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
    only = shop.only("backbone_c1_block0_2_conv")
    assert set(layers_of(only)) == set(shop.layers) - {"backbone_c1_block0_2_conv"}


def test_channels_that_equalization_can_mend_need_nothing_else(inside, calibration, tmp_path):
    said = []
    found = repair(inside, Target(DROP), tell=said.append)
    first, last = found.record["attempts"][0], found.record["attempts"][-1]
    assert first["steps"] == [] and first["change"] < -0.3 and not first["kept"]  # the plain file is ruined
    assert last["steps"] == list(found.exporter.repair) == ["equalize"] and last["kept"] and last["front"]
    assert len(said) == len(found.record["attempts"]) == 2
    artifacts, contract = export(inside, [found.exporter], tmp_path, limit=60, verbose=False, repaired=found)
    assert artifacts[0].sha256 == found.sha256 and contract["artifacts"][0]["repair"] == found.record
    written = json.loads((tmp_path / "tflite" / "models" / "digits" / "contract.json").read_text())
    steps = tuple(written["artifacts"][0]["repair"]["steps"])
    job = Job(inside.served(), "again", 1, tmp_path / "again", calibration, ())
    (tmp_path / "again" / "tflite" / "models" / "again").mkdir(parents=True)
    assert TFLite("int8", repair=steps)._content(job) == artifacts[0].path.read_bytes()


def test_channels_with_a_shortcut_need_layers_in_float(around):
    found = repair(around, Target(DROP))
    rows = found.record["attempts"]
    assert rows[0]["change"] < -0.3 and not any(row["kept"] for row in rows if not row["steps"])
    (floats,) = (step for step in found.exporter.repair if step.startswith("float="))
    names = floats.removeprefix("float=").split(",")
    touched = {name.replace("_bn", "_conv") for part in AROUND for name in part} | {"backbone_c0_block0_add"}
    assert len(set(names) & touched) >= 2  # those on both sides of the tensor
    smaller = [row for row in rows if row["kept"] and row["size_bytes"] < rows[-1]["size_bytes"]]
    assert smaller and rows[-1]["kind"] == "tflite:float16"
    assert min(row["size_bytes"] for row in rows if row["kept"]) == next(
        row["size_bytes"] for row in rows if row["steps"] == list(found.exporter.repair)
    )


def test_a_target_that_no_file_reaches_says_what_was_found(inside):
    with pytest.raises(KerasVisionError, match=r"none of \d+ files keeps the target; the best: tflite:\w+.* bytes"):
        repair(inside, Target(DROP, size_bytes=1000))


def test_too_few_examples_say_how_many_are_needed(inside):
    with pytest.raises(UsageError, match="179 validation examples are too few to tell a fall of 0.005: 601 are needed"):
        repair(inside, Target(0.005))


def test_a_bound_is_kept_by_the_whole_interval():
    def trial(low, change, size=10, ms=1.0):
        held = {"metric_change": change, "metric_change_interval": [low, 2 * change - low], "direction": "max"}
        return Trial(held, 0.0, size, ms)

    target = Target(0.01, size_bytes=10, latency_ms=1.0)
    assert target.keeps(trial(-0.0099, 0.0)) and not target.keeps(trial(-0.0101, 0.0))
    assert target.may_keep(trial(-0.0101, 0.0)) and not target.may_keep(trial(-0.02, -0.0101))
    assert not target.keeps(trial(0, 0, size=11)) and not target.keeps(trial(0, 0, ms=1.1))
    with pytest.raises(UsageError, match="--max-drop 0; allowed: above 0"):
        Target(0.0)


def test_trials_measure_what_the_certificate_does(digits_exports, digits_run):
    artifacts, _, out = digits_exports
    path = out / "tflite" / "models" / "digits" / "model_int8.tflite"
    served = digits_run.served()
    answer = lambda inputs: {k: v.numpy() for k, v in served.judge(inputs).items()}  # noqa: E731
    splits = splits_of(digits_run.recipe, "test")
    trials = Trials(served.arch, served.classes, splits, "test", answer, limit=120)
    held, known = trials.of(path.read_bytes()), artifacts["tflite:int8"].agreement
    for key in ("metric_change", "metric_change_interval", "flips", "examples"):
        assert held.agreement[key] == known[key], key
    assert 0 < held.error <= known["max_error"] and held.size_bytes == path.stat().st_size
    assert trials.of_runner(TFLiteRunner(path, served.arch), 5).agreement == held.agreement


def test_a_layer_that_is_broken_is_blamed(inside, shop, tmp_path):
    (tmp_path / "model.tflite").write_bytes(shop.content)
    (tmp_path / "model_int8.tflite").write_bytes(shop.made(Plan()))
    runner = TFLiteRunner(tmp_path / "model.tflite", inside.arch)
    model = Known(inside.arch, inside.classes, inside.recipe, runner)
    paths = tmp_path / "model_int8.tflite", tmp_path / "model.tflite"
    names = ("backbone_c0_block0_2_conv", "logits")
    rows = [Layer(name, name, "CONV_2D", number, number, 0, 0, 0) for number, name in enumerate(names)]
    found = blame(model, paths, rows, 2, limit=100)
    broken, whole = found["layers"]
    assert (broken.layer, whole.layer) == names and found["all_change"] < -0.3
    assert broken.only_change < -0.3 and whole.only_change > -0.05 and broken.only_error > 10 * whole.only_error
    draw(rows, found, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(UsageError, match="--worst 0; allowed: 1 and above"):
        blame(model, paths, rows, 0)


@dataclasses.dataclass(frozen=True)
class Known:
    arch: object
    classes: tuple
    recipe: object
    runner: object

    def __call__(self, inputs):
        return self.runner(inputs)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--max-bytes", "5"], "--max-bytes and --max-ms go with --max-drop X"),
        (["--max-drop", "0.1", "--repair", "bias"], "--max-drop looks for steps and calibration itself"),
        (["--max-drop", "0.1", "--to", "onnx"], "--max-drop and --repair are for tflite:int8; seen: --to onnx"),
    ],
)
def test_words_that_do_not_go_together_are_one_line(words, line, capsys, digits_run):
    to = [] if "--to" in words else ["--to", "tflite:int8"]
    assert main(["export", str(digits_run.folder), *to, *words]) == 2
    assert line in capsys.readouterr().err


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
