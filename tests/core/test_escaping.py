"""Hostile names in every format that names meet, read back by what reads that format."""

import csv
import html
import html.parser
import io
import re
import unicodedata

import markdown
import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from kerasvision.core import escaping
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "</td></table><b>",
    "&lt;b&gt;",
    "=cmd|' /C calc'!A0",
    "a|b",
    "a\\|b",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31mred",
    "back\x08space\rreturn",
    "one\u2028two",
    "user\u202egnp.exe",
    "[red]x[/red]",
    "[link=https://evil.example]x",
    "[/]",
    "../../etc",
    "C:\\x",
    "con",
    "NUL.txt",
    "`code`",
    "```",
    "a`b``c",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example",
    "www.evil.example",
    "me@evil.example",
    "**bold** __bold__ _it_ a_b",
    "~~gone~~",
    "# heading",
    "- item",
    "1. item",
    "$x^2$",
    "_hidden",
    "$\\frac{",
    "plain name, ö 猫 🐈‍⬛",
]


def is_quiet(text):
    """Whether nothing in it moves a cursor, colors or turns text."""
    return all(unicodedata.category(c) not in ("Cc", "Zl", "Zp") and c not in "\u202e\u200f" for c in text)


class Seen(html.parser.HTMLParser):
    """Tags and text of a piece of HTML."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", HOSTILE)
def test_html_shows_the_name_and_no_more(name):
    seen = Seen(f'<td title="{escaping.html_text(name)}">{escaping.html_text(name)}</td>')
    assert seen.tags == [("td", {"title": escaping.line_of(name)})] and seen.text == escaping.line_of(name)


def gfm(text):
    """As GitHub reads it, with tables, strikes and raw HTML."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


def by_python(text):
    return markdown.markdown(text, extensions=["tables"])


@pytest.mark.parametrize("read", [gfm, by_python])
@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_the_name_and_no_more(name, read):
    """In a heading, in a line, in a table's cell and in code; by two readers that pass HTML through."""
    held, code = escaping.markdown_text(name), escaping.markdown_code(name)
    seen = Seen(
        read(f"## {held}\n\n{held}\n\nof {held}, {held}\n\n| a | b |\n|---|---|\n| {held} | 1 |\n\nis {code} so\n")
    )
    allowed = {"h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert {tag for tag, _ in seen.tags} <= allowed and all(attributes == {} for _, attributes in seen.tags)
    cells = len([tag for tag, _ in seen.tags if tag in ("th", "td")])
    said = escaping.line_of(name)
    assert cells == 4 and seen.text.count(said) == 6, seen.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_terminal_shows_the_name_and_obeys_nothing(name):
    said = escaping.line_of(name)
    assert is_quiet(said) and "\n" not in said
    table = Table("class", title=escaping.cell(name))
    table.add_column(escaping.cell(name))
    table.add_row(*escaping.cells(name, name))
    held = io.StringIO()
    Console(file=held, width=200, force_terminal=True, color_system="truecolor").print(table)
    shown = re.sub(r"\x1b\[[\d;]*m", "", held.getvalue())  # rich's own
    assert shown.count(said) == 4 and is_quiet(shown.replace("\n", ""))
    assert "\x1b]" not in held.getvalue() and "\x1b[31m" not in held.getvalue()


@pytest.mark.parametrize("name", [*HOSTILE, "+1", "-1", "@x", " =1+1", "\uff1d1", "\t=1", "a;=1", 'a",=1', "a\r\n=1"])
def test_no_cell_of_a_table_is_a_formula(name):
    """Whatever separator a spreadsheet takes, no field is one that it begins to calculate, but for the number."""
    held = io.StringIO()
    csv.writer(held, quoting=csv.QUOTE_NONNUMERIC).writerow([escaping.csv_text(name), -1.5])
    for delimiter in ",;\t|":
        first, *rest = next(csv.reader(io.StringIO(held.getvalue()), delimiter=delimiter))
        assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]", first)
        if delimiter == ",":
            assert rest == ["-1.5"] and first in (escaping.line_of(name), f"'{escaping.line_of(name)}")
        else:
            assert not rest


def test_what_is_no_utf8_is_spelled_and_all_else_stays():
    for text in (*HOSTILE, "\u05d0\U0001f600\x1b\u202e"):
        assert escaping.utf8_text(text) == text
    assert escaping.utf8_text(b"a\xff\xc3".decode("utf-8", "surrogateescape")) == "a\\udcff\\udcc3"


def test_lines_that_are_meant_stay():
    assert escaping.lines_of("a\nb\x1b[2J\r\nc\td") == "a\nb\\x1b[2J\\r\nc\\td"


@pytest.mark.parametrize(
    "name", [*HOSTILE, "", ".", "..", " x ", "x.", "a/b\\c", "COM1", "aux.", "é" * 300, "\0", "a\nb"]
)
def test_a_file_name_is_one_part_of_a_path_on_any_system(name, tmp_path):
    made = escaping.file_name(name)
    assert made and not re.search(r'[<>:"/\\|?*\x00-\x1f]', made) and len(made.encode()) <= 255
    assert made.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1"}
    assert made[0] not in ". " and made[-1] not in ". "
    (tmp_path / made).touch()
    assert [p.name for p in tmp_path.iterdir()] == [made]
    assert escaping.file_name(made) == made


def test_names_that_are_fine_are_left_alone():
    for name in ("cat", "golden retriever", "v1.2-rc_3", "猫", "Ö"):
        assert escaping.file_name(name) == escaping.markdown_text(name) == escaping.line_of(name) == name
        assert escaping.html_text(name) == escaping.plot_text(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_plot_shows_the_name(name):
    """Neither as a formula, whose mistakes are errors, nor hidden from the legend."""
    from matplotlib import cbook
    from matplotlib.figure import Figure

    said = escaping.plot_text(name)
    assert not cbook.is_math_text(said)
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0, 1], label=said)
    axis.set_title(said)
    assert [t.get_text() for t in axis.legend().get_texts()] == [said]


@pytest.mark.parametrize("name", ["con", "NUL", "lpt1.x", "../x", "a/b", "x.", ".x", "a b", "", "[red]x", "x\n"])
def test_a_recipe_is_not_named_what_no_folder_can_be(name):
    with pytest.raises(UsageError, match=r"Recipe.name: got .* allowed: letters, digits"):
        Recipe(name=name, model="classification/classifier", data="digits")
