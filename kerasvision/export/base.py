"""The contract of every exporter, and of the runner that predicts with an exported file."""

import abc
import dataclasses
import gzip
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.export.asked import AskedFile
from kerasvision.export.heat import in_pixels
from kerasvision.inference.batches import batches_of_one
from kerasvision.inference.served import Served

BESIDE = ("contract.json", "preprocess_examples.npz")  # describe an artifact, and are written when it is measured


@dataclasses.dataclass(frozen=True)
class Job:
    """One export: what is exported, under which name and version, into which staging folder.

    served: the trained model. root: the staging folder, a pathlib.Path. calibration: prepared inputs of the training
    split, dicts of numpy arrays [1, ...], for ranges of activations. samples: serving inputs of a few real examples,
    dicts of numpy arrays [1, ...], for warm-up requests and golden vectors. held_out: an `export.suspected.HeldOut`
    where an exporter asks for it (`suspect`), or None. texts: bytes, those of the training split of a model of texts,
    where an exporter asks for them (`wants_texts`).
    """

    served: Served
    name: str
    version: int
    root: pathlib.Path
    calibration: tuple
    samples: tuple
    held_out: typing.Any = None
    texts: tuple = ()

    @property
    def saved_model(self):
        """The folder of this export's SavedModel, below `root`."""
        return self.root / "saved_models" / self.name / str(self.version)


class Runner(abc.ABC):
    """Abstract. An exported file in its own runtime: called with serving inputs, it gives the prediction, both dicts of
    numpy arrays [B, ...]. arch: the `Architecture` that the file was made of.
    """

    unlike_words = ""  # what `unlike` counts, in words; "": nothing
    takes_prepared = True  # the file wants the graph's own size; False: it takes what a user sends

    def __init__(self, arch):
        self.arch = arch
        self._fit = tf.function(arch.geometry, input_signature=[arch.serving_specs()], autograph=False)

    @abc.abstractmethod
    def infer(self, inputs):
        """One batch through the file alone: prepared inputs (serving inputs where `takes_prepared` is False) -> what
        the file gives, numpy [B, ...].
        """

    def unlike(self, inputs):
        """bool [B]: of which serving inputs the file is given something else than the trained model sees, so that no
        rounding explains what it says of them, and the budget alone decides.
        """
        return np.zeros(len(next(iter(inputs.values()))), bool)

    def call(self, name, inputs):
        """One of the architecture's further functions, {key: numpy array} in and out, batched."""
        raise KerasVisionError(f"this file of {self.arch.registered_name} has no function {name}; it only predicts")

    def embed(self, key, values):
        """float32 [B, D], of length 1: what the architecture's function (`embeds`) says of one of its inputs alone.
        values: of the key, numpy [B, ...], as a user sends them. Raises KerasVisionError of a file without it.
        """
        prepared, _ = self.arch.alone(key).geometry({key: tf.constant(values)})
        rows = batches_of_one({k: v.numpy() for k, v in prepared.items()})  # what a .tflite takes
        found = [next(iter(self.call(self.arch.embeds[key], row).values())) for row in rows]
        return np.concatenate(found).astype(np.float32)

    def prepare(self, inputs):
        """Serving inputs -> (prepared inputs, geometry), numpy, by the architecture's own `geometry`. Inputs that are
        prepared already are given back, with None.
        """
        if self.arch.is_prepared(inputs):
            return inputs, None
        prepared, geometry = self._fit({k: tf.constant(v) for k, v in inputs.items()})
        return {k: v.numpy() for k, v in prepared.items()}, {k: v.numpy() for k, v in geometry.items()}

    def __call__(self, inputs):
        """Serving inputs of equal size -> prediction in the pixels of the original inputs; so is its `heat`, of a file
        that explains itself (`export.heat`).
        """
        if not self.takes_prepared:
            return self.infer(inputs)
        prepared, geometry = self.prepare(inputs)
        return in_pixels(self.arch.predict_through(self.infer, prepared, geometry), prepared, geometry)


class Exporter(Component):
    """Abstract. Final subclasses are registered, frozen dataclasses; `spec` is the name of one on the command line."""

    kind = "exporters"
    # of the package below the folder that an export goes to: "onnx/{name}"; with `{version}` in it all versions are
    # kept, else the newest alone
    home: typing.ClassVar[str]
    contract_path: typing.ClassVar[str] = "contract.json"  # below `home`: beside a file, in a folder's assets.extra
    suffixes: typing.ClassVar[tuple[str, ...]] = ()  # of the files that it writes, which `load` takes
    inside: typing.ClassVar[str] = ""  # the file by which `load` knows a folder, where it writes folders

    @property
    @abc.abstractmethod
    def spec(self):
        """What the command line calls it, with its options: `"tflite:int8"`."""

    @abc.abstractmethod
    def write(self, job):
        """Write the artifact of a `Job` below `job.root`; returns its path, a file or a folder."""

    @abc.abstractmethod
    def open(self, path, arch):
        """A `Runner` of the artifact at `path`."""

    @abc.abstractmethod
    def ops(self, path):
        """Operator name -> count in the artifact."""

    @abc.abstractmethod
    def signature(self, path):
        """What the artifact itself says it takes and gives: `{"inputs": {key: row}, "outputs": {key: row}}`.

        A row is `{"dtype", "shape"}`, None for an axis of any length, and `"quantization": [scale, zero point]` where
        numbers are integers that stand for (integer - zero point) * scale.
        """

    wants_texts: typing.ClassVar[bool] = False  # whether `Job.texts` are read

    has_slopes: typing.ClassVar[bool] = True  # whether `look_inside` gives gradients of its files

    def shown(self, path, graph, arch, slopes):
        """`look_inside`; where a format has no slopes and none are asked for, an `asked.AskedFile` in its place."""
        is_asked = not slopes and not self.has_slopes
        return AskedFile(path, self.open(path, arch), graph) if is_asked else self.look_inside(path, graph)

    def look_inside(self, path, graph):
        """What gives values of the graph's tensors, with gradients, in place of the graph itself (`has`, `values`,
        `predicted`: `export.twin.graph`), or None where `graph` has got the weights of the file and stands for it.

        graph: a fresh Keras model of the structure that the artifact at `path` was made of. Raises UsageError where a
        format gives none.
        """
        raise UsageError(
            f"{path} ({self.spec}) has no gradients; name its run, a SavedModel or a .tflite, or ask it for answers "
            "alone: --attack square, hop_skip_jump; --ways beside them has what was made on its run (transfer)"
        )

    # whether it writes an architecture's further functions (`Architecture.functions`); else it is for predicting alone
    writes_functions: typing.ClassVar[bool] = True

    def functions(self, path, names):
        """{name: as `signature`} of those further functions that the artifact has; `"path"` too where one has a file of
        its own beside.
        """
        return {}

    def zeros(self, path):
        """Share of zeros among the weights of the kernels in an artifact, 0..1; None where the format does not tell."""

    def step(self, path):
        """A step, in real numbers, of the integers that an artifact's graph answers with; None where they are floats
        throughout, or integers to the end (then the signature has the step).
        """

    @property
    def precision(self):
        """The arithmetic whose rounding bounds how far an artifact's answers are from the trained model's: "float32" or
        "float16" (`export.rounding`). None: integers, of which no bound is known; the recipe's budget decides.
        """
        return "float32"

    def exact(self, path, job):
        """Of an artifact whose weights are stored in fewer bits than they were trained in: the bytes of the same one
        with all of them, once it has been seen that nothing but this rounding lies between the two. None otherwise.
        """

    def package(self, job):
        """(the folder below `job.root` that is put in place as one piece, the path of contract.json within it)."""
        return job.root / self.home.format(name=job.name, version=job.version), self.contract_path

    def check(self, path, runner, judge):
        """Yields a line for each thing that is wrong with an artifact at `path` and that comparing its predictions does
        not show: its other signatures, and files that travel with it. runner: its `Runner`. judge: an
        `export.verification.Judge`.
        """
        # every runtime joins and parts batches in its own way
        yield from judge.batches(runner)

    def finish(self, job, out):  # noqa: B027 (most exporters have nothing to do)
        """Called when the packages are in place below the folder `out`: write files that describe them all."""

    @classmethod
    def from_spec(cls, options):
        """An exporter from the words behind its name: ["int8", "uint8"] of `tflite:int8:uint8`. Raises KerasVisionError
        of words that it does not know.
        """
        if options:
            raise KerasVisionError(f"{cls.registered_name.split('/')[1]} takes no options; seen: {':'.join(options)}")
        return cls()


def from_spec(spec):
    """The exporter of a text such as `"tflite:int8"`. Raises KerasVisionError where there is none."""
    from kerasvision.core.registry import exporters

    name, *options = spec.split(":")
    return exporters[name].from_spec(options)


def files_below(folder):
    """The files of an artifact that is a folder, sorted by name; less its contract and what that names."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in BESIDE]
    return sorted(files, key=lambda p: p.relative_to(folder).as_posix())


def size_bytes(path):
    """Bytes of a file, or of all files of a folder but its contract.json."""
    return sum(p.stat().st_size for p in ([path] if path.is_file() else files_below(path)))


def gzip_bytes(path):
    """The same files, each compressed as `gzip -9` does."""
    return sum(len(gzip.compress(p.read_bytes(), 9)) for p in ([path] if path.is_file() else files_below(path)))
