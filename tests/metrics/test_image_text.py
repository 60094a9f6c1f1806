"""Recall both ways against one sorted list a query, and how often another's text is preferred against all pairs."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics import image_text
from kerasvision.metrics.image_text import ImageTextRetrieval

RNG = np.random.default_rng(4)


def pairs(count, texts):
    """(pictures, texts [N, D] of length 1, number of each text): equal texts have equal vectors."""
    numbers = RNG.integers(0, texts, count)
    own = np.random.default_rng(1).normal(size=(texts, 5))
    rows = own[numbers] + 0.9 * RNG.normal(size=(count, 5))
    return tuple(np.float32(v / np.linalg.norm(v, axis=1, keepdims=True)) for v in (rows, own[numbers])), numbers


def seen(rows, numbers, size=7):
    evaluator = ImageTextRetrieval()
    for start in range(0, len(numbers), size):
        part = slice(start, start + size)
        evaluator.update({"embedding": rows[0][part], "text_embedding": rows[1][part]}, {"text": numbers[part]})
    return evaluator


def brute(rows, numbers):
    pictures, texts = rows
    known = sorted(set(numbers), key=list(numbers).index)
    vectors = {k: texts[list(numbers).index(k)] for k in known}
    found = {f"{name}_recall@{k}": [] for name in ("text", "image") for k in (1, 5, 10)}
    wrong = []
    for i in range(len(numbers)):
        near = sorted(known, key=lambda k: -float(vectors[k] @ pictures[i]))
        far = sorted(range(len(numbers)), key=lambda j: -float(pictures[j] @ texts[i]))
        for k in (1, 5, 10):
            found[f"text_recall@{k}"].append(numbers[i] in near[:k])
            found[f"image_recall@{k}"].append(numbers[i] in numbers[far[:k]])
        mine = float(vectors[numbers[i]] @ pictures[i])
        wrong.append(np.mean([float(vectors[k] @ pictures[i]) > mine for k in known if k != numbers[i]]))
    return {name: np.mean(values) for name, values in found.items()} | {"wrong_preferred": np.mean(wrong)}


def test_figures_are_those_of_sorted_lists(monkeypatch):
    monkeypatch.setattr(image_text, "BLOCK", 11)  # several blocks
    rows, numbers = pairs(40, 25)
    found, expected = seen(rows, numbers).result(), brute(rows, numbers)
    recalls = [v for k, v in expected.items() if "recall" in k]
    assert 0.1 < expected["text_recall@1"] < 0.9 and 0 < expected["wrong_preferred"] < 0.4
    assert found == pytest.approx(expected | {"mean_recall": np.mean(recalls)}, abs=1e-6)


def test_a_text_that_several_pictures_have_is_one_text():
    """By hand: pictures 0 and 1 share a text, so that either is right for it, and picture 2 finds the wrong one."""
    pictures = np.float32([[1, 0], [0.6, 0.8], [0.8, 0.6]])
    texts = np.float32([[1, 0], [1, 0], [0, 1]])
    found = seen((pictures, texts), np.array([7, 7, 3])).result()
    assert found["text_recall@1"] == pytest.approx(1 / 3)  # pictures 1 and 2 are nearer to the other text
    assert found["image_recall@1"] == pytest.approx(2 / 3)  # the text 3 finds picture 1
    assert found["wrong_preferred"] == pytest.approx(2 / 3)
    assert "text_recall@5" not in found, "of two texts five say nothing"


def test_wrong_texts_are_preferred_half_the_time_by_chance_and_a_lone_text_by_none():
    alike = np.tile(np.float32([[1, 0]]), (4, 1))
    assert seen((alike, alike), np.arange(4)).result()["wrong_preferred"] == 0.5
    alone = seen((alike, alike), np.zeros(4, int)).result()
    assert "wrong_preferred" not in alone and alone["text_recall@1"] == 1.0


def test_vectors_that_are_not_finite_are_refused():
    broken = np.float32([[np.nan, 1.0]])
    with pytest.raises(KerasVisionError, match="not finite"):
        seen((np.float32([[1, 0]]), broken), np.array([1]))
    with pytest.raises(KerasVisionError, match="no picture to judge"):
        ImageTextRetrieval().result()
