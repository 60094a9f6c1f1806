"""The rung of the ladder that trains with rounding in the graph: when it is climbed, and what comes of it."""

import dataclasses
import json
import types

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.export.repair import ladder as ladders
from kerasvision.export.repair.ladder import HINT, Attempt, Target, repair
from kerasvision.export.repair.learning import qat_recipe, why_not
from kerasvision.export.repair.workshop import Plan
from kerasvision.train.run import Trained, save_run
from tests.export.test_repair import DROP, trial

GOOD, BAD = trial(-0.001, 0.0, size=20), trial(-0.5, -0.4, size=20)
LEARNED = types.SimpleNamespace(served=lambda: "served")


@pytest.fixture
def climbed(monkeypatch, digits_run):
    """A function: (spec, plan, trial) of the one file that is found, and the trial of the one that is learned -> what
    `repair` gives or raises, and how often training was asked for.
    """

    def ask(attempt, learned, gives=LEARNED, warn=None):
        asked = []

        def climb(self, ranking):
            self.attempts.append(Attempt(*attempt[:2], "every", attempt[2], "0"))

        def learn():
            asked.append(1)
            return gives

        about = types.SimpleNamespace(units=179, size=179, metric="accuracy", split_name="validation")
        about.of = lambda content: learned
        monkeypatch.setattr(ladders.Ladder, "climb", climb)
        monkeypatch.setattr(ladders, "_trials", lambda *_: about)
        monkeypatch.setattr(ladders, "convert", lambda served, *_: served.encode())
        try:
            return repair(digits_run, Target(DROP), learn=learn, warn=warn), len(asked)
        except KerasVisionError as error:
            return str(error), len(asked)

    return ask


def test_a_file_of_integers_alone_that_keeps_the_bound_needs_no_training(climbed):
    found, asked = climbed(("tflite:int8", Plan(bias=True), GOOD), GOOD)
    assert asked == 0 and found.learned is None and found.is_whole and found.exporter.repair == ("bias",)


@pytest.mark.parametrize(
    "attempt",
    [("tflite:int8", Plan(), BAD), ("tflite:int8", Plan(floats=("a",)), GOOD), ("tflite:float16", Plan(), GOOD)],
)
def test_what_is_learned_is_chosen_where_it_is_the_smallest_that_keeps_the_bound(attempt, climbed):
    small = trial(-0.001, 0.0, size=10)
    found, asked = climbed(attempt, small)
    assert asked == 1 and found.learned is LEARNED and found.is_whole
    assert (found.exporter.spec, found.exporter.repair) == ("tflite:int8", ())
    assert found.record["steps"] == ["qat"] and [row["steps"] for row in found.record["attempts"]][-1] == ["qat"]


def test_what_is_learned_and_does_not_keep_it_is_not_chosen(climbed):
    found, asked = climbed(("tflite:float16", Plan(), GOOD), BAD)
    assert asked == 1 and found.learned is None and not found.is_whole and found.exporter.spec == "tflite:float16"
    assert not found.record["attempts"][-1]["kept"]
    line, asked = climbed(("tflite:int8", Plan(), BAD), BAD)
    assert asked == 1 and "none of 2 files keeps the target" in line and HINT not in line


def test_a_graph_that_cannot_learn_leaves_what_was_found(climbed):
    found, asked = climbed(("tflite:float16", Plan(), GOOD), GOOD, gives=None)
    assert asked == 1 and found.learned is None and len(found.record["attempts"]) == 1


def test_a_run_whose_file_cannot_be_made_leaves_what_was_found(climbed):
    def served():
        raise KerasVisionError("no such operator")

    said, gives = [], types.SimpleNamespace(served=served)
    found, _ = climbed(("tflite:float16", Plan(), GOOD), GOOD, gives, said.append)
    assert said == ["no such operator"] and found.learned is None and found.exporter.spec == "tflite:float16"
    assert len(found.record["attempts"]) == 1
    assert climbed(("tflite:float16", Plan(), GOOD), GOOD, gives)[0] == "no such operator"  # nobody could be told


def test_without_a_folder_to_train_into_it_is_said(climbed, digits_run):
    climbed(("tflite:int8", Plan(), BAD), BAD)
    with pytest.raises(KerasVisionError, match=f"none of 1 files keeps the target; the best: .*; {HINT}$"):
        repair(digits_run, Target(DROP))
    with pytest.raises(KerasVisionError) as raised:
        repair(dataclasses.replace(digits_run, folder=None), Target(DROP))
    assert "none of 1 files" in str(raised.value) and HINT not in str(raised.value)


@pytest.mark.parametrize(("count", "words"), [(0, None), (8, "a tracker in the file (model.slots.count) does not go")])
def test_a_detector_with_a_tracker_in_its_file_does_not_learn(count, words, digits_run):
    arch = types.SimpleNamespace(slots=types.SimpleNamespace(count=count))
    reason = why_not(types.SimpleNamespace(folder=digits_run.folder, arch=arch))
    assert reason is None if words is None else reason.startswith(words)


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ((), "q: it is there already; no run has ended in it, so that you may remove the folder "),
        (("recipe.json",), "q: it is there already; no run has ended in it"),
        (("recipe.json", "metrics.json"), "q: it is there already; name a new folder"),
        (("mine.txt",), "q: it is there already; name a new folder"),
    ],
)
def test_a_folder_that_is_there_says_whether_it_may_be_removed(files, line, digits_run, tmp_path, capsys):
    (tmp_path / "q").mkdir()
    for name in files:
        (tmp_path / "q" / name).touch()
    words = ["--to", "tflite:int8", "--max-drop", "0.1", "--qat", str(tmp_path / "q")]
    assert main(["export", str(digits_run.folder), *words]) == 2
    assert line in capsys.readouterr().err


def test_the_recipe_is_the_run_s_last_phase_a_tenth_as_long_and_as_fast(digits_run):
    flip, slow = create("augmentations/geometric/horizontal_flip"), create("optimizers/sgd", learning_rate=0.02)
    recipe = dataclasses.replace(digits_run.recipe, epochs=30, then=(Phase(14, slow, (flip,)),), patience=3)
    held = qat_recipe(recipe, "runs/x")
    assert (held.epochs, held.optimizer.learning_rate, held.augment) == (4, 0.002, (flip,))
    assert [t.registered_name for t in held.techniques] == ["techniques/warm_start", "techniques/qat"]
    assert (held.techniques[0].run, held.then, held.exports, held.patience) == ("runs/x", (), (), None)
    assert (held.model, held.data, held.name) == (recipe.model, recipe.data, recipe.name)
    assert qat_recipe(dataclasses.replace(digits_run.recipe, epochs=3), "x").epochs == 1
    assert qat_recipe(recipe, "x", epochs=7).epochs == 7
    with pytest.raises(UsageError, match="--qat-epochs 0; allowed: 1 or more"):
        qat_recipe(recipe, "x", epochs=0)


@pytest.mark.parametrize("is_begun", [False, True])
def test_training_that_ends_early_says_what_to_remove(is_begun, digits_run, tmp_path, capsys, monkeypatch):
    def train(recipe, out):
        if is_begun:
            (tmp_path / "q").mkdir()
        raise KerasVisionError("the loss is no number")

    def climb(trained, target, limit, tell, learn, warn):
        assert learn() is None
        raise KerasVisionError("nothing was exported")

    monkeypatch.setattr("kerasvision.train.fit.train", train)
    monkeypatch.setattr(ladders, "repair", climb)
    words = ["--to", "tflite:int8", "--max-drop", "0.1", "--qat", str(tmp_path / "q")]
    assert main(["export", str(digits_run.folder), *words]) == 1
    seen = capsys.readouterr().err
    assert "qat: the loss is no number" in seen
    assert (f"; remove {tmp_path / 'q'} before another try" in seen) == is_begun


def test_what_cannot_learn_is_refused_before_the_ladder(digits_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kerasvision.export.repair.learning.why_not", lambda trained: "it has a tracker")
    monkeypatch.setattr(ladders, "repair", None)
    words = ["--to", "tflite:int8", "--max-drop", "0.1", "--qat", str(tmp_path / "q")]
    assert main(["export", str(digits_run.folder), *words]) == 2
    assert "--qat: it has a tracker" in capsys.readouterr().err and not (tmp_path / "q").exists()


@pytest.mark.slow
def test_a_run_is_trained_and_its_file_judged_beside_the_others(around, tmp_path, capsys):
    """Channels of scales that no rung without floats can mend; one epoch with rounding in the graph."""
    recipe = dataclasses.replace(around.recipe, exports=())
    save_run(Trained(recipe, around.graph, around.classes, {}, tmp_path / "run"))
    words = ["--max-drop", str(DROP), "--qat", str(tmp_path / "qat"), "--qat-epochs", "1", "--limit", "179", "--json"]
    out = ["--to", "tflite:int8", "--out", str(tmp_path / "out")]
    assert main(["export", str(tmp_path / "run"), *out, *words]) == 0
    seen = capsys.readouterr()
    assert "qat: 1 epochs from the weights of" in seen.err and "tflite:int8 qat: " in seen.err
    (row,) = json.loads(seen.out)["artifacts"]
    attempts = row["repair"]["attempts"]
    assert attempts[-1]["steps"] == ["qat"] and (tmp_path / "qat" / "metrics.json").exists()
    kept = min((a for a in attempts if a["kept"]), key=lambda a: a["size_bytes"])
    assert row["repair"]["steps"] == kept["steps"] and row["verdict"] != "FAIL"
    assert attempts[-1]["change"] > attempts[0]["change"]  # than the plain file's, which is ruined
