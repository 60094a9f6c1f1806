"""LiteRT.js, which runs a .tflite in a browser: where an export takes its files from, and that they are the right ones.

They are on npm alone, 19 MB, so they are neither committed nor in a wheel. A page has each .wasm compressed, since not
every host compresses: 3 MB of 9. npm's own client fetches them (it knows the registry, the proxy and the credentials of
this place, and keeps what it has fetched), or a person names a folder. The version is pinned, and each file is known by
its sum, wherever it comes from.
"""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from kerasvision.core.errors import KerasVisionError, UsageError

VERSION = "2.5.3"
PACKAGES = {"@litertjs/core": "litertjs-core", "@litertjs/wasm-utils": "litertjs-wasm-utils"}  # as npm calls archives
# (package, file in it) -> (its name in the folder of a page, sha256). A browser with relaxed SIMD loads the first of
# the two .wasm, another the second.
FILES = {
    ("@litertjs/core", "dist/index.js"): (
        "index.js",
        "e7daccc3a31eef890848a737ccb863ded5f046a6b40c3fdc0556495adeb5d9b3",
    ),
    ("@litertjs/wasm-utils", "dist/index.js"): (
        "wasm-utils.js",
        "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
    ),
    ("@litertjs/core", "wasm/litert_wasm_internal.js"): (
        "litert_wasm_internal.js",
        "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb",
    ),
    ("@litertjs/core", "wasm/litert_wasm_internal.wasm"): (
        "litert_wasm_internal.wasm",
        "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614",
    ),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.js"): (
        "litert_wasm_compat_internal.js",
        "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    ),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.wasm"): (
        "litert_wasm_compat_internal.wasm",
        "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
    ),
}
PACKED = ".gz"  # behind the name of a .wasm, which the page unpacks
# a browser knows addresses alone: the one name of a package that is imported becomes one
IMPORTED = (b'from "@litertjs/wasm-utils"', b'from "./wasm-utils.js"')
NAMED = " ".join(f"{package}@{VERSION}" for package in PACKAGES)
PATIENCE_S = 600


def runtime_files(folder=None, offline=False):
    """{name below runtime/: bytes} of LiteRT.js as a page loads it.

    folder: of unpacked npm packages (a `node_modules`, or what `npm install` was run in), or of the archives that
    `npm pack` writes; None: npm's client fetches them, or with offline takes what it has kept. Raises UsageError of a
    folder without them, KerasVisionError where npm is not there or cannot fetch them, and of bytes that are others.
    """
    if folder is not None:
        return _checked(_of_folder(pathlib.Path(folder)), folder)
    with tempfile.TemporaryDirectory() as place:
        _fetch(pathlib.Path(place), offline)
        return _checked(_of_folder(pathlib.Path(place)), "npm")


def _fetch(place, offline):
    npm = shutil.which("npm")
    advice = f"run npm pack {NAMED} where there is one, and name the folder: --runtime FOLDER"
    if not npm:
        raise KerasVisionError(f"LiteRT.js {VERSION} comes from npm, and there is no npm on PATH; {advice}")
    words = [npm, "pack", "--silent", "--offline" if offline else "--prefer-offline", *NAMED.split()]
    try:
        done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=PATIENCE_S)
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired):
        failed = True
    if failed:
        raise KerasVisionError(f"npm could not fetch {NAMED}: no network, or a registry without them; {advice}")


def _of_folder(folder):
    """{(package, file in it): bytes} of what is in a folder."""
    if not folder.is_dir():
        raise UsageError(
            f"no folder at {folder}; --runtime is a node_modules with {NAMED}, or has npm's archives of it"
        )
    held = {}
    for package, archive in PACKAGES.items():
        packed = folder / f"{archive}-{VERSION}.tgz"
        homes = [home / package for home in (folder, folder / "node_modules")]
        home = next((home for home in homes if home.is_dir()), None)
        names = [name for owner, name in FILES if owner == package]
        if packed.is_file():
            held |= {(package, name): content for name, content in _unpacked(packed, names)}
        elif home:
            held |= {(package, name): (home / name).read_bytes() for name in names if (home / name).is_file()}
    return held


def _unpacked(archive, names):
    try:
        with tarfile.open(archive) as tar:
            held = {member.name: member for member in tar if member.isfile()}
            yield from ((n, tar.extractfile(held[f"package/{n}"]).read()) for n in names if f"package/{n}" in held)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise KerasVisionError(f"{archive} is damaged: {error}") from None


def _checked(held, place):
    """{name below runtime/: bytes}; raises where a file is missing or is not the one of the pinned version."""
    files = {}
    for (package, name), (written, digest) in FILES.items():
        content = held.get((package, name))
        if content is None:
            raise UsageError(f"{place} has no {package}/{name}; --runtime is a folder with {NAMED} of npm")
        seen = hashlib.sha256(content).hexdigest()
        if seen != digest:
            raise KerasVisionError(
                f"{place}: {package}/{name} is not that of version {VERSION}: its sha256 is {seen[:12]}... and not "
                f"{digest[:12]}..."
            )
        if written.endswith(".wasm"):
            files[written + PACKED] = gzip.compress(content, compresslevel=6, mtime=0)  # 9 gains 1 % in twice the time
        else:
            files[written] = content.replace(*IMPORTED) if written == "index.js" else content
    return files
