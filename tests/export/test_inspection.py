"""What `inspect` says of a .tflite, against closed forms and the Keras graph; and layers damaged on purpose."""

import json
import shutil
import types

import flatbuffers
import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.export import inspection
from kerasvision.export.inspection import arena_bytes, inspect, macs
from kerasvision.export.layers import decibels, layers
from kerasvision.export.twin.reading import Contents, Held, Node
from kerasvision.ops.internals import lite_schema


@pytest.fixture(scope="module")
def kept(digits_exports):
    """The package of .tflite files. Tests must not change it."""
    return digits_exports[2] / "tflite" / "models" / "digits"


@pytest.fixture
def folder(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "digits")


def held(*shape, dtype="float32", constant=None):
    return Held("x", dtype, shape, None, None, 0, constant)


def node(kind, takes, made, **options):
    return Node(kind, (), (), types.SimpleNamespace(**options), tuple(takes), (made,))


PRODUCTS = {
    "3 x 3, 4 to 5 channels, 6 x 7": (
        "CONV_2D",
        [held(1, 6, 7, 4), held(5, 3, 3, 4)],
        held(1, 6, 7, 5),
        6 * 7 * 5 * 36,
    ),
    "depthwise 3 x 3": ("DEPTHWISE_CONV_2D", [held(1, 6, 7, 4), held(1, 3, 3, 4)], held(1, 6, 7, 4), 6 * 7 * 4 * 9),
    "10 to 20": ("FULLY_CONNECTED", [held(1, 10), held(20, 10)], held(1, 20), 200),
    "2 x 2 transposed": (
        "TRANSPOSE_CONV",
        [held(4), held(5, 2, 2, 3), held(1, 6, 7, 3)],
        held(1, 12, 14, 5),
        6 * 7 * 3 * 20,
    ),
    "3 x 3 x 3": ("CONV_3D", [held(1, 4, 4, 4, 2), held(3, 3, 3, 2, 6)], held(1, 4, 4, 4, 6), 64 * 6 * 54),
    "an addition": ("ADD", [held(1, 5), held(1, 5)], held(1, 5), 0),
}


@pytest.mark.parametrize("what", PRODUCTS)
def test_products_are_counted_by_hand(what):
    kind, takes, made, expected = PRODUCTS[what]
    assert macs(node(kind, takes, made)) == expected


@pytest.mark.parametrize("transposed", [False, True])
def test_products_of_matrices(transposed):
    left = held(1, 9, 4) if transposed else held(1, 4, 9)
    assert macs(node("BATCH_MATMUL", [left, held(1, 9, 5)], held(1, 4, 5), adjX=transposed)) == 4 * 5 * 9


def chain(*sizes, also=()):
    """A file whose operators make one tensor of the one before. also: (operator, tensor) that it takes besides."""
    tensors = tuple(held(size, dtype="uint8") for size in sizes)
    nodes = []
    for number in range(1, len(sizes)):
        more = tuple(tensor for operator, tensor in also if operator == number - 1)
        nodes.append(Node("ADD", (number - 1, *more), (number,), None, (), (tensors[number],)))
    return Contents(tensors, tuple(nodes), {"in": 0}, {"out": len(sizes) - 1})


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (chain(100, 200, 50), 128 + 256),  # aligned to 64; the first and the last share a place
        (chain(64, 64, 64, 64), 128),
        (chain(64, 640, 64, 64, also=[(2, 0)]), 64 + 640 + 64),  # the first is taken again at the end
    ],
)
def test_tensors_that_live_together_have_a_place_each(contents, expected):
    assert arena_bytes(contents) == expected


def test_a_report_is_of_the_trained_graph(kept, digits_exports, digits_run):
    report, graph = inspect(kept / "model.tflite"), digits_run.graph
    kernels = [w for w in graph.trainable_weights if "kernel" in w.name]
    assert {k: row["count"] for k, row in report["operators"].items()} == digits_exports[0]["tflite:float32"].ops
    products = 0
    for layer in graph.layers:
        if hasattr(layer, "kernel"):
            positions = int(np.prod(layer.output.shape[1:-1])) if len(layer.output.shape) == 4 else 1
            products += positions * int(np.prod(layer.kernel.shape))
    assert report["macs"] == products > 0
    assert report["weights"]["by_dtype"]["float32"] >= sum(int(np.prod(w.shape)) for w in kernels)
    assert report["file"]["sha256"] == digits_exports[0]["tflite:float32"].sha256
    assert report["contract"]["kind"] == "tflite:float32" and report["contract"]["classes"] == 10
    assert not report["warnings"] and "CONV_2D" not in report["beyond_xnnpack"]["operators"]
    assert report["metadata"]["files"] == []


def test_integers_have_grids_by_channel(kept):
    rows = [
        row for row in inspect(kept / "model_int8.tflite")["tensors"] if row.get("constant") and row.get("channels")
    ]
    assert max(row["channels"] for row in rows) >= 8 and all(row["scales"][0] > 0 for row in rows)


def rewritten(path, change):
    """The file with what `change` makes of the schema's object."""
    model = lite_schema().ModelT.InitFromPackedBuf(path.read_bytes())
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def kernels(model):
    """Numbers of the tensors that are int8 kernels of convolutions and fully connected operators."""
    schema, graph = lite_schema(), model.subgraphs[0]
    wanted = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)
    used = [int(o.inputs[1]) for o in graph.operators if model.operatorCodes[o.opcodeIndex].builtinCode in wanted]
    return [n for n in dict.fromkeys(used) if graph.tensors[n].type == schema.TensorType.INT8]


def changed_kernel(which, change):
    def apply(model):
        tensor = model.subgraphs[0].tensors[kernels(model)[which]]
        buffer = model.buffers[tensor.buffer]
        values = np.frombuffer(bytes(buffer.data), np.int8).reshape(tensor.shape)
        buffer.data = np.frombuffer(change(values.copy()).tobytes(), np.uint8)

    return apply


def without_channels(values):
    values[[1, 3]] = 0
    return values


def test_dead_channels_scales_of_0_and_what_stands_beside_are_warned_of(folder):
    path = rewritten(folder / "model_int8.tflite", changed_kernel(0, without_channels))
    lines = inspect(path)["warnings"]
    assert any("2 output channels are dead, all weights 0: 1, 3" in line for line in lines)
    assert any("contract.json beside it is another file's" in line for line in lines)
    (folder / "contract.json").unlink()
    assert any("no contract.json beside it" in line for line in inspect(path)["warnings"])

    def no_scale(model):
        grid = model.subgraphs[0].tensors[kernels(model)[0]].quantization
        grid.scale = np.float32([*grid.scale[:2], 0, *grid.scale[3:]])

    rewritten(path, no_scale)
    contents = inspection.read(path, "serving_default")
    assert any("1 of" in line and "scales are 0" in line for line in inspection._warnings(contents, "xnnpack"))


def coarse(values):
    return (values.astype(int) // 48 * 48).clip(-127, 127).astype(np.int8)


def mixed(values):
    return np.roll(values, 1, axis=0)


@pytest.mark.parametrize("damage", [coarse, mixed])
def test_a_layer_that_is_damaged_on_purpose_is_first(folder, damage):
    path, whole = folder / "model_int8.tflite", (folder / "model_int8.tflite").read_bytes()
    count = len(kernels(lite_schema().ModelT.InitFromPackedBuf(whole)))
    assert count >= 5  # and so 10 damages of two kinds
    for which in range(count):
        path.write_bytes(whole)
        rewritten(path, changed_kernel(which, damage))
        model = lite_schema().ModelT.InitFromPackedBuf(path.read_bytes())
        number = kernels(model)[which]
        made = next(o.outputs[0] for o in model.subgraphs[0].operators if number in o.inputs)
        first = layers(path, folder / "model.tflite")[0]
        assert first.name == model.subgraphs[0].tensors[made].name.decode(), which


def test_layers_alone_are_no_worse_than_with_all_before_them(kept):
    rows = layers(kept / "model_int8.tflite", kept / "model.tflite")
    known = [row for row in rows if row.alone_db is not None]
    assert len(known) >= 4 and np.median([row.alone_db - row.accumulated_db for row in known]) > 0
    assert [row.alone_db for row in known] == sorted(row.alone_db for row in known)
    assert all(0 <= row.saturated <= 1 and 0 <= row.zeros <= 1 for row in rows)


def test_decibels_of_known_ratios():
    assert decibels(100.0, 1.0) == 20 and decibels(1.0, 0.0) == np.inf and decibels(0.0, 1.0) == -np.inf


def test_files_without_a_common_layer_are_one_line(kept):
    with pytest.raises(KerasVisionError, match="no layer in common"):
        layers(kept / "model.tflite", kept / "model_int8.tflite")


def test_the_command_says_it_in_words_and_in_json(kept, tmp_path, capsys):
    words = ["inspect", str(kept / "model_int8.tflite"), "--layers", "--against", str(kept / "model.tflite")]
    assert main([*words, "--worst", "1", "--limit", "40", "--draw", str(tmp_path / "layers.png")]) == 0
    said = capsys.readouterr().out
    assert "it alone in integers" in said and "on 40 examples of validation" in said
    assert (tmp_path / "layers.png").stat().st_size > 5000
    assert "MACs: " in said and "alone dB" in said and "operators that differ" in said and "QUANTIZE" in said
    assert main(["inspect", str(kept / "model.tflite"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arena_bytes"] > 0
    (tmp_path / "no.tflite").write_bytes(b"no file of ours, but long enough")
    assert main(["inspect", str(tmp_path / "no.tflite")]) == 1
    assert "is no .tflite, or is encrypted" in capsys.readouterr().err
    assert main(["inspect", str(kept / "model_int8.tflite"), "--worst", "1"]) == 2
    assert "go with --layers" in capsys.readouterr().err
    shutil.copy(kept / "model_int8.tflite", tmp_path / "alone.tflite")
    assert main(["inspect", str(tmp_path / "alone.tflite"), "--layers"]) == 2
    assert "there is no" in capsys.readouterr().err


def test_benchmark_times_files_and_refuses_another_processor(kept, tmp_path, capsys):
    kept_file, files = tmp_path / "kept.json", [str(kept / "model.tflite"), str(kept / "model_int8.tflite")]
    words = ["benchmark", *files, "--threads", "1", "2", "--repetitions", "5"]
    assert main([*words, "--json", "--save", str(kept_file)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(row["path"], row["threads"]) for row in report["rows"]] == [(f, n) for f in files for n in (1, 2)]
    assert report["processor"]["cores"] >= 1 and all(row["median_ms"] > 0 for row in report["rows"])
    assert [roof["threads"] for roof in report["roofline"]] == [1, 2]
    for row in report["rows"]:
        assert row["macs"] == inspect(row["path"])["macs"] > 0 and row["of_roof"] > 0
        assert row["macs_per_s"] == pytest.approx(1000 * row["macs"] / row["median_ms"])
    assert main([*words, "--compare", str(kept_file)]) == 0
    said = capsys.readouterr().out
    assert "before ms" in said and "of roof" in said and "2 threads: " in said
    report["processor"]["name"] = "another"
    kept_file.write_text(json.dumps(report))
    assert main([*words, "--compare", str(kept_file)]) == 2
    assert "is of another processor (another, " in capsys.readouterr().err
    kept_file.write_text("{}")
    assert main([*words, "--compare", str(kept_file)]) == 1
    assert main(["benchmark", str(tmp_path / "none.tflite")]) == 2
    assert main(["benchmark", files[0], "--repetitions", "1"]) == 2


def test_verify_is_a_verb_too(kept, folder, capsys):
    assert main(["verify", str(kept)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "pass: 4 files"
    (folder / "golden.json").unlink()
    assert main(["verify", str(folder)]) == 1
    assert "golden.json cannot be read" in capsys.readouterr().err
