"""A file that is weaker than the trained model, or explains itself otherwise, is refused; both sides of each bound."""

import dataclasses
import types

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Budget
from kerasvision.core.registry import create
from kerasvision.export.base import Runner
from kerasvision.export.resistance import attack_refusal, check_budget, covered, overlap_refusal, stressed


def test_what_is_less_right_under_attack_is_refused_once_chance_cannot_explain_it():
    theirs = np.ones(100, bool)
    ours = theirs.copy()
    assert attack_refusal(ours, theirs, 0.05) == ""
    ours[:8] = False  # the interval of -0.08 reaches -0.027
    assert attack_refusal(ours, theirs, 0.05) == "" and attack_refusal(ours, theirs, 0.02).startswith(
        "the share right under attack falls by 0.0800; budget.attacked_drop is 0.02"
    )
    assert attack_refusal(theirs, ours, 0.0) == "", "stronger"


def test_heats_that_share_too_little_are_refused():
    shared = {"mean": 0.7, "low": 0.6, "high": 0.79}
    note, refused = overlap_refusal(shared, 0.8)
    assert "shares 0.7000 of the hottest tenth" in note and refused.endswith("budget.explanation_overlap is 0.8")
    assert overlap_refusal(shared, 0.79) == (note, "")


def artifact(promised=0.9, **found):
    """Of each that is promised: (share, examples)."""
    coverage = {name: {"coverage": share, "examples": many} for name, (share, many) in found.items()}
    return types.SimpleNamespace(promise={"coverage": promised} if promised else {}, coverage=coverage)


def test_sets_that_hold_less_than_promised_are_refused():
    # the exact interval of 340 of 400 ends at 0.8835
    whole = {"": (0.85, 400)}
    note, refused = covered(artifact(**whole), 0.01)
    assert note == "holds 0.8500 (0.8112 to 0.8835, 400 examples) of what is right in its sets, and promises 0.9"
    assert refused == f"{note}; budget.coverage_gap is 0.01"
    assert covered(artifact(**whole), 0.02)[1] == ""
    for nothing in (artifact(0, **whole), artifact()):
        assert covered(nothing, 0.01) == ("promises no sets, so budget.coverage_gap says nothing of it", "")


def test_of_a_promise_for_each_class_the_worst_one_decides():
    """Though the mean of them holds. Three of 0.05 / 3 each: 42 of 60 end at 0.8315; 59 and 60 of 60 reach 1."""
    found = artifact(cat=(59 / 60, 60), dog=(0.7, 60), owl=(1.0, 60))
    note, refused = covered(found, 0.06)
    assert (
        note.startswith("holds 0.7000 (0.")
        and "to 0.8315, 60 examples) of what is right of dog, the worst of 3" in note
    )
    assert refused == f"{note}; budget.coverage_gap is 0.06"
    assert covered(found, 0.07) == (note, "")


def test_classes_with_too_few_examples_are_said_and_do_not_decide():
    """Of 2, none of which is held, the interval reaches 0.9087; of 3 it ends at 0.7973."""
    note, refused = covered(artifact(cat=(1.0, 60), dog=(0.0, 2), owl=(None, 0)), 0.0)
    assert note.startswith("holds 1.0000") and note.endswith("; too few examples to tell of dog (2), owl (0)")
    assert refused == ""
    note, refused = covered(artifact(cat=(1.0, 60), dog=(0.0, 3), owl=(None, 0)), 0.0)
    assert note.endswith("; too few examples to tell of owl (0)") and "right of dog, the worst of 2" in refused
    none = artifact(cat=(0.0, 2), dog=(0.0, 1), owl=(None, 0))
    assert covered(none, 0.0) == ("promises 0.9; too few examples to tell of cat (2), dog (1), owl (0)", "")
    note, refused = covered(artifact(cat=(0.0, 2), owl=(None, 0)), 0.9)  # which refuses nothing
    assert note.startswith("holds 0.0000") and note.endswith("tell of owl (0)") and refused == ""
    assert covered(artifact(**{"": (0.0, 1)}), 0.0) == ("promises 0.9; too few examples to tell of it (1)", "")


@pytest.mark.parametrize(
    "bound", [{"corrupted_drop": -0.1}, {"attacked_drop": 1.5}, {"coverage_gap": -1.0}, {"explanation_overlap": 0.0}]
)
def test_bounds_that_cannot_be_are_one_line(bound):
    (name,) = bound
    with pytest.raises(UsageError, match=f"Budget.{name}: got .*; allowed: "):
        Budget(**bound)


@dataclasses.dataclass(frozen=True)
class Measured:
    """What `stressed` sees of an artifact."""

    notes: tuple = ()
    failures: tuple = ()


class Spoiled(Runner):
    """Answers as the trained model does, but of pictures that it has not been shown clean."""

    takes_prepared = True

    def __init__(self, served, clean=None):
        super().__init__(served.arch)
        self._served, self._clean = served, clean

    def infer(self, inputs):
        found = {k: v.numpy() for k, v in self._served.serve(inputs).items()}
        if self._clean is None:
            return found
        known = np.array([image.tobytes() in self._clean for image in inputs["image"]])
        turned = np.roll(found["probabilities"], 1, -1)
        return found | {"probabilities": np.where(known[:, None], found["probabilities"], turned)}

    def __call__(self, inputs):
        return self.infer(inputs)


def test_a_file_that_is_right_on_clean_pictures_alone_is_refused(digits_run, digits_tflite):
    from kerasvision.data.pipeline import raw_examples, splits_of

    bounds = {"corrupted_drop": 0.1, "attacked_drop": 0.1, "explanation_overlap": 0.8}
    trained = digits_run.under(Budget(**bounds))
    served = trained.served()
    split = splits_of(trained.recipe, "test")["test"]
    images = [image for inputs, _, _ in raw_examples(split, trained.arch) for image in inputs["image"]]
    runners = [Spoiled(served), Spoiled(served, {image.tobytes() for image in images})]
    files = [(create("exporters/tflite"), digits_tflite)] * 2
    kept, refused = stressed(files, [Measured()] * 2, runners, trained, "test", 24)
    assert kept.failures == () and len(kept.notes) == 3
    assert "under corruption" in kept.notes[0] and "right under attack" in kept.notes[1]
    lines = " ".join(refused.failures)
    assert "under corruption falls by" in lines and "budget.corrupted_drop is 0.1" in lines
    assert "the share right under attack falls by" in lines and "explains itself otherwise" not in lines
    plain = stressed(files, [Measured()] * 2, runners, trained.under(Budget()), "test", 24)
    assert plain == [Measured()] * 2


def test_bounds_that_say_nothing_of_a_model_are_one_line():
    class Architecture:
        registered_name = "text_classification/classifier"

        def serving_inputs(self):
            return {"text": None}

        def prepared_inputs(self):
            return {"ids": None}

    with pytest.raises(UsageError, match="takes no image that could be corrupted"):
        check_budget(Budget(corrupted_drop=0.1), Architecture())
    with pytest.raises(UsageError, match="attacks change the pixels of one image"):
        check_budget(Budget(attacked_drop=0.1), Architecture())
