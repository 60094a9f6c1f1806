"""What tests share: runs that are trained once and exports that are written once, for all workers and later runs.

Each stands in a folder whose name is a sum over all that it depends on: the recipe, the specs, the sources of the
parts of KerasVision that make it, and the versions of the packages beneath. So a change in `serve` or `cli` keeps
everything, one in `export` keeps the runs. Tests must not change what is there; they copy it. Parts that tests register
are not in the sum, so a recipe with one of them is trained where it is tested.

Folder: KERASVISION_TEST_STORE, or one of this user's in the system's folder for temporary files. What nobody asked for
in a week is removed.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import pathlib
import pickle
import shutil
import tempfile
import time

SOURCES = pathlib.Path(__file__).parents[1] / "kerasvision"
ASIDE = ("cli", "experiments", "explain", "robustness", "serve")  # make neither a run nor an export
PACKAGES = ("tensorflow", "tf-keras", "numpy", "tf2onnx", "ai-edge-litert", "tensorflow-model-optimization")
KEPT_DAYS = 7
FINISHED = "finished"


def trained(recipe):
    """Folder of the finished run of a recipe."""
    from kerasvision.train.fit import train

    parts = [recipe.dumps(), *_sources(lambda place: place[0] != "export")]
    return _kept("run", parts, lambda folder: train(recipe, folder / "run")) / "run"


def exported(recipe, specs, limit):
    """(artifact by kind, contract, the folder they were written to) of `export` for `trained(recipe)`.

    specs: of exporters. limit: how many examples of the judging split the certificate looks at.
    """
    parts = [recipe.dumps(), repr(specs), str(limit), *_sources(lambda place: True)]
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


def _sources(wanted):
    """Path and sum of each source file that a kept folder depends on. wanted: of the parts of a path."""
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(SOURCES).parts
        if place[0] not in ASIDE and wanted(place):
            yield f"{'/'.join(place)} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def remove_old():
    """What no test has asked for in `KEPT_DAYS`."""
    oldest = time.time() - KEPT_DAYS * 86400
    for mark in _root().glob(f"*/{FINISHED}"):
        if mark.stat().st_mtime < oldest:
            shutil.rmtree(mark.parent, ignore_errors=True)
