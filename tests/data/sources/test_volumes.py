"""What a sample of volumes is, how they are split, and what is refused; where they lie: `test_volumes_layouts.py`."""

import importlib
import pathlib
import shutil
import sys

import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError, said
from kerasvision.core.registry import augmentations, sources
from kerasvision.data.pipeline import augmented, stream_seed
from kerasvision.data.sources._detect import detect
from tests.data.drawn_volumes import NAMES, SIZE_RAS, lay, mask_of, opened, pairs, refusal, samples, save, where


def test_a_sample(tmp_path):
    root = lay(tmp_path, *pairs(2))
    (root / "classes.txt").write_text("\n".join(NAMES))
    held = opened(root)
    assert held.classes == NAMES and not held.dropped
    for number, sample in enumerate(samples(held.splits["train"])):
        assert set(sample) == {"volume", "spacing_mm", "mask", "path"}
        assert sample["volume"].shape == (4, 6, 5, 1) and sample["volume"].dtype == np.float32
        np.testing.assert_array_equal(sample["spacing_mm"], np.float32([3, 1.5, 2]))
        assert sample["mask"].dtype == np.uint8
        assert sample["path"].decode() == str(root / "images" / f"{number}.nii.gz")
    split = held.splits["train"]
    shapes = {k: v.shape.as_list() for k, v in split.records.map(split.read).element_spec.items()}
    assert shapes == {"volume": [None, None, None, 1], "spacing_mm": [3], "mask": [None] * 3, "path": []}
    assert where(held, root) == {"images/0.nii.gz": "train", "images/1.nii.gz": "train"}


def test_splits_are_a_function_of_the_seed(tmp_path):
    root = lay(tmp_path, *pairs(24))
    fields = {"classes": NAMES, "validation_fraction": 0.25, "test_fraction": 0.25}
    first, again, other = (where(opened(root, seed=seed, **fields), root) for seed in (3, 3, 4))
    assert first == again != other
    for name in ("train", "validation", "test"):  # every fourth has class 1, the rarest
        assert any(int(pathlib.Path(k).name.split(".")[0]) % 4 == 0 for k, v in first.items() if v == name)


def test_values_and_names(tmp_path):
    root = lay(tmp_path, *pairs(3))
    assert opened(root).classes == ("class_0", "class_1", "class_2")
    stored = np.array([7, 500, 20])
    for n in range(3):
        array = stored[mask_of(n)].astype(np.int16)
        array[0, 0] = 255
        save(root / "masks" / f"{n}.nii.gz", n, array)
    held = samples(opened(root, values=(7, 500, 20)).splits["train"])
    wanted = mask_of(0).copy()
    wanted[0, 0] = 255
    np.testing.assert_array_equal(held[0]["mask"], wanted.transpose(2, 1, 0))
    line = refusal(root, classes=NAMES)
    assert (
        "3 classes (background, liver, spleen): 3 masks hold what is no class: masks/0.nii.gz (value 7, 20, 500)"
        in line
    )
    assert "masks/0.nii.gz (value 500)" in refusal(root, classes=NAMES[:2], values=(7, 20))
    assert "3 values for 2 classes (a, b); give one each" in refusal(
        root, UsageError, classes=("a", "b"), values=(1, 2, 3)
    )
    for fields in ({"values": (1, 1)}, {"classes": ("a", "a")}):
        assert "one stands there twice" in refusal(root, UsageError, **fields)
    assert "name the background too" in refusal(root, classes=("a",))


def test_masks_whose_values_say_too_little(tmp_path):
    root = lay(tmp_path, *pairs(2))
    for factor, line in ((40, "the values 0, 40, 80, which are not 0, 1, 2"), (0, "the value 0 only")):
        for n in range(2):
            save(root / "masks" / f"{n}.nii.gz", n, factor * mask_of(n))
        assert line in refusal(root)
    for n in range(2):
        save(root / "masks" / f"{n}.nii.gz", n, 255 * (mask_of(n) > 0).astype(np.uint8))
    assert "masks hold 0 and 255 only, and 255 is not learned; say values=(0, 255)" in refusal(root, classes=("a", "b"))
    held = samples(opened(root, values=(0, 255)).splits["train"])
    np.testing.assert_array_equal(held[1]["mask"], (mask_of(1) > 0).transpose(2, 1, 0))


def test_a_mask_of_another_size_or_grid(tmp_path):
    root = lay(tmp_path, *pairs(3))
    save(root / "masks" / "0.nii.gz", 0, mask_of(0)[:-1])
    save(root / "masks" / "1.nii.gz", 1, mask_of(1), move_mm=1.0)
    assert refusal(root, classes=NAMES, skip_unreadable=True).endswith(
        "2 masks of another size or grid than their image: masks/0.nii.gz (4 x 6 x 4 voxels (S x A x R), its image "
        "4 x 6 x 5), masks/1.nii.gz (up to 1.00 mm away from its image, whose voxels have 3 x 1.5 x 2 mm (S x A x R)); "
        "save each on its image's grid"
    )


def test_unreadable_files(tmp_path):
    root = lay(tmp_path, *pairs(5))
    (root / "images" / "1.nii.gz").write_bytes((root / "images" / "1.nii.gz").read_bytes()[:300])
    save(root / "images" / "2.nii.gz", 2, np.full(SIZE_RAS, np.nan, np.float32))
    save(root / "masks" / "3.nii.gz", 3, mask_of(3) / 4)
    (root / "masks" / "notes.md").touch()
    line = refusal(root, classes=NAMES)
    assert "3 of 5 volumes cannot be read: images/1.nii.gz (cut off or damaged (" in line
    assert "images/2.nii.gz (120 of 120 voxels are NaN or infinite; " in line and "masks/3.nii.gz (" in line
    assert line.endswith("leave them out with skip_unreadable=True (--skip-unreadable)")
    held = opened(root, classes=NAMES, skip_unreadable=True)
    assert set(where(held, root)) == {"images/0.nii.gz", "images/4.nii.gz"}
    assert [line.split()[0] for line in held.dropped] == [*3 * ["unreadable:"], "not"]
    for number in (0, 4):
        (root / "images" / f"{number}.nii.gz").write_bytes(b"no volume")
    line = refusal(root, classes=NAMES, skip_unreadable=True)
    assert "none of the 5 volumes can be read: images/0.nii.gz (" in line


def test_many_files_are_opened_by_their_headers(tmp_path, monkeypatch):
    root = lay(tmp_path, *pairs(3))
    save(root / "images" / "2.nii.gz", 2, np.full(SIZE_RAS, np.nan, np.float32))
    assert "images/2.nii.gz (120 of 120 voxels" in refusal(root, classes=NAMES)
    monkeypatch.setattr("kerasvision.data.sources.volumes.FULL_BYTES", 0)
    split = opened(root, classes=NAMES).splits["train"]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        samples(split)
    assert f"{root}/images/2.nii.gz: 120 of 120 voxels are NaN or infinite; " in said(error.value)
    save(root / "images" / "2.nii.gz", 2, np.zeros((*SIZE_RAS, 2), np.float32))
    assert "images/2.nii.gz (4 axes, 5 x 6 x 4 x 2; a volume has three" in refusal(root, classes=NAMES)


def test_copies_never_judge(tmp_path):
    root = lay(
        tmp_path,
        *[(f"images/{s}/{n}.nii", f"masks/{s}/{n}.nii", n) for n, s in ((0, "train"), (4, "train"), (8, "test"))],
    )
    shutil.copy(root / "images" / "test" / "8.nii", root / "images" / "train" / "9.nii")
    shutil.copy(root / "masks" / "test" / "8.nii", root / "masks" / "train" / "9.nii")
    held = opened(root, classes=NAMES)
    assert held.dropped == ("copy: images/train/9.nii has the same bytes as images/test/8.nii, which is in test",)


def test_what_goes_wrong_in_training_names_the_file(tmp_path):
    root = lay(tmp_path, *pairs(2))
    split = opened(root, classes=NAMES).splits["train"]
    (root / "images" / "1.nii.gz").write_bytes(b"")
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        samples(split)
    assert said(error.value) == f"volumes: {root}/images/1.nii.gz: 0 bytes"
    for array, line in (
        (mask_of(1)[1:], "another size or grid than its image: 4 x 6 x 4 voxels"),
        (mask_of(1) + 3, "a mask with what is no class: value 3, 5"),
    ):
        save(root / "images" / "1.nii.gz", 1)
        save(root / "masks" / "1.nii.gz", 1, array)
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            samples(split)
        assert f"{root}/masks/1.nii.gz: " in said(error.value) and line in said(error.value)


def test_without_nibabel(tmp_path, monkeypatch):
    root = lay(tmp_path, *pairs(2))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    assert refusal(root) == "volumes need nibabel: pip install kerasvision[medical]"


def test_augmentations_take_its_samples(tmp_path):
    split = opened(lay(tmp_path, *pairs(2)), classes=NAMES).splits["train"]
    record = next(iter(split.records))
    flip = augmentations["volume/flip"](axes=(2,), probability=1.0)
    plain, flipped = (augmented(split.read(record), parts, stream_seed(0, 0)) for parts in ([], [flip]))
    for key in ("volume", "mask"):
        np.testing.assert_array_equal(flipped[key], plain[key][:, :, ::-1])


def test_recipe_json_round_trip():
    source = sources["volumes"](path="a", classes=NAMES, values=(0, 7, 9))
    assert from_json(to_json(source)) == source


def test_drawn_volumes(tmp_path):
    """`pipelines/prepare_volumes.py`: equal files for an equal seed, in two orientations; no threshold finds organs."""
    prepare = importlib.import_module("pipelines.prepare_volumes").prepare
    assert prepare(tmp_path / "a", 8, 0) == {"train": 5, "validation": 1, "test": 2}
    prepare(tmp_path / "b", 8, 0)
    files = sorted(f.relative_to(tmp_path / "a") for f in (tmp_path / "a").rglob("*.nii.gz"))
    assert len(files) == 16 and all(
        (tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files
    )
    codes = {"".join(nib.aff2axcodes(nib.load(tmp_path / "a" / f).affine)) for f in files}
    assert codes == {"RAS", "LPS"}
    held = detect(tmp_path / "a").open()
    assert held.classes == ("background", "organ_a", "organ_b", "organ_c") and not held.dropped
    every = [s for split in held.splits.values() for s in samples(split)]
    assert {s["volume"].shape for s in every} == {(24, 64, 64, 1)} and len({tuple(s["spacing_mm"]) for s in every}) == 8
    values, mask = (np.concatenate([s[k].ravel() for s in every]) for k in ("volume", "mask"))
    for organ in (1, 2, 3):
        best = 0.0
        for low in np.arange(0, 900, 100):
            for high in np.arange(low + 100, 1100, 100):
                inside, is_organ = (values >= low) & (values < high), mask == organ
                best = max(best, 2 * (inside & is_organ).sum() / (inside.sum() + is_organ.sum()))
        assert best < 0.5
