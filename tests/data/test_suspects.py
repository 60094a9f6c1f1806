"""Suspicious labels: planted wrong ones are found, by the function and by the command on a run."""

import json
import sys

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.inspect.suspects import suspects, suspects_of
from tests.train import tiny
from tests.undrawn import train

CLASSES = ("a", "b", "c")


def planted(count=300, wrong=30):
    """(given labels, probabilities of a good model, numbers of the wrong labels)."""
    rng = np.random.default_rng(0)
    ground_truth = rng.integers(3, size=count)
    scores = rng.dirichlet([1, 1, 1], count) * 0.3
    scores[np.arange(count), ground_truth] += 0.7
    numbers = rng.permutation(count)[:wrong]
    given = ground_truth.copy()
    given[numbers] = (ground_truth[numbers] + 1) % 3
    return given, scores, numbers, ground_truth


def test_planted_labels_are_found_with_the_right_class():
    given, scores, numbers, ground_truth = planted()
    rows = suspects(given, scores, CLASSES)
    found = {row["number"] for row in rows}
    assert len(found & set(numbers.tolist())) >= 24 and len(found - set(numbers.tolist())) <= 3
    assert [r["quality"] for r in rows] == sorted(r["quality"] for r in rows)
    for row in rows:
        assert row["label"] == CLASSES[given[row["number"]]]
        assert row["suggested"] == CLASSES[scores[row["number"]].argmax()]


def test_what_is_missing_is_one_line(monkeypatch):
    given, scores, *_ = planted()
    with pytest.raises(KerasVisionError, match="no example of d in the split"):
        suspects(given, np.pad(scores, ((0, 0), (0, 1))), (*CLASSES, "d"))
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(KerasVisionError, match=r"need cleanlab: pip install kerasvision\[noise\]"):
        suspects(given, scores, CLASSES)


def test_another_task_is_refused():
    class Model:
        arch = create("classification/multi_label", num_classes=2)

    with pytest.raises(UsageError, match="classification/multi_label does not tell one class"):
        suspects_of(Model(), None)


@pytest.mark.nightly
def test_the_command_finds_them_in_a_run(tmp_path, capsys):
    """A validation split cut out of digits with 20 % wrong labels, against the labels before they were spoiled."""
    digits = create("sources/digits", validation_fraction=0.0)
    source = create("sources/noisy_labels", of=digits, rate=0.2)
    model = tiny.classifier(backbone=create("backbones/convnet", width=8, blocks=(1, 1)))
    optimizer = create("optimizers/adamw", learning_rate=1e-2)
    recipe = tiny.recipe(
        model=model, data=source, optimizer=optimizer, epochs=6, batch_size=32, validation_fraction=0.25
    )
    train(recipe, tmp_path / "run")
    capsys.readouterr()
    assert main(["data", "suspects", str(tmp_path / "run"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    clean, noisy = (_held_out(s) for s in (digits, source))
    wrong = set(np.flatnonzero(clean != noisy).tolist())
    found = {row["number"] for row in report["suspects"]}
    assert report["examples"] == len(clean)
    assert len(found & wrong) > 0.8 * len(wrong) and len(found & wrong) > 0.6 * len(found)
    known = report["planted"]
    assert (known["planted"], known["found"]) == (len(wrong), len(found & wrong))
    ranked = [row["number"] in wrong for row in report["suspects"]]
    half = next(n for n in range(1, len(ranked) + 1) if sum(ranked[:n]) >= len(wrong) / 2)
    assert known["precision_at_half"] == pytest.approx(sum(ranked[:half]) / half, abs=1e-4)
    assert main(["data", "suspects", str(tmp_path / "run")]) == 0
    assert f"{len(found)} of {len(clean)} labels of validation are suspicious" in capsys.readouterr().out


def _held_out(source):
    """Labels of every fourth training example, as `with_validation` cuts them out."""
    split = source.open().splits["train"]
    labels = [int(s["label"]) for s in split.records.map(split.read).as_numpy_iterator()]
    return np.array(labels)[3::4]
