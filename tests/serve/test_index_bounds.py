"""What bounds an index that is searched by many at once: rows of an answer, and versions that nobody has looked at."""

import threading
import types

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.serve import indexes
from kerasvision.serve.status import ServingError
from kerasvision.systems.index import Filter, Index, drawn_pictures

VECTORS = np.eye(4, dtype=np.float32)


def current():
    drawn = np.tile(VECTORS[0], (len(drawn_pictures()), 1))
    return indexes.Current(Index(VECTORS, tuple({"path": str(n), "number": n} for n in range(4)), "colors", drawn))


class Version(types.SimpleNamespace):
    __hash__ = object.__hash__


def test_nobody_goes_on_before_a_version_is_known():
    held, asked, goes_on, found = current(), threading.Event(), threading.Event(), []
    version = Version(name="colors", version=2)

    def embed(pictures):
        asked.set()
        goes_on.wait()
        return np.tile(-VECTORS[0], (len(pictures), 1))  # another embedder

    def require():
        try:
            held.require(version, embed)
            found.append("passed")
        except KerasVisionError as error:
            found.append(str(error))

    first, second = threading.Thread(target=require), threading.Thread(target=require)
    first.start()
    asked.wait()
    second.start()
    second.join(0.5)
    assert not found
    goes_on.set()
    first.join()
    second.join()
    assert len(found) == 2 and all("colors version 2 is another embedder" in said for said in found)


def test_an_embedder_that_could_not_be_asked_is_asked_again():
    held, version = current(), Version(name="colors", version=1)

    def broken(pictures):
        raise OSError("busy")

    with pytest.raises(OSError, match="busy"):
        held.require(version, broken)
    held.require(version, lambda pictures: np.tile(VECTORS[0], (len(pictures), 1)))


def test_an_answer_has_as_many_rows_as_its_bound_and_no_more(monkeypatch):
    monkeypatch.setattr(indexes, "MOST_ROWS", 8)
    assert [len(row) for row in current().search(VECTORS[:4], 2, Filter())] == [2] * 4
    with pytest.raises(ServingError, match="4 searches for 3 items each; at most 8 items a request"):
        current().search(VECTORS[:4], 3, Filter())
