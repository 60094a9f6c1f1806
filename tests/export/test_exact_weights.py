"""A float16 file that is the float32 one with rounded weights is known as such, and nothing else is."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.export.base import Job, from_spec
from kerasvision.export.targets._tflite_rounding import only_rounded
from kerasvision.inference.served import Served
from kerasvision.ops.internals import lite_schema
from tests.contract.cases import CASES

SPECS = ("tflite:float16", "mediapipe:float16")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """spec -> (exporter, path, `Job`) of one small classifier."""
    case = CASES["classification/classifier"]
    keras.utils.set_random_seed(0)
    arch = case.make()
    served = Served(arch, arch.build(), case.classes)
    samples = tuple({k: v[None] for k, v in arch.inputs_of(s).items()} for s in case.samples())
    folder, made = tmp_path_factory.mktemp("exact"), {}
    for spec in SPECS:
        job, exporter = Job(served, "small", 1, folder / spec.replace(":", "_"), (), samples), from_spec(spec)
        made[spec] = exporter, exporter.write(job), job
    return made


def changed(content, change):
    """The file with the bytes of its first large constant, float16 or float32, as `change` makes them of numbers."""
    schema = lite_schema()
    model = schema.ModelT.InitFromPackedBuf(content)
    dtypes = {schema.TensorType.FLOAT16: np.float16, schema.TensorType.FLOAT32: np.float32}
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if tensor.type in dtypes and data is not None and len(data) > 64:
            values = np.frombuffer(bytes(data), dtypes[tensor.type]).reshape(tensor.shape).copy()
            new = np.ascontiguousarray(change(values), dtypes[tensor.type])
            model.buffers[tensor.buffer].data = np.frombuffer(new.tobytes(), np.uint8)
            break
    builder = pytest.importorskip("flatbuffers").Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("spec", SPECS)
def test_a_file_of_rounded_weights_has_an_exact_one(written, spec):
    exporter, path, job = written[spec]
    exact = exporter.exact(path, job)
    assert exact is not None and len(exact) > path.stat().st_size
    assert only_rounded(exact, exact)
    path_32 = path.with_name("exact.tflite")
    path_32.write_bytes(exact)
    inputs = {k: np.concatenate([s[k][:, :20, :20] for s in job.samples[:3]]) for k in job.samples[0]}
    found = exporter.open(path_32, job.served.arch)(inputs)["probabilities"]
    np.testing.assert_allclose(found, job.served.serve(inputs)["probabilities"], atol=1e-5)


def one_unit_up(values):
    moved = values.copy()
    moved.flat[0] = np.nextafter(moved.flat[0], np.inf, dtype=moved.dtype)
    return moved


@pytest.mark.parametrize(
    "change", [one_unit_up, lambda v: np.roll(v, 1, -1), lambda v: -v], ids=["a unit", "channels", "signs"]
)
def test_other_weights_are_no_rounding(written, change):
    exporter, path, job = written["tflite:float16"]
    exact = exporter.exact(path, job)
    assert only_rounded(changed(path.read_bytes(), lambda v: v), exact), "writing the file again changes nothing"
    assert not only_rounded(changed(path.read_bytes(), change), exact)
    wrong = path.with_name("wrong.tflite")
    wrong.write_bytes(changed(path.read_bytes(), change))
    assert exporter.exact(wrong, job) is None


def test_another_graph_is_no_rounding(written):
    exporter, path, job = written["tflite:float16"]
    served = job.served
    other = dataclasses.replace(job, served=Served(served.arch, doubled(served), served.classes))
    assert exporter.exact(path, other) is None
    for quantize in ("float32", "int8", "dynamic"):
        assert create("exporters/tflite", quantize=quantize).exact(path, job) is None, "its weights are not in 16 bits"


def doubled(served):
    """A graph with the same weights, whose logits are doubled."""
    graph = served.arch.build()
    graph.set_weights([w.numpy() for w in served.weights])
    logits = keras.layers.Rescaling(2.0, name="doubled")(graph.output["logits"])
    return keras.Model(graph.input, {"logits": logits})
