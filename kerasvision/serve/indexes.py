"""Indexes beside the models: pictures are embedded by a served model, and the nearest of an index are the answer.

`POST /v1/indexes/NAME:search` takes pictures as `:predict` does, or texts. Every version of the model is first asked
about the pictures that the index knows its embedder by (`systems.index`), so that another embedder's vectors are never
compared.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import re
import threading
import weakref

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.serve import tensors
from kerasvision.serve.embedding import TEXTS, texts_in, vectors_of
from kerasvision.serve.status import Code, ServingError, invalid, not_found
from kerasvision.serve.thumbnails import thumbnail
from kerasvision.systems import index_folder
from kerasvision.systems.index import Filter, drawn_pictures, require_drawn

PATH = re.compile(r"/v1/indexes(?:/([^/:]+))?(?::(search|add|remove))?", re.IGNORECASE)
DEFAULT_TOP, MOST_TOP, MOST_ROWS = 5, 1000, 20_000  # rows of an answer, of all its searches
PICTURE = re.compile(r"/v1/indexes/([^/:]+)/pictures/(\d{1,18})", re.IGNORECASE)
NUMBERS = "numbers"  # of a request: items, to find more like them
LONGEST = 1000  # characters of a filter or of an item's texts
_NAME = re.compile(r"[^/:%?#\s]*[^/:%?#\s.][^/:%?#\s]*")  # that an address can hold, and that is no mere dots
_FILTERS = tuple(field.name for field in dataclasses.fields(Filter))
_ITEM = ("path", "label", "time")  # what a client may say of one that it adds


@dataclasses.dataclass(frozen=True)
class Wanted:
    """folder: of an index. model: the name of the served model that embeds for it."""

    folder: pathlib.Path
    model: str

    @property
    def name(self):
        """What requests call it: the folder's name, without `.index`. Raises UsageError of one that no address has."""
        name = self.folder.resolve().name.removesuffix(".index")
        if not _NAME.fullmatch(name):
            raise UsageError(f"the index {self.folder} would be called {name!r}; name its folder by letters and digits")
        return name


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
        with contextlib.ExitStack() as opened:
            held = {one.name: opened.enter_context(contextlib.closing(Held(one, writable, tell))) for one in wanted}
            self._closing = opened.pop_all()
        self._held = held

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
                return json.dumps({"numbers": held.remove(texts_in(document, "paths"))}).encode()
            asked, current = _question(document) if verb == "search" else _items(document), held.current()
            if verb == "search" and NUMBERS in document:
                return json.dumps({"results": current.search(current.vectors(document[NUMBERS]), *asked)}).encode()
            with self._answering.predictor(seen, held.wanted.model) as predictor:
                vectors = vectors_of(predictor, current, document)
            if verb == "add":
                return json.dumps({"numbers": held.add(asked, vectors)}).encode()
            return json.dumps({"results": current.search(vectors, *asked)}).encode()
        except UsageError as error:  # of the index: what was asked of it
            raise invalid(str(error)) from None
        except KerasVisionError as error:
            raise ServingError(Code.FAILED_PRECONDITION, str(error)) from None

    def picture(self, name, number):
        """PNG bytes: a small picture of an item. Raises ServingError where there is none to be shown."""
        current = self._of(name).current()
        return thumbnail(current.index.items[current.places([number])[0]])

    def close(self):
        """Let go of what is written."""
        self._closing.close()

    def _of(self, name):
        if name not in self._held:
            raise not_found(f"no index {name}; there are: {', '.join(self._held) or 'none'}")
        return self._held[name]


class Current:
    """Final. An index as it is at one moment, in memory, and which versions of its model are known to be its embedder:
    what one request looks at throughout.
    """

    def __init__(self, index, vectors=None, known=None):
        # a mapped file that is shortened meanwhile would end the process
        own = index.vectors if vectors is None else vectors
        self.index = dataclasses.replace(index, vectors=np.array(own) if isinstance(own, np.memmap) else own)
        self._source = index.vectors
        self._known = weakref.WeakKeyDictionary() if known is None else known
        self._asking = threading.Lock()

    def after(self, index):
        """The same after a change; versions are known to it as before if its embedder is the same."""
        same = np.array_equal(index.drawn, self.index.drawn)
        vectors = self.index.vectors if index.vectors is self._source else None
        return Current(index, vectors, self._known if same else None)

    def require(self, servable, embed):
        """Refuse a version that is another embedder; each is asked once. embed: encoded pictures -> vectors."""
        with self._asking:  # nobody goes on before the answer
            if servable not in self._known:
                self._known[servable] = self._doubt(f"{servable.name} version {servable.version}", embed)
        if self._known[servable]:
            raise KerasVisionError(self._known[servable])

    def _doubt(self, name, embed):
        """Why it is another embedder, or ""."""
        try:
            require_drawn(embed(drawn_pictures()), name, self.index)
        except KerasVisionError as error:
            return str(error)
        return ""

    @functools.cached_property
    def _place_of(self):
        """{number: place} of all items."""
        return {item["number"]: place for place, item in enumerate(self.index.items) if item is not None}

    def places(self, numbers):
        """Where items stand, by their numbers. Raises ServingError of one that is not there."""
        if missing := [number for number in numbers if number not in self._place_of]:
            raise not_found(f"the index has no item {missing[0]}")
        return [self._place_of[number] for number in numbers]

    def vectors(self, numbers):
        """float32 [N, D] of items, by what a request says of them. Raises ServingError of what are no numbers."""
        if not isinstance(numbers, list) or not 0 < len(numbers) <= MOST_TOP or {*map(type, numbers)} != {int}:
            raise invalid(f"'{NUMBERS}' must be a list of 1 to {MOST_TOP} numbers of items")
        return self.index.vectors[self.places(numbers)]

    def search(self, vectors, top, within):
        """A list for each vector, of the nearest items with their cosines. Raises ServingError of too many."""
        if len(vectors) * top > MOST_ROWS:
            raise invalid(f"{len(vectors)} searches for {top} items each; at most {MOST_ROWS} items a request")
        places, cosines = self.index.query(vectors, top, within)
        return [
            [self.index.items[n] | {"cosine": float(f"{c:.6f}")} for n, c in zip(*row, strict=True)]
            for row in zip(places, cosines, strict=True)
        ]


class Held:
    """Final. An index that is read again when its folder changes, or that is written here."""

    def __init__(self, wanted, writable, tell):
        self.wanted, self.writable, self._tell = wanted, writable, tell
        self._lock, self._writing, self._writer = threading.Lock(), contextlib.ExitStack(), None
        self._stamp = self._failed = _stamp(wanted.folder)
        if writable:
            self._writer = self._writing.enter_context(index_folder.writing(wanted.folder))
        self._current = Current(self._writer.index if writable else index_folder.load(wanted.folder))

    def current(self):
        """The `Current` of now. A damaged index leaves the last that was whole, and the log says so once."""
        with self._lock:
            stamp = self._stamp if self._writer else _stamp(self.wanted.folder)
            if stamp not in (self._stamp, self._failed):
                try:
                    self._current = self._current.after(index_folder.load(self.wanted.folder))
                    self._stamp = stamp
                except (KerasVisionError, OSError) as error:
                    self._failed = stamp
                    self._tell(f"index {self.wanted.name} goes on as it was: {error}")
            return self._current

    def status(self):
        """JSON values: name, model, how many items of which dimension, and whether requests may change it."""
        held = self.current().index
        row = {"name": self.wanted.name, "model": self.wanted.model, "items": held.size}
        return row | {"dimension": int(held.vectors.shape[1]), "writable": self.writable}

    def add(self, items, vectors):
        """Add pictures: items, dicts with their `path`, and vectors float32 [N, D] -> their numbers, in that order.

        Raises ServingError where they are not as many, UsageError of a path that is there, KerasVisionError of a full
        disk.
        """
        if len(items) != len(vectors):
            raise invalid(f"'items' has {len(items)} objects for {len(vectors)} pictures; give one for each")
        return self._changed(lambda writer: writer.add(list(zip(items, vectors, strict=True))))

    def remove(self, paths):
        """The numbers of those that are gone."""
        return self._changed(lambda writer: writer.remove(paths))

    def _changed(self, change):
        with self._lock:
            numbers = change(self._writer)
            self._current = self._current.after(self._writer.index)
            return numbers

    def close(self):
        """Fold the journal, and let others write."""
        with self._lock:
            self._writing.close()


def _stamp(folder):
    """What changes whenever a folder's index does."""
    found = []
    for path in sorted(folder.glob("*")):
        with contextlib.suppress(OSError):  # gone meanwhile
            found.append((path.name, (held := path.stat()).st_mtime_ns, held.st_size))
    return tuple(found)


def _question(document):
    """(how many, `Filter`) of a search."""
    given = sorted({"instances", "inputs", TEXTS, NUMBERS} & set(document))
    if not given:
        raise invalid(f"Missing 'inputs' or 'instances' key, of pictures, or '{TEXTS}', or '{NUMBERS}' of items")
    if len(given) > 1 and given != ["inputs", "instances"]:
        raise invalid(f"'{given[0]}' and '{given[1]}' are asked for one by one; send two requests")
    top = document.get("top", DEFAULT_TOP)
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MOST_TOP:
        raise invalid(f"'top' is {tensors.shown(top)}; allowed: 1 to {MOST_TOP}")
    words = {name: document.get(name, "") for name in _FILTERS}
    if wrong := [name for name, value in words.items() if not isinstance(value, str) or len(value) > LONGEST]:
        raise invalid(f"'{wrong[0]}' must be a text of at most {LONGEST} characters")
    return top, Filter(**words)


def _items(document):
    """What a client says of the pictures that it adds: of each an object with its `path`, and `label` and `time`."""
    if TEXTS in document:
        raise invalid(f"an index holds pictures, and '{TEXTS}' only search it; give 'instances'")
    items = document.get("items")
    if not isinstance(items, list) or not items:
        raise invalid("'items' must be a list of objects, one for each picture, each with its 'path'")
    for item in items:
        known = isinstance(item, dict) and item.get("path") and set(item) <= set(_ITEM)
        if not known or not all(_is_text(value) for value in item.values()):
            allowed = f"it has a 'path' and may have {', '.join(_ITEM[1:])}, texts of at most {LONGEST} characters"
            raise invalid(f"{tensors.shown(item)} is no item; {allowed}")
    return items


def _is_text(value):
    return isinstance(value, str) and value.isprintable() and len(value) <= LONGEST
