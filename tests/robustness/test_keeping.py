"""An attack that is stopped goes on where it was, and ends as one that was not."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.explain.base import explainable
from kerasvision.robustness.attacks import report
from kerasvision.robustness.attacks.classifier import Classifier
from kerasvision.robustness.attacks.keeping import FOLDER, KeptBatches
from kerasvision.robustness.attacks.pgd import PGD
from kerasvision.train.run import load_run, save_run

WORDS = ("--set", "radius=16/255", "steps=3", "--examples", "150", "--unchecked")


@pytest.fixture
def stopping(monkeypatch):
    """A function: stop at that batch; None: at none. Gives the list of how many pictures each batch has attacked."""
    own, seen = PGD.moved, []
    monkeypatch.setattr(report, "_MOST", 32)  # of a batch, so that there are several

    def stop_at(number):
        del seen[:]

        def moved(self, model, images, score, random):
            if len(seen) == number:
                raise KeyboardInterrupt
            seen.append(len(images))
            return own(self, model, images, score, random)

        monkeypatch.setattr(PGD, "moved", moved)
        return seen

    return stop_at


def ended(folder):
    with np.load(folder / "attacked.npz") as held:
        return json.loads((folder / "attack.json").read_text()), {key: held[key] for key in held.files}


def same(one, other):
    assert one[0] == other[0]
    assert list(one[1]) == list(other[1])
    for key, value in one[1].items():
        np.testing.assert_array_equal(value, other[1][key])


def test_the_command_goes_on_after_it_was_stopped(digits_run, stopping, tmp_path, capsys):
    run, whole, parts = str(digits_run.folder), tmp_path / "whole", tmp_path / "parts"
    seen = stopping(None)
    assert main(["attack", run, *WORDS, "--out", str(whole)]) == 0
    count = len(seen)
    assert count >= 3
    seen = stopping(2)
    assert main(["attack", run, *WORDS, "--out", str(parts)]) == 130
    assert "Traceback" not in capsys.readouterr().err and not (parts / "attack.json").exists()
    assert len(list((parts / FOLDER).glob("*.npz"))) == 2
    for changed, says in ((["--target", "3"], "target"), (["--set", "radius=8/255"], "attack")):
        assert main(["attack", run, *WORDS, *changed, "--out", str(parts)]) == 2
        assert f"has a part of another attack (they differ in {says})" in capsys.readouterr().err
    seen = stopping(None)
    assert main(["attack", run, *WORDS, "--out", str(parts)]) == 0
    assert len(seen) == count - 2 and not (parts / FOLDER).exists()
    same(ended(parts), ended(whole))


def test_of_other_weights_nothing_is_gone_on_with(digits_run, stopping, tmp_path, capsys):
    run, parts = tmp_path / "run", tmp_path / "parts"
    shutil.copytree(digits_run.folder, run)
    stopping(1)
    assert main(["attack", str(run), *WORDS, "--out", str(parts)]) == 130
    trained = load_run(run)
    trained.graph.set_weights([value * 1.001 for value in trained.graph.get_weights()])
    save_run(trained)
    assert main(["attack", str(run), *WORDS, "--out", str(parts)]) == 2
    assert "(they differ in sha256)" in capsys.readouterr().err


def test_of_another_run_no_pictures_that_were_made_on_it_are_gone_on_with(
    digits_run, digits_tflite, stopping, tmp_path, capsys
):
    """The file that is attacked stays; what is made on the run beside it, the transfer attack, is another one's."""
    run, parts = tmp_path / "run", tmp_path / "parts"
    shutil.copytree(digits_run.folder, run)
    shutil.copytree(digits_tflite.parent, run / "exported")
    words = ["attack", str(run / "exported" / digits_tflite.name), *WORDS, "--ways", "--out", str(parts)]
    seen = stopping(None)
    assert main(["attack", str(digits_tflite), *WORDS]) == 0
    count = len(seen)
    stopping(count + 1)
    assert main(words) == 130
    assert len(list((parts / FOLDER / "transfer").glob("*.npz"))) == 1
    seen = stopping(0)
    assert main(words) == 130 and not seen  # what is done is not done again, and the same run is gone on with
    trained = load_run(run)
    trained.graph.set_weights([value * 1.001 for value in trained.graph.get_weights()])
    save_run(trained)
    capsys.readouterr()
    assert main(words) == 2
    assert "has a part of another attack (they differ in run_sha256)" in capsys.readouterr().err
    assert main([word for word in words if word != "--ways"]) == 0  # which asks the file alone
    assert not seen and not (parts / FOLDER).exists()


def test_of_other_labels_or_other_classes_nothing_is_gone_on_with(digits_run, stopping, tmp_path, monkeypatch):
    model, recipe, classes = Classifier(digits_run.arch, explainable(digits_run)), digits_run.recipe, digits_run.classes
    kept, own = KeptBatches(tmp_path, {"model": "a"}), report._examples

    def asked(classes, target=""):
        return report.attacked(model, recipe, classes, PGD(steps=1), examples=70, target=target, kept=kept)

    seen = stopping(None)
    whole, _ = asked(classes)
    count = len(seen)
    assert asked(classes)[0] == whole and len(seen) == count
    with monkeypatch.context() as held:
        held.setattr(report, "_examples", lambda *words: ((p, (labels + 1) % 10) for p, labels in own(*words)))
        with pytest.raises(UsageError, match="an attack on other pictures or labels"):
            asked(classes)
    kept.forget()
    asked(classes, classes[3])
    asked(classes, classes[3])
    with pytest.raises(UsageError, match=r"they differ in classes\)"):
        asked((*classes[4:], *classes[:4]), classes[3])
    other = dataclasses.replace(digits_run.arch, class_factors=(1.0,) * 9 + (2.0,))
    model = Classifier(other, explainable(digits_run))
    with pytest.raises(UsageError, match=r"they differ in architecture\)"):
        asked(classes, classes[3])


def test_what_is_kept_is_of_the_same_pixels_and_what_is_broken_is_done_again(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    labels = np.array([3, 4])
    examples, row = (pixels, labels), {"labels": labels, "images": 255 - pixels, "moved": np.array([0.5, np.nan])}
    kept = KeptBatches(tmp_path, {"model": "a"})
    kept.begin({"examples": 4})
    kept.begin({"examples": 4})
    assert kept.row(0, examples) is None
    kept.write(0, examples, row)
    found = kept.row(0, examples)
    assert found.keys() == row.keys()
    np.testing.assert_array_equal(found["moved"], row["moved"])
    for apart in ((pixels + 1, labels), (pixels, labels[::-1])):
        with pytest.raises(UsageError, match="on other pictures or labels"):
            kept.row(0, apart)
    file = tmp_path / FOLDER / "000000.npz"
    for broken in (file.read_bytes()[:-40], b"half", b""):
        file.write_bytes(broken)
        assert kept.row(0, examples) is None
    other = kept.of("transfer")
    other.begin({"examples": 5})
    assert other.row(0, examples) is None
    with pytest.raises(UsageError, match="they differ in examples"):
        kept.begin({"examples": 5})
    with_run = KeptBatches(tmp_path, {"model": "a"}, {"transfer": {"run": "b"}})
    with_run.begin({"examples": 4})
    with pytest.raises(UsageError, match=r"they differ in run\)"):
        with_run.of("transfer").begin({"examples": 5})
    kept.forget()
    kept.forget()
    assert not list(tmp_path.iterdir())
