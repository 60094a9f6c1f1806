"""ONNX (opset 17) through tf2onnx."""

import dataclasses
import hashlib
import pathlib
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import exporters
from kerasvision.data.class_names import write_names
from kerasvision.export.base import Exporter, Runner
from kerasvision.export.heat import WORD, heated, without_word

OPSET = 17  # tf2onnx refuses 20
NEXT = "_next"  # behind an output's name that is an input's: all names of an ONNX graph differ


@exporters.register("onnx")
@dataclasses.dataclass(frozen=True)
class ONNX(Exporter):
    """`onnx/<name>/model.onnx`: any batch, the graph's own size, uint8 pixels in, the prediction's keys out.

    explain: a further output `heat`, see `export.heat`, in `model_explain.onnx`.
    """

    home: typing.ClassVar[str] = "onnx/{name}"
    suffixes: typing.ClassVar[tuple[str, ...]] = (".onnx",)
    has_slopes: typing.ClassVar[bool] = False

    explain: bool = False

    @property
    def spec(self):
        return f"onnx:{WORD}" if self.explain else "onnx"

    @classmethod
    def from_spec(cls, options):
        words, explain = without_word(options)
        return cls(explain) if explain and not words else super().from_spec(options)

    def write(self, job):
        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / ("model_explain.onnx" if self.explain else "model.onnx")
        predict = heated(job.served, None) if self.explain else job.served.fixed(batch=None)
        _convert(predict, job.served.arch.prepared_inputs(), path)
        for name, function in job.served.functions.items():
            _convert(function, function.input_signature[0], beside(path, name))
        write_names(folder / "labels.txt", job.served.classes)
        return path

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

        graph = onnx.load(str(path)).graph  # of the file alone: functions have files of their own

        def row(tensor):
            kind = tensor.type.tensor_type
            shape = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
            return {"dtype": onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, "shape": shape}

        return {"inputs": {t.name: row(t) for t in graph.input}, "outputs": {t.name: row(t) for t in graph.output}}

    def functions(self, path, names):
        files = {name: beside(path, name) for name in names}
        held = {name: file for name, file in files.items() if file.exists()}
        return {
            name: self.signature(file) | {"path": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for name, file in held.items()
        }


def beside(path, name):
    """The file of a further function: an .onnx has one graph. `model.onnx` -> `model.follow.onnx`."""
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


def _convert(predict, specs, path):
    """Write a tf.function of a dict as an .onnx file, in which a state that comes out has `NEXT` behind its name."""
    import tf2onnx

    keys = list(specs)

    def call(*values):
        given = predict(dict(zip(keys, values, strict=True)))
        return {k + NEXT if k in keys else k: v for k, v in given.items()}

    named = [tf.TensorSpec(s.shape, s.dtype, name=k) for k, s in specs.items()]
    function = tf.function(call, input_signature=named, autograph=False)
    tf2onnx.convert.from_function(function, input_signature=named, opset=OPSET, output_path=str(path))


class ONNXRunner(Runner):
    """A `Runner` of an .onnx in onnxruntime, on the processor. path: of the file."""

    def __init__(self, path, arch):
        import onnxruntime

        super().__init__(arch)
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = 3  # errors: tf2onnx writes an attribute that it warns of at every load
        self._path, self._functions = pathlib.Path(path), {}
        self._session = self._opened(self._path)

    def _opened(self, path):
        import onnxruntime

        return onnxruntime.InferenceSession(str(path), self._options, providers=["CPUExecutionProvider"])

    def infer(self, inputs):
        return _asked(self._session, inputs)

    def call(self, name, inputs):
        if name not in self._functions:
            file = beside(self._path, name)
            if not file.exists():
                raise KerasVisionError(
                    f"{file} is not there: the function {name} of {self._path.name} is a file of its own"
                )
            self._functions[name] = self._opened(file)
        return _asked(self._functions[name], inputs)


def _asked(session, inputs):
    found = session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})
    taken = {i.name + NEXT for i in session.get_inputs()}
    names = (o.name.removesuffix(NEXT) if o.name in taken else o.name for o in session.get_outputs())
    return dict(zip(names, found, strict=True))
