"""A loop whose ids were compared with nothing is no pass: too few slots in every frame, or nothing that is followed."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.export.certificate import export
from kerasvision.export.loops import LoopJudge, doubts_of
from kerasvision.inference.served import Served
from tests.contract import contracts
from tests.contract.cases import CaseSamples
from tests.export import squares
from tests.export.squares import CASE, CLASSES, NAME, make
from tests.undrawn import train

pytestmark = pytest.mark.nightly  # by day: the same files in test_steps.py

DOUBT = "step: ids were compared in no frame, since "


@pytest.fixture(scope="module", autouse=True)
def registered():
    with squares.registered():
        yield


def with_slots(arch, **fields):
    return dataclasses.replace(arch, slots=dataclasses.replace(arch.slots, **fields))


def looped(**fields):
    """What a loop says of itself, and the doubts, of a tracker with other fields over two squares."""
    arch = with_slots(make(), **fields)
    served = Served(arch, arch.build(), CLASSES)
    judge = LoopJudge(served, "step", [{"image": sample["image"][None]} for sample in CASE.samples()])
    step = served.functions["step"]
    row, wrong = judge.measured(
        lambda of: {k: v.numpy() for k, v in step({k: tf.constant(v) for k, v in of.items()}).items()}, "float32"
    )
    assert wrong == () and np.isfinite(row["least_iou"])
    return row, doubts_of({"step": {"closed_loop": row}, "other": {"max_error": 0.0}})


def test_slots_for_the_first_frame_are_compared_and_fewer_are_doubted():
    for count, left_out in ((8, False), (6, True)):  # some are left out later
        row, doubts = looped(count=count)
        assert row["frames"] > 12 and row["objects"] >= 2 and (row["left_out"] > 0) == left_out and doubts == ()
    row, doubts = looped(count=1)
    assert row["frames"] == 0 and row["left_out"] > 0
    assert doubts == (
        f"{DOUBT}{row['left_out']} times an object had no slot, from the first frame on; export with more "
        "of them (model.slots.count)",
    )


def test_where_nothing_is_followed_nothing_was_compared():
    row, doubts = looped(birth_score=1.0)
    assert row["objects"] == 0
    assert doubts == (f"step: ids were compared with none, since nothing was followed in {row['frames']} frames",)


def test_a_file_of_too_few_slots_is_unclear_and_one_of_enough_is_not(tmp_path):
    recipe = contracts.recipe_of(NAME, CASE.make())
    still = create("optimizers/sgd", learning_rate=1e-12)
    recipe = dataclasses.replace(recipe, data=CaseSamples(NAME, copies=2, validation=True), optimizer=still)
    run = train(recipe, tmp_path / "run")
    verdicts = {}
    for count in (8, 1):
        model = with_slots(run.arch, count=count)
        few = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, model=model))
        (artifact,), contract = export(few, [create("exporters/onnx")], tmp_path / str(count), verbose=False)
        (row,) = contract["artifacts"]
        assert row["verdict"] == artifact.verdict
        assert any(DOUBT in note for note in row["notes"]) == (count == 1)
        enough = dataclasses.replace(artifact, agreement=artifact.agreement | {"examples_needed": 0})
        verdicts[count] = enough.verdict
    assert verdicts == {8: "pass", 1: "unclear"}
