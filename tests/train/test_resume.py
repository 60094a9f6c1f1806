"""What is interrupted goes on at the right step and ends where it would have ended."""

import dataclasses
import re
import signal

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.train import fit, interruption
from kerasvision.train.callbacks import read_history
from tests.train import tiny
from tests.undrawn import train

STEPS = 8  # an epoch
AUGMENT = ("geometric/affine", "photometric/brightness", "batch/mixup")


def recipe_for(marker, epoch=1, step=3, number=signal.SIGKILL):
    """Three epochs with everything that has a state: augmentation, a schedule, moments, factors of the rate."""
    end = tiny.EndOnce(marker=str(marker), epoch=epoch, step=step, number=int(number))
    return tiny.recipe(
        model=tiny.smooth_classifier(),
        augment=tuple(create(f"augmentations/{a}") for a in AUGMENT),
        techniques=(create("techniques/fine_tune", freeze_norms=False), end),
        optimizer=create("optimizers/adamw", learning_rate=3e-3, warmup=0.2, clip_norm=1.0),
        epochs=3,
    )


def words(folder, recipe):
    """What is typed to train the recipe, as a file beside the folder."""
    path = folder.with_suffix(".py")
    path.write_text(f"import tests.train.tiny  # registers end_once\n{recipe_source(recipe)}")
    return ["train", str(path), "--out", str(folder)]


def epochs_printed(text):
    return [int(e) for e in re.findall(r"tiny epoch (\d)/3 loss", text)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder of the run that nobody interrupted, what it was trained as)."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    marker = folder.with_name("marker")
    marker.touch()
    return folder, train(recipe_for(marker), folder)


def assert_same(folder, whole):
    """Weights and history to 1e-6, one row an epoch."""
    seen, expected = (tiny.weights(f / "model.weights.h5") for f in (folder, whole[0]))
    assert tiny.largest_difference(seen, expected) < 1e-6
    rows, expected = (read_history(f / "history.csv") for f in (folder, whole[0]))
    assert [r["epoch"] for r in rows] == ["1", "2", "3"]
    assert [float(r["loss"]) for r in rows] == pytest.approx([float(r["loss"]) for r in expected], abs=1e-6)


def test_kill_9_loses_the_steps_since_the_last_epoch_and_nothing_else(whole, tmp_path, capfd):
    folder, recipe = tmp_path / "run", recipe_for(tmp_path / "marker")
    assert tiny.run_python("-m", "kerasvision", *words(folder, recipe)).returncode == -signal.SIGKILL
    assert len(read_history(folder / "history.csv")) == 1
    assert interruption.start_step(folder / "phase-1" / "backup", STEPS) == STEPS
    train(recipe, folder, resume=True)
    assert epochs_printed(capfd.readouterr().err) == [2, 3]
    assert_same(folder, whole)


@pytest.mark.usefixtures("interruptible")
def test_control_c_says_how_to_resume_and_a_long_epoch_is_backed_up_on_the_way(whole, tmp_path, capfd, monkeypatch):
    """Every third step here; interrupted after 13, behind the backup of step 12."""
    for module in (fit, interruption):
        monkeypatch.setattr(module, "BACKUP_STEPS", 3)
    folder, recipe = tmp_path / "run", recipe_for(tmp_path / "marker", step=5, number=signal.SIGINT)
    typed = words(folder, recipe)
    assert main(typed) == 130
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.strip().splitlines()[-1] == (
        f"kerasvision: stopped at step 13 of phase 1; go on from step 12 with --resume --out {folder}"
    )
    assert interruption.start_step(folder / "phase-1" / "backup", STEPS) == 12
    assert main([*typed, "--resume"]) == 0
    assert epochs_printed(capfd.readouterr().err) == [2, 3]
    # the marker's path is another than in `whole`, the training is not
    seen, expected = (tiny.weights(f / "model.weights.h5") for f in (folder, whole[0]))
    assert tiny.largest_difference(seen, expected) < 1e-6


def test_a_finished_run_is_not_trained_again(whole, capfd):
    before = (whole[0] / "history.csv").read_text()
    again = train(whole[1].recipe, whole[0], resume=True)
    assert again.metrics == whole[1].metrics
    assert epochs_printed(capfd.readouterr().err) == []
    assert (whole[0] / "history.csv").read_text() == before


def test_a_run_is_not_overwritten_nor_resumed_as_another(whole):
    with pytest.raises(KerasVisionError, match="is not empty; choose another --out, or .* --resume"):
        train(whole[1].recipe, whole[0])
    longer = dataclasses.replace(whole[1].recipe, epochs=4, batch_size=32, exports=(create("exporters/onnx"),))
    with pytest.raises(KerasVisionError, match=r"another recipe \(seen in: epochs, batch_size\)"):
        train(longer, whole[0], resume=True)


def test_an_interruption_after_the_last_step_costs_no_step(tmp_path, capfd, monkeypatch):
    """The last epoch is backed up and its weights are kept, but the phase is not marked as finished."""
    recipe = tiny.recipe()

    def power_cut(keeper, graph):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="power cut"):
        patched.setattr(fit.KeepBest, "restore", power_cut)
        train(recipe, tmp_path / "run")
    assert "tiny epoch 1/1 loss" in capfd.readouterr().err
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert "loss" not in capfd.readouterr().err
    assert len(read_history(tmp_path / "run" / "history.csv")) == 1
    best = tiny.weights(tmp_path / "run" / "phase-1" / "best.weights.h5", tiny.classifier(num_classes=10))
    assert tiny.largest_difference({v.name: v.numpy() for v in resumed.graph.variables}, best) == 0


def test_without_a_validation_split_the_last_weights_are_kept(tmp_path):
    recipe = tiny.recipe(
        epochs=2,
        validation_fraction=0.0,
        data=create("sources/digits", validation_fraction=0.0, test_fraction=0.92),
    )
    trained = train(recipe, tmp_path / "run")
    assert [k.split("/")[0] for k in trained.metrics] == ["test"] * len(trained.metrics)
    again = train(recipe, tmp_path / "run", resume=True)
    assert again.metrics == trained.metrics
    best = tiny.weights(tmp_path / "run" / "phase-1" / "best.weights.h5", tiny.classifier(num_classes=10))
    for seen in (trained, again):
        assert tiny.largest_difference({v.name: v.numpy() for v in seen.graph.variables}, best) == 0
