"""Indexes beside the models: pictures are embedded by a served model, and the nearest of an index are the answer.

`POST /v1/indexes/NAME:search` takes pictures as `:predict` does. Every version of the model is first asked about the
pictures that the index knows its embedder by (`systems.index`), so that another embedder's vectors are never compared.
"""

import dataclasses
import io
import json
import pathlib
import re
import threading
import weakref

import numpy as np
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.serve import tensors
from kerasvision.serve.status import Code, ServingError, invalid, not_found
from kerasvision.systems import index_folder
from kerasvision.systems.index import Filter, drawn_pictures, require_drawn

PATH = re.compile(r"/v1/indexes(?:/([^/:]+))?(?::(search|add|remove))?", re.IGNORECASE)
SIGNATURE, KEY = "serving_bytes", "image_bytes"
DEFAULT_TOP, MOST_TOP = 5, 1000
_FILTERS = tuple(field.name for field in dataclasses.fields(Filter))
_ITEM = ("path", "label", "time")  # what a client may say of one that it adds


@dataclasses.dataclass(frozen=True)
class Wanted:
    """folder: of an index. model: the name of the served model that embeds for it."""

    folder: pathlib.Path
    model: str

    @property
    def name(self):
        """What requests call it: the folder's name, without `.index`."""
        return self.folder.name.removesuffix(".index")


class Indexes:
    """Final. wanted: [`Wanted`]. answering: `answering.Answering`. writable: whether requests may add and remove; then
    nobody else may while the server runs. tell: a function of a line for the log. Raises KerasVisionError of an index
    that cannot be read, or written.
    """

    def __init__(self, wanted, answering, writable=False, tell=print):
        names = [one.name for one in wanted]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"two indexes are called {twice[0]}; rename the folder of one")
        self._answering = answering
        self._held = {one.name: _Held(one, writable, tell) for one in wanted}

    def status(self, name=None):
        """JSON values of one index, or of all."""
        if name is None:
            return {"indexes": [held.status() for held in self._held.values()]}
        return self._of(name).status()

    def respond(self, seen, name, verb, body):
        """Bytes of JSON: the response to the bytes of a request. seen: the observer's. Raises ServingError."""
        held, document = self._of(name), tensors.parse(body)
        verb = verb.lower()
        if verb != "search" and not held.writable:
            text = f"{name} is not changed over the network; start the server with --writable"
            raise ServingError(Code.PERMISSION_DENIED, text)
        try:
            if verb == "remove":
                return json.dumps({"numbers": held.remove(_texts(document, "paths"))}).encode()
            with self._answering.predictor(seen, held.wanted.model) as predictor:
                vectors = self._vectors(predictor, held, document)
            if verb == "add":
                return json.dumps({"numbers": held.add(_items(document, len(vectors)), vectors)}).encode()
            return json.dumps({"results": held.search(vectors, *_question(document))}).encode()
        except UsageError as error:  # of the index: what was asked of it
            raise invalid(str(error)) from None
        except KerasVisionError as error:
            raise ServingError(Code.FAILED_PRECONDITION, str(error)) from None

    def close(self):
        """Let go of what is written."""
        for held in self._held.values():
            held.close()

    def _of(self, name):
        if name not in self._held:
            raise not_found(f"no index {name}; there are: {', '.join(self._held) or 'none'}")
        return self._held[name]

    def _vectors(self, predictor, held, document):
        """float32 [N, D] of a request's pictures, once their model is known to be the index's embedder."""
        servable = predictor.servable
        if SIGNATURE not in servable.signature_defs:
            text = f"{servable.name} has no signature {SIGNATURE}; name a model of pictures"
            raise ServingError(Code.FAILED_PRECONDITION, text)
        inputs, _ = tensors.read_inputs(document, servable.inputs_of(SIGNATURE))
        held.require(servable, lambda pictures: _embedded(predictor, {KEY: pictures}))
        return _embedded(predictor, inputs)


def _embedded(predictor, inputs):
    outputs = predictor.predict(inputs, SIGNATURE)
    if "embedding" not in outputs:
        name = predictor.servable.name
        raise ServingError(Code.FAILED_PRECONDITION, f"{name} gives no embedding; name an embedder for the index")
    return np.asarray(outputs["embedding"], np.float32)


class _Held:
    """An index that is read again when its folder changes, or that is written here."""

    def __init__(self, wanted, writable, tell):
        self.wanted, self.writable, self._tell = wanted, writable, tell
        self._lock, self._known = threading.Lock(), weakref.WeakSet()
        self._writing = index_folder.writing(wanted.folder) if writable else None
        self._writer = self._writing.__enter__() if writable else None
        self._stamp = _stamp(wanted.folder)
        self._index = self._writer.index if writable else index_folder.load(wanted.folder)

    @property
    def index(self):
        """The `Index` as it is now. A damaged one leaves the last that was whole, and the log says so once."""
        with self._lock:
            if self._writer is not None:
                return self._writer.index
            stamp = _stamp(self.wanted.folder)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._index = index_folder.load(self.wanted.folder)
                    self._known.clear()
                except (KerasVisionError, OSError) as error:
                    self._tell(f"index {self.wanted.name} goes on as it was: {error}")
            return self._index

    def status(self):
        """JSON values."""
        held = self.index
        row = {"name": self.wanted.name, "model": self.wanted.model, "items": held.size}
        return row | {"dimension": int(held.vectors.shape[1]), "writable": self.writable}

    def require(self, servable, embed):
        """Refuse a version that is another embedder; each is asked once. embed: encoded pictures -> vectors."""
        held = self.index
        if servable in self._known:
            return
        require_drawn(embed(_encoded_pictures()), f"{servable.name} version {servable.version}", held)
        self._known.add(servable)

    def search(self, vectors, top, within):
        """A list for each vector, of the nearest items with their cosines."""
        held = self.index
        places, cosines = held.query(vectors, top, within)
        return [
            [held.items[n] | {"cosine": float(f"{c:.6f}")} for n, c in zip(*row, strict=True)]
            for row in zip(places, cosines, strict=True)
        ]

    def add(self, items, vectors):
        """Their numbers."""
        with self._lock:
            return self._writer.add(list(zip(items, vectors, strict=True)))

    def remove(self, paths):
        """The numbers of those that are gone."""
        with self._lock:
            return self._writer.remove(paths)

    def close(self):
        """Fold the journal, and let others write."""
        if self._writing is not None:
            self._writing.__exit__(None, None, None)


def _stamp(folder):
    """What changes whenever a folder's index does."""
    named = sorted(path for path in folder.glob("*.json*") if path.is_file())
    return tuple((path.name, (held := path.stat()).st_mtime_ns, held.st_size) for path in named)


def _encoded_pictures():
    """The pictures that embedders are known by, as files: object [P]."""
    encoded = []
    for pixels in drawn_pictures():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        encoded.append(file.getvalue())
    return np.array(encoded, object)


def _question(document):
    """(how many, `Filter`) of a search."""
    top = document.get("top", DEFAULT_TOP)
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MOST_TOP:
        raise invalid(f"'top' is {json.dumps(top)[:40]}; allowed: 1 to {MOST_TOP}")
    words = {name: document.get(name, "") for name in _FILTERS}
    if wrong := [name for name, value in words.items() if not isinstance(value, str)]:
        raise invalid(f"'{wrong[0]}' must be a text")
    return top, Filter(**words)


def _items(document, count):
    """What a client says of the pictures that it adds: of each an object with its `path`, and `label` and `time`."""
    items = document.get("items")
    if not isinstance(items, list) or len(items) != count:
        raise invalid(f"'items' must be a list of {count} objects, one for each picture, each with its 'path'")
    for item in items:
        known = isinstance(item, dict) and item.get("path") and set(item) <= set(_ITEM)
        if not known or not all(isinstance(value, str) and value.isprintable() for value in item.values()):
            raise invalid(f"{json.dumps(item)[:80]} is no item; it has a 'path' and may have {', '.join(_ITEM[1:])}")
    return items


def _texts(document, key):
    held = document.get(key)
    if not isinstance(held, list) or not held or not all(isinstance(value, str) for value in held):
        raise invalid(f"'{key}' must be a list of texts")
    return held
