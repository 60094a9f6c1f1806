"""What `kerasvision read` keeps while it goes through documents: their pages, so that it can be stopped and go on."""

import json
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import line_of, utf8_text

JOURNAL = "reading.jsonl"


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
            self._path.write_text(json.dumps(begin) + "\n", encoding="utf-8")
        except OSError as error:
            raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; name another --out") from None

    def _go_on(self, begin):
        if not self._path.exists():
            raise UsageError(f"nothing to go on with: {self._path} is not there; leave --resume out")
        whole = self._path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]  # what was half written is read again
        try:
            first, *rows = map(json.loads, whole.decode("utf-8").splitlines())
        except ValueError:
            raise UsageError(f"{self._path} is no journal that can be gone on from; leave --resume out") from None
        if first != begin:
            raise UsageError(f"{self._path} was begun with other models, settings or forms; give the same")
        for row in rows:
            if "done" in row:
                self._done.add(row["done"])
                self._pages.pop(row["done"], None)
            else:
                self._pages.setdefault(row["of"], {})[row["number"]] = row["page"]
        self._path.write_bytes(whole)

    def is_done(self, path):
        """Whether all files of a document were written, and it has not changed since."""
        return _key(path) in self._done

    def page(self, path, number):
        """The `Page` of a number from 0, or None where it has to be read."""
        from kerasvision.systems.pages import Page

        held = self._pages.get(_key(path), {}).get(number)
        return None if held is None else Page.from_json(held)

    def keep(self, path, number, page):
        """Note a page."""
        self._add({"of": _key(path), "number": number, "page": page.to_json()})

    def finish(self, path):
        """Note that a document's files are there."""
        self._add({"done": _key(path)})

    def _add(self, row):
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

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

    def read(self, path, every):
        """Read a document and write what was asked for. Ctrl-C ends after the page at work; a second one at once."""
        from kerasvision.cli.frames import stoppable
        from kerasvision.cli.progress import progress_bar
        from kerasvision.data.pages import opened

        pages, task = [], f"{line_of(pathlib.Path(path).name)} ({self.documents + self.skipped + 1} of {every})"
        with opened(path, self._args.dpi) as (count, page_at), stoppable() as stopped, progress_bar("pages") as report:
            for number in range(count):
                report(task, number, count)
                page = self._journal.page(path, number) if self._journal else None
                if page is None:
                    page = self._page(path, number, page_at(number))
                pages.append(page)
                if stopped and number + 1 < count:
                    self._stop()
        self._write(path, pages)
        self.documents += 1
        if stopped:
            self._stop()

    def _page(self, path, number, pixels):
        from kerasvision.systems.pages import page_of

        page = page_of(self._session.step({"image": pixels}))
        self.pages += 1
        self.lines += len(page.lines)
        self.unread += page.unread
        self.empty += not page.blocks
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
                row = {"input": utf8_text(path), "page": number + 1} | page.to_json()
                print(json.dumps(row, ensure_ascii=False), flush=True)
            return
        for form in self._forms:
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
        if self._journal:
            self._journal.finish(path)

    def _stop(self):
        from kerasvision.cli.frames import interrupted

        how = "go on with the same command and --resume" if self._journal else "nothing is kept without --out"
        raise interrupted(f"stopped after {self.in_words()}; {how}")

    def in_words(self):
        """What was read so far."""
        said = f"{self.pages} pages, {self.lines} lines"
        more = (
            (self.empty, "pages without text"),
            (self.unread, "lines that say nothing"),
            (self.skipped, "documents read before"),
            (self.failed, "documents that could not be read"),
        )
        return "; ".join([said, *(f"{count} {words}" for count, words in more if count)])
