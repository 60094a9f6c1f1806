"""The folder of an index: every change against numpy over a plain list, ends of a process at any byte, and FAISS."""

import json
import os
import shutil
import signal
import subprocess
import sys

import faiss
import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems import index_folder, near
from kerasvision.systems.index import Filter, Index

DIMENSION = 8
RNG = np.random.default_rng(0)


def unit(count, dimension=DIMENSION, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def index_of(vectors, **fields):
    items = tuple({"number": n, "path": f"{n}.png"} | {k: v[n] for k, v in fields.items()} for n in range(len(vectors)))
    return Index(vectors, items, "runs/find", unit(4, vectors.shape[1], 9))


@pytest.fixture
def folder(tmp_path):
    index_folder.save(index_of(unit(6)), tmp_path / "held.index")
    return tmp_path / "held.index"


def paths(index):
    return [item["path"] for item in index.items if item is not None]


def found(index, asked, top, within=Filter()):  # noqa: B008 (frozen)
    places, cosines = index.query(asked, top, within)
    return [[index.items[p]["path"] for p in row] for row in places], cosines


def test_what_somebody_holds_stays_as_it_was_while_the_writer_goes_on(folder):
    """Vectors grow in place: neither growth, nor what is put into its room, changes an index of before."""
    seen = []
    with index_folder.writing(folder) as writer:
        for number, vector in enumerate(unit(20, seed=3)):
            writer.add([({"path": f"new{number}.png"}, vector)])
            seen.append((held := writer.index, held.vectors.copy(), paths(held)))
            assert held is writer.index, "made once for each change"
        writer.remove(["0.png", "new7.png"])
        assert len(writer.index.vectors) == 26 and writer.index.size == 24
    for held, vectors, names in seen:
        np.testing.assert_array_equal(held.vectors, vectors)
        assert paths(held) == names
    np.testing.assert_array_equal(seen[-1][1], np.concatenate([unit(6), unit(20, seed=3)]))


def test_after_any_changes_every_answer_is_that_of_the_plain_list(folder, monkeypatch):
    """1,000 changes, with restarts and folded journals between them; numbers are given once and never again."""
    monkeypatch.setattr(index_folder, "FOLDED_FROM", 40)
    rng, plain, seen = np.random.default_rng(1), dict(zip(map("{}.png".format, range(6)), unit(6), strict=True)), {}
    for turn in range(100):
        with index_folder.writing(folder) as writer:
            for _ in range(int(rng.integers(1, 6))):
                rows = [({"path": f"{turn}-{rng.integers(10**9)}"}, v) for v in unit(3, seed=rng.integers(10**9))]
                numbers = writer.add(rows)
                assert not set(numbers) & set(seen)
                seen |= dict.fromkeys(numbers)
                plain |= {item["path"]: v for item, v in rows}
                out = list(rng.choice(list(plain), min(len(plain) - 3, int(rng.integers(0, 4))), replace=False))
                writer.remove(out)
                plain = {path: v for path, v in plain.items() if path not in out}
        held, asked = index_folder.load(folder), unit(2, seed=turn)
        assert sorted(paths(held)) == sorted(plain)
        names, cosines = found(held, asked, 3)
        true = asked @ np.stack(list(plain.values())).T
        order = np.argsort(-true, 1, kind="stable")[:, :3]
        assert names == [[list(plain)[n] for n in row] for row in order]
        np.testing.assert_allclose(cosines, np.take_along_axis(true, order, 1), atol=1e-6)
    assert json.loads((folder / "index.json").read_text())["generation"] > 3
    assert len(list(folder.glob("vectors*.npy"))) == 1, "old generations go"


def test_a_journal_that_ends_anywhere_gives_all_whole_changes(folder, tmp_path):
    with index_folder.writing(folder) as writer:
        writer.add([({"path": f"new{n}"}, v) for n, v in enumerate(unit(2, seed=3))])
        writer.remove(["0.png"])
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    whole, before = [6, 7, 8, 7], b"".join(lines)
    for cut in range(len(before) + 1):
        (folder / "journal.jsonl").write_bytes(before[:cut])
        count = sum(len(b"".join(lines[: n + 1])) <= cut for n in range(3))
        assert len(paths(index_folder.load(folder))) == whole[count], cut
    (folder / "journal.jsonl").write_bytes(before[:-5])
    with index_folder.writing(folder) as writer:  # what was half written goes, and what follows is read
        writer.add([({"path": "later"}, unit(1)[0])])
    assert paths(index_folder.load(folder))[-1] == "later"
    (folder / "journal.jsonl").write_bytes(before.replace(b"new0", b"xxxx"))
    with pytest.raises(KerasVisionError, match="is damaged; build it again"):
        index_folder.load(folder)


def test_a_fold_that_is_interrupted_changes_nothing(folder, monkeypatch):
    with index_folder.writing(folder) as writer:
        writer.remove(["1.png"])
    before = paths(index_folder.load(folder))
    real = index_folder.write_durably
    for broken in ("items-1.jsonl", "index.json"):

        def end(path, text, broken=broken):
            if path.name == broken:
                raise KeyboardInterrupt
            real(path, text)

        monkeypatch.setattr(index_folder, "write_durably", end)
        with pytest.raises(KeyboardInterrupt), index_folder.writing(folder) as writer:
            writer.fold()
        assert paths(index_folder.load(folder)) == before
    monkeypatch.undo()
    with index_folder.writing(folder) as writer:
        writer.fold()
    assert paths(index_folder.load(folder)) == before and not (folder / "vectors.npy").exists()


ADDS = """
import sys
import numpy as np
from kerasvision.systems import index_folder
with index_folder.writing(sys.argv[1]) as writer:
    for n in range(100000):
        writer.add([({"path": f"more{n}"}, np.eye(8, dtype=np.float32)[n % 8])])
        print(n, flush=True)
"""


def test_kill_9_loses_nothing_that_was_said_to_be_there(folder):
    process = subprocess.Popen([sys.executable, "-c", ADDS, str(folder)], stdout=subprocess.PIPE, text=True)
    said = [int(process.stdout.readline()) for _ in range(25)]
    with pytest.raises(KerasVisionError, match="another process writes .*held.index; try again when it has ended"):
        index_folder.writing(folder).__enter__()
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.communicate()[0].split()]
    held = paths(index_folder.load(folder))
    assert held[6:] == [f"more{n}" for n in range(len(held) - 6)] and len(held) - 6 > said[-1]
    with index_folder.writing(folder) as writer:  # nobody holds it any more
        writer.remove(["more0"])


def test_an_index_of_before_is_read(folder):
    about = json.loads((folder / "index.json").read_text())
    old = {k: about[k] for k in ("embedder", "items", "sha256", "drawn")} | {"format": 1}
    (folder / "index.json").write_text(json.dumps(old))
    (folder / "items.jsonl").write_text("".join(json.dumps({"path": f"{n}.png"}) + "\n" for n in range(6)))
    (folder / "journal.jsonl").unlink()
    assert [item["number"] for item in index_folder.load(folder).items] == list(range(6))
    with index_folder.writing(folder) as writer:
        assert writer.add([({"path": "new"}, unit(1)[0])]) == [6]


def test_filters():
    labels, times = ["cap", "hat", "cap", "cap"], ["2026-01-02T10", "", "2026-01-03T10", "2026-02-01T10"]
    held = index_of(unit(4), label=labels, time=times)
    asked = unit(1, seed=5)

    def passing(**fields):
        names, _ = found(held, asked, sum(map(Filter(**fields), held.items)), Filter(**fields))
        return set(names[0])

    assert passing(label="cap") == {"0.png", "2.png", "3.png"}
    assert passing(path="[12].*") == {"1.png", "2.png"}
    assert passing(after="2026-01-03") == {"2.png", "3.png"}
    assert passing(before="2026-01-03") == {"0.png"}
    with pytest.raises(UsageError, match="the 4 nearest of 3 items that the filter lets pass; allowed: 1 to 3"):
        held.query(asked, 4, Filter(label="cap"))
    with pytest.raises(UsageError, match="there are 0 items that the filter lets pass"):
        held.query(asked, 1, Filter(label="shoe"))


def test_what_cannot_be_changed_is_one_line(folder):
    with index_folder.writing(folder) as writer:
        for rows, says in (
            ([({"path": "0.png"}, unit(1)[0])], "0.png is in the index; remove it first"),
            ([({"path": "a"}, unit(1, 7)[0])], "a vector of 7 numbers, all finite: True; the index holds finite ones"),
            ([({"path": "a"}, np.full(8, np.nan))], "all finite: False"),
            ([({"path": "a"}, unit(1)[0])] * 2, "a is in the index"),
        ):
            with pytest.raises(KerasVisionError, match=says):
                writer.add(rows)
        with pytest.raises(UsageError, match="gone.png is not in the index"):
            writer.remove(["0.png", "gone.png"])
    assert len(paths(index_folder.load(folder))) == 6, "nothing of what was refused is there"


@pytest.mark.parametrize("broken", ["items-1.jsonl", "index.json"])
def test_a_fold_without_room_is_a_line_and_leaves_all_changes(folder, monkeypatch, capsys, broken):
    real = index_folder.write_durably

    def full(path, text):
        if path.name == broken:
            raise OSError(28, "No space left on device")
        real(path, text)

    monkeypatch.setattr(index_folder, "write_durably", full)
    with index_folder.writing(folder) as writer:
        writer.add([({"path": "new.png"}, unit(1, seed=5)[0])])
        writer.fold()
    assert "keeps its journal of 1 changes: [Errno 28] No space left on device" in capsys.readouterr().err
    assert "new.png" in paths(index_folder.load(folder))
    assert not [*folder.glob("*-1.*")]


MANY, WIDE = 3000, 32


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """FAISS's threads wait for each other by spinning, which a busy machine makes minutes of."""
    faiss.omp_set_num_threads(1)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """(vectors in 60 groups, folder of their index, searched by FAISS from 1,000 on)."""
    centers = unit(60, WIDE, 1)
    vectors = np.repeat(centers, MANY // 60, 0) + 0.5 * unit(MANY, WIDE, 2)
    vectors = np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    out = tmp_path_factory.mktemp("near") / "many.index"
    index_folder.save(index_of(vectors), out, near.Wanted(recall=0.95, exact_below=1000))
    return vectors, out


def test_the_stated_recall_is_measured_and_holds_for_other_queries(many):
    vectors, out = many
    about = json.loads((out / "index.json").read_text())
    assert about["near"] == "IVF128,Flat" and about["recall"] >= 0.95 and 1 <= about["probes"] < 128
    asked = np.float32(vectors[::7] + 0.1 * unit(len(vectors[::7]), WIDE, 3))
    places, cosines = index_folder.load(out).query(asked, 10)
    true = np.argsort(-(asked @ vectors.T), 1)[:, :10]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(places, true, strict=True)])
    assert recall >= 0.93
    np.testing.assert_allclose(cosines, np.einsum("qkd,qd->qk", vectors[places], asked), atol=1e-5)


def test_a_file_of_faiss_that_was_cut_off_is_one_line(many, tmp_path):
    out = shutil.copytree(many[1], tmp_path / "cut.index")
    (near_by,) = out.glob("near*.faiss")
    near_by.write_bytes(near_by.read_bytes()[:1000])
    with pytest.raises(KerasVisionError, match="is damaged; build it again"):
        index_folder.load(out)


def test_what_is_removed_or_filtered_is_never_found_and_what_is_added_is(many, tmp_path):
    vectors, out = many
    shutil.copytree(out, tmp_path / "own.index")
    own = tmp_path / "own.index"
    with index_folder.writing(own) as writer:
        writer.remove([f"{n}.png" for n in range(50)])
        writer.add([({"path": "again"}, vectors[0])])
    held = index_folder.load(own)
    names, cosines = found(held, vectors[:1], 5)
    assert names[0][0] == "again" and cosines[0, 0] == pytest.approx(1, abs=1e-5)
    assert not set(names[0]) & {f"{n}.png" for n in range(50)}
    few = Filter(path="29[0-9][0-9].png")  # which stand in other lists than those that are searched
    places, _ = held.query(vectors[60:61], 60, few)
    true = np.argsort(-(vectors[2900:] @ vectors[60]), kind="stable")[:60] + 2900
    np.testing.assert_array_equal(places[0], true)


def coded(vectors, folder, most, recall):
    """What index.json says of it."""
    index_folder.save(index_of(vectors), folder, near.Wanted(recall, max_memory=most, exact_below=1000))
    return json.loads((folder / "index.json").read_text())


def test_codes_of_8_bits_follow_the_memory_and_a_missed_recall_is_refused(many, tmp_path):
    vectors, _ = many
    assert coded(vectors, tmp_path / "8bit", MANY * 41, 0.9)["near"] == "IVF128,SQ8"
    with pytest.raises(KerasVisionError, match="of the 10 nearest 0.* are found by IVF128,SQ8 .* --recall is 0.99999"):
        coded(vectors, tmp_path / "missed", MANY * 41, 0.99999)
    with pytest.raises(UsageError, match="--recall 1.0 is exact search, .* leaves room for product codes"):
        coded(vectors, tmp_path / "product", MANY * 39, 1.0)
    with pytest.raises(UsageError, match="--max-memory 1000: 3000 vectors need 72000 bytes or more"):
        coded(vectors, tmp_path / "small", 1000, 0.9)
    with pytest.raises(UsageError, match="--recall 1.5; allowed: above 0, at most 1"):
        near.Wanted(recall=1.5)


def test_product_codes_are_the_smallest(many, tmp_path):
    assert coded(many[0], tmp_path / "product", MANY * 39, 0.5)["near"] == "IVF128,PQ16"
