"""README and docs beside the code: their commands parse, and the files and parts that they name are there."""

import argparse
import ast
import re
import shlex

import pytest

from kerasvision.cli.main import build_parser
from kerasvision.core.registry import KINDS, full_names
from tests.test_architecture import PRODUCT, ROOT

TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "pipelines").glob("*.py"))
# a file that a text names and that is gone -> where the text says so
GONE = {"export/arithmetic.py": "docs/decisions.md"}


def blocks(text):
    """The lines of shell blocks, joined where one ends in a backslash."""
    found = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return found.replace("\\\n", " ").splitlines()


def commands(line):
    """The words of each kerasvision command of a shell line, without comments."""
    words = shlex.split(line, comments=True)
    parts, command = [], []
    for word in [*words, "&&"]:
        if word in ("&&", "|", ";"):
            parts.append(command)
            command = []
        else:
            command.append(word)
    return [part[1:] for part in parts if part[:1] == ["kerasvision"]]


def indented(text):
    """The commands of a pipeline's docstring, which stand indented below its text; what is in brackets is a remark."""
    lines = (ast.get_docstring(ast.parse(text)) or "").replace("\\\n", " ").splitlines()
    return [re.sub(r"\s{2,}\(.*", "", line.strip()) for line in lines if line.strip().startswith("kerasvision ")]


def shown():
    for path in TEXTS:
        for line in blocks(path.read_text(encoding="utf-8")):
            yield from ((path.name, command) for command in commands(line))
    for path in RECIPES:
        for line in indented(path.read_text(encoding="utf-8")):
            yield from ((path.name, command) for command in commands(line))


def parsed(words):
    """The arguments of a command; raises SystemExit, as the command line does, where it is none."""
    args = build_parser().parse_args(words)
    return parsed(args.command) if args.verb == "launch" else args


def test_every_command_that_is_shown_parses(capsys):
    every, names = list(shown()), set(full_names())
    assert len(every) > 60
    for where, words in every:
        try:
            args = parsed(words)
        except SystemExit:
            pytest.fail(f"{where}: kerasvision {shlex.join(words)}: {capsys.readouterr().err.splitlines()[-1]}")
        if args.verb == "train" and "." not in args.what:
            assert args.what in names, f"{where}: no architecture {args.what}"


@pytest.mark.parametrize("words", ["train recipe.py --strateg", "data chek photos/", "exprot runs/a"])
def test_a_command_that_is_none_is_found(words):
    with pytest.raises(SystemExit):
        parsed(commands(f"pip install x && kerasvision {words}  # a remark")[0])


def options(parser):
    """Every option of a parser and of those below it."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found |= {option for below in action.choices.values() for option in options(below)}
    return found


def pytest_options():
    """The options that the test suite adds to pytest's."""
    return set(re.findall(r'addoption\("(--[\w-]+)"', (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")))


def test_verbs_and_options_within_a_sentence_exist():
    (verbs,) = [a.choices for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    every = {option for verb in verbs.values() for option in options(verb)} | pytest_options()
    for path in TEXTS:
        for held in re.findall(
            r"`([^`]+)`", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        ):
            words = held.split()
            verb = words[1] if words[:1] == ["kerasvision"] and len(words) > 1 else None
            assert verb is None or verb in verbs, f"{path.name}: {held}"
            if verb or words[0] in verbs:
                known = options(verbs[verb or words[0]])
                unknown = {w.partition("=")[0] for w in words if re.match(r"--[a-z]", w)} - known
                assert not unknown, f"{path.name}: {held}: no {', '.join(sorted(unknown))}"
            elif re.match(r"--[a-z]", words[0]) and path.name == "README.md":
                assert words[0].partition("=")[0] in every, f"{path.name}: {held}"


def named(text):
    """(path, name in it or "") of each file that a text names in backticks or links to."""
    for held in re.findall(r"`([^`\n]+)`", text):
        for word in held.split():
            if found := re.fullmatch(r"((?:[\w-]+/)+[\w-]+\.(?:py|md))(?::(\w+))?", word):
                yield found.groups("")
    yield from ((link, "") for link in re.findall(r"\]\(([^):#]+)\)", text))


def test_every_file_that_is_named_is_there():
    gone = {}
    for path in TEXTS:
        for name, inside in named(path.read_text(encoding="utf-8")):
            if name.startswith("runs/"):
                continue  # a run of the reader's
            places = [base / name for base in (path.parent, ROOT, PRODUCT, PRODUCT / "data", PRODUCT / "export")]
            there = next((place for place in places if place.exists()), None)
            if there is None:
                gone[name] = path.relative_to(ROOT).as_posix()
            elif inside:
                assert re.search(rf"\b(def|class) {inside}\b|^{inside} =", there.read_text(), re.MULTILINE), (
                    name,
                    inside,
                )
    assert gone == GONE, "a file that is named is not there, or a reason above is idle"


def parts(text):
    """Names of parts in a text: `techniques/focal`, and those that a Python block creates."""
    kinds = {*KINDS, *(name.partition("/")[0] for name in KINDS["architectures"].names())} - {"architectures"}
    for held in re.findall(r'`([a-z_0-9/]+)`|create\(\s*"([a-z_0-9/]+)"', text):
        name = "".join(held)
        if name.partition("/")[0] in kinds and not name.endswith("/") and "/" in name:
            yield name


def test_every_part_that_is_named_is_registered():
    names, found = set(full_names()), []
    for path in TEXTS:
        found += [(path.name, name) for name in parts(path.read_text(encoding="utf-8"))]
    assert len(found) > 20
    assert not [row for row in found if row[1] not in names]


def test_the_glossary_points_to_modules():
    """Each of its terms names a file or a folder of the package."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*\*(.+?)\*\*(.*?)(?=^\*\*|\Z)", text, re.DOTALL | re.MULTILINE)
    assert len(terms) > 20
    for term, said in terms:
        held = [w for w in re.findall(r"`([\w/.]+)`", said) if "/" in w]
        assert any((PRODUCT / word).exists() for word in held), f"{term} points to no module"
