"""An index of pictures: the vectors that an embedder gave them, tied to that embedder.

Items keep the number that they got when they were added. It stands in a folder: `systems.index_folder`.
"""

import dataclasses
import fnmatch
import functools
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops.nearest import largest

MOST_BYTES = 2**20  # of a text, as `ops.text` has it, which imports TensorFlow
ALIKE = 0.9  # mean cosine of what an embedder and an integer file of it say of the drawn pictures, at least
_MOST = 2**23  # cosines at a time
_ABSENT = -2.0  # below every cosine


@dataclasses.dataclass(frozen=True)
class Filter:
    """Which items are searched; each part that is "" lets all pass.

    label: of the item, the folder that its picture lay in. path: with * and ?. after, before: of the item's time,
    as 2026-01-31 or longer; what has no time is left out.
    """

    label: str = ""
    path: str = ""
    after: str = ""
    before: str = ""

    def __call__(self, item):
        time = item.get("time", "")
        return (
            (not self.label or item.get("label", "") == self.label)
            and (not self.path or fnmatch.fnmatchcase(item["path"], self.path))
            and (not self.after or time >= self.after)
            and (not self.before or "" < time < self.before)
        )

    @property
    def is_empty(self):
        """Whether the filter has no part, so that every item passes it."""
        return self == Filter()


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """vectors: float32 [N, D], of length 1; it may be mapped from a file. items: of each a dict with its `number` and
    `path`, and None in the place of one that was removed. embedder: where the model stands that made them. drawn:
    float32 [P, D], its vectors of `drawn_pictures`, by which it is known again, whichever run or file it is read from.
    near: None, or what finds the nearest of the first vectors without looking at each (`systems.near.Near`).
    """

    vectors: np.ndarray
    items: tuple
    embedder: str
    drawn: np.ndarray
    near: typing.Any = None

    @property
    def size(self):
        """How many items there are."""
        return int(self._present.sum())

    @functools.cached_property
    def _present(self):
        """bool [N]: which are not removed."""
        return np.array([item is not None for item in self.items], bool)

    def query(self, vectors, top, within=Filter()):
        """float32 [Q, D] -> (places of the nearest in `items`, their cosines), [Q, top], the nearest first, of equal
        ones the earlier. within: a `Filter`.
        """
        keep = self._present
        if not within.is_empty:
            keep = np.array([item is not None and within(item) for item in self.items], bool)
        count = int(keep.sum())
        if not 1 <= top <= count:
            among = f"{count} items" + ("" if within.is_empty else " that the filter lets pass")
            raise UsageError(f"the {top} nearest of {among}; allowed: 1 to {count}" if count else f"there are {among}")
        if self.near is not None:
            return self.near.query(self.vectors, np.asarray(vectors, np.float32), top, keep)
        return exact(self.vectors, vectors, top, keep)

    def require(self, model, name):
        """Refuse a model whose vectors are not those that the index holds. model: as `kerasvision.load` gives it."""
        require_same(model, name, self)


def require_same(model, name, held):
    """Refuse a model that is another embedder than the one that made an `Index` or `Clusters`."""
    require_drawn(embedded(model, drawn_pictures(), name), name, held)


def require_drawn(drawn, name, held):
    """As `require_same`, of an embedder's vectors of `drawn_pictures`, float32 [P, D]."""
    if drawn.shape != held.drawn.shape:
        apart = f"vectors of {drawn.shape[1]} numbers, and the index holds {held.drawn.shape[1]}"
    elif not (alike := float((drawn * held.drawn).sum(1).mean())) >= ALIKE:  # nor what is no number
        apart = f"other vectors (a mean cosine of {alike:.2f} with those of the index's own)"
    else:
        return
    raise KerasVisionError(
        f"{name} is another embedder than {held.embedder}, which made the index: it gives {apart}; "
        "query with that one, or build the index again"
    )


def exact(held, vectors, top, keep):
    """(places, cosines), [Q, top], of the nearest of `held` [N, D] among those that are kept, bool [N]; in blocks."""
    rows = max(1, _MOST // len(held))
    places, found = [], []
    for start in range(0, len(vectors), rows):
        cosines = np.where(keep, vectors[start : start + rows] @ held.T, np.float32(_ABSENT))
        places.append(largest(cosines, top))
        found.append(np.take_along_axis(cosines, places[-1], 1))
    return np.concatenate(places), np.concatenate(found)


def built(model, name, pictures: typing.Iterable):
    """The `Index` of (item, uint8 [H, W, 3]) pairs, an item being a dict with its `path`. model: as `kerasvision.load`
    gives it; name: where it stands.
    """
    drawn, vectors, items = embedded(model, drawn_pictures(), name), [], []
    for item, pixels in pictures:
        vectors.append(embedded(model, pixels[None], name)[0])
        items.append({"number": len(items)} | item)
    if not items:
        raise KerasVisionError("no picture could be read; an index needs one or more")
    return Index(np.stack(vectors), tuple(items), name, drawn)


def embedded(model, pixels, name):
    """uint8 [B, H, W, 3] -> float32 [B, D], by a model that has an embedding of a picture alone."""
    if "image" in model.arch.embeds:
        return _finite(model.runner.embed("image", pixels), name)
    if "embedding" not in model.arch.outputs or not {"image"} == set(model.arch.serving_inputs()):
        raise UsageError(
            f"{name} ({model.arch.registered_name}) gives no embedding of a picture; train one with embedding/proxies "
            "or embedding/pairs"
        )
    return _finite(np.asarray(model({"image": pixels})["embedding"], np.float32), name)


def embedded_texts(model, texts, name):
    """List of str -> float32 [B, D], in the space of the pictures, by a model of pictures and words. Raises UsageError
    of another model, and of a text that is empty or too long.
    """
    if "text" not in model.arch.embeds:
        raise no_words(f"{name} ({model.arch.registered_name})")
    return _finite(model.runner.embed("text", np.array(encoded_texts(texts), object)), name)


def no_words(name):
    """The UsageError of a model of pictures alone that is asked for words."""
    return UsageError(f"{name} knows no words; train a model of both with embedding/image_text")


def encoded_texts(texts):
    """List of str -> list of bytes. Raises UsageError of a text that is empty, too long, or no text."""
    try:
        held = [text.encode() for text in texts]
    except UnicodeEncodeError as error:
        raise UsageError(f"{error.object!a} is no UTF-8; encode the text so") from None
    if wrong := [len(text) for text in held if not 0 < len(text) <= MOST_BYTES]:
        raise UsageError(f"a text of {wrong[0]} bytes; allowed: 1 to {MOST_BYTES}")
    return held


def _finite(found, name):
    if not np.isfinite(found).all():
        raise KerasVisionError(f"{name} gives vectors with numbers that are not finite; train it again")
    return found


def drawn_pictures():
    """uint8 [4, 64, 64, 3], always the same: waves of several lengths and colors."""
    y, x = np.mgrid[:64, :64] / 64.0
    waves = [[np.sin(2 * np.pi * (n * x + (k + 1) * y + k / 3)) for k in range(3)] for n in range(1, 5)]
    return np.uint8(np.rint(127.5 + 127.5 * np.moveaxis(np.array(waves), 1, -1)))
