"""What runs of text read, in one table beside tesseract: lines, pages, files of pages, and what scores say.

Shows: lines at three levels (clean; as the run's own source degrades them; over photographs) in fonts and of texts that
training has not seen: CER, exact lines, F1 of blanks. Pages of one, two and three columns, straight and turned: CER in
reading order, words found, Kendall's tau, processor seconds. Whether hOCR, ALTO and PDF give the text back. Whether
scores are probabilities, what refusing the least sure tenth leaves, and lines of scripts that nobody knows.
Commands: kerasvision train pipelines/read_lines_latin.py --out runs/lines
          kerasvision train pipelines/detect_page_lines.py --out runs/pages
          python pipelines/prepare_photographs.py --out data/photographs
          python pipelines/measure_reading.py runs/lines --detector runs/pages --photographs data/photographs
Another run has its own alphabet: --language rus says which of tesseract's languages stands beside it. --pdfs FOLDER has
PDFs whose text layer is the ground truth, at 150 dots an inch. What is not installed or not given is said below the
table.
Not measured yet: trained runs of both kinds. The table is tested with readers whose errors are known
(tests/pipelines/test_measure_reading.py).
"""

import argparse
import dataclasses
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET

import numpy as np
from _readers import ABSENT, blanks_f1, calibration, cer, own, tesseract, words_of

from kerasvision import create
from kerasvision.api import load
from kerasvision.core.characters import text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pages import opened
from kerasvision.edge.pages.line_direction import line_as_read
from kerasvision.edge.pages.rectify import rectified
from kerasvision.metrics.pages import PageReading
from kerasvision.systems.page_files import FORMS
from kerasvision.systems.page_pdf import write_pdf

CLEAN = {"blur": 0.0, "noise": 0.0, "rotation_deg": 0.0, "quality": 100}
UNKNOWN = {"Cyrillic": (0x430, 0x450), "Greek": (0x3B1, 0x3CA)}  # first letter, and the one behind the last
COLUMNS, SKEWS = (1, 2, 3), (0.0, 10.0)  # of pages; degrees, the most that they are turned by
DOTS = 150.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a run of text_recognition/* on sources/rendered_text")
    parser.add_argument("--detector", metavar="RUN", help="of text_detection/*; without it no page is measured")
    parser.add_argument("--photographs", metavar="DIR", help="as of prepare_photographs.py, to set lines over")
    parser.add_argument("--pdfs", metavar="DIR", help="PDFs with a text layer")
    parser.add_argument("--language", default="eng", help="of tesseract (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=500, help="of each level, at most what the run's test split has")
    parser.add_argument("--pages", type=int, default=10, help="of each number of columns, straight and turned")
    args = parser.parse_args()
    try:
        recognizer, detector = load(args.run), args.detector and load(args.detector)
        source = recognizer.recipe.data if recognizer.recipe else None
        if getattr(source, "registered_name", "") != "sources/rendered_text":
            parser.error(f"{args.run} is no run on sources/rendered_text, which lines of each level are rendered by")
        reader, whole = own(recognizer, detector or None)
        readers = {"kerasvision": reader, "tesseract": tesseract(args.language)}
        rows, notes = measured(args, source, readers, whole)
    except KerasVisionError as error:
        raise SystemExit(f"measure_reading: {error}") from None
    print("\n".join([*table(rows), *notes]), flush=True)


def measured(args, source, readers, whole):
    """([(what, figure, {reader: number or None})], lines about what was left out)."""
    there = {name: reader for name, reader in readers.items() if reader}
    notes = [] if len(there) == len(readers) else [ABSENT]
    rows = [row for name, lines in levels(source, args) for row in of_lines(name, lines, there)]
    rows += of_unknown(source, there["kerasvision"], args.lines, notes)
    if not args.photographs:
        notes.append("lines over photographs were not measured: give --photographs DIR")
    if whole is None:
        return rows, [*notes, "pages and files were not measured: give --detector RUN"]
    for columns in COLUMNS:
        for skew in SKEWS:
            rows += of_pages(f"{columns} columns, skew {skew:g}", pages(source, columns, skew, args.pages), there)
    found = [(image, whole(image)) for image, _, _ in pages(source, 2, 0.0, args.pages)]
    rows += of_files([row for row in found if row[1].blocks], notes)
    if args.pdfs:
        rows += of_pages("PDFs, 150 dpi", pdfs(args.pdfs, notes), there)
    return rows, notes


def levels(source, args):
    """(name, [(image, text)]) of each level; the words and fonts are those of the test split of the run's source."""
    for name, changed in (("clean", CLEAN), ("degraded", {})):
        opened_source = dataclasses.replace(source, **changed).open()
        split = opened_source.splits["test"]
        samples = split.records.take(args.lines).map(split.read).as_numpy_iterator()
        names = opened_source.classes
        yield name, [(s["image"], text_of(line_as_read([names[k] for k in s["characters"]]))) for s in samples]
    if args.photographs:
        yield "over photographs", over_photographs(source, args.photographs, args.lines)


def over_photographs(source, folder, count):
    """[(image, text)]: lines of scenes, each cut out by its true quad."""
    same = {key: getattr(source, key) for key in ("texts", "fonts", "classes")}
    scenes = create("sources/rendered_scene", backgrounds=(folder,), scenes=(1, 1, count), lines=(1, 3), **same)
    split, found = scenes.open().splits["test"], []
    for scene in split.records.map(split.read).as_numpy_iterator():
        for quad, text in zip(scene["quads_xy"], scene["texts"], strict=True):
            sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
            size = (max(1, round(float(sides[0] + sides[2]) / 2)), max(1, round(float(sides[1] + sides[3]) / 2)))
            found.append((rectified(scene["image"], quad, size), text.decode()))
    return found[:count]


def of_lines(name, lines, readers):
    """Rows of one level. lines: [(image, text)]. Scores are looked at where they are degraded."""
    true, rows = [text for _, text in lines], {}
    for reader, held in readers.items():
        read = [held.line(image) for image, _ in lines]
        texts = [line.text for line in read]
        exact = float(np.mean([a == b for a, b in zip(texts, true, strict=True)])) if true else None
        figures = {"CER": cer(texts, true), "exact lines": exact, "F1 of blanks": blanks_f1(texts, true)}
        if name == "degraded" and read and np.isfinite([line.score for line in read]).all():
            error, _, left = calibration(read, true)
            figures |= {"calibration error of lines": error, "CER without the least sure tenth": left}
        for figure, value in figures.items():
            rows.setdefault(figure, {})[reader] = value
    return [(f"lines, {name} ({len(lines)})", figure, values) for figure, values in rows.items()]


def of_unknown(source, reader, count, notes):
    """Rows: the share of clean lines of a script beyond the alphabet that are refused."""
    if reader.least is None:
        notes.append("lines of unknown scripts were not measured: the run has no fitted least_certainty")
        return []
    rows, known = [], set(source.open().classes)  # those of its texts, where the source names none
    for script, ends in UNKNOWN.items():
        letters = [chr(point) for point in range(*ends)]
        if set(letters) & known:
            continue
        rng = np.random.default_rng(0)
        words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(4000)]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "words.txt")
            path.write_text(" ".join(words), encoding="utf-8")
            unknown = dataclasses.replace(source, texts=(str(path),), classes=(), lines=(1, 1, count), **CLEAN)
            split = unknown.open().splits["test"]
            read = [reader.line(s["image"]) for s in split.records.map(split.read).as_numpy_iterator()]
        share = float(np.mean([line.certainty < reader.least for line in read]))
        rows.append((f"lines, {script} ({len(read)})", "refused", {"kerasvision": share}))
    return rows


def pages(source, columns, skew, count):
    """[(image, words, their quads)] of rendered pages, of words and in fonts that training has not seen."""
    same = {key: getattr(source, key) for key in ("texts", "fonts", "classes")}
    look = {"pages": (1, 1, count), "columns": (columns, columns), "skew_deg": skew, "unit": "word"}
    split = create("sources/rendered_page", **look, **same).open().splits["test"]
    for page in split.records.map(split.read).as_numpy_iterator():
        yield page["image"], [text.decode() for text in page["texts"]], page["quads_xy"]


def pdfs(folder, notes):
    """The same of PDFs, whose text layer has words in its own order; quads are not compared, None."""
    import pypdfium2

    for path in sorted(pathlib.Path(folder).expanduser().rglob("*.pdf")):
        with opened(path, DOTS) as (count, page_at), pypdfium2.PdfDocument(path) as document:
            for number in range(count):
                words = document[number].get_textpage().get_text_bounded().split()
                if words:
                    yield page_at(number), words, None
                else:
                    notes.append(f"{path}, page {number + 1}, has no text layer and was left out")


def of_pages(name, held, readers):
    """Rows of pages. held: (image, words, quads or None) of each."""
    judges = {reader: PageReading() for reader in readers}
    seconds, count, has_quads = dict.fromkeys(readers, 0.0), 0, True
    for image, words, quads in held:
        count, has_quads = count + 1, quads is not None
        for reader, judge in judges.items():
            begin = spent()
            read, places = readers[reader].page(image)
            seconds[reader] += spent() - begin
            none = np.zeros((0, 4, 2))
            judge.update(
                {"words": [read], "word_quads_xy": [places if has_quads else none]},
                {"words": [words], "word_quads_xy": [quads if has_quads else none]},
            )
    if not count:
        return []
    figures = {"cer": "CER in reading order", "wer": "WER"}
    figures |= {"found": "words found", "tau": "Kendall's tau of words"} if has_quads else {}
    results = {reader: judge.result() for reader, judge in judges.items()}
    rows = [(said, {reader: results[reader].get(key) for reader in readers}) for key, said in figures.items()]
    rows.append(("processor seconds a page", {reader: total / count for reader, total in seconds.items()}))
    return [(f"pages, {name} ({count})", said, values) for said, values in rows]


def spent():
    """Processor seconds of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def of_files(found, notes):
    """Rows: CER of the text that files of pages give back, against what was read. found: [(image, `Page`)]."""
    texts = [" ".join(words_of(page)[0]) for _, page in found]
    if not found:
        notes.append("no page was read of which files could be made")
        return []
    what, rows = f"files of pages ({len(found)})", []
    for form, back in (("hocr", from_hocr), ("alto", from_alto)):
        held = [back(FORMS[form][1]([page], "page")) for _, page in found]
        rows.append((what, f"CER from {form}", {"kerasvision": cer(held, texts)}))
    if shutil.which("pdftotext") is None:
        notes.append("pdftotext is not installed (Debian: poppler-utils), so searchable PDFs have no figure")
        return rows
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "pages.pdf")
        write_pdf(path, [page for _, page in found], lambda number: found[number][0], DOTS, "pages")
        done = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True)
    held = [" ".join(page.split()) for page in done.stdout.decode("utf-8").split("\f")[: len(found)]]
    return [*rows, (what, "CER from PDF by pdftotext -raw", {"kerasvision": cer(held, texts)})]


def from_hocr(content):
    """The words of an hOCR file, a blank between each two."""
    tree = ET.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", content).encode())
    return " ".join(node.text or "" for node in tree.iter() if node.get("class") == "ocrx_word")


def from_alto(content):
    """The words of an ALTO file, a blank between each two."""
    return " ".join(n.get("CONTENT") for n in ET.fromstring(content.encode()).iter() if n.tag.endswith("}String"))


def table(rows):
    """Lines of text: what, figure, and a column a reader."""
    readers = ("kerasvision", "tesseract")
    wide = [max([len(row[i]) for row in rows] + [4]) for i in (0, 1)]
    held = [f"{'what':{wide[0]}}  {'figure':{wide[1]}}  " + "  ".join(f"{name:>11}" for name in readers)]
    for what, figure, values in rows:
        cells = ["-" if values.get(name) is None else f"{values[name]:.4f}" for name in readers]
        held.append(f"{what:{wide[0]}}  {figure:{wide[1]}}  " + "  ".join(f"{cell:>11}" for cell in cells))
    return held


if __name__ == "__main__":
    main()
