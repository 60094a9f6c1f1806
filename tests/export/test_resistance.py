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


def artifact(**fields):
    return types.SimpleNamespace(metrics={"coverage": 0.85}, agreement={"examples": 400}, **fields)


def test_sets_that_hold_less_than_promised_are_refused():
    # Wilson's interval of 340 of 400 ends at 0.8818
    note, refused = covered(artifact(promise={"coverage": 0.9}), 0.01)
    assert "holds 0.8500" in note and refused.endswith("promises 0.9; budget.coverage_gap is 0.01")
    assert covered(artifact(promise={"coverage": 0.9}), 0.02)[1] == ""
    assert covered(artifact(), 0.01)[1] == "" and "promises no sets" in covered(artifact(), 0.01)[0]


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
