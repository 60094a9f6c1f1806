"""A packed index: how far its cosines are off, the bytes it takes, and what is refused, without a model."""

import json

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.edge.errors import EdgeError, EdgeUsageError
from kerasvision.edge.searching import open_search, vector_of
from kerasvision.systems import packed
from kerasvision.systems.index import Index, drawn_pictures

RNG = np.random.default_rng(6)


def unit(count, dimension=32):
    rows = np.float32(RNG.normal(size=(count, dimension)))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def index_of(vectors):
    items = tuple(
        {"number": n, "path": f"photos/{n}.jpg", "label": "thing", "sha256": "0"} for n in range(len(vectors))
    )
    return Index(vectors, items, "runs/shop", unit(4, vectors.shape[1]))


def test_cosines_are_off_by_half_a_step_at_most_and_the_nearest_first(tmp_path):
    vectors, (asked, *_) = unit(20_000), unit(1)
    size = packed.write(index_of(vectors), tmp_path / "shop.npz")
    # 32 numbers of 8 bits and a scale of 4 bytes; paths and labels compress to less than 8 bytes
    assert size == (tmp_path / "shop.npz").stat().st_size < 20_000 * (32 + 4 + 8) + 200_000
    found = open_search(tmp_path / "shop.npz").nearest(asked, 50)
    cosines = vectors @ asked
    step = np.abs(vectors).max(1) / 127
    bound = step.max() / 2 * np.abs(asked).sum() + 1e-6
    for row in found:
        number = int(row["path"].split("/")[1].split(".")[0])
        assert abs(row["cosine"] - cosines[number]) <= bound
        assert set(row) == {"path", "label", "cosine"} and row["label"] == "thing"
    given = [row["cosine"] for row in found]
    assert given == sorted(given, reverse=True)
    # whatever is nearer than the last by more than twice what a cosine may be off is there
    clearly = set(np.flatnonzero(cosines > given[-1] + 2 * bound))
    assert clearly <= {int(row["path"].split("/")[1].split(".")[0]) for row in found} and len(clearly) > 10


def test_removed_items_are_not_in_it(tmp_path):
    vectors = unit(3)
    index = index_of(vectors)
    index = Index(vectors, (index.items[0], None, index.items[2]), index.embedder, index.drawn)
    packed.write(index, tmp_path / "few.npz")
    search = open_search(tmp_path / "few.npz")
    assert [item["path"] for item in search.items] == ["photos/0.jpg", "photos/2.jpg"]
    assert search.nearest(vectors[1], 2)[0]["cosine"] < 0.99
    with pytest.raises(EdgeUsageError, match="the 3 nearest of 2 items; allowed: 1 to 2"):
        search.nearest(vectors[0], 3)


class EightBits:
    """A client whose file has functions of 8-bit integers: it answers 64, 0, -128 in place of 0.5, 0, -1."""

    def __init__(self):
        tensor = {"dtype": "int8", "quantization": [1 / 128, 0]}
        self.row = {
            "functions": {"embed_text": {"inputs": {"text_bytes": {"dtype": "uint8"}}, "outputs": {"v": tensor}}}
        }
        self.contract = {"preprocess": {"text": {"version": 1, "kind": "text", "length_bytes": 8}}}
        self.runtime = self

    def call(self, name, inputs):
        assert name == "embed_text" and inputs["text_bytes"].tobytes() == b"red\0\0\0\0\0"
        return {"v": np.int8([[64, 0, -128]])}


def test_integers_of_a_file_become_the_numbers_that_they_stand_for():
    np.testing.assert_array_equal(vector_of(EightBits(), text="red"), [0.5, 0, -1])


class Asked:
    """A client that gives a vector for each of the drawn pictures."""

    def __init__(self, vectors):
        self.contract, self.row = {"preprocess": {}}, {}
        self._vectors = {p.tobytes(): v for p, v in zip(drawn_pictures(), vectors, strict=True)}

    def embed(self, picture):
        return self._vectors[picture.tobytes()]


def test_another_embedder_is_refused_on_both_sides_of_the_threshold(tmp_path):
    index = index_of(unit(5))
    packed.write(index, tmp_path / "shop.npz")
    search = open_search(tmp_path / "shop.npz")
    aside = index.drawn[:, ::-1] - (index.drawn * index.drawn[:, ::-1]).sum(1, keepdims=True) * index.drawn
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    for cosine, refused in ((0.91, False), (0.89, True)):
        client = Asked(cosine * index.drawn + np.sqrt(1 - cosine**2) * aside)
        if not refused:
            search.require(client)
            continue
        with pytest.raises(EdgeError, match=r"another embedder than runs/shop.*a mean cosine of 0.89"):
            search.require(client)
    with pytest.raises(EdgeError, match="vectors of 8 numbers, and the index has 32"):
        search.require(Asked(unit(4, 8)))


def test_what_is_no_packed_index_is_one_line(tmp_path):
    path = tmp_path / "shop.npz"
    packed.write(index_of(unit(5)), path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"no index"):
        path.write_bytes(damaged)
        with pytest.raises(EdgeError, match="is no packed index, or is damaged"):
            open_search(path)
    np.savez(path, codes=np.zeros((2, 3), np.int8))
    with pytest.raises(EdgeError, match="is no packed index"):
        open_search(path)
    path.write_bytes(content)
    with np.load(path) as held:
        parts = {key: held[key] for key in held.files}
    np.savez(path, **parts | {"scales": parts["scales"][:-1]})
    with pytest.raises(EdgeError, match="is damaged: .5, 32. codes, 4 scales and 5 items"):
        open_search(path)
    about = json.dumps({"format": 2}).encode()
    np.savez(path, **parts | {"about": np.frombuffer(about, np.uint8)})
    with pytest.raises(EdgeError, match="a packed index of format 2; this client reads 1"):
        open_search(path)
    with pytest.raises(EdgeUsageError, match="no file at"):
        open_search(tmp_path / "none.npz")
    with pytest.raises(UsageError, match="a packed index is written as .npz"):
        packed.write(index_of(unit(2)), tmp_path / "shop.bin")
    empty = Index(unit(1), (None,), "runs/shop", unit(4))
    with pytest.raises(KerasVisionError, match="an index of 0 items"):
        packed.write(empty, tmp_path / "empty.npz")
