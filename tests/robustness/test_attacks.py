"""Attacks against closed forms: of a linear model the best change in a ball is known, and so is the nearest border."""

import json
import typing

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.cli.main import main
from kerasvision.core.component import hints
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import attacks, create
from kerasvision.ops import balls
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.robustness.linear import RADIUS, SHAPE, SIDE, linear, step_of


@pytest.fixture(scope="module")
def way():
    """The direction in which label 1 gains on label 0."""
    return np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def two(way):
    """Of two classes: the slope of any loss goes along `way`, wherever it is taken."""
    return linear(np.concatenate([-way, way], 1) / 2)


@pytest.fixture(scope="module")
def pixels():
    """Pictures from whose every pixel all balls stay within 0..255."""
    return np.random.default_rng(1).integers(100, 156, (5, *SHAPE)).astype(np.uint8)


def best(way, norm):
    """The change of a ball along which a linear score rises most."""
    direction, radius = way.reshape(SHAPE), RADIUS[norm]
    if norm == "linf":
        return radius * np.sign(direction)
    if norm == "l2":
        return radius * direction / np.linalg.norm(direction)
    change = np.zeros(SHAPE)
    place = np.unravel_index(np.abs(direction).argmax(), SHAPE)
    change[place] = radius * np.sign(direction[place])
    return change


def norms_of(fields, cls):
    """The norms that an attack has: the choices of a field, or one that it cannot change."""
    return typing.get_args(fields["norm"]) if "norm" in fields else (cls.norm,)


def fields_of(name, norm):
    return {"radius": RADIUS[norm], "norm": norm} | ({"random_start": False} if name == "pgd" else {})


@pytest.mark.parametrize("norm", RADIUS)
@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd", "mi_fgsm"])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_best_change_of_a_linear_model_is_found(name, norm, targeted, two, way, pixels):
    labels = np.zeros(5, int)
    found = create(f"attacks/{name}", **fields_of(name, norm)).attack(
        two, pixels, 1 - labels if targeted else labels, targets=labels + 1 if targeted else None, as_float=True
    )
    np.testing.assert_allclose(found.images / 255 - pixels / 255, [best(way, norm)] * 5, atol=1e-6)
    np.testing.assert_allclose(found.moved, RADIUS[norm], rtol=1e-5)


def test_from_anywhere_in_the_ball_pgd_ends_in_its_best_corner(two, way, pixels):
    found = create("attacks/pgd").attack(two, pixels, np.zeros(5, int), as_float=True)
    np.testing.assert_allclose(found.images / 255 - pixels / 255, [best(way, "linf")] * 5, atol=1e-6)


BALLS = [  # seg_pgd is of masks: test_scenes.py
    (name, norm)
    for name, cls in attacks.items()
    if "radius" in (fields := hints(cls)) and name != "seg_pgd"
    for norm in norms_of(fields, cls)
]


@pytest.mark.parametrize(("name", "norm"), BALLS)
@pytest.mark.parametrize("as_float", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_every_image_stays_in_its_ball_and_is_a_picture(name, norm, as_float):
    """Also where pixels are at the ends of their range; uint8 unless asked otherwise."""
    rng = np.random.default_rng(2)
    images = rng.choice([0, 1, 128, 250, 255], (6, *SHAPE)).astype(np.uint8)
    model = linear(rng.normal(size=(SIDE * SIDE * 3, 4)).astype(np.float32))
    short = {"queries": 20, "steps": 5, "restarts": 2}
    known = hints(attacks[name])
    fields = {"radius": RADIUS[norm], "norm": norm} | short
    found = create(f"attacks/{name}", **{k: v for k, v in fields.items() if k in known}).attack(
        model, images, model.decided(images / np.float32(255)), as_float=as_float
    )
    assert found.images.dtype == (np.float32 if as_float else np.uint8) and found.images.shape == images.shape
    assert found.images.min() >= 0 and found.images.max() <= 255
    change = (found.images.astype(np.float64) - images).reshape(6, -1) / 255
    moved = np.linalg.norm(change, {"linf": np.inf, "l2": 2, "l1": 1}[norm], axis=1)
    assert moved.max() <= RADIUS[norm] + 1e-6
    np.testing.assert_allclose(found.moved, moved, atol=1e-9)
    kept = name == "auto"  # which gives a picture back that it could not break
    assert kept or moved.max() > 0.5 * RADIUS[norm] - (0 if as_float else 2 / 255)


def test_a_bound_radius_loses_no_pixel_to_rounding(two, way, pixels):
    """8/255 in float32 is a little less than 8 pixels."""
    found = create("attacks/fgsm").attack(two, pixels, np.zeros(5, int))
    np.testing.assert_array_equal(found.images.astype(int) - pixels, [8 * np.sign(way.reshape(SHAPE))] * 5)


def test_deepfool_goes_to_the_nearest_border_of_a_linear_model(pixels):
    """Of classes k and l it is |f_k - f_l| / |w_k - w_l| away (section 3 of the paper)."""
    kernel = np.random.default_rng(3).normal(size=(SIDE * SIDE * 3, 5)).astype(np.float32)
    model = linear(kernel)
    images = pixels.astype(np.float32) / 255
    logits = np.asarray(model.logits(images), np.float64)
    labels = logits.argmax(1)
    step = step_of(model)
    found = create("attacks/deepfool", overshoot=0.0).attack(model, pixels, labels, as_float=True)
    assert (found.after != labels).all()
    for row, label, moved in zip(logits, labels, found.moved, strict=True):
        far = [
            (row[label] - row[k]) / (np.linalg.norm(kernel[:, label] - kernel[:, k]) * step)
            for k in range(5)
            if k != label
        ]
        assert moved == pytest.approx(min(far), rel=1e-2)


@pytest.mark.parametrize("norm", RADIUS)
def test_projections_are_the_nearest_changes(norm):
    """By numpy: of L1 every size loses the same, found by bisection; what is inside stays."""
    rng = np.random.default_rng(4)
    changes = rng.normal(size=(4, *SHAPE)).astype(np.float32)
    inside = changes / balls.length(changes, norm)[:, None, None, None].astype(np.float32) * 0.9
    np.testing.assert_array_equal(balls.projected(inside, 1.0, norm), inside)
    for found, change in zip(np.asarray(balls.projected(changes, 1.0, norm)), changes, strict=True):
        if norm == "linf":
            wanted = np.clip(change, -1, 1)
        elif norm == "l2":
            wanted = change / np.linalg.norm(change)
        else:
            low, high = 0.0, np.abs(change).max()
            for _ in range(60):
                lost = (low + high) / 2
                low, high = (lost, high) if np.maximum(np.abs(change) - lost, 0).sum() > 1 else (low, lost)
            wanted = np.sign(change) * np.maximum(np.abs(change) - low, 0)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("norm", RADIUS)
def test_drawn_changes_are_in_the_ball_and_not_in_its_middle(norm):
    drawn = balls.drawn((200, *SHAPE), 0.3, norm, np.random.default_rng(5))
    sizes = balls.length(drawn, norm)
    assert sizes.max() <= 0.3 + 1e-6 and sizes.max() > 0.25
    assert np.abs(drawn.mean(0)).max() < 0.3 * (0.3 if norm == "linf" else 0.1)


def test_square_asks_for_scores_alone_and_finds_a_way(two, way, pixels):
    """The model is asked for answers; its lead falls, and never below what the best corner leaves."""
    asked = AskedClassifier(
        two.arch, lambda inputs: {"probabilities": tf.nn.softmax(two.logits(inputs["image"] / 255))}
    )
    labels = two.decided(pixels / 255)
    goal = Goal(labels)
    before = goal.margin(two.logits(pixels / 255))
    attack = create("attacks/square", radius=2 / 255, queries=200)
    found = attack.attack(asked, pixels, labels)
    after = goal.margin(two.logits(found.images / 255))
    lowest = before - 2 / 255 * np.abs(way).sum() * step_of(two)
    assert (after < before).all() and (after >= lowest - 1e-2).all()
    with pytest.raises(UsageError, match="attacks/pgd needs gradients.*: square"):
        create("attacks/pgd").attack(asked, pixels, labels)


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("pgd", {"radius": -0.1}, r"attacks/pgd.radius=-0.1; allowed: above 0"),
        ("fgsm", {"radius": 0.0}, r"attacks/fgsm.radius=0; allowed: above 0"),
        ("bim", {"steps": 0}, r"attacks/bim.steps=0; allowed: 1 or more"),
        ("pgd", {"restarts": 0}, r"attacks/pgd.restarts=0; allowed: 1 or more"),
        ("pgd", {"step_size": -1.0}, "step_size=-1; allowed"),
        ("pgd", {"norm": "l3"}, "norm: got 'l3'"),
        ("square", {"share": 1.5}, "share=1.5; allowed"),
        ("square", {"queries": 0}, r"attacks/square.queries=0; allowed: 1 or more"),
        ("mi_fgsm", {"decay": 2.0}, "decay=2; allowed"),
        ("deepfool", {"overshoot": -1.0}, "overshoot=-1; allowed"),
        ("apgd_ce", {"radius": -1.0}, r"attacks/apgd_ce.radius=-1; allowed: above 0"),
        ("apgd_ce", {"norm": "l1"}, "norm: got 'l1'"),
        ("auto", {"steps": 0}, r"attacks/auto.steps=0; allowed: 1 or more"),
        ("fab", {"overshoot": 0.9}, "overshoot=0.9; allowed: 1 to 2"),
        ("fab", {"back": 1.5}, "back=1.5; allowed: 0 to 1"),
        ("carlini_wagner", {"step_size": 0.0}, "step_size=0; allowed: above 0"),
        ("carlini_wagner", {"confidence": -1.0}, "confidence=-1; allowed: 0 or more"),
        ("hop_skip_jump", {"questions": 0}, "questions=0; allowed: 1 or more"),
        ("patch", {"share": 1.5}, "share=1.5; allowed: above 0, and up to 1, the whole picture"),
        ("patch", {"turned": -5.0}, "turned=-5; allowed: 0 to 180"),
    ],
)
def test_bad_settings_are_one_line(name, fields, says):
    with pytest.raises(UsageError, match=says):
        create(f"attacks/{name}", **fields)


def test_models_that_are_no_classifier_of_one_label_are_named():
    for name, says in (
        ("volume_classification/cnn3d", "takes volume; attacks change the pixels of one image"),
        ("classification/multi_label", "is no classifier of one label"),
        ("detection/retinanet", "is no classifier of one label"),
    ):
        with pytest.raises(UsageError, match=says):
            Classifier(create(name), None)


def test_runs_of_texts_and_volumes_are_told_what_attacks_change(tmp_path, capsys):
    for name, taken in (("text_classification/classifier", "text_bytes"), ("volume_classification/cnn3d", "volume")):
        arch, folder = CASES[name].make(), tmp_path / taken
        folder.mkdir()
        recipe = Recipe(name="fresh", model=arch, data=create("sources/digits"))
        save_run(Trained(recipe, contracts.built(arch), CASES[name].classes, {}, folder))
        assert main(["attack", str(folder)]) == 2
        said = capsys.readouterr().err
        assert f"{name} takes {taken}; attacks change the pixels of one image" in said
    assert main(["explain", str(tmp_path / "text_bytes"), "a.png", "--out", str(tmp_path / "a.png")]) == 2
    assert "its family has no targets" in capsys.readouterr().err


def test_the_command_counts_what_is_left(digits_run, digits_tflite, tmp_path, capsys):
    """Of a run and of its float file it is the same, and less than without an attack."""
    counted = []
    for model in (digits_run.folder, digits_tflite):
        words = ["attack", str(model), "--set", "radius=16/255", "steps=5", "--examples", "60", "--json"]
        assert main([*words, "--out", str(tmp_path)]) == 0
        counted.append(json.loads(capsys.readouterr().out))
    run, file = counted
    assert run["attack"]["radius"] == pytest.approx(16 / 255) and run["examples"] == file["examples"] == 60
    assert run["clean"] == file["clean"] > 0.5 and run["robust"] == pytest.approx(file["robust"], abs=1 / 60)
    assert run["robust"] < run["clean"] and run["moved"] == pytest.approx(16 / 255)
    with np.load(tmp_path / "attacked.npz") as held:
        right = held["before"] == held["labels"]
        assert held["images"].dtype == np.uint8 and right.mean() == file["clean"]
        assert (right & (held["after"] == held["labels"])).mean() == file["robust"]
    assert json.loads((tmp_path / "attack.json").read_text()) == file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attack.json", "attacked.npz"]


def test_the_command_asks_a_file_for_scores_alone(digits_tflite, capsys):
    words = ["attack", str(digits_tflite), "--attack", "square", "--set", "radius=0.2", "queries=20"]
    assert main([*words, "--examples", "20", "--target", "3"]) == 0
    said = capsys.readouterr().out
    assert "digits: square (radius=0.2, queries=20, share=0.8) towards 3" in said and "right, " in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--attack", "pdg"], "no attacks named 'pdg'; did you mean pgd"),
        (["--set", "radius=-8/255"], "radius=-8/255: attacks/pgd.radius=-0.0313725; allowed: above 0"),
        (["--set", "steps=0"], "attacks/pgd.steps=0; allowed: 1 or more"),
        (["--set", "radius"], "write KEY=VALUE"),
        (["--set", "raduis=1"], "no field 'raduis'; did you mean radius"),
        (["--set", "radius=8/0"], "radius=8/0"),
        (["--target", "eleven"], "no class 'eleven'"),
        (["--examples", "0"], "--examples 0: allowed: 1 or more"),
    ],
)
def test_bad_words_are_one_line(words, says, digits_tflite, capsys):
    assert main(["attack", str(digits_tflite), *words]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
