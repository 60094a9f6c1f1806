"""`kerasvision read` after something went wrong: damaged pages, journals and disks, and other models than before."""

import errno
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli import reading
from kerasvision.cli.main import main
from kerasvision.core.files import write_bytes
from kerasvision.train.run import load_run
from tests.cli.test_read import FORMS, Pages, read, texts


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Two pages: one.png, and two.tif, a file of one, another that is damaged, and the other again."""
    held = Pages()
    pictures = [Image.fromarray(held.add(columns, 3)[0]) for columns in (1, 2)]
    pictures[0].save(tmp_path / "one.png")
    more = [picture.copy() for picture in pictures]  # which have no settings of a PNG
    pictures[1].save(tmp_path / "whole.tif", save_all=True, append_images=more, compression="tiff_deflate")
    damaged = bytearray((tmp_path / "whole.tif").read_bytes())
    with Image.open(tmp_path / "whole.tif") as file:
        file.seek(1)
        first = file.tag_v2[273][0]  # where the strips of the page begin
    damaged[first : first + 200] = bytes(200)
    (tmp_path / "two.tif").write_bytes(damaged)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "load", held.load)
    monkeypatch.setattr(reading, "identity_of", lambda session, places: "these")
    return held


def test_a_damaged_page_is_named_and_the_others_are_written(pages, tmp_path, capsys):
    assert read("two.tif", "--out", "out", "--as", *FORMS) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].startswith("kerasvision: two.tif, page 2, cannot be read: ")
    assert said[1].startswith("2 pages") and said[1].endswith("; 1 pages that could not be read")
    first, second, third = (tmp_path / "out" / "two.txt").read_text().split("\f")
    assert second == "" and [row for row in first.split("\n") if row] == texts(pages.lines[1][1])
    assert [row for row in third.split("\n") if row] == texts(pages.lines[1][1])
    held = json.loads((tmp_path / "out" / "two.json").read_text())
    assert [page["page"] for page in held["pages"]] == [1, 3]
    before = pages.calls
    assert read("two.tif", "--out", "out", "--as", *FORMS, "--resume") == 1
    assert pages.calls == before, "what was read is not read again, and what was not is tried"
    assert read("two.tif", "--json") == 1
    assert [json.loads(row)["page"] for row in capsys.readouterr().out.splitlines()] == [1, 3]


def test_a_document_without_a_whole_page_is_not_written(pages, tmp_path, capsys):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(
        tmp_path / "none.tif", save_all=True, append_images=[Image.fromarray(np.ones((4, 4), np.float32))]
    )
    assert read("none.tif", "--out", "out") == 1
    said = capsys.readouterr().err.splitlines()
    assert ["page 1, cannot" in said[0], "page 2, cannot" in said[1], len(said)] == [True, True, 3]
    assert said[2].endswith("; 1 documents that could not be read")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["reading.jsonl"]


def test_a_damaged_journal_is_one_line(pages, tmp_path, capsys):
    assert read("two.tif", "--out", "out") == 1
    journal = tmp_path / "out" / "reading.jsonl"
    begin, page, *_ = journal.read_text().splitlines()
    no_size = json.loads(page)
    no_size["page"]["width"] = "wide"
    for row in ('{"of": 1}', "7", "null", '{"done": {}}', '{"of": "a", "number": 0, "page": {}}', json.dumps(no_size)):
        capsys.readouterr()
        journal.write_text(f"{begin}\n{page}\n{row}\n{page}\n")
        assert read("two.tif", "--out", "out", "--resume") == 2, row
        error = capsys.readouterr().err
        assert error == f"kerasvision: {pathlib.Path('out', 'reading.jsonl')}, line 3, is damaged; leave --resume out\n"
        assert journal.read_text().count("\n") == 4, "it is left as it was"
    for text in ("", "no\n", "\x00\n"):
        journal.write_text(text)
        assert read("two.tif", "--out", "out", "--resume") == 2
        error = capsys.readouterr().err
        assert "no journal that can be gone on from" in error and error.count("\n") == 1


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(pages, tmp_path, monkeypatch, capsys):
    """A disk that is full after the first row, of which it takes a part; then there is room again."""
    opened, size = pathlib.Path.open, []

    class Full:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._file.close()

        def write(self, text):
            self._file.write(text[: len(text) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    def opening(path, mode="r", *more, **keywords):
        file = opened(path, mode, *more, **keywords)
        if mode != "a":
            return file
        size.append(path.stat().st_size)
        return Full(file)

    monkeypatch.setattr(pathlib.Path, "open", opening)
    assert read("one.png", "--out", "out") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "reading.jsonl: No space left on device" in said[0]
    assert len(size) == 1 and (tmp_path / "out" / "reading.jsonl").stat().st_size == size[0]
    monkeypatch.setattr(pathlib.Path, "open", opened)
    assert read("one.png", "--out", "out", "--resume") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["one.txt"]


def test_a_file_that_cannot_be_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    written = pathlib.Path.write_bytes

    def full(path, content):
        written(path, content[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.txt").write_text("before")
    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "a.txt", b"after")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "before"


def another(run, folder):
    """A copy of a run with one weight that is another, by so little that it says the same of noise."""
    shutil.copytree(run, folder)
    graph = load_run(folder).graph
    weight = graph.trainable_variables[-1]
    weight.assign(weight + 1e-3)
    graph.save_weights(folder / "model.weights.h5")
    return str(folder)


@pytest.mark.nightly
def test_other_weights_or_settings_are_not_gone_on_with(runs, tmp_path, monkeypatch, capsys):
    """Each of what a page is read by is another once; the same, from another place or saved as one, is gone on with."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "white").save(tmp_path / "one.png")
    words = ["one.png", "none.png", "--out", "out"]  # what fails keeps the journal
    assert main(["read", *runs, *words]) == 1
    others = [another(run, tmp_path / f"other{n}") for n, run in enumerate(runs)]
    shutil.copytree(runs[0], tmp_path / "moved")
    for models, more in (
        ((others[0], runs[1]), ()),
        ((runs[0], others[1]), ()),
        (runs, ("--set", "detector.threshold=0.45")),
        (runs, ("--set", "detector.score_threshold=0.9")),
        (runs, ("--set", "word_gap=0.9")),
        (runs, ("--dpi", "200.00001")),
    ):
        capsys.readouterr()
        assert main(["read", *models, *words, *more, "--resume"]) == 2, (models, more)
        assert "was begun with other models, settings or forms; give the same" in capsys.readouterr().err
    assert main(["read", "moved", runs[1], *words, "--resume"]) == 1
    assert "1 documents read before" in capsys.readouterr().err
    assert main(["read", *runs, "--save", "reader"]) == 0
    assert main(["read", "reader", *words, "--resume"]) == 1
    assert "1 documents read before" in capsys.readouterr().err
