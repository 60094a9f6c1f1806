"""The folder of an index. It is changed item by item, by one process at a time, and a process may end at any moment.

`index.json` names the files of a generation: `vectors.npy` float32 [N, D], `items.jsonl` (a line for each, in the order
of the vectors) and `journal.jsonl`, a line for each change since. A line has a sum of itself, and counts once it is
whole: what was half written when a process ended is dropped, and all that was said to be done is there. A journal that
has grown is folded into the files of the next generation, which `index.json`, replaced last and at once, then names.
"""

import base64
import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import sys
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import settle, write_durably
from kerasvision.systems import near
from kerasvision.systems.index import Index

FORMATS = (1, 2)  # that are read; the last is written
ABOUT, LOCK = "index.json", "lock"
FOLDED_FROM = 1000  # changes; and from a fifth of the items


def require_new(folder):
    """Refuse a place for an index where something is."""
    folder = pathlib.Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; choose another folder for the index")


def save(index, folder, wanted=near.DEFAULT):
    """Write an `Index` into a new folder. wanted: `near.Wanted`, how it shall be searched where it is large."""
    require_new(folder)
    folder = pathlib.Path(folder)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write(index, folder, 0, len(index.items), wanted)


@contextlib.contextmanager
def _explained(folder):
    try:
        yield
    except OSError as error:
        raise KerasVisionError(f"cannot write the index {folder}: {error.strerror}; name another folder") from None


def _names(generation):
    mark = f"-{generation}" if generation else ""
    return {"vectors": f"vectors{mark}.npy", "items": f"items{mark}.jsonl", "journal": f"journal{mark}.jsonl"}


def _write(index, folder, generation, following, wanted):
    """The files of a generation, and index.json last. following: the number of the next item."""
    names, vectors = _names(generation), np.ascontiguousarray(index.vectors, np.float32)
    with (folder / names["vectors"]).open("wb") as file:
        np.save(file, vectors)
        _flush(file)
    write_durably(folder / names["items"], "".join(json.dumps(item) + "\n" for item in index.items))
    write_durably(folder / names["journal"], "")
    about = {"format": FORMATS[-1], "generation": generation, "next": following, "wanted": dataclasses.asdict(wanted)}
    about |= {"embedder": index.embedder, "items": len(index.items), "sha256": _sum(folder / names["vectors"])}
    about |= near.made(vectors, folder, generation, wanted) | {"drawn": index.drawn.tolist()}
    if about.get("near"):
        settle(folder / near.name_of(generation))
    write_durably(folder / ABOUT, json.dumps(about) + "\n")


def load(folder):
    """The `Index` of a folder, with all changes. One that is damaged, or of another format, is one line."""
    folder = pathlib.Path(folder)
    while True:
        before = _about(folder)
        try:
            return _read(folder)[0]
        except KerasVisionError:
            if _about(folder) == before:
                raise  # else it has been folded while it was read


def _about(folder):
    return (folder / ABOUT).read_bytes() if (folder / ABOUT).exists() else b""


def _read(folder):
    """(index, what index.json says, (next number, length in bytes and in lines of the whole part of the journal))."""
    if not (folder / ABOUT).exists():
        raise UsageError(f"{folder} has no {ABOUT}; name a folder that `kerasvision index build` wrote")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] not in FORMATS:
            raise UsageError(f"{folder} is an index of format {about['format']}; this version reads {FORMATS[-1]}")
        names = _names(about.get("generation", 0))
        lines = (folder / names["items"]).read_text(encoding="utf-8").splitlines()
        items = [{"number": number} | json.loads(line) for number, line in enumerate(lines)]
        vectors = np.load(folder / names["vectors"], mmap_mode="r")
        whole = _sum(folder / names["vectors"]) == about["sha256"]
        if whole and len(items) == len(vectors) == about["items"] and all("path" in item for item in items):
            index = Index(vectors, tuple(items), about["embedder"], np.float32(about["drawn"]))
            changes, size = _changes(folder / names["journal"])
            near_by = near.opened(folder, about) if about.get("near") else None
            index = dataclasses.replace(_changed(index, changes), near=near_by)
            numbers = [c["number"] for c in changes if c["op"] == "add"]
            return index, about, (max([about.get("next", len(items)) - 1, *numbers]) + 1, size, len(changes))
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError):  # the last of FAISS
        pass
    raise KerasVisionError(f"the index {folder} is damaged; build it again")


def _changes(path):
    """(dicts of the whole lines of a journal, how many bytes they are)."""
    held, size = [], 0
    if not path.exists():
        return held, size
    content = path.read_bytes()
    for line in content.splitlines(keepends=True):
        body = line[9:].rstrip(b"\n")
        if not line.endswith(b"\n") or line[:8] != b"%08x" % zlib.crc32(body):
            if size + len(line) < len(content):
                raise ValueError("a line in the middle is damaged")
            break
        held.append(json.loads(body))
        size += len(line)
    return held, size


def _changed(index, changes):
    """The index after the changes of its journal."""
    items, places, fresh = list(index.items), {item["number"]: n for n, item in enumerate(index.items)}, []
    for change in changes:
        if change["op"] == "remove":
            items[places.pop(change["number"])] = None
            continue
        places[change["number"]] = len(items)
        items.append({"number": change["number"]} | change["item"])
        fresh.append(np.frombuffer(base64.b64decode(change["vector"]), np.float32))
    if not fresh:
        return dataclasses.replace(index, items=tuple(items))
    return dataclasses.replace(index, items=tuple(items), vectors=np.concatenate([index.vectors, np.stack(fresh)]))


def _line(change):
    body = json.dumps(change).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _flush(file):
    file.flush()
    os.fsync(file.fileno())


def _sum(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Writer:
    """Final. Changes an index; `writing` gives it. What `add` and `remove` did is on the disk when they return.

    A change takes time by its own size, not by that of the index: vectors grow into room beyond those of an `index`
    that somebody holds.
    """

    def __init__(self, folder):
        self._folder = folder
        self._index, self._about, (self._next, size, self._count) = _read(folder)
        self._base, self._drawn = self._index, self._index.drawn
        self._items, self._vectors = list(self._index.items), self._index.vectors
        self._places = {item["path"]: place for place, item in enumerate(self._items) if item is not None}
        # without a buffer: what could not be written would come before what is written next
        self._journal = (folder / _names(self._about.get("generation", 0))["journal"]).open("ab", buffering=0)
        self._journal.truncate(size)  # what was half written
        self._size = size

    @property
    def index(self):
        """The `Index` with all changes so far; later ones leave it as it is."""
        if self._index is None:
            full = len(self._items) == len(self._vectors)  # a file that is mapped stays what it is
            vectors = self._vectors if full else self._vectors[: len(self._items)]
            self._index = dataclasses.replace(self._base, vectors=vectors, items=tuple(self._items))
        return self._index

    def add(self, rows):
        """Items and vectors, [(dict with its `path`, float32 [D])]; gives their numbers."""
        fresh, shape = set(), self._drawn.shape[1:]
        for item, vector in rows:
            if item["path"] in self._places or item["path"] in fresh:
                raise UsageError(f"{item['path']} is in the index; remove it first, or type `kerasvision index sync`")
            if vector.shape != shape or not np.isfinite(vector).all():
                raise KerasVisionError(
                    f"{item['path']}: a vector of {vector.shape[-1]} numbers, all finite: {np.isfinite(vector).all()}; "
                    f"the index holds finite ones of {shape[0]}"
                )
            fresh.add(item["path"])
        changes = [
            {"op": "add", "number": self._next + n, "item": item, "vector": base64.b64encode(np.float32(v)).decode()}
            for n, (item, v) in enumerate(rows)
        ]
        self._next += len(rows)
        self._write(changes)
        for change, (item, vector) in zip(changes, rows, strict=True):
            self._places[item["path"]] = len(self._items)
            self._put(vector)
            self._items.append({"number": change["number"]} | item)
        return [change["number"] for change in changes]

    def remove(self, paths):
        """Items by their paths; gives their numbers."""
        if missing := [path for path in paths if path not in self._places]:
            raise UsageError(f"{missing[0]} is not in the index; it is named as `kerasvision index query` shows it")
        paths = list(dict.fromkeys(paths))
        found = [self._items[self._places[path]]["number"] for path in paths]
        self._write([{"op": "remove", "number": number} for number in found])
        for path in paths:
            self._items[self._places.pop(path)] = None
        return found

    def _put(self, vector):
        """A vector behind those that are there, in twice the room where that is full."""
        count = len(self._items)
        if count == len(self._vectors):
            grown = np.empty([2 * count + 1, len(vector)], np.float32)
            grown[:count] = self._vectors
            self._vectors = grown
        self._vectors[count] = vector

    def _write(self, changes):
        lines = b"".join(map(_line, changes))
        try:
            if self._journal.write(lines) != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            _flush(self._journal)
        except OSError as error:
            self._journal.truncate(self._size)
            text = f"the index {self._folder} was not changed: {error.strerror}; make room, and try again"
            raise KerasVisionError(text) from None
        self._size += len(lines)
        self._index = None if changes else self._index
        self._count += len(changes)

    def close(self):
        """Fold a journal that has grown."""
        self._journal.close()
        if self._count >= FOLDED_FROM and self._count >= self.index.size / 5:
            self.fold()

    def fold(self):
        """The next generation: without what was removed, and with an empty journal. Where it cannot be written a line
        says so, and the index is as it was, with all changes in its journal.
        """
        keep = [place for place, item in enumerate(self.index.items) if item is not None]
        items, generation = tuple(self.index.items[place] for place in keep), self._about.get("generation", 0)
        held = dataclasses.replace(self.index, vectors=self.index.vectors[keep], items=items, near=None)
        wanted = near.Wanted(**self._about.get("wanted", {}))
        left = generation
        try:
            _write(held, self._folder, generation + 1, self._next, wanted)
        except (OSError, KerasVisionError) as error:
            if json.loads(_about(self._folder)).get("generation", 0) == generation:
                left = generation + 1
                print(f"{self._folder} keeps its journal of {self._count} changes: {error}", file=sys.stderr)
        for name in (*_names(left).values(), near.name_of(left)):
            (self._folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder):
    """A `Writer`; a second one at a time is refused."""
    folder = pathlib.Path(folder)
    if not (folder / ABOUT).exists():
        _read(folder)  # says so
    with contextlib.ExitStack() as stack:
        with _explained(folder):
            lock = stack.enter_context((folder / LOCK).open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KerasVisionError(f"another process writes {folder}; try again when it has ended") from None
        writer = Writer(folder)
        try:
            yield writer
        finally:
            writer.close()
