"""`predict` on volumes: masks on the grid of the file that came in, alike from the run and from its files."""

import csv
import dataclasses
import io
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.volumes import read_volume
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.ops.components import filled, largest
from kerasvision.train.run import load_run
from tests import store
from tests.undrawn import train

SHAPE, SPACING = (24, 20, 10), (1.0, 1.0, 2.5)  # R, A, S
EDGES = np.array([[0.9, -0.3, 0.2], [0.28, 0.95, -0.1], [-0.15, 0.12, 0.97]])


def phantom(number):
    """(float32, uint8) [R, A, S]: a bright block in noise; its place tells all axes apart."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[3 + number % 3 : 10, 8:18, 2:6] = 1
    noise = np.random.default_rng(number).normal(0, 5, SHAPE)
    return (100.0 * mask + noise).astype(np.float32), mask


def save(path, array, codes="RAS", oblique=False):
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-12, 7, 31)
    if oblique:
        affine[:3, :3] = np.linalg.qr(EDGES)[0] * np.sign(np.diag(np.linalg.qr(EDGES)[1])) * SPACING
    image = nib.Nifti1Image(array, affine)
    wanted = nib.orientations.axcodes2ornt(codes)
    image = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(affine), wanted))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def run():
    """A tiny 3D U-Net that has learned the block, with its data and files. Tests must not change it."""
    return store.made(learned, "tests/cli/test_predict_volumes.py")


def learned(root):
    """Data, run and exports into a folder."""
    for number in range(10):
        split = "test" if number > 7 else "train"
        volume, mask = phantom(number)
        save(root / "data" / "images" / split / f"{number}.nii.gz", volume, "LPS" if number % 2 else "RAS")
        save(root / "data" / "masks" / split / f"{number}.nii.gz", mask, "LPS" if number % 2 else "RAS")
    (root / "data" / "classes.txt").write_text("background\nblock\n")
    recipe = Recipe(
        name="blocks",
        model=create("volume_segmentation/unet3d", volume_size=(8, 16, 16), width=4, strides=((1, 2, 2), (2, 2, 2))),
        data=create("sources/volumes", path=str(root / "data")),
        augment=(create("augmentations/patches/foreground", size=(8, 16, 16)),),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=12,
        batch_size=2,
        validation_fraction=0.0,
    )
    trained = train(recipe, root / "run")
    export(trained, [from_spec(s) for s in ("saved_model", "tflite")], root, verbose=False)


@pytest.mark.parametrize(
    ("codes", "oblique"),
    [("PIR", False), ("SLA", True), *(pytest.param(c, False, marks=pytest.mark.nightly) for c in ("RAS", "LPS"))],
)
def test_a_mask_lies_where_its_volume_lies(run, tmp_path, codes, oblique, capsys):
    volume, mask = phantom(8)
    file = save(tmp_path / "in" / "case.nii.gz", volume, codes, oblique)
    assert main(["predict", str(run / "run"), str(file), "--out", str(tmp_path / "out"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["prediction"]
    assert answer["mask"] == str(tmp_path / "out" / "case.nii.gz")
    given, found = nib.load(file), nib.load(answer["mask"])
    np.testing.assert_array_equal(found.affine, given.affine)
    assert found.shape == given.shape
    assert nib.aff2axcodes(found.affine) == nib.aff2axcodes(given.affine)
    canonical = np.asarray(nib.as_closest_canonical(found).dataobj)
    agreement = 2 * (canonical * mask).sum() / (canonical.sum() + mask.sum())
    assert agreement > 0.9, "the block is not where it was drawn"
    assert answer["classes"]["block"] == canonical.sum()


def test_a_mask_never_replaces_a_scan_or_another_mask(run, tmp_path, capsys):
    file = save(tmp_path / "a" / "case.nii.gz", phantom(8)[0])
    other = save(tmp_path / "b" / "case.nii.gz", phantom(9)[0])
    before = file.read_bytes()
    assert main(["predict", str(run / "run"), str(file), "--out", str(tmp_path / "a")]) == 1
    assert "would replace" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert main(["predict", str(run / "run"), str(file), str(other), "--out", str(tmp_path / "out")]) == 1
    assert f"the mask of {other} would replace" in capsys.readouterr().err


@pytest.mark.parametrize("spec", ["", pytest.param("onnx", marks=pytest.mark.nightly)])
def test_the_run_and_its_files_answer_alike(run, tmp_path, spec):
    """The volume is larger than the graph: every runtime blends windows. spec: of what is exported here."""
    volume = read_volume(save(tmp_path / "case.nii.gz", phantom(9)[0]))
    inputs = {"volume": volume.array, "spacing_mm": volume.spacing_mm}
    expected = api.load(run / "run").predict_one(inputs).values
    files = [run / "saved_models/blocks", run / "tflite/models/blocks/model.tflite"]
    if spec:
        export(load_run(run / "run"), [from_spec(spec)], tmp_path, verbose=False)
        files = [tmp_path / "onnx/blocks/model.onnx"]
    for file in files:
        answer = api.load(file).predict_one(inputs).values
        np.testing.assert_allclose(answer["confidence"], expected["confidence"], atol=1e-4)
        assert (answer["mask"] == expected["mask"]).mean() > 0.9999


def test_a_folder_of_volumes_is_drawn(run, tmp_path):
    folder = run / "data" / "images" / "test"
    assert main(["predict", str(run / "run"), str(folder), "--draw", str(tmp_path / "out.png")]) == 0
    assert min(Image.open(tmp_path / "out.png").size) > 100


def test_masks_are_tidied(run, tmp_path):
    """Noise gives the model specks to find."""
    volume = phantom(8)[0] + np.where(np.random.default_rng(1).random(SHAPE) < 0.02, 150, 0).astype(np.float32)
    file = save(tmp_path / "case.nii.gz", volume)
    masks = []
    for number, flags in enumerate(([], ["--largest"], ["--fill-holes"])):
        out = tmp_path / str(number)
        assert main(["predict", str(run / "run"), str(file), "--out", str(out), *flags]) == 0
        masks.append(np.asarray(nib.load(out / "case.nii.gz").dataobj))
    plain, in_one, without_holes = masks
    np.testing.assert_array_equal(in_one, largest(plain))
    np.testing.assert_array_equal(without_holes, filled(plain))


def test_how_to_answer_can_be_set_after_training(run, tmp_path, capsys):
    file = save(tmp_path / "case.nii.gz", phantom(8)[0])
    model = api.load(run / "run", ["overlap=0.75", "model.flips=(2,)"])
    assert (model.arch.overlap, model.arch.flips) == (0.75, (2,))
    assert main(["predict", str(run / "run"), str(file), "--set", "flips=(0, 1, 2)", "--json"]) == 0
    assert main(["predict", str(run / "run"), str(file), "--set", "width=8"]) == 2
    assert "these may be set: overlap, flips" in capsys.readouterr().err
    assert main(["predict", str(run / "saved_models" / "blocks"), str(file), "--set", "overlap=0"]) == 2
    assert "SavedModel, which has its settings inside" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["photo.png", "four.nii.gz", "empty"])
def test_what_is_no_volume_is_one_clear_line(run, tmp_path, name, capsys):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.png")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 3), np.float32), np.eye(4)), tmp_path / "four.nii.gz")
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(run / "run"), str(tmp_path / name), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert name in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_or_read_is_one_clear_line(run, tmp_path, capsys, monkeypatch):
    file = save(tmp_path / "case.nii.gz", phantom(8)[0])
    (tmp_path / "taken").touch()
    assert main(["predict", str(run / "run"), str(file), "--out", str(tmp_path / "taken")]) == 1
    assert "File exists; give a file in a folder you can write" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"scan")))
    assert main(["predict", str(run / "run"), "-"]) == 1
    assert "not from stdin" in capsys.readouterr().err


def test_python_predicts_a_volume_by_its_path(run):
    file = run / "data" / "images" / "test" / "8.nii.gz"
    (counts,) = api.predict(run / "run", str(file)).values()
    assert sum(counts.values()) == np.prod(SHAPE) and counts["block"] > 0
    with pytest.raises(KerasVisionError, match="read from a file"):
        api.predict(run / "run", np.zeros((4, 4, 3), np.uint8))


def test_data_show_draws_the_slice_with_most_of_the_foreground(run, tmp_path):
    out = tmp_path / "sheet.png"
    assert main(["data", "show", str(run / "run" / "recipe.json"), "--out", str(out), "--count", "8"]) == 0
    pixels = np.asarray(Image.open(out).convert("RGB")).astype(int)
    colored = np.ptp(pixels, -1) > 30  # a scan is gray, a mask over it is not
    assert colored.mean() > 0.02


def test_augmentations_of_images_are_refused_for_volumes(run, tmp_path):
    recipe = Recipe.loads((run / "run" / "recipe.json").read_text())
    recipe = dataclasses.replace(recipe, augment=(create("augmentations/geometric/affine"),))
    with pytest.raises(KerasVisionError, match=r"geometric/affine works on images.*volume/\*"):
        train(recipe, tmp_path / "run")
    (tmp_path / "recipe.json").write_text(recipe.dumps())
    assert main(["data", "show", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "sheet.png")]) == 2


def test_a_file_that_breaks_after_training_is_one_clear_line_of_evaluate(run, tmp_path, capsys):
    shutil.copytree(run / "data", tmp_path / "data")
    shutil.copytree(run / "run", tmp_path / "run")
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    recipe["data"]["path"] = str(tmp_path / "data")
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(recipe))
    volume = phantom(8)[0]
    volume[0, 0, 0] = np.nan  # opening reads headers; the voxels are read when they are needed
    save(tmp_path / "data" / "images" / "test" / "8.nii.gz", volume)
    assert main(["evaluate", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert error.count("kerasvision: ") == 1 and "1 of 4800 voxels are NaN" in error and "Traceback" not in error


def test_images_for_a_model_of_volumes_are_refused_before_training(run, tmp_path):
    recipe = Recipe.loads((run / "run" / "recipe.json").read_text())
    model = dataclasses.replace(recipe.model, num_classes=0)
    with pytest.raises(KerasVisionError, match="the source of volumes is volumes"):
        train(dataclasses.replace(recipe, model=model, data=create("sources/digits"), augment=()), tmp_path / "run")


def test_data_check_says_what_it_knows_of_volumes(run, capsys):
    assert main(["data", "check", str(run / "data")]) == 2
    assert "7 train, 1 validation, 2 test; classes background, block" in capsys.readouterr().err


def test_volumes_are_not_corrupted_like_pictures(run, capsys):
    assert main(["robustness", str(run / "run")]) == 2
    assert "takes no image that could be corrupted" in capsys.readouterr().err


def test_the_table_of_cases_is_in_milliliters_of_the_files_own_voxels(run, tmp_path, capsys):
    """The drawn blocks have 5 x 10 x 4 and 7 x 10 x 4 voxels of 2.5 mm3; of the found ones nibabel counts the voxels in
    the masks that `predict` writes.
    """
    path = tmp_path / "cases.csv"
    assert main(["evaluate", str(run / "run"), "--cases", str(path)]) == 0
    rows = {row["file"]: row for row in csv.DictReader(path.open(encoding="utf-8"))}
    assert len(rows) == 2
    for number in (8, 9):
        volume, mask = phantom(number)
        file = save(tmp_path / "in" / f"{number}.nii.gz", volume)
        assert main(["predict", str(run / "run"), str(file), "--out", str(tmp_path / "out")]) == 0
        found = np.asarray(nib.load(tmp_path / "out" / f"{number}.nii.gz").dataobj)
        (row,) = (row for name, row in rows.items() if f"{number}.nii.gz" in name)
        assert float(row["true_ml/block"]) == pytest.approx({8: 0.5, 9: 0.7}[number], rel=1e-5)
        assert float(row["predicted_ml/block"]) == pytest.approx(found.sum() * np.prod(SPACING) / 1000, rel=1e-5)
        assert float(row["dice/block"]) == pytest.approx(
            2 * (found * mask).sum() / (found.sum() + mask.sum()), rel=1e-5
        )
