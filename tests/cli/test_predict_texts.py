"""`kerasvision predict` of a model that takes a text: words of the command line, files, tables, and what is no text."""

import json

import pytest

from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES

NAME = "text_classification/classifier"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run whose weights are as they began."""
    folder = tmp_path_factory.mktemp("texts") / "run"
    arch = CASES[NAME].make()
    save_run(Trained(recipe_of(arch), contracts.built(arch), CASES[NAME].classes, {}, folder))
    return str(folder)


def recipe_of(arch):
    return Recipe(name="texts", model=arch, data=create("sources/table", path="rows.csv"))


def rows_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_texts_files_and_tables_are_answered_alike(run, capsys, tmp_path):
    line = "Der Ton macht die Musik, sagt man; notes.txt"
    (tmp_path / "one.txt").write_text(line + "\n")
    (tmp_path / "rows.csv").write_text(f'id,text\n1,"{line}"\n2,Errors never pass\n')
    (tmp_path / "rows.tsv").write_text(f"text\tid\n{line}\t1\n")
    assert main(["predict", run, "--json", "--text", line]) == 0
    first = rows_of(capsys)
    given = [str(tmp_path / name) for name in ("one.txt", "rows.csv", "rows.tsv")]
    assert main(["predict", run, *given, "Errors never pass", "--json"]) == 0
    found = rows_of(capsys)
    assert [row["input"] for row in found] == [
        given[0],
        f"{given[1]}, row 1",
        f"{given[1]}, row 2",
        f"{given[2]}, row 1",
        "Errors never pass",
    ]
    answers = [row["prediction"] for row in found]
    assert answers[0] == answers[1] == answers[3] == first[0]["prediction"]
    assert answers[2] == answers[4] != answers[0]


def test_a_bad_row_does_not_spoil_the_others(run, capsys, tmp_path):
    (tmp_path / "rows.csv").write_text("text,id\nerrors,1\n,2\nnever,3\n")
    assert main(["predict", run, str(tmp_path / "rows.csv"), "--json"]) == 1
    found = rows_of(capsys)
    assert ["error" in row for row in found] == [False, True, False]
    assert found[1]["error"] == "the text is empty; give at least one character"


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (b"na\xefve", "is no UTF-8; save it as UTF-8"),
        (b"x" * (2**20 + 1), "the text has 1048577 bytes; allowed: up to 1048576; cut it"),
        (b"", "the text is empty"),
    ],
    ids=["another coding", "too long", "empty"],
)
def test_what_is_no_text_is_one_line(run, capsys, tmp_path, written, line):
    (tmp_path / "one.txt").write_bytes(written)
    assert main(["predict", run, str(tmp_path / "one.txt")]) == 1
    assert line in capsys.readouterr().err


def test_a_table_without_the_column_and_a_model_without_texts(run, capsys, tmp_path):
    (tmp_path / "rows.csv").write_text("words\nhallo\n")
    assert main(["predict", run, str(tmp_path / "rows.csv")]) == 1
    assert "no column text" in capsys.readouterr().err
    assert main(["predict", run]) == 2
    assert 'predict needs texts: --text "..."' in capsys.readouterr().err
    arch = create("regression/regressor", num_outputs=1, image_size=(8, 8))
    save_run(Trained(recipe_of(arch), arch.build(), ("x",), {}, tmp_path / "image"))
    assert main(["predict", str(tmp_path / "image"), "--text", "hallo"]) == 2
    assert "--text: regression/regressor takes image, not one text" in capsys.readouterr().err
