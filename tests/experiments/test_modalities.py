"""`kerasvision modalities`: what is planted among the senses is named, and shares add up to what is above chance."""

import csv
import json

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.experiments.modalities import GIVES_AWAY, modalities_of, report_of
from kerasvision.metrics.contributions import sets_of
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.undrawn import train

WORDS = {"no": "bad dull slow", "yes": "good bright quick"}
ROWS = 720


def table(folder, given_away):
    """Texts whose words name the right class of seven in ten, and a column of noise, or of the very answer."""
    rng, rows = np.random.default_rng(5), []
    for number in range(ROWS):
        label = ("no", "yes")[number % 2]
        said = label if rng.random() < 0.7 else ("yes", "no")[number % 2]
        text = rng.choice(WORDS[said].split())
        value = (number % 2) * 4.0 + 0.1 * rng.normal() if given_away else rng.normal()
        text = "" if number % 30 == 7 else text
        rows.append([text, f"{value:.3f}", label, ("train", "test")[number // 2 % 2]])
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["title", "code", "label", "split"], *rows])
    return path


@pytest.fixture(scope="module", params=["noise", "leak"])
def run(request, tmp_path_factory):
    """(what is planted, a run folder)."""
    folder = tmp_path_factory.mktemp(request.param)
    path = table(folder, request.param == "leak")
    encoder = create("text_encoders/fast", size=8, buckets=100, ngrams=())
    fields = {"senses": ("text", "numbers"), "width": 8, "sense_dropout": 0.3, "fusion": "late"}
    model = create("multi_modal/classifier", **fields, encoder=encoder, length=24, words=4)
    columns = {"text_column": "title", "number_columns": ("code",)}
    data = create("sources/senses", path=str(path), **columns, validation_fraction=0.0)
    optimizer = create("optimizers/adamw", learning_rate=0.02)
    recipe = Recipe(name=request.param, model=model, data=data, epochs=6, batch_size=32, optimizer=optimizer)
    return request.param, train(recipe, folder / "run").folder


def test_what_is_planted_is_named(run):
    planted, folder = run
    report = modalities_of(folder)
    shares = {share.name: share for share in report.shares}
    whole = report.sets[-1]
    assert [held.name for held in report.sets] == ["text", "numbers", "text + numbers"] and report.unit == "accuracy"
    assert report.chance == 0.5 and report.examples == ROWS // 2
    assert sum(share.value for share in report.shares) == pytest.approx(whole.value - report.chance, abs=1e-9)
    lines = "\n".join(report.warnings)
    if planted == "noise":
        assert shares["numbers"].low <= 0 <= shares["numbers"].high, shares
        assert shares["text"].low > 0
        assert "numbers is of no use" in lines or "numbers is ignored" in lines
        assert "text is" not in lines and "away" not in lines
    else:
        assert whole.value >= GIVES_AWAY and shares["numbers"].value > shares["text"].value
        assert "numbers may give the answer away: alone it has accuracy" in lines and "text may" not in lines


def test_it_is_said_as_a_table_as_json_and_as_a_chart(run, tmp_path, capsys):
    planted, folder = run
    assert main(["modalities", str(folder), "--json", "--draw", str(tmp_path / "chart.png")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {share["name"] for share in report["shares"]} == {"text", "numbers"}
    assert (tmp_path / "chart.png").stat().st_size > 5000
    if planted == "noise":  # of both runs the same
        assert main(["modalities", str(folder)]) == 0
        said = capsys.readouterr().out
        assert "text + numbers" in said and "360 examples" in said and "numbers is" in said
        assert main(["modalities", str(folder), "--split", "other"]) == 2
        assert "no split 'other'; the data has" in capsys.readouterr().err
        assert main(["modalities", str(folder), "--draw", "chart.svg"]) == 2
        assert "--draw chart.svg: this is written as .png" in capsys.readouterr().err


def scores(**right):
    """{set: 0 or 1 of 1,000 examples}, of which so many are right from the set of that name: a of sense 0, b of 1."""
    names = {(): "none", (0,): "a", (1,): "b", (0, 1): "ab"}
    return {held: np.float64(np.arange(1000) < right[names[held]]) for held in sets_of(2)}


@pytest.mark.parametrize(
    ("right", "changed", "lines"),
    [
        ({"a": 989, "b": 700}, {}, []),
        ({"a": 990, "b": 700}, {}, ["a may give the answer away: alone it has accuracy 0.9900"]),
        ({"a": 990, "b": 990}, {}, []),  # two senses that both suffice are none that only one could have
        ({"a": 800, "b": 700}, {"b": 0.0}, ["b is ignored: exchanged among examples it changes no answer"]),
        ({"a": 800, "b": 700, "ab": 780}, {}, ["a alone is better than all senses together, by 0.0200"]),
        ({"a": 996, "b": 500}, {}, ["b is of no use that could be told", "a may give"]),
        ({"a": 900, "b": 450, "ab": 800}, {}, ["b does harm: its share is -0.0750", "a alone is better"]),
    ],
)
def test_warnings_stand_on_both_sides_of_their_thresholds(right, changed, lines):
    held = {"none": 500, "ab": 996} | right
    report = report_of(("a", "b"), scores(**held), {"a": 0.3, "b": 0.1} | changed, (), "accuracy")
    assert len(report.warnings) == len(lines), report.warnings
    for said, line in zip(report.warnings, lines, strict=True):
        assert said.startswith(line), said


def test_a_model_of_one_sense_is_one_line(tmp_path, capsys):
    case = CASES["text_classification/classifier"]
    arch = case.make()
    save_run(
        Trained(contracts.recipe_of("text_classification/classifier", arch), arch.build(), case.classes, {}, tmp_path)
    )
    assert main(["modalities", str(tmp_path)]) == 1
    assert "text_classification/classifier has one sense; modalities takes multi_modal/" in capsys.readouterr().err
