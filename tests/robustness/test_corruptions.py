"""Corruptions against their formulas, and what is said of a model under them."""

import colorsys
import json

import numpy as np
import pytest

from kerasvision.api import evaluate, load
from kerasvision.cli.main import main
from kerasvision.robustness.corruptions.base import PAPER, SEVERITIES, chosen, listed
from kerasvision.robustness.report import measured

CORRUPTIONS = listed()
STEADY = [n for n, c in CORRUPTIONS.items() if not c.moves and c.wants != "size" and n not in ("saturate", "spatter")]
RISING = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg",
    "gaussian_blur",
)
# of imagecorruptions 1.1.2 on photographs["coffee"][100:324, 200:424], severities 1 to 5: the mean absolute difference
# from the image, over six draws (one of glass_blur)
PUBLISHED = {
    "speckle_noise": (9.97, 12.98, 21.53, 26.78, 33.65),
    "defocus_blur": (6.47, 7.95, 10.71, 13.13, 15.55),
    "motion_blur": (8.11, 11.52, 15.47, 19.35, 21.75),
    "zoom_blur": (12.93, 15.42, 16.79, 18.37, 19.68),
    "glass_blur": (7.91, 7.75, 13.17, 12.24, 14.24),
    "snow": (38.89, 63.97, 63.66, 78.27, 92.97),
    "frost": (58.67, 75.11, 83.35, 80.97, 85.38),
    "fog": (51.55, 57.3, 61.25, 61.57, 63.7),
    "saturate": (38.84, 50.03, 14.56, 20.25, 23.42),
}
APART = {"glass_blur": 0.16, "fog": 0.1}  # of which pixels meet in another order, and a draw is a cloud
EXTRA = {"": None, "other": np.full((40, 30, 3), 17, np.uint8), "size": (64, 64)}


@pytest.fixture(scope="module")
def found(digits_run):
    return measured(load(digits_run.folder), severities=(1, 5))


@pytest.fixture
def artifact(digits_tflite):
    """A .tflite of the run, as the command line names it."""
    return str(digits_tflite)


def corrupted(image, name, severity, seed=0):
    held = CORRUPTIONS[name]
    return held(image, severity, np.random.default_rng(seed), EXTRA[held.wants])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_drawn_alike_each_time(name, photographs):
    image, held = photographs["coffee"][100:260, 200:400], CORRUPTIONS[name]
    before = image.copy()
    for severity in held.severities:
        made = corrupted(image, name, severity)
        assert made.dtype == np.uint8 and (made.shape == image.shape or held.wants == "size")
        np.testing.assert_array_equal(made, corrupted(image, name, severity))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", STEADY)
def test_more_severe_is_further_from_the_image(name, photographs):
    image = photographs["coffee"][100:260, 200:400]
    errors = [np.abs(corrupted(image, name, severity).astype(float) - image).mean() for severity in SEVERITIES]
    assert errors[4] > 1.2 * errors[0] > 0.36
    assert errors == sorted(errors) or name not in RISING


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("value", [0, 255])
def test_an_image_of_one_pixel_and_flat_images_stay_images(name, value):
    for shape in ((1, 1, 3), (8, 5, 3)):
        assert corrupted(np.full(shape, value, np.uint8), name, CORRUPTIONS[name].severities[-1]).shape == shape


@pytest.mark.parametrize("name", PUBLISHED)
def test_images_are_as_far_away_as_the_published_ones(name, photographs):
    image = photographs["coffee"][100:324, 200:424]
    for severity, error in zip(SEVERITIES, PUBLISHED[name], strict=True):
        made = [np.abs(corrupted(image, name, severity, seed).astype(float) - image).mean() for seed in range(4)]
        assert np.mean(made) == pytest.approx(error, rel=APART.get(name, 0.06)), severity


def test_the_papers_fifteen_and_four_are_there():
    fifteen = chosen()
    assert len(fifteen) == 15 and {CORRUPTIONS[n].group for n in fifteen} == set(PAPER)
    assert chosen(["spare"]) == ["gaussian_blur", "saturate", "spatter", "speckle_noise"]
    assert chosen(["jpeg", "gaussian_noise"]) == ["gaussian_noise", "jpeg"] and chosen(["all"]) == list(CORRUPTIONS)


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
    assert set(found["corruptions"]) == set(chosen()) and found["examples"] == 359
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
