"""What a technique measures of the training split stands in the log and the record, and a technique of one file trains
by its name: with an adversary, batches that it names, and a probe.
"""

import dataclasses
import json
import signal

import numpy as np
import pytest

from kerasvision.core.direction import read_directions
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import evaluation_data, with_validation
from kerasvision.train import fit, interruption
from kerasvision.train.callbacks import read_history
from kerasvision.train.probing import Probes
from tests.train import scratch, tiny
from tests.undrawn import train

ARCH = tiny.classifier(num_classes=10)


def pixels(split):
    """(float [N, 192], int [N]) of a split's examples, read record by record."""
    rows = [split.read(r) for r in split.records]
    return np.stack([np.ravel(r["image"]) for r in rows]).astype(float), np.array([int(r["label"]) for r in rows])


@dataclasses.dataclass(frozen=True)
class Means(scratch.Scratch):
    """The class means of pixels, without a graph."""

    def probe(self, arch, graph):
        def measure(batches):
            rows = {}
            for name in ("train", "validation"):
                held = [(p["image"].numpy(), t["label"].numpy()) for p, _, t in batches(name)]
                images, labels = (np.concatenate(part) for part in zip(*held, strict=True))
                rows[name] = images.reshape(len(images), -1).astype(float), labels
            means = np.stack([rows["train"][0][rows["train"][1] == k].mean(0) for k in range(10)])
            return {"nearest_mean": (nearest(rows["validation"][0], means) == rows["validation"][1]).mean()}

        return measure


def nearest(rows, means):
    return np.linalg.norm(rows[:, None] - means, axis=-1).argmin(1)


def test_a_probe_sees_the_whole_training_split_without_augmentation():
    """Against scikit-learn's nearest centroids on the records themselves."""
    from sklearn.neighbors import NearestCentroid

    splits = with_validation(tiny.recipe().data.open(), 0.1)
    (train_x, train_y), (held_x, held_y) = pixels(splits["train"]), pixels(splits["validation"])
    expected = NearestCentroid().fit(train_x, train_y).score(held_x, held_y)
    found = Probes((Means(), scratch.Scratch()), ARCH, None, splits, batch_size=50)({"accuracy": 1.0})
    assert found == {"nearest_mean": pytest.approx(expected)} and expected > 0.7


def test_names_without_a_direction_and_names_that_are_taken_are_refused():
    splits = with_validation(tiny.recipe().data.open(), 0.1)
    with pytest.raises(KerasVisionError, match="measures 'nearest_mean', which is measured already"):
        Probes((Means(), Means()), ARCH, None, splits, batch_size=50)({})
    with pytest.raises(KerasVisionError, match="measures 'nearest_mean', which is measured already"):
        Probes((Means(),), ARCH, None, splits, batch_size=50)({"nearest_mean": 0.1})

    class Silent(Means):
        probe_directions = {"another": "max"}

    with pytest.raises(KerasVisionError, match="'nearest_mean', and its probe_directions do not say which way"):
        Probes((Silent(),), ARCH, None, splits, batch_size=50)({})


def recipe_for(marker):
    end = tiny.EndOnce(marker=str(marker), epoch=1, step=5, number=int(signal.SIGINT))
    return tiny.recipe(
        model=tiny.smooth_classifier(),
        augment=(create("augmentations/geometric/affine"),),
        techniques=(create("techniques/scratch", size=0.05, each=4, probes=True), end),
        epochs=2,
    )


@pytest.mark.usefixtures("interruptible")
def test_one_file_trains_by_its_name_and_goes_on_amid_an_epoch(tmp_path, monkeypatch):
    """Interrupted after step 13, behind the backup of step 12: batches and weights are those of the whole run."""
    (tmp_path / "there").touch()
    whole = train(recipe_for(tmp_path / "there"), tmp_path / "whole")
    for module in (fit, interruption):
        monkeypatch.setattr(module, "BACKUP_STEPS", 3)
    stopped = recipe_for(tmp_path / "marker")
    with pytest.raises(KerasVisionError, match="stopped at step 13 of phase 1; go on from step 12 "):
        train(stopped, tmp_path / "run")
    resumed = train(stopped, tmp_path / "run", resume=True)
    pairs = zip(whole.graph.get_weights(), resumed.graph.get_weights(), strict=True)
    assert max(float(np.abs(a - b).max()) for a, b in pairs) < 1e-6
    recorded = json.loads((tmp_path / "whole" / "metrics.json").read_text())
    assert recorded["validation/nearest_mean"] == resumed.metrics["validation/nearest_mean"]
    rows = read_history(tmp_path / "whole" / "history.csv")
    best = max(rows, key=lambda r: float(r["validation/accuracy"]))
    assert float(best["validation/nearest_mean"]) == recorded["validation/nearest_mean"]
    assert read_directions(tmp_path / "whole")["nearest_mean"] == "max" and "test/nearest_mean" not in recorded
    splits = with_validation(whole.recipe.data.open(), whole.recipe.validation_fraction)
    measure = scratch.Scratch(probes=True).probe(whole.arch, whole.graph)
    again = measure(lambda name: evaluation_data(splits[name], whole.arch, batch_size=90))
    one = 1 / splits["validation"].size  # example may lie between two means, where a batch's size decides by rounding
    assert again["nearest_mean"] == pytest.approx(recorded["validation/nearest_mean"], abs=1.5 * one)
