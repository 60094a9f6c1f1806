"""An exporter of scratch: TensorFlow's own graph with constants for weights. Nothing else knows of it."""

import collections
import dataclasses
import typing

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from kerasvision.core.registry import exporters
from kerasvision.export.base import Exporter, Runner

ANSWER = "answer_"  # begins the names of what the graph gives


@exporters.register("frozen")
@dataclasses.dataclass(frozen=True)
class Frozen(Exporter):
    """`frozen/<name>/model.graph`: any batch, the graph's own size, the prediction's keys out."""

    home: typing.ClassVar[str] = "frozen/{name}"
    suffixes: typing.ClassVar[tuple[str, ...]] = (".graph",)

    @property
    def spec(self):
        return "frozen"

    def write(self, job):
        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        specs, predict = job.served.arch.prepared_inputs(), job.served.fixed(batch=None)

        def call(*values):
            found = predict(dict(zip(specs, values, strict=True)))
            return {k: tf.identity(v, f"{ANSWER}{k}") for k, v in found.items()}

        named = [tf.TensorSpec(s.shape, s.dtype, name=k) for k, s in specs.items()]
        function = tf.function(call, input_signature=named, autograph=False).get_concrete_function()
        graph = convert_variables_to_constants_v2(function).graph.as_graph_def()
        (folder / "model.graph").write_bytes(graph.SerializeToString())
        return folder / "model.graph"

    def open(self, path, arch):
        return FrozenRunner(path, arch)

    def ops(self, path):
        return dict(collections.Counter(node.op for node in _graph(path).node))

    def signature(self, path):
        held = _imported(path).graph.get_operations()
        takes = {op.name: op.outputs[0] for op in held if op.type == "Placeholder"}
        gives = {op.name.removeprefix(ANSWER): op.outputs[0] for op in held if op.name.startswith(ANSWER)}

        def rows(tensors):
            return {k: {"dtype": t.dtype.name, "shape": t.shape.as_list()} for k, t in sorted(tensors.items())}

        return {"inputs": rows(takes), "outputs": rows(gives)}


class FrozenRunner(Runner):
    """A .graph in this process."""

    def __init__(self, path, arch):
        super().__init__(arch)
        imported = _imported(path)
        feeds = [imported.graph.get_tensor_by_name(f"{k}:0") for k in arch.prepared_inputs()]
        fetches = {k: imported.graph.get_tensor_by_name(f"{ANSWER}{k}:0") for k in arch.outputs}
        self._run, self._keys = imported.prune(feeds, fetches), list(arch.prepared_inputs())

    def infer(self, inputs):
        return {k: v.numpy() for k, v in self._run(*(tf.constant(inputs[k]) for k in self._keys)).items()}


def _graph(path):
    return tf.compat.v1.GraphDef.FromString(path.read_bytes())


def _imported(path):
    return tf.compat.v1.wrap_function(lambda: tf.import_graph_def(_graph(path), name=""), [])
