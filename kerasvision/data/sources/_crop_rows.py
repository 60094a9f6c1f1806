"""Rows of a gt.txt that name pictures of single words or lines and say what stands there.

ICDAR: D. Karatzas et al., ICDAR 2013 Robust Reading Competition, task 2.3 (word_1.png, "text", with \\ before quotation
marks and \\ within); ICDAR 2015, task 4.3; MLT 2017, task 2 (word_1.png,Latin,text). A tab in place of the comma is
what tools for training recognizers write.
"""

import dataclasses
import re

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources._files import named
from kerasvision.data.sources._text_places import SCRIPTS, UNREADABLE
from kerasvision.data.text import lines

_ROW = re.compile(rf"\s*(.+?(?:{'|'.join(map(re.escape, SUFFIXES))}))\s*[,\t](.*)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Rows:
    """crops: (name of a picture as it is written, its text; None where nobody could read it). said: what was guessed,
    as `Opened.dropped` has it.
    """

    crops: tuple[tuple[str, str | None], ...]
    said: tuple[str, ...] = ()


def is_crops(text):
    """Whether each row of a file that is not empty names a picture and says a text."""
    rows = [row for row in lines(text) if row.strip()]
    return bool(rows) and all(map(_ROW.fullmatch, rows))


def crops_of(text, where):
    """`Rows` of a file. where: begins the message of a KerasVisionError about rows that are none.

    Quotation marks around a text are no part of it where all rows have them; where some do, they are, which is said. So
    is a script before it, as in the MLT sets.
    """
    numbered = [(number, row, _ROW.fullmatch(row)) for number, row in enumerate(lines(text), 1) if row.strip()]
    if bad := [f"line {number} {row.strip()!r:.50}" for number, row, match in numbered if match is None]:
        raise KerasVisionError(
            f"{where}: {len(bad)} of {len(numbered)} rows name no picture and text: {named(bad)}; allowed: "
            'word_1.png, "text" or word_1.png,text (or a tab in place of the comma)'
        )
    if not numbered:
        raise KerasVisionError(f"{where}: no rows; write one a picture: word_1.png, text")
    files, texts = zip(*((match[1], match[2].strip()) for _, _, match in numbered), strict=True)
    scripts = [SCRIPTS.fullmatch(text) for text in texts]
    if all(scripts):
        texts = [script[2].strip() for script in scripts]
    texts, said = _unquoted(texts, where)
    return Rows(tuple((file, None if t == UNREADABLE else t) for file, t in zip(files, texts, strict=True)), said)


def _unquoted(texts, where):
    quoted = [len(text) > 1 and text[0] == text[-1] == '"' for text in texts]
    if all(quoted):
        return [re.sub(r'\\(["\\])', r"\1", text[1:-1]).strip() for text in texts], ()
    if not any(quoted):
        return texts, ()
    which = f"{sum(quoted)} of {len(texts)} texts of {where.rpartition(': ')[2]}"
    return texts, (f"columns: {which} stand in quotation marks, which are read as part of them",)
