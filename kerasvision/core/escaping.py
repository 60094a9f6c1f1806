"""Names from data, contracts and clients where they meet a format: one function for each kind, used by all.

A class may be called `<img src=x onerror=...>`, `a|b` or `[red]`, and a file may have an escape sequence in its name.
What is written of them says exactly that, and does nothing.
"""

import html
import re
import unicodedata

_TURNED = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn text around
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of surrogate pairs, separators of lines
_MARKDOWN = re.compile(
    r"[\\`*<>&#|~$]|!(?=\[)|\](?=[(\[:])"  # brackets alone are no link
    r"|(?<![^\W_])_|_(?![^\W_])"  # nor is an underscore within a word emphasis
    r"|(?<=\w)(?:://|@)|\bwww\.|^\s*(?:[-+]|\d+[.)])(?=\s)"  # addresses, which some make links of, and lists
)
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")  # some are wide forms of others
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 120  # characters of a file's name, of at most 4 bytes each, where file systems take 255


def line_of(text):
    """Text on one line of a terminal or a log: what would move the cursor, color or turn what follows is spelled."""
    return "".join(_spelled(c) if unicodedata.category(c) in _UNSEEN or c in _TURNED else c for c in str(text))


def lines_of(text):
    """The same for text whose line breaks are meant."""
    return "\n".join(map(line_of, str(text).split("\n")))


def utf8_text(text):
    """Text as a file of UTF-8 can hold it: halves of surrogate pairs, which in a file's name stand for bytes that are
    no UTF-8 (PEP 383), are spelled, as in \\udcff; all else stays.
    """
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def _spelled(character):
    return character.encode("unicode_escape").decode("ascii")


def cell(value):
    """A value as a cell or the title of a rich table, which would else take [red] for markup."""
    from rich.text import Text

    return Text(line_of(value))


def cells(*values):
    """`cell` of each."""
    return tuple(map(cell, values))


def html_text(text):
    """Text within an element or a quoted attribute of HTML."""
    return html.escape(line_of(text))


def markdown_text(text):
    """Text within a line, a heading or a table's cell of Markdown, but not within a link's words, where brackets count.
    What would have a meaning becomes a character reference, which has none
    (https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references).
    """
    return _MARKDOWN.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), line_of(text))


def markdown_code(text):
    """A code span of Markdown, in which nothing has a meaning but its own end (and, in a table's cell, `|`)."""
    held = line_of(text)
    longest = max(map(len, re.findall("`+", held)), default=0)
    fence, space = "`" * (longest + 1), " " if held.startswith("`") or held.endswith("`") else ""
    return f"{fence}{space}{held}{space}{fence}"


def csv_text(text):
    """A text as a field of CSV, which is to be quoted: what a spreadsheet would take for a formula begins with an
    apostrophe (OWASP, "CSV Injection"). Numbers are written as numbers and need none.
    """
    held = line_of(text)
    return f"'{held}" if held.lstrip().startswith(_FORMULA) else held


def plot_text(text):
    """A title, label or name in a legend of matplotlib, which takes $...$ for formulas and hides _names."""
    held = line_of(text).replace("$", "\\$")
    return f" {held}" if held.startswith("_") else held


def file_name(text):
    """A name for one file or folder on any system: no part of a path, no device, nothing hidden, not too long."""
    kept = "".join("_" if c in '<>:"/\\|?*' or unicodedata.category(c)[0] == "C" else c for c in str(text))
    kept = re.sub(r"^[\s.]+|[\s.]+$", "_", kept[:_LONGEST_NAME]) or "_"
    return f"_{kept}" if _RESERVED.match(kept) else kept
