"""Pictures of classifiers and regressors: which there are, which examples they ask for, and what is seen in them."""

import warnings

import numpy as np
import pytest
from PIL import Image

from kerasvision.drawing.figures import shortened
from kerasvision.drawing.letters import font
from kerasvision.metrics import class_pictures, number_pictures
from kerasvision.metrics.classification import MultiLabel, SingleLabel
from kerasvision.metrics.regression import Numbers
from kerasvision.metrics.worst import WORST

HOSTILE = ("<img src=x onerror=alert(1)>", "\x1b[31mred", "$\\frac{", "_x", "日本語", "a\nb", "", "x" * 300)
PURPLE = (120, 20, 200)


def images(asked, shape=(30, 40, 3)):
    """Pictures of one color; the numbers that are asked for go into the list."""

    def give(numbers):
        asked.append(set(numbers))
        return {n: np.broadcast_to(np.uint8(PURPLE if shape[-1] == 3 else 90), shape) for n in numbers}

    return give


def single(labels, top, classes, sure=0.9):
    seen = SingleLabel(classes)
    labels, top = np.asarray(labels), np.asarray(top)
    scores = np.full((len(top), len(classes)), 0.1 / len(classes))
    scores[np.arange(len(top)), top] = sure
    seen.update({"probabilities": scores}, {"label": labels})
    return seen


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def red_and_blue(path):
    """How many pixels of a picture are of one of both, and of no gray."""
    r, _, b = np.moveaxis(pixels(path), -1, 0)
    return int((r - b > 60).sum()), int((b - r > 60).sum())


def test_errors_are_red_and_only_they_are_drawn(tmp_path):
    asked = []
    paths = single([0, 1, 2, 0], [0, 1, 2, 2], tuple("abc")).draw(tmp_path, images(asked))
    assert [p.name for p in paths] == ["confusion.png", "worst.png"] and sorted(tmp_path.iterdir()) == sorted(paths)
    assert asked == [{3}]
    red, blue = red_and_blue(paths[0])
    assert red > 2000 and blue > 4500 and (pixels(paths[1]) == PURPLE).all(-1).sum() == 320 * 240


def test_nothing_wrong_is_drawn_without_red_and_asks_for_nothing(tmp_path):
    asked = []
    paths = single([0, 1, 1], [0, 1, 1], ("a", "b")).draw(tmp_path, images(asked))
    red, blue = red_and_blue(paths[0])
    assert asked == [] and red < 20 and blue > 5000
    assert (pixels(paths[1]) < 100).all(-1).any(), "it says so"


def test_the_worst_give_the_right_class_the_least(tmp_path):
    """Thirty errors, of which the later ones give less: the last twenty are asked for."""
    seen, asked = SingleLabel(("a", "b")), []
    right = np.linspace(0.45, 0.05, 30)
    seen.update({"probabilities": np.stack([right, 1 - right], 1)}, {"label": np.zeros(30, int)})
    seen.update({"probabilities": np.eye(2)}, {"label": np.arange(2)})
    seen.draw(tmp_path, images(asked))
    assert asked == [set(range(10, 30))] and WORST == 20


def titles(monkeypatch, module):
    """The cases and the heading that a drawing hands over."""
    held = []
    monkeypatch.setattr(module, "draw_worst", lambda cases, images, heading, path: held.append((cases, heading)))
    return held


def test_what_is_said_of_the_worst(tmp_path, monkeypatch):
    held = titles(monkeypatch, class_pictures)
    seen = SingleLabel(("cherry", "banana", "\x1b[31mred"))
    scores = [[0.2, 0.8, 0.0], [0.25, 0.05, 0.7], [0.9, 0.1, 0.0]]
    seen.update({"probabilities": np.array(scores)}, {"label": np.array([0, 1, 0])})
    seen.draw(tmp_path, None)
    ((cases, heading),) = held
    assert [(c.number, c.title) for c in cases] == [
        (1, "predicted \\x1b[31mred (0.70)\nreally banana (0.05)"),
        (0, "predicted banana (0.80)\nreally cherry (0.20)"),
    ]
    assert heading.startswith("All 2 wrong among 3 examples")


def test_what_is_said_of_several_labels(tmp_path, monkeypatch):
    held = titles(monkeypatch, class_pictures)
    seen = MultiLabel(tuple("abcdefg"))
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.55, 0.1, 0.2], [0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], [0.4] * 7])
    ground_truth = np.array([[0, 0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]])
    seen.update({"probabilities": scores, "present": scores > 0.5}, {"present": ground_truth})
    seen.draw(tmp_path, None)
    ((cases, heading),) = held
    assert [(c.number, c.title, c.caption) for c in cases] == [
        (0, "missed: f (0.10), g (0.20)\ninvented: a (0.90), b (0.80), c (0.70), 1 more", "found: e (0.55)"),
        (2, "missed: a (0.40)", "found: nothing"),
    ]
    assert heading.startswith("All 2 wrong among 3 examples")


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_any_number_of_classes_whatever_they_are_called(tmp_path, classes):
    """Without a warning of a letter that the font lacks; 100 classes take no more room than 24 and the others."""
    rng = np.random.default_rng(0)
    names = [f"{HOSTILE[k % 8]}{k // 8 or ''}" for k in range(classes)]
    labels = rng.integers(0, classes, 300)
    top = np.where(rng.random(300) < 0.8, labels, rng.integers(0, classes, 300))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single(labels, top, names).draw(tmp_path, images([]))
        several = MultiLabel(names)
        truth, scores = rng.random((60, classes)) < 0.3, rng.random((60, classes))
        several.update({"probabilities": scores, "present": scores > 0.6}, {"present": truth})
        paths = several.draw(tmp_path, images([]))
    assert [p.name for p in paths] == ["labels.png", "confusion.png", "worst.png"]
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert min(picture.size) > 200 and max(picture.size) < 2200, path


def test_labels_that_are_all_right_or_all_missing(tmp_path):
    """Bars are green where all is found, and nothing breaks where nothing is there."""
    green = (44, 160, 44)
    for number, truth in enumerate((np.ones((4, 2), int), np.zeros((4, 2), int))):
        folder = tmp_path / str(number)
        folder.mkdir()
        seen = MultiLabel(("a", "b"))
        seen.update({"probabilities": truth * 0.9, "present": truth}, {"present": truth})
        seen.draw(folder, images([]))
        count = (pixels(folder / "labels.png") == green).all(-1).sum()
        assert count > 5000 if number == 0 else count < 1000  # the legend's


def numbers(count, names, **more):
    rng = np.random.default_rng(0)
    targets = rng.normal(0, 3, (count, len(names)))
    seen = Numbers(names, more.pop("levels", ()))
    values = targets + 0.1
    seen.update({"values": values} | {k: f(values) for k, f in more.items()}, {"targets": targets})
    return seen, targets


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("age",), {}),
        (HOSTILE[:2], {"deviation": lambda v: np.full_like(v, 2.0)}),
        (tuple("abcdef"), {"levels": (0.1, 0.5, 0.9), "quantiles": lambda v: np.stack([v - 1, v, v + 1], -1)}),
    ],
)
def test_numbers_are_drawn(tmp_path, names, more):
    asked = []
    seen, _ = numbers(40, names, **more)
    paths = seen.draw(tmp_path, images(asked))
    assert [p.name for p in paths] == ["scatter.png", "worst.png"] and len(asked[0]) == WORST
    with Image.open(paths[0]) as picture:
        assert picture.size == (460 * min(4, len(names)) + 60, 720)


def test_the_largest_error_in_deviations_of_its_number_is_the_worst(tmp_path, monkeypatch):
    """An error of 8 in a number that spreads by 10, and of 3 in one that spreads by 1: the second is worse."""
    held = titles(monkeypatch, number_pictures)
    targets = np.stack([10.0 * np.array([-1, 1, -1, 1]), np.array([-1.0, 1, -1, 1])], 1)
    values = targets.copy()
    values[1, 0] += 8
    values[2, 1] += 3
    seen = Numbers(("weight", "length"))
    seen.update({"values": values}, {"targets": targets})
    seen.draw(tmp_path, None)
    cases = held[0][0]
    assert [c.number for c in cases[:2]] == [2, 1]
    assert cases[0].title == "length: 2, really -1\nweight: -10, really -10" and "3 standard" in cases[0].caption


def test_a_volume_is_shown_by_its_middle_slice(tmp_path):
    asked = []
    seen = single([0, 1], [1, 1], ("a", "b"))
    seen.draw(tmp_path, images(asked, (7, 24, 32)))
    assert ((pixels(tmp_path / "worst.png") == 90).all(-1)).sum() > 320 * 200


def test_an_example_without_a_picture_has_its_words_alone(tmp_path):
    single([0, 1], [1, 1], ("a", "b")).draw(tmp_path, dict.fromkeys)
    with Image.open(tmp_path / "worst.png") as picture:
        assert picture.height < 250


def test_a_long_name_keeps_both_ends():
    assert shortened("x" * 28) == "x" * 28
    assert shortened("Pseudomonas aeruginosa var. a") != shortened("Pseudomonas aeruginosa var. b")
    assert len(shortened("y" * 29)) == 28 and font(12).getlength(shortened("\x1b[0m")) > 0
