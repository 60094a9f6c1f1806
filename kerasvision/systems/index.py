"""An index of pictures: the vectors that an embedder gave them, tied to that embedder, and searched exactly.

A folder: `vectors.npy` float32 [N, D], `items.jsonl` (a line for each, in the order of the vectors) and `index.json`,
which is written last and has the checksum of the vectors.
"""

import dataclasses
import hashlib
import json
import pathlib
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.ops.nearest import largest

FORMAT = 1
VECTORS, ITEMS, ABOUT = "vectors.npy", "items.jsonl", "index.json"
ALIKE = 0.9  # mean cosine of what an embedder and an integer file of it say of the drawn pictures, at least
_MOST = 2**23  # cosines at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """vectors: float32 [N, D], of length 1. items: of each a dict with its `path`. embedder: where the model stands
    that made them. drawn: float32 [P, D], its vectors of `drawn_pictures`, by which it is known again, whichever run or
    file it is read from.
    """

    vectors: np.ndarray
    items: tuple
    embedder: str
    drawn: np.ndarray

    def query(self, vectors, top):
        """float32 [Q, D] -> (numbers of the nearest items, their cosines), [Q, top], the nearest first."""
        if not 1 <= top <= len(self.items):
            raise UsageError(f"the {top} nearest of {len(self.items)} items; allowed: 1 to {len(self.items)}")
        rows = max(1, _MOST // len(self.items))
        numbers, found = [], []
        for start in range(0, len(vectors), rows):
            cosines = vectors[start : start + rows] @ self.vectors.T
            numbers.append(largest(cosines, top))
            found.append(np.take_along_axis(cosines, numbers[-1], 1))
        return np.concatenate(numbers), np.concatenate(found)

    def require(self, model, name):
        """Refuse a model whose vectors are not those that the index holds. model: as `kerasvision.load` gives it."""
        drawn = embedded(model, drawn_pictures(), name)
        if drawn.shape != self.drawn.shape:
            apart = f"vectors of {drawn.shape[1]} numbers, and the index holds {self.drawn.shape[1]}"
        elif (alike := float((drawn * self.drawn).sum(1).mean())) < ALIKE:
            apart = f"other vectors (a mean cosine of {alike:.2f} with those of the index's own)"
        else:
            return
        raise KerasVisionError(
            f"{name} is another embedder than {self.embedder}, which made the index: it gives {apart}; "
            "query with that one, or build the index again"
        )


def built(model, name, pictures: typing.Iterable):
    """The `Index` of (path, uint8 [H, W, 3]) pairs. model: as `kerasvision.load` gives it; name: where it stands."""
    drawn, vectors, items = embedded(model, drawn_pictures(), name), [], []
    for path, pixels in pictures:
        vectors.append(embedded(model, pixels[None], name)[0])
        items.append({"path": path})
    if not items:
        raise KerasVisionError("no picture could be read; an index needs one or more")
    return Index(np.stack(vectors), tuple(items), name, drawn)


def embedded(model, pixels, name):
    """uint8 [B, H, W, 3] -> float32 [B, D], by a model with `embedding` among its outputs."""
    if "embedding" not in model.arch.outputs or not {"image"} == set(model.arch.serving_inputs()):
        raise UsageError(
            f"{name} ({model.arch.registered_name}) gives no embedding of a picture; train one with embedding/proxies "
            "or embedding/pairs"
        )
    found = np.asarray(model({"image": pixels})["embedding"], np.float32)
    if not np.isfinite(found).all():
        raise KerasVisionError(f"{name} gives vectors with numbers that are not finite; train it again")
    return found


def drawn_pictures():
    """uint8 [4, 64, 64, 3], always the same: waves of several lengths and colors."""
    y, x = np.mgrid[:64, :64] / 64.0
    waves = [[np.sin(2 * np.pi * (n * x + (k + 1) * y + k / 3)) for k in range(3)] for n in range(1, 5)]
    return np.uint8(np.rint(127.5 + 127.5 * np.moveaxis(np.array(waves), 1, -1)))


def require_new(folder):
    """Refuse a place for an index where something is."""
    folder = pathlib.Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; choose another folder for the index")


def save(index, folder):
    """Write an `Index` into a new folder."""
    require_new(folder)
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / VECTORS, index.vectors)
        write_text(folder / ITEMS, "".join(json.dumps(item) + "\n" for item in index.items))
        held = {"format": FORMAT, "embedder": index.embedder, "items": len(index.items), "sha256": _sum(folder)}
        write_text(folder / ABOUT, json.dumps(held | {"drawn": index.drawn.tolist()}) + "\n")
    except OSError as error:
        raise KerasVisionError(f"cannot write the index {folder}: {error.strerror}; name another folder") from None


def load(folder):
    """The `Index` of a folder that `save` wrote. One that is damaged, or of another format, is one line."""
    folder = pathlib.Path(folder)
    if not (folder / ABOUT).exists():
        raise UsageError(f"{folder} has no {ABOUT}; name a folder that `kerasvision index build` wrote")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise UsageError(f"{folder} is an index of format {about['format']}; this version reads {FORMAT}")
        items = tuple(json.loads(line) for line in (folder / ITEMS).read_text(encoding="utf-8").splitlines())
        vectors, whole = np.load(folder / VECTORS), _sum(folder) == about["sha256"]
        if whole and len(items) == len(vectors) == about["items"] and all("path" in item for item in items):
            return Index(vectors, items, about["embedder"], np.float32(about["drawn"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise KerasVisionError(f"the index {folder} is damaged; build it again")


def _sum(folder):
    with (folder / VECTORS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
