"""Corruptions against their formulas, and what is said of a model under them."""

import colorsys
import json

import numpy as np
import pytest

from kerasvision.api import evaluate, load
from kerasvision.cli.main import main
from kerasvision.robustness.corruptions import CORRUPTIONS, SEVERITIES
from kerasvision.robustness.report import measured


@pytest.fixture(scope="module")
def found(digits_run):
    return measured(load(digits_run.folder), severities=(1, 5))


@pytest.fixture
def artifact(digits_tflite):
    """A .tflite of the run, as the command line names it."""
    return str(digits_tflite)


def corrupted(image, name, severity, seed=0):
    return CORRUPTIONS[name](image, severity, np.random.default_rng(seed))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_more_severe_is_further_from_the_image_and_nothing_else_changes(name, photographs):
    image = photographs["coffee"][100:260, 200:400]
    errors = []
    for severity in SEVERITIES:
        made = corrupted(image, name, severity)
        assert made.dtype == np.uint8 and made.shape == image.shape
        np.testing.assert_array_equal(made, corrupted(image, name, severity))
        errors.append(np.abs(made.astype(float) - image).mean())
    assert errors == sorted(errors) and errors[0] > 0.3 and errors[4] > 1.5 * errors[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("value", [0, 255])
def test_an_image_of_one_pixel_and_flat_images_stay_images(name, value):
    for shape in ((1, 1, 3), (8, 5, 3)):
        assert corrupted(np.full(shape, value, np.uint8), name, 5).shape == shape


def test_noise_has_the_deviation_of_the_paper():
    gray = np.full((200, 200, 3), 128, np.uint8)
    assert corrupted(gray, "gaussian_noise", 1).std() / 255 == pytest.approx(0.08, rel=0.02)
    assert corrupted(gray, "shot_noise", 2).std() / 255 == pytest.approx(np.sqrt(128 / 255 / 25), rel=0.02)
    lost = corrupted(gray, "impulse_noise", 3)
    assert [(lost == v).mean() for v in (0, 255)] == pytest.approx([0.045, 0.045], rel=0.05)


def test_light_moves_as_by_hue_saturation_and_value(photographs):
    image = photographs["astronaut"][40:60, 180:200]
    made = corrupted(image, "brightness", 3) / 255
    for before, after in zip(image.reshape(-1, 3) / 255, made.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        np.testing.assert_allclose(
            after, colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.3)), atol=0.5 / 255 + 1e-9
        )
    flat = corrupted(image, "contrast", 1).astype(float)
    np.testing.assert_allclose(flat.std((0, 1)), 0.4 * image.std((0, 1)), rtol=0.02)
    np.testing.assert_allclose(flat.mean((0, 1)), image.mean((0, 1)), atol=0.5)


def test_a_blur_is_as_wide_as_the_image_is(photographs):
    impulse = np.zeros((224, 224, 3), np.uint8)
    impulse[112, 112] = 255
    assert corrupted(impulse, "gaussian_blur", 1)[112, 112, 0] == pytest.approx(255 / (2 * np.pi), abs=1)
    assert np.array_equal(corrupted(impulse[100:108, 100:108], "gaussian_blur", 1), impulse[100:108, 100:108])


def test_clean_images_measure_what_evaluate_says_and_corruption_costs(found, digits_run):
    said = evaluate(digits_run.folder)
    assert found["clean"] == pytest.approx(said["test/accuracy"]) and found["metric"] == "accuracy"
    assert set(found["corruptions"]) == set(CORRUPTIONS) and found["examples"] == 359
    for name in ("gaussian_noise", "shot_noise", "impulse_noise"):
        row = found["corruptions"][name]
        assert row["5"] < row["1"] < found["clean"] + 0.01 and row["5"] < found["clean"] - 0.05, name
    again = measured(load(digits_run.folder), corruptions=["shot_noise"], severities=[5])
    assert again["corruptions"]["shot_noise"]["5"] == found["corruptions"]["shot_noise"]["5"]


def test_the_command_and_the_card(artifact, tmp_path, capsys):
    asked = ["--corruptions", "jpeg", "contrast", "--severities", "5", "1", "--examples", "64", "--out", str(tmp_path)]
    assert main(["robustness", artifact, *asked]) == 0
    out = capsys.readouterr().out
    assert "60 examples of test" in " ".join(out.split()) and "contrast" in out and "from clean images" in out
    held = json.loads((tmp_path / "robustness.json").read_text())
    assert list(held["corruptions"]["jpeg"]) == ["1", "5"] and (tmp_path / "robustness.png").stat().st_size > 5000
    assert main(["card", artifact, "--out", str(tmp_path), "--robustness", str(tmp_path / "robustness.json")]) == 0
    card = (tmp_path / "card.md").read_text()
    assert f"| jpeg | {held['corruptions']['jpeg']['1']:.4f} | {held['corruptions']['jpeg']['5']:.4f} |" in card
    assert "but for their corruptions" in card
    (tmp_path / "robustness.json").write_text(json.dumps(held | {"name": "cats"}))
    assert main(["card", artifact, "--robustness", str(tmp_path / "robustness.json")]) == 2
    assert "is of cats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--corruptions", "jpg"], "no corruption 'jpg'; "),
        (["--split", "tests"], "no split 'tests'; the data has"),
        (["--examples", "0"], "allowed: 1 or more"),
    ],
)
def test_bad_words_are_one_line(arguments, says, digits_run, capsys):
    assert main(["robustness", str(digits_run.folder), *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_a_file_of_something_else_is_one_line(artifact, tmp_path, capsys):
    for text in ("[]", "{", "{}"):
        (tmp_path / "r.json").write_text(text)
        assert main(["card", artifact, "--robustness", str(tmp_path / "r.json")]) == 1
        assert "r.json" in capsys.readouterr().err
