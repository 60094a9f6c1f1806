"""What `kerasvision read` keeps while it goes through documents: their pages, so that it can be stopped and go on."""

import contextlib
import hashlib
import json
import os
import pathlib
import sys

from kerasvision.core.component import to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import line_of, lines_of, utf8_text
from kerasvision.core.files import beside

JOURNAL = "reading.jsonl"


def identity_of(session, places):
    """Text: what pages are read by, the settings of the reader and of its models, and their weights or files.

    places: {model: what it was loaded from}.
    """
    held = [to_json(session.system)]
    for name, model in sorted(session.models.items()):
        held += [name, to_json(model.arch), list(model.classes), _sum_of(model.runner, pathlib.Path(places[name]))]
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def _sum_of(runner, path):
    """sha256 of the weights of a graph in this process, else of the file or folder."""
    from kerasvision.export.measurement import sha256
    from kerasvision.export.placing import artifact_at

    if not hasattr(runner, "served"):
        return sha256(artifact_at(path))
    held = hashlib.sha256()
    for weight in runner.served.weights:
        held.update(f"{weight.shape} {weight.dtype}".encode() + weight.numpy().tobytes())
    return held.hexdigest()


class Journal:
    """Final. A line for each page that was read, in the folder that is written to; `end` takes it away.

    identity: a function that gives a text, what pages are read by. Raises UsageError where there is nothing to go on
    with, or other models and settings.
    """

    def __init__(self, folder, forms, identity, resume):
        self.folder = pathlib.Path(folder)
        self._path, self._done, self._pages = self.folder / JOURNAL, set(), {}
        begin = {"identity": identity(), "forms": list(forms)}
        if resume:
            self._go_on(begin)
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; name another --out") from None
        with beside(self._path) as partial:
            partial.write_text(json.dumps(begin) + "\n", encoding="utf-8")

    def _go_on(self, begin):
        if not self._path.exists():
            raise UsageError(f"nothing to go on with: {self._path} is not there; leave --resume out")
        try:
            whole = self._path.read_bytes()
        except OSError as error:
            raise KerasVisionError(f"{self._path} cannot be read: {error.strerror}; leave --resume out") from None
        whole = whole[: whole.rfind(b"\n") + 1]  # what was half written is read again
        try:
            first, *rows = map(json.loads, whole.decode("utf-8").splitlines())
        except ValueError:
            raise UsageError(f"{self._path} is no journal that can be gone on from; leave --resume out") from None
        if first != begin:
            raise UsageError(f"{self._path} was begun with other models, settings or forms; give the same")
        for line, row in enumerate(rows, 2):
            try:
                self._take(row)
            except (KeyError, TypeError, ValueError):
                raise UsageError(f"{self._path}, line {line}, is damaged; leave --resume out") from None
        with beside(self._path) as partial:
            partial.write_bytes(whole)

    def _take(self, row):
        """Raises KeyError, TypeError or ValueError of a row that is none."""
        if "done" in row:
            self._done.add(row["done"])
            self._pages.pop(row["done"], None)
            return
        from kerasvision.edge.pages.page import Page

        page = Page.from_json(row["page"])
        if page.to_json() != row["page"] or not all(isinstance(side, int) and side > 0 for side in page.size_wh):
            raise ValueError("no page")
        self._pages.setdefault(row["of"], {})[row["number"]] = page

    def is_done(self, path):
        """Whether all files of a document were written, and it has not changed since."""
        return _key(path) in self._done

    def page(self, path, number):
        """The `Page` of a number from 0, or None where it has to be read."""
        return self._pages.get(_key(path), {}).get(number)

    def keep(self, path, number, page):
        """Note a page."""
        self._add({"of": _key(path), "number": number, "page": page.to_json()})

    def finish(self, path):
        """Note that a document's files are there."""
        self._add({"done": _key(path)})

    def _add(self, row):
        size = None
        try:
            size = self._path.stat().st_size
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            with contextlib.suppress(OSError):  # half a line would spoil the next one
                if size is not None:
                    os.truncate(self._path, size)
            raise KerasVisionError(f"cannot write {self._path}: {error.strerror}; name another --out") from None

    def end(self):
        """Nothing is left to go on with."""
        self._path.unlink(missing_ok=True)


def _key(path):
    """Text: a file, and by which it is known to be the same."""
    about = pathlib.Path(path).stat() if pathlib.Path(path).exists() else None
    return f"{about.st_size} {about.st_mtime_ns} {path}" if about else str(path)


class Reading:
    """Final. Reads documents page by page, and counts. args: of the command line."""

    def __init__(self, session, journal, forms, args):
        self._session, self._journal, self._forms, self._args = session, journal, forms, args
        self.pages = self.documents = self.lines = self.unread = self.empty = self.failed = self.skipped = 0
        self.missing = self.turned = self.unsure = self.refused = 0

    @property
    def is_lacking(self):
        """Whether a document or a page could not be read, so that there is something to go on with."""
        return bool(self.failed or self.missing)

    def read(self, path, every):
        """Read a document and write what was asked for, without those of its pages that cannot be read, which are said
        one by one; KerasVisionError where none can be. Ctrl-C ends after the page at work; a second one at once.
        """
        from kerasvision.cli.frames import stoppable
        from kerasvision.cli.progress import progress_bar
        from kerasvision.data.pages import opened

        pages, lost, task = (
            [],
            [],
            f"{line_of(pathlib.Path(path).name)} ({self.documents + self.skipped + 1} of {every})",
        )
        with opened(path, self._args.dpi) as (count, page_at), stoppable() as stopped, progress_bar("pages") as report:
            for number in range(count):
                report(task, number, count)
                page = self._journal.page(path, number) if self._journal else None
                if page is None:
                    try:
                        pixels = page_at(number)
                    except KerasVisionError as error:
                        lost.append(error)
                    else:
                        page = self._page(path, number, pixels)
                pages.append(page)
                if stopped and number + 1 < count:
                    self._stop()
        for error in lost if any(pages) else lost[:-1]:
            print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
        if lost and not any(pages):
            if stopped:
                self._stop()
            raise lost[-1]
        self._write(path, pages)
        self.missing += len(lost)
        self.documents += 1
        if stopped:
            self._stop()

    def _page(self, path, number, pixels):
        from kerasvision.edge.pages.page import page_of

        page = page_of(self._session.step({"image": pixels}))
        self.pages += 1
        self.lines += len(page.lines)
        self.unread += page.unread
        self.refused += len(page.refused)
        self.empty += not page.blocks
        self.turned += bool(page.turn)
        self.unsure += bool(page.blocks) and not page.is_turn_known
        if page.is_full:
            most = self._session.models["detector"].arch.max_quads
            print(
                f"{line_of(path)}, page {number + 1}: {most} lines were found, the most that the detector can; there "
                f"may be more (--set detector.max_quads={2 * most})",
                file=sys.stderr,
            )
        if self._journal:
            self._journal.keep(path, number, page)
        return page

    def _write(self, path, pages):
        from kerasvision.core.files import write_text
        from kerasvision.systems.page_files import FORMS

        if self._args.json:
            for number, page in enumerate(pages):
                if page is None:
                    continue
                row = {"input": utf8_text(path), "page": number + 1} | page.to_json()
                print(json.dumps(row, ensure_ascii=False), flush=True)
            return
        for form in self._forms:
            if form == "pdf":
                self._write_pdf(path, pages)
                continue
            suffix, to_form = FORMS[form]
            text = to_form(pages, pathlib.Path(path).name)
            if not self._journal:
                sys.stdout.write(text)
                sys.stdout.flush()
                continue
            place = self._journal.folder / f"{pathlib.Path(path).stem}{suffix}"
            try:
                write_text(place, text)
            except OSError as error:
                raise KerasVisionError(f"cannot write {place}: {error.strerror}; name another --out") from None
        if self._journal and None not in pages:
            self._journal.finish(path)

    def _write_pdf(self, path, pages):
        from kerasvision.data.pages import dots_of, jpeg_of, opened
        from kerasvision.systems.page_pdf import SUFFIX, write_pdf

        place, dots = self._journal.folder / f"{pathlib.Path(path).stem}{SUFFIX}", dots_of(path, self._args.dpi)
        with opened(path, self._args.dpi) as (_, page_at):
            write_pdf(place, pages, page_at, dots, pathlib.Path(path).name, jpeg_of(path))

    def _stop(self):
        from kerasvision.cli.frames import interrupted

        how = "go on with the same command and --resume" if self._journal else "nothing is kept without --out"
        raise interrupted(f"stopped after {self.in_words()}; {how}")

    def in_words(self):
        """One line: how many pages and lines were read so far, and how many of what was left out."""
        said = f"{self.pages} pages, {self.lines} lines"
        more = (
            (self.empty, "pages without text"),
            (self.unread, "lines that say nothing"),
            (self.refused, "lines less sure than least_certainty, refused"),
            (self.turned, "pages that were turned"),
            (self.unsure, "pages with too little text to tell how they are upright, left as they lie"),
            (self.skipped, "documents read before"),
            (self.missing, "pages that could not be read"),
            (self.failed, "documents that could not be read"),
        )
        return "; ".join([said, *(f"{count} {words}" for count, words in more if count)])
