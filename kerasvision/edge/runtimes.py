"""A file in its own runtime: LiteRT for .tflite, onnxruntime for .onnx. What it takes and gives, and how to ask it."""

import pathlib

import numpy as np

from kerasvision.edge.errors import EdgeError, EdgeUsageError

SIGNATURE = "serving_default"
NEXT = "_next"  # behind an output of an .onnx that is an input too
IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite: the FlatBuffer's file identifier


def open_runtime(path, threads=None):
    """A `LiteRT` or an `Onnx` of a file. threads: None: the runtime's own choice. Raises EdgeError, one line."""
    path = pathlib.Path(path)
    kinds = {".tflite": LiteRT, ".onnx": Onnx}
    if path.suffix not in kinds:
        raise EdgeUsageError(f"{path}: a client opens .tflite and .onnx files")
    if not path.is_file():
        raise EdgeUsageError(f"no file at {path}")
    return kinds[path.suffix](path, threads)


class LiteRT:
    """A .tflite, one example at a time. signature: the one that predicts. delegate: "xnnpack", or "none" where XNNPACK
    refuses the file.
    """

    def __init__(self, path, threads=None, signature=SIGNATURE):
        check_tflite(path)
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError:
            raise EdgeError("LiteRT is not installed: pip install ai-edge-litert") from None
        self.delegate, plain = "xnnpack", OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError):
            self.delegate = "none"
            try:
                self._interpreter = Interpreter(str(path), num_threads=threads, experimental_op_resolver_type=plain)
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise EdgeError(f"{path} cannot be opened by LiteRT: {_first_line(error)}") from None
        signatures = self._interpreter.get_signature_list()
        if not signatures:
            raise EdgeError(f"{path} has no signature; files that KerasVision exports have {SIGNATURE}")
        if signature not in signatures and len(signatures) > 1:
            listed = ", ".join(sorted(signatures))
            raise EdgeError(f"{path} has no signature {signature}, but {listed}; a page reader is asked by read")
        self._run = self._interpreter.get_signature_runner(signature if signature in signatures else None)
        self._signatures, self._path = signatures, path
        self.inputs = _rows(self._run.get_input_details())
        self.outputs = _rows(self._run.get_output_details())

    def infer(self, feed):
        """{input: array [1, ...] of the file's own dtype} -> {output: array [1, ...]}, as the file gives them."""
        return self._run(**feed)

    def call(self, name, feed):
        """The same of a further function of the file. Raises EdgeError where there is none."""
        if name not in self._signatures:
            raise EdgeError(f"{self._path} has no function {name}")
        return self._interpreter.get_signature_runner(name)(**feed)


class Onnx:
    """An .onnx, on the processor."""

    delegate = "cpu"

    def __init__(self, path, threads=None):
        self._path, self._threads, self._functions = pathlib.Path(path), threads, {}
        self._session = self._opened(self._path)
        self.inputs = {i.name: {"dtype": _dtype(i.type), "shape": _sides(i.shape)} for i in self._session.get_inputs()}
        self.outputs = {
            o.name: {"dtype": _dtype(o.type), "shape": _sides(o.shape)} for o in self._session.get_outputs()
        }

    def _opened(self, path):
        try:
            import onnxruntime
        except ImportError:
            raise EdgeError("onnxruntime is not installed: pip install onnxruntime") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads or 0
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors are of many classes of its own
            raise EdgeError(f"{path} cannot be opened by onnxruntime: {_first_line(error)}") from None

    def infer(self, feed):
        """{input: array [B, ...]} -> {output: array [B, ...]}."""
        return dict(zip(self.outputs, self._session.run(None, feed), strict=True))

    def call(self, name, feed):
        """The same of a further function, a file of its own beside: `model.step.onnx`. Raises EdgeError."""
        if name not in self._functions:
            file = self._path.with_name(f"{self._path.stem}.{name}{self._path.suffix}")
            if not file.is_file():
                raise EdgeError(f"{file} is not there: the function {name} of {self._path.name} is a file of its own")
            self._functions[name] = self._opened(file)
        session = self._functions[name]
        names = [
            o.name.removesuffix(NEXT) if o.name.removesuffix(NEXT) in feed else o.name for o in session.get_outputs()
        ]
        return dict(zip(names, session.run(None, feed), strict=True))


def check_tflite(path):
    """Raises EdgeError of a file that is plainly no .tflite: a reader of FlatBuffers would only say that it failed."""
    try:
        with pathlib.Path(path).open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read: {error.strerror}") from None
    if not head:
        raise EdgeError(f"{path} is empty (0 bytes)")
    if head[4:] == IDENTIFIER:
        return
    if head[4:7] == b"TFL":
        raise EdgeError(f"{path} is a .tflite of version {head[7:8].decode('latin-1')}; this client reads version 3")
    raise EdgeError(f"{path} is no .tflite, or is encrypted: bytes 4 to 8 are {head[4:]!r}, not {IDENTIFIER!r}")


def _rows(details):
    rows = {}
    for key, tensor in sorted(details.items()):
        shape = [None if side < 0 else int(side) for side in tensor["shape_signature"]]
        rows[key] = {"dtype": np.dtype(tensor["dtype"]).name, "shape": shape}
        scale, zero = tensor["quantization"]
        if scale:
            rows[key]["quantization"] = [float(scale), int(zero)]
    return rows


def _dtype(name):
    held = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(held, held)


def _sides(shape):
    return [side if isinstance(side, int) else None for side in shape]


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
