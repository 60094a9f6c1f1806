"""`kerasvision read --as pdf`: documents that can be searched, of pictures, TIFFs and PDFs."""

import io
import os
import signal

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from kerasvision.data.pages import dots_of, jpeg_of
from tests.cli import test_read, test_read_again
from tests.cli.test_read import read

pages = test_read.pages
damaged_pages = test_read_again.pages


def opened(path):
    """[(text, width and height in points)] of each page."""
    with pypdfium2.PdfDocument(path) as document:
        return [(page.get_textpage().get_text_range().split(), page.get_size()) for page in document]


def said(lines):
    return " ".join(test_read.texts(lines)).split()


def test_documents_become_pdfs_and_those_pdfs_again(pages, tmp_path, capsys):
    assert read("one.png", "two.tif", "--out", "out", "--as", "pdf", "text", "--dpi", "144") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.pdf", "one.txt", "two.pdf", "two.txt"]
    found = [page for name in ("one", "two") for page in opened(tmp_path / "out" / f"{name}.pdf")]
    assert [text for text, _ in found] == [said(lines) for _, lines in pages.lines]
    assert {size for _, size in found} == {(210.0, 250.0)}, "420 by 500 pixels at 144 dots an inch"
    assert read("out/two.pdf", "--out", "again", "--as", "pdf", "--dpi", "144") == 0
    assert [text for text, _ in opened(tmp_path / "again" / "two.pdf")] == [text for text, _ in found[1:]]


def test_what_is_stopped_goes_on_with_the_same_pdf(pages, tmp_path, monkeypatch):
    words, found = ("two.tif", "--as", "pdf"), pages._found
    assert read(*words, "--out", "whole") == 0

    def stopping(inputs):
        os.kill(os.getpid(), signal.SIGINT)
        return found(inputs)

    monkeypatch.setattr(pages, "_found", stopping)
    assert read(*words, "--out", "out") == 130
    monkeypatch.setattr(pages, "_found", found)
    assert read(*words, "--out", "out", "--resume") == 0
    assert (tmp_path / "out" / "two.pdf").read_bytes() == (tmp_path / "whole" / "two.pdf").read_bytes()


def test_a_damaged_page_is_an_empty_one(damaged_pages, tmp_path):
    assert read("two.tif", "--out", "out", "--as", "pdf") == 1
    meant = said(damaged_pages.lines[1][1])
    assert [text for text, _ in opened(tmp_path / "out" / "two.pdf")][1] == []
    assert opened(tmp_path / "out" / "two.pdf")[0][0] == meant and len(opened(tmp_path / "out" / "two.pdf")) == 3


def test_no_page_is_written_over_and_no_pdf_is_printed(pages, tmp_path, capsys):
    assert read("one.png", "--as", "pdf") == 2
    assert "--as pdf: name a folder to write it to, with --out" in capsys.readouterr().err
    assert read("one.png", "--out", "out", "--as", "pdf") == 0
    before = (tmp_path / "out" / "one.pdf").read_bytes()
    capsys.readouterr()
    assert read("out/one.pdf", "--out", "out", "--as", "pdf") == 2
    error = capsys.readouterr().err
    assert "would be written over; name another folder (--out)" in error and error.count("\n") == 1
    assert (tmp_path / "out" / "one.pdf").read_bytes() == before
    assert read("out/one.pdf", "--out", "out", "--as", "text") == 0


@pytest.mark.parametrize(
    ("dpi", "meant"),
    [((49, 49), 200.0), ((50, 50), 50.0), ((300, 300), 300.0), ((2401, 2401), 200.0), ((72, 75), 200.0)],
)
def test_dots_are_those_that_a_picture_says(tmp_path, dpi, meant):
    picture = Image.new("RGB", (20, 10))
    for name in ("a.tif", "a.jpg", "a.png"):
        picture.save(tmp_path / name, dpi=dpi)
        assert dots_of(tmp_path / name) == pytest.approx(meant, abs=0.02)
    picture.save(tmp_path / "none.png")
    assert dots_of(tmp_path / "none.png", 144) == dots_of(tmp_path / "a.pdf", 144) == 144


def test_jpegs_are_put_as_they_are_where_they_show_the_same(tmp_path):
    picture, exif = Image.fromarray(np.zeros((10, 20, 3), np.uint8)), Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg")
    picture.convert("L").save(tmp_path / "gray.jpg")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg")
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.tif", compression="jpeg")
    found = {p.name: jpeg_of(p) for p in tmp_path.iterdir()}
    assert {name for name, held in found.items() if held} == {"a.jpg", "gray.jpg"}
    assert found["gray.jpg"][1] and not found["a.jpg"][1]
    assert Image.open(io.BytesIO(found["a.jpg"][0])).size == (20, 10)
