"""What tests share: runs that are trained once and exports that are written once, for all workers and later runs.

Each stands in a folder whose name is a sum over all that it depends on: the recipe, the specs, the sources of the
parts of KerasVision that make it, and the versions of the packages beneath. So a change in `serve` or `cli` keeps
everything, one in `export` keeps the runs. Tests must not change what is there; they copy it. Where a recipe names a
part that tests register, what stands beside that part is in the sum too.

Folder: KERASVISION_TEST_STORE, or one of this user's in the system's folder for temporary files. What nobody asked for
in a week is removed.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.metadata
import os
import pathlib
import pickle
import shutil
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = ROOT / "kerasvision"
ASIDE = ("cli", "experiments", "explain", "robustness", "serve")  # make neither a run nor an export
PACKAGES = ("tensorflow", "tf-keras", "numpy", "tf2onnx", "ai-edge-litert", "tensorflow-model-optimization")
KEPT_DAYS = 7
FINISHED = "finished"


def trained(recipe):
    """Folder of the finished run of a recipe. Beside it stands what `train` returned: `weights.npz`, in the graph's
    order, and `recipe.json`.
    """
    parts = [recipe.dumps(), *_sources(_makes_runs), *_beside(recipe)]
    return _kept("run", parts, lambda folder: _train(recipe, folder)) / "run"


def _makes_runs(place):
    """Whether a source has a part in training; rendered pages take their quads from `edge/pages`."""
    return place[0] not in ("export", "edge") or place[:2] == ("edge", "pages")


def made(make, *files):
    """Folder that `make(folder)` has filled with what people would make of files of their own: data, a run, exports.

    files: paths of the test and of what it makes data with, below the repository.
    """
    parts = [*(_sum(ROOT / path, ROOT) for path in files), *_sources(lambda place: True, aside=())]
    return _kept("made", parts, make)


def _train(recipe, folder):
    import numpy as np

    from tests.undrawn import train

    returned = train(recipe, folder / "run")
    np.savez(folder / "weights.npz", *returned.graph.get_weights())
    (folder / "recipe.json").write_text(returned.recipe.dumps())


def exported(recipe, specs, limit):
    """(artifact by kind, contract, the folder they were written to) of `export` for `trained(recipe)`.

    specs: of exporters. limit: how many examples of the judging split the certificate looks at; None: all.
    """
    parts = [recipe.dumps(), repr(specs), str(limit), *_sources(lambda place: True), *_beside(recipe)]
    folder = _kept("export", parts, lambda folder: _write_exports(recipe, specs, limit, folder))
    artifacts, contract = pickle.loads((folder / "artifacts.pickle").read_bytes())
    return {artifact.kind: artifact for artifact in artifacts}, contract, folder / "out"


def _write_exports(recipe, specs, limit, folder):
    from kerasvision.export.base import from_spec
    from kerasvision.export.certificate import export
    from kerasvision.train.run import load_run

    run, out = load_run(trained(recipe)), folder / "out"
    held = export(run, [from_spec(s) for s in specs], out, limit=limit, verbose=False)
    (folder / "artifacts.pickle").write_bytes(pickle.dumps(held))


def _root():
    named = os.environ.get("KERASVISION_TEST_STORE")
    root = pathlib.Path(named or pathlib.Path(tempfile.gettempdir()) / f"kerasvision-tests-{os.getuid()}")
    root.mkdir(parents=True, exist_ok=True)
    return root


def _kept(kind, parts, make):
    """The folder of these parts; `make` fills it where no test has done so before."""
    parts = [*parts, *(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)]
    folder = _root() / f"{kind}-{hashlib.sha256(os.linesep.join(parts).encode()).hexdigest()[:24]}"
    with _alone(folder):
        if not (folder / FINISHED).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a run of pytest that was ended
            folder.mkdir()
            make(folder)
        (folder / FINISHED).touch()
    return folder


@contextlib.contextmanager
def _alone(folder):
    """While one process makes a folder, others wait for it."""
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sources(wanted, aside=ASIDE):
    """Path and sum of each source file that a kept folder depends on. wanted: of the parts of a path."""
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(SOURCES).parts
        if place[0] not in aside and wanted(place):
            yield _sum(path, SOURCES)


def _beside(recipe):
    """The same of the folders of tests whose parts a recipe names, less what only tests."""
    modules = {pathlib.Path(*name.split(".")[:-1]) for name in _modules(recipe) if name.startswith("tests.")}
    for path in sorted(path for folder in modules for path in (ROOT / folder).glob("*.py")):
        if not path.name.startswith("test_"):
            yield _sum(path, ROOT)


def _modules(part):
    """Names of the modules of a part and of all parts in it."""
    if dataclasses.is_dataclass(part):
        yield type(part).__module__
        part = [getattr(part, field.name) for field in dataclasses.fields(part)]
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _modules(inner)


def _sum(path, root):
    return f"{path.relative_to(root).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def remove_old():
    """What no test has asked for in `KEPT_DAYS`."""
    oldest = time.time() - KEPT_DAYS * 86400
    for mark in _root().glob(f"*/{FINISHED}"):
        if mark.stat().st_mtime < oldest:
            shutil.rmtree(mark.parent, ignore_errors=True)
