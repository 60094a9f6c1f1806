"""Where an export goes: its version, the folder it is made in, and its way to its place, all of it or nothing."""

import contextlib
import json
import pathlib
import shutil
import tempfile

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import exporters as registered


def artifact_at(path):
    """What an exporter has written at a path: the file or the folder itself, or the newest version in a folder."""
    if path.is_file():
        suffixes = tuple(s for exporter in registered.values() for s in exporter.suffixes)
        if not path.name.endswith(suffixes):
            listed = ", ".join(sorted(set(suffixes)))
            raise UsageError(f"{path.name} is no model file; allowed: {listed}, a SavedModel folder or a run folder")
        return path
    inside = {exporter.inside for exporter in registered.values()} - {""}
    versions = (p for p in path.iterdir() if p.name.isdigit())
    for folder in (path, *sorted(versions, key=lambda p: int(p.name), reverse=True)):
        if any((folder / name).exists() for name in inside):
            return folder
    raise KerasVisionError(
        f"{path} is neither a run (recipe.json) nor a SavedModel ({' or '.join(sorted(inside))}, or 1/, 2/ ...)"
    )


def artifacts_below(folder):
    """Paths of the exported files and folders below a folder, of each kind the newest, by their contracts."""
    newest = {}
    for place in sorted(pathlib.Path(folder).rglob("contract.json")):
        held = json.loads(place.read_text(encoding="utf-8"))
        home = place.parent.parent if place.parent.name == "assets.extra" else place.parent
        for row in held["artifacts"]:
            path = home / row["path"]
            if path.exists() and held["version"] >= newest.get(row["kind"], (0,))[0]:
                newest[row["kind"]] = (held["version"], path)
    return [path for _, path in newest.values()]


def next_version(out, name, exporters, version=None):
    """The version to write. exporters: of this export; those of others below `out` count as well.

    A home with a place for each version (`{version}` in its path) holds all of them, another the newest alone. Versions
    only rise: a client that has seen 3 must never be handed an older or another 3.
    """
    if version is not None and version < 1:
        raise UsageError(f"version {version}; allowed: 1 and above, or none for the next free one")
    homes = {e.home: e.contract_path for e in (*exporters, *registered.values())}
    held = [v for home, contract in homes.items() for v in _held(pathlib.Path(out), name, home, contract)]
    following = max(held, default=0) + 1
    if version is None or version >= following:
        return version or following
    if version in held:
        raise KerasVisionError(
            f"version {version} of {name} exists in {out} and is never overwritten; the next free one is {following}"
        )
    raise KerasVisionError(
        f"version {version} of {name} is below {following - 1}, which {out} holds, and versions only rise; the next "
        f"one is {following}"
    )


def _held(out, name, home, contract):
    """Versions that one exporter has left below `out`."""
    if "{version}" in home:
        folder = out / home.format(name=name, version="0")
        return [int(p.name) for p in folder.parent.glob("*") if p.name.isdigit()] if folder.parent.exists() else []
    path = out / home.format(name=name) / contract
    return [json.loads(path.read_text(encoding="utf-8"))["version"]] if path.exists() else []


class staging:
    """A folder beside the destination, on the same file system, gone afterwards whatever happens.

    After an error the destination is gone too, if it was not there before.
    """

    def __init__(self, out):
        self._out = out
        self._new = [p for p in (out, *out.parents) if not p.exists()]

    def __enter__(self):
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            self._root = pathlib.Path(tempfile.mkdtemp(prefix=".export-", dir=self._out))
        except OSError as error:
            raise KerasVisionError(f"cannot write to {self._out}: {error.strerror}; choose another --out") from None
        return self._root

    def __exit__(self, kind, error, trace):
        shutil.rmtree(self._root, ignore_errors=True)
        if error:
            with contextlib.suppress(OSError):  # something was put there meanwhile
                for folder in self._new:
                    folder.rmdir()
        if isinstance(error, OSError):
            raise KerasVisionError(f"cannot write to {self._out}: {error.strerror}; nothing was exported") from None


def put_in_place(root, packages, out):
    """Each package below the staging folder `root` to its place below `out` by one rename; when one fails, those before
    it go back. Returns the paths of the model files that went with the packages that stood there before.
    """
    begun, gone = [], []
    try:
        for folder in packages:
            inside = folder.relative_to(root)
            target, old = out / inside, root / "replaced" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            old.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                gone += _left_out(target, folder)
                target.rename(old)
            begun.append((target, old))
            folder.rename(target)
    except OSError:
        for target, old in reversed(begun):
            if target.exists():
                shutil.rmtree(target)
            if old.exists():
                old.rename(target)
        raise
    return gone


def _left_out(before, now):
    """Paths of the model files of a package that another one, which takes its place, does not have."""
    try:
        rows = json.loads((before / "contract.json").read_text(encoding="utf-8"))["artifacts"]
        return [before / row["path"] for row in rows if not (now / row["path"]).exists()]
    except (OSError, ValueError, KeyError, TypeError):  # an older one, or none of ours
        return []
