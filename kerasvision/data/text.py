"""Text files that people wrote: labels, class names, tables, lists. All readers of such files read them here.

Allowed: UTF-8, with a byte-order mark or without; UTF-16 and UTF-32 with one, as Windows tools save them. The mark is
no part of the text. Nothing else is guessed: bytes of another coding (Windows-1252, Shift JIS ...) are one clear error
that tells the line, since a wrong guess would give wrong names without a word.

A line ends with LF, CR LF or CR and with nothing else. `str.splitlines` also breaks at U+2028, U+0085, form feeds and
a few more, which may stand within a name: whoever counts lines must not use it.
"""

import codecs
import json
import pathlib
import re

from kerasvision.core.errors import KerasVisionError

_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENDS = re.compile(r"\r\n|\r|\n")
_SHOWN = 60  # bytes around a wrong one in an error


def read_text(path, what):
    """The text of a file, with its line ends as they are and without a byte-order mark.

    what: begins the message of a `KerasVisionError`, such as "yolo 'photos': classes.txt".
    """
    try:
        return decode_text(pathlib.Path(path).read_bytes(), what)
    except OSError as error:
        raise KerasVisionError(f"{what}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def read_head(path, size):
    """The first bytes of a file as text, to see what it is: what cannot be decoded is replaced, no file is ''."""
    try:
        with pathlib.Path(path).open("rb") as file:
            data = file.read(size)
    except OSError:
        return ""
    coding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(coding, errors="replace")


def decode_text(data, what):
    """The text that bytes hold, as `read_text` says."""
    coding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        raise KerasVisionError(f"{what}: {_undecoded(data, coding, error)}; save it as UTF-8") from None
    if "\0" in text:
        raise KerasVisionError(
            f"{what}: has zero bytes: UTF-16 without a byte-order mark, or no text at all; save it as UTF-8"
        )
    return text


def _undecoded(data, coding, error):
    if coding not in ("utf-8", "utf-8-sig"):
        return f"begins with the byte-order mark of {coding.upper()} and is none: {error.reason}"
    skipped = len(codecs.BOM_UTF8) if coding == "utf-8-sig" else 0  # the codec counts from behind the mark
    at = error.start + skipped
    number = len(_ENDS.findall(data[:at].decode("latin-1"))) + 1
    start = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
    around = data[max(start, at - _SHOWN // 2) : at + _SHOWN // 2].decode("cp1252", "replace")
    line = _ENDS.split(around)[0]
    seen = f", in Windows-1252 it would be {line!r}" if line.isprintable() else ""
    return f"line {number} is no UTF-8 (byte 0x{data[at]:02x}){seen}"


def lines(text):
    """The lines of a text without their ends; an end behind the last line begins no further one."""
    held = _ENDS.split(text)
    return held[:-1] if held[-1] == "" else held


def read_lines(path, what):
    """[(number from 1, line without white space around it)] of a file, without blank lines."""
    return [(i, line.strip()) for i, line in enumerate(lines(read_text(path, what)), 1) if line.strip()]


def read_json(path, what):
    """What a JSON file holds. Python's reader takes NaN and Infinity as numbers: whoever wants finite ones checks."""
    try:
        return json.loads(read_text(path, what))
    except (ValueError, RecursionError) as error:  # ValueError also of a number of thousands of digits
        raise KerasVisionError(f"{what}: no JSON: {error}") from None


def read_class_names(path, what):
    """The class names of a file with one a line, where a class's number is its line: checked, a tuple of strings.

    Blank lines at the end are allowed. One between names would renumber all that follow, whichever way it was read.
    """
    held = [line.strip() for line in lines(read_text(path, what))]
    while held and not held[-1]:
        held.pop()
    if not held:
        raise KerasVisionError(f"{what}: no class names in it; write one a line")
    blank = [i for i, name in enumerate(held, 1) if not name]
    if blank:
        raise KerasVisionError(
            f"{what}: line {blank[0]} of {len(held)} is blank, and a class's number is its line; write a name there or "
            "remove the line"
        )
    return check_class_names(held, what)


def check_class_names(names, what):
    """The names as a tuple; a `KerasVisionError` where one could not be told from others or stand in a line of its own.

    names: what a file says, of any type. Refused: what is no string, an empty one, white space around, a line break or
    another control character within (U+2028 and U+0085 count), a name that stands there twice.
    """
    seen = {}
    for number, name in enumerate(names):
        problem = _name_problem(name)
        if problem:
            raise KerasVisionError(f"{what}: class {number} is {name!r}: {problem}; write a name")
        if name in seen:
            raise KerasVisionError(
                f"{what}: classes {seen[name]} and {number} are both {name!r}; give one another name"
            )
        seen[name] = number
    return tuple(names)


def _name_problem(name):
    if not isinstance(name, str):
        return "no text"
    if not name.strip():
        return "empty"
    if name != name.strip():
        return "white space around it"
    if len(name.splitlines()) > 1 or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "a line break or control character within it"
    if any(0xD800 <= ord(c) < 0xE000 for c in name):
        return "half of a surrogate pair, which no file can hold"
    return None


def alike(names):
    """Groups of names that differ in case or white space only, such as [("Cat", "cat")]: likely one class."""
    groups = {}
    for name in names:
        groups.setdefault(" ".join(name.casefold().split()), []).append(name)
    return [tuple(held) for held in groups.values() if len(held) > 1]
