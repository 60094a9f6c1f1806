"""ONNX (opset 17) through tf2onnx."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.registry import exporters
from kerasvision.data.class_names import write_names
from kerasvision.export.base import Exporter, Runner

OPSET = 17  # tf2onnx refuses 20


@exporters.register("onnx")
@dataclasses.dataclass(frozen=True)
class ONNX(Exporter):
    """`onnx/<name>/model.onnx`: any batch, the graph's own size, uint8 pixels in, the prediction's keys out."""

    home: typing.ClassVar[str] = "onnx/{name}"
    suffixes: typing.ClassVar[tuple[str, ...]] = (".onnx",)

    @property
    def spec(self):
        return "onnx"

    def write(self, job):
        import tf2onnx

        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        specs = job.served.arch.prepared_inputs()
        keys, predict = list(specs), job.served.fixed(batch=None)

        def call(*values):
            return predict(dict(zip(keys, values, strict=True)))

        named = [tf.TensorSpec(s.shape, s.dtype, name=k) for k, s in specs.items()]
        function = tf.function(call, input_signature=named, autograph=False)
        tf2onnx.convert.from_function(
            function, input_signature=named, opset=OPSET, output_path=str(folder / "model.onnx")
        )
        write_names(folder / "labels.txt", job.served.classes)
        return folder / "model.onnx"

    def open(self, path, arch):
        return ONNXRunner(path, arch)

    def check(self, path, runner, judge):
        yield from super().check(path, runner, judge)
        yield from judge.names(path.parent / "labels.txt")

    def ops(self, path):
        import onnx

        counts = {}
        for node in onnx.load(str(path)).graph.node:
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
        return dict(sorted(counts.items()))

    def signature(self, path):
        import onnx

        graph = onnx.load(str(path)).graph

        def row(tensor):
            kind = tensor.type.tensor_type
            shape = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
            return {"dtype": onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, "shape": shape}

        return {"inputs": {t.name: row(t) for t in graph.input}, "outputs": {t.name: row(t) for t in graph.output}}


class ONNXRunner(Runner):
    """An .onnx in onnxruntime."""

    def __init__(self, path, arch):
        import onnxruntime

        super().__init__(arch)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: tf2onnx writes an attribute that it warns of at every load
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = [i.name for i in self._session.get_inputs()]
        self._outputs = [o.name for o in self._session.get_outputs()]

    def infer(self, inputs):
        found = self._session.run(None, {name: inputs[name] for name in self._inputs})
        return dict(zip(self._outputs, found, strict=True))
