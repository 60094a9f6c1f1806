"""The page's files beside exported ones, and the list by which its service worker keeps them."""

import hashlib
import importlib.resources
import json

from kerasvision.core.files import write_text

LIST = "files.json"
RUNTIME = "runtime"  # the folder of LiteRT.js


def site_files():
    """{name: bytes} of the page, its modules and its workers."""
    held = importlib.resources.files("kerasvision.export.web").joinpath("site")
    return {part.name: part.read_bytes() for part in sorted(held.iterdir(), key=lambda p: p.name) if part.is_file()}


def write_page(folder, runtime):
    """Write page and runtime into the folder of a package. runtime: of `runtime_files`."""
    for name, content in site_files().items():
        (folder / name).write_bytes(content)
    (folder / RUNTIME).mkdir(exist_ok=True)
    for name, content in runtime.items():
        (folder / RUNTIME / name).write_bytes(content)


def write_list(folder):
    """Write files.json: {"sum": of all files, by which a browser sees that the export is another, "files": [names that
    the service worker keeps]}. Call it when all else is in the folder.
    """
    paths = sorted((p for p in folder.rglob("*") if p.is_file() and p.name != LIST), key=lambda p: p.as_posix())
    digest = hashlib.sha256()
    for path in paths:
        digest.update(
            f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    kept = [path.relative_to(folder).as_posix() for path in paths if path.suffix != ".npz"]
    write_text(folder / LIST, json.dumps({"sum": digest.hexdigest()[:16], "files": kept}, indent=1) + "\n")
