"""`kerasvision modalities`: what is planted among the senses is named, and shares add up to what is above chance."""

import json

import numpy as np
import pytest
from sklearn.metrics import hamming_loss, r2_score

from kerasvision.cli.main import main
from kerasvision.core.registry import sources
from kerasvision.experiments.modalities import GIVES_AWAY, modalities_of, report_of
from kerasvision.export.package.senses import section
from kerasvision.metrics.contributions import sets_of
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.fusions import reviews
from tests.undrawn import train


@pytest.fixture(scope="module", params=[pytest.param("noise", marks=pytest.mark.nightly), "leak"])
def run(request, tmp_path_factory):
    """(what is planted, a run folder)."""
    folder = tmp_path_factory.mktemp(request.param)
    path = reviews.table(folder, given_away=request.param == "leak")
    return request.param, train(reviews.recipe(path, request.param), folder / "run").folder


def test_what_is_planted_is_named(run):
    planted, folder = run
    report = modalities_of(folder)
    shares = {share.name: share for share in report.shares}
    whole = report.sets[-1]
    assert [held.name for held in report.sets] == ["text", "numbers", "text + numbers"] and report.unit == "accuracy"
    assert report.chance == 0.5 and report.examples == reviews.ROWS // 2
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
    assert list(report["gradients"]) == ["text", "numbers"]
    assert all(list(norms) == list("123456") and min(norms.values()) > 0 for norms in report["gradients"].values()), (
        "an epoch each"
    )
    (card,) = section(report)
    for figure in (*report["sets"], *report["shares"]):
        line = next(line for line in card.splitlines() if line.startswith(f"| {figure['name']} | "))
        assert f"{figure['value']:.4f}" in card and line.count("|") >= 3
    assert "360 examples of the test split" in card and "0.5000 by chance" in card
    assert all(f"- {line.split(':')[0]}" in card for line in report["warnings"]) and report["warnings"]
    assert (tmp_path / "chart.png").stat().st_size > 5000
    if planted == "noise":  # of both runs the same
        assert main(["modalities", str(folder)]) == 0
        said = capsys.readouterr().out
        assert "text + numbers" in said and "360 examples" in said and "numbers is" in said
        assert "gradient of text" in said and f"{report['gradients']['numbers']['6']:.4g}" in said
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


@pytest.fixture
def _cases_are_data(monkeypatch):
    monkeypatch.setitem(sources._parts, "contract_case", CaseSamples)
    monkeypatch.setattr(CaseSamples, "registered_name", "sources/contract_case", raising=False)


@pytest.mark.usefixtures("_cases_are_data")
@pytest.mark.parametrize("task", [pytest.param("multi_label", marks=pytest.mark.nightly), "regressor"])
def test_of_labels_and_numbers_it_is_what_scikit_learn_says(task, tmp_path):
    """A model that has learned nothing; of three senses, some missing, whose shares add up as well."""
    name = f"multi_modal/{task}"
    case = CASES[name]
    arch = case.make()
    run = Trained(contracts.recipe_of(name, arch), arch.build(), case.classes, {}, tmp_path)
    save_run(run)
    report = modalities_of(tmp_path)
    prepared, geometry, _ = contracts.batch_of(arch, case)
    answers = {k: v.numpy() for k, v in run.served().predict(prepared, geometry).items()}
    if task == "regressor":
        wanted = np.stack([sample["targets"] for sample in case.samples()])
        whole, chance, unit = r2_score(wanted, answers["values"]), 0.0, "R2"
    else:
        wanted = np.stack([arch.multi_hot(sample).numpy() for sample in case.samples()]) > 0
        whole, unit = 1 - hamming_loss(wanted, answers["present"] > 0), "label accuracy"
        chance = 1 - hamming_loss(wanted, np.tile(wanted.mean(0) > 0.5, (len(wanted), 1)))
    assert not report.gradients, "nobody has recorded them"
    assert report.unit == unit and report.chance == pytest.approx(chance, abs=1e-6)
    assert report.sets[-1].value == pytest.approx(whole, abs=1e-5) and len(report.sets) == 7
    assert sum(share.value for share in report.shares) == pytest.approx(report.sets[-1].value - chance, abs=1e-6)
    assert [pair[:2] for pair in report.agreement] == [("image", "text"), ("image", "numbers"), ("text", "numbers")]


@pytest.mark.usefixtures("_cases_are_data")
def test_a_model_of_one_sense_is_one_line(tmp_path, capsys):
    case = CASES["text_classification/classifier"]
    arch = case.make()
    save_run(
        Trained(contracts.recipe_of("text_classification/classifier", arch), arch.build(), case.classes, {}, tmp_path)
    )
    assert main(["modalities", str(tmp_path)]) == 1
    assert "text_classification/classifier has one sense; modalities takes multi_modal/" in capsys.readouterr().err
