"""A folder for a static host: a page that answers in the browser, by LiteRT.js, without a server of models."""

import dataclasses
import pathlib
import typing

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import exporters
from kerasvision.export.base import Exporter
from kerasvision.export.targets import tflite
from kerasvision.export.targets._tflite_rounding import exact_of
from kerasvision.export.web.folder import write_list, write_page
from kerasvision.export.web.runtime import runtime_files

NUMBERS = ("float32", "int32", "uint8")  # that LiteRT.js 2.5 hands over, by its DATATYPES


@exporters.register("web")
@dataclasses.dataclass(frozen=True)
class Web(Exporter):
    """`web/<name>/`: `index.html`, its modules, LiteRT.js, and `model[_<quantize>].tflite` with what stands beside one.

    The file is `tflite`'s of the same words. `?check` behind the page's address verifies golden.json in that browser.
    runtime: a folder with LiteRT.js (`export.web.runtime`); None: npm's client fetches it. Refuses what the page cannot
    prepare (texts, volumes, pictures with missing pixels) and numbers that LiteRT.js does not hand over.
    """

    home: typing.ClassVar[str] = "web/{name}"
    suffixes: typing.ClassVar[tuple[str, ...]] = tflite.TFLite.suffixes

    quantize: typing.Literal["float32", "float16", "dynamic", "int8"] = "float32"
    io: typing.Literal["mixed", "float32", "uint8"] = "mixed"
    runtime: str | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.io == "uint8" and self.quantize != "int8":
            raise UsageError(f"web:{self.quantize}:uint8 does not exist; integer input and output: web:int8:uint8")

    @property
    def spec(self):
        return f"web:{self.quantize}" + (f":{self.io}" if self.io != "mixed" else "")

    @property
    def _plain(self):
        """The exporter of the same file alone."""
        return tflite.TFLite(self.quantize, self.io)

    @classmethod
    def from_spec(cls, options):
        names = ("quantize", "io")
        if len(options) > len(names):
            raise UsageError(f"web:{':'.join(options)}: write web[:QUANTIZE[:IO]], as in web:int8")
        return cls(**dict(zip(names, options, strict=False)))

    def write(self, job):
        check_page(job.served.arch)
        runtime = runtime_files(self.runtime)  # before the conversion, which is in vain where the network is missing
        folder, _ = self.package(job)
        folder.mkdir(parents=True, exist_ok=True)
        variant = self.spec.removeprefix("web:").replace(":", "_")
        path = folder / ("model.tflite" if variant == "float32" else f"model_{variant}.tflite")
        path.write_bytes(self.content(job))
        _check_numbers(self.signature(path))
        tflite.write_beside(folder, job)
        write_page(folder, runtime)
        return path

    def content(self, job):
        """The bytes of the file for a `Job`."""
        return self._plain.content(job)

    def finish(self, job, out):
        write_list(pathlib.Path(out) / self.home.format(name=job.name))

    def exact(self, path, job):
        return exact_of(self, path, job)

    def open(self, path, arch):
        return self._plain.open(path, arch)

    def look_inside(self, path, graph):
        return self._plain.look_inside(path, graph)

    def ops(self, path):
        return self._plain.ops(path)

    def zeros(self, path):
        return self._plain.zeros(path)

    def step(self, path):
        return self._plain.step(path)

    def signature(self, path):
        return self._plain.signature(path)

    def functions(self, path, names):
        return self._plain.functions(path, names)

    def check(self, path, runner, judge):
        return self._plain.check(path, runner, judge)

    @property
    def precision(self):
        return self._plain.precision


def check_page(arch):
    """Raises KerasVisionError where the page could not prepare what an architecture takes."""
    rules = arch.preprocessing()
    if rules.get("kind") != "image" or "present" in rules:
        takes = ", ".join(arch.prepared_inputs())
        raise KerasVisionError(
            f"web: {arch.registered_name} takes {takes}, and the page prepares whole pictures alone; export tflite"
        )


def _check_numbers(signature):
    rows = {key: row["dtype"] for part in signature.values() for key, row in part.items()}
    odd = [f"{key} ({dtype})" for key, dtype in rows.items() if dtype not in NUMBERS]
    if odd:
        raise KerasVisionError(
            f"web: LiteRT.js hands over {', '.join(NUMBERS)}, and not {', '.join(odd)}; export tflite"
        )
