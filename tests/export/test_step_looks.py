"""Looks in the tracker of a detector's file: two objects turn around while they are hidden, in every kind of file."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision import api
from kerasvision.core.registry import create
from kerasvision.export.certificate import export
from kerasvision.export.loops import followed, in_loop, likeness, shown
from kerasvision.systems.slots import state_of
from tests.contract import contracts
from tests.contract.cases import CaseSamples
from tests.export import squares
from tests.export.squares import CASE, NAME, SIDE
from tests.undrawn import train

pytestmark = pytest.mark.nightly  # by day: looks of an embedder in test_step_embedding.py

SPECS = ("tflite", "onnx")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, {spec: path}, contract); training leaves the weights as they are."""
    folder = tmp_path_factory.mktemp("looks")
    with squares.registered():
        arch = CASE.make()
        arch = dataclasses.replace(arch, slots=dataclasses.replace(arch.slots, looks="colors"))
        recipe = contracts.recipe_of(NAME, arch)
        still = create("optimizers/sgd", learning_rate=1e-12)
        recipe = dataclasses.replace(recipe, data=CaseSamples(NAME, copies=2, validation=True), optimizer=still)
        run = train(recipe, folder / "run")
        _, contract = export(run, [create(f"exporters/{spec}") for spec in SPECS], folder, verbose=False)
        paths = {"tflite": "tflite/models/toys_squares/model.tflite", "onnx": "onnx/toys_squares/model.onnx"}
        yield run, {spec: folder / path for spec, path in paths.items()}, contract


def turning():
    """[uint8 [1, 64, 96, 3]]: a red and a magenta square, one class, meet while nothing is to be seen, and go back."""
    held = []
    for n in range(44):
        picture = np.zeros((1, 64, 96, 3), np.uint8)
        way = 2 * min(n, 43 - n)
        if not 15 < n < 28:
            picture[0, 20 : 20 + SIDE, way : way + SIDE, 0] = 255
            picture[0, 20 : 20 + SIDE, 80 - way : 80 - way + SIDE] = (255, 0, 255)
        held.append(picture)
    return held


def sides(answer):
    """Ids from left to right."""
    return [i for i, _ in sorted(answer.items(), key=lambda pair: pair[1][0])]


@pytest.mark.parametrize("spec", SPECS)
def test_who_turned_around_keeps_the_number_in_the_file(made, spec):
    run, paths, contract = made
    slots, frames = run.arch.slots, turning()
    find = run.served().fixed(batch=1)
    found = [{k: v.numpy() for k, v in find({"image": tf.constant(f)}).items()} for f in frames]
    expected = followed(slots, found, frames)
    plain = followed(dataclasses.replace(slots, looks=""), found)
    assert sides(expected[10]) == sides(expected[40]) == sides(plain[10]) == [1, 2]
    assert sides(plain[40]) != [1, 2]  # without looks they are taken for one another, or for others
    model = api.load(paths[spec])
    specs = {k: tf.TensorSpec(v.shape, tf.float32) for k, v in state_of(slots).items()}
    assert specs["look"].shape == (1, 8, 64)
    given = [shown(a) for a in in_loop(lambda of: model.call("step", of), specs, frames)]
    same, iou = likeness(expected, given)
    assert same == 1.0 and iou >= 0.99
    for row in contract["artifacts"]:
        loop = row["functions"]["step"]["closed_loop"]
        assert loop["same_ids"] == 1.0 and loop["objects"] > 0 and not row["select_ops"]
