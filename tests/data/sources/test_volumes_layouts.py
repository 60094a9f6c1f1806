"""Where volumes, their masks and their classes may lie."""

import shutil

import nibabel as nib
import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._detect import detect
from tests.data.drawn_volumes import NAMES, lay, opened, pairs, refusal, samples, save_series, where

SPLIT = {0: "train", 1: "train", 2: "train", 3: "validation", 4: "test"}
LAYOUTS = [
    ("images/{split}/{n}.nii.gz", "masks/{split}/{n}.nii.gz"),
    ("{split}/Volumes/{n}.nii", "{split}/labels/{n}.nii.gz"),
    ("{split}/images/site/{n}.mgz", "{split}/mask/site/{n}.nii"),
    ("images/{split}/{n}_0000.nii.gz", "masks/{split}/{n}.nii.gz"),
]


@pytest.mark.parametrize(("image", "mask"), LAYOUTS)
def test_folders_of_splits(tmp_path, image, mask):
    rows = [(image.format(n=n, split=s), mask.format(n=n, split=s), n) for n, s in SPLIT.items()]
    root = lay(tmp_path, *rows)
    assert where(opened(root, classes=NAMES), root) == {rows[n][0]: s for n, s in SPLIT.items()}


def test_nnunet(tmp_path):
    rows = pairs(6, "imagesTr/case_{n}_0000.nii.gz", "labelsTr/case_{n}.nii.gz")
    root = lay(tmp_path, *rows, ("imagesTs/case_7_0000.nii.gz", "", 7))
    (root / "dataset.json").write_text('{"channel_names": {"0": "CT"}, "labels": {"background": 0}}')
    found = where(opened(root, classes=NAMES, test_fraction=0.2), root)
    assert set(found) == {r[0] for r in rows} and set(found.values()) == {"train", "test"}
    assert detect(root) == sources["volumes"](path=str(root))
    lay(tmp_path, ("", "labelsTs/case_7.nii.gz", 7))
    assert where(opened(root, classes=NAMES), root)["imagesTs/case_7_0000.nii.gz"] == "test"
    lay(tmp_path, ("imagesTr/case_0_0001.nii.gz", "", 8))
    assert "1 volumes without a mask: imagesTr/case_0_0001.nii.gz; " in refusal(root)


def test_series_of_dicom_beside_masks(tmp_path):
    for name, value in (("a", 1), ("b", 2), ("c", 3)):
        save_series(tmp_path / "images" / name, value)
        mask = np.zeros((10, 12, 3), np.uint8)
        mask[0, 0, 2] = 1  # of the stored axes: towards Left, Posterior, Superior
        (tmp_path / "masks").mkdir(exist_ok=True)
        affine = np.diag([-0.661468, -0.661468, 5, 1])
        nib.save(nib.Nifti1Image(mask, affine), tmp_path / "masks" / f"{name}.nii.gz")
    held = opened(tmp_path, classes=("background", "spot"))
    first = samples(held.splits["train"])[0]
    assert first["volume"].shape == (3, 12, 10, 1) and np.argwhere(first["mask"]).tolist() == [[2, 11, 9]]
    assert detect(tmp_path) == sources["volumes"](path=str(tmp_path))
    shutil.copytree(tmp_path / "images" / "a", tmp_path / "images" / "d")  # a copy stays in the split of the first
    shutil.copy(tmp_path / "masks" / "a.nii.gz", tmp_path / "masks" / "d.nii.gz")
    for seed in range(6):
        held = opened(tmp_path, classes=("background", "spot"), test_fraction=0.4, seed=seed)
        by_name = {s["path"].decode()[-1]: n for n, split in held.splits.items() for s in samples(split)}
        assert by_name["a"] == by_name["d"] and len(by_name) == 4


def test_a_csv_with_masks(tmp_path):
    root = lay(tmp_path, *pairs(6, "v/{n}.nii.gz", "m/{n}.nii.gz"))
    rows = [
        f"v/{n}.nii.gz,m/{n}.nii.gz,{s},{g}"
        for n, (s, g) in enumerate(zip(("", "", "val", "", "", ""), "aabbcd", strict=True))
    ]
    (root / "list.csv").write_text("\n".join(("file,mask,split,group", *rows)))
    found = where(opened(root / "list.csv", classes=NAMES, test_fraction=0.3), root)
    assert found["v/0.nii.gz"] == found["v/1.nii.gz"] and found["v/2.nii.gz"] == found["v/3.nii.gz"] == "validation"
    assert "test" in found.values()
    assert detect(root / "list.csv") == sources["volumes"](path=str(root / "list.csv"))
    for text, line in (
        ("file,mask\nv/0.nii.gz,gone.nii", "1 files do not exist: gone.nii; paths are relative to the CSV"),
        ("file,mask\nv/0.nii.gz,", "line 2: no mask"),
        (
            "file,mask,split\nv/0.nii.gz,m/0.nii.gz,later",
            "line 2: split 'later'; allowed: train, validation, test or em",
        ),
        ("file,mask\n" + 2 * "v/0.nii.gz,m/0.nii.gz\n", "1 volumes stand in several rows"),
        (
            "file,where\nv/0.nii.gz,m/0.nii.gz",
            "it has file, where; allowed: the columns file and mask, or file and label",
        ),
        ("file,mask,label\nv/0.nii.gz,m/0.nii.gz,a", "it has file, mask, label; allowed:"),
        ("file,mask", "no rows"),
        ("file,mask\na,b,c", "line 2 has more values than the header"),
        (
            "file,mask,split,group\nv/0.nii.gz,m/0.nii.gz,train,p\nv/1.nii.gz,m/1.nii.gz,test,p",
            "groups in more than one split: p",
        ),
    ):
        (root / "bad.csv").write_text(text)
        assert line in refusal(root / "bad.csv")


def test_classes_by_folder_and_by_csv(tmp_path):
    rows = [
        (f"{label}/{n}.nii.gz", "", n) for label, start in (("sick", 0), ("well", 10)) for n in range(start, start + 5)
    ]
    root = lay(tmp_path, *rows)
    save_series(root / "well" / "patient")
    held = opened(root, validation_fraction=0.2)
    assert held.classes == ("sick", "well") and set(held.splits) == {"train", "validation"}
    for sample in (s for split in held.splits.values() for s in samples(split)):
        assert set(sample) == {"volume", "spacing_mm", "label", "path"} and sample["label"].dtype == np.int32
        assert sample["label"] == ("/well/" in sample["path"].decode())
    assert detect(root) == sources["volumes"](path=str(root))
    assert opened(root, classes=("well", "sick")).classes == ("well", "sick")
    assert "'well' is none of the classes; did you mean wel?" in refusal(root, classes=("sick", "wel"))
    assert "values with a class a volume" in refusal(root, UsageError, values=(0, 1))
    (root / "list.csv").write_text("file,label\nsick/0.nii.gz,a\nsick/1.nii.gz,a\nwell/patient,b\nwell/10.nii.gz,b\n")
    held = opened(root / "list.csv")
    assert held.classes == ("a", "b") and [s["label"] for s in samples(held.splits["train"])] == [0, 0, 1, 1]


def test_equal_series_without_a_number_of_their_own_stay_together(tmp_path):
    """No SeriesInstanceUID: their slices say that two are one."""
    for value in range(6):
        for label in ("ill", "well") if value == 5 else ("ill" if value % 2 else "well",):
            save_series(tmp_path / label / f"patient_{value}", value, named=False)
    for seed in range(4):
        held = opened(tmp_path, validation_fraction=0.3, seed=seed)
        found = {name: [s["path"].decode()[-1] for s in samples(split)] for name, split in held.splits.items()}
        assert sum(map(len, found.values())) == 7
        assert sorted(found["train"]).count("5") in (0, 2), found


def test_a_folder_that_may_not_be_read_is_one_clear_line(tmp_path, monkeypatch):
    save_series(tmp_path / "ill" / "patient")

    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("kerasvision.data.sources._volumes._layout", lambda place, what: refused(place))
    with pytest.raises(KerasVisionError, match="cannot be read: permission denied"):
        opened(tmp_path)


def test_classes_in_folders_of_splits(tmp_path):
    root = lay(
        tmp_path, *[(f"{s}/{c}/{n}{s}.nii", "", n + 10 * len(s)) for s in ("train", "val") for n, c in enumerate("ab")]
    )
    held = opened(root)
    assert {n: s.size for n, s in held.splits.items()} == {"train": 2, "validation": 2}
    lay(tmp_path, ("val/5.nii", "", 5))
    assert "val: 5.nii has no mask and no class; put volumes into images/" in refusal(root)


def test_layouts_that_are_none(tmp_path):
    assert "no such folder or file" in refusal(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert "no volumes (.nii.gz, .nii, .mgz, DICOM) in its folders; put volumes into images/" in refusal(
        tmp_path / "empty"
    )
    (tmp_path / "a.txt").touch()
    assert "no folder and no .csv file" in refusal(tmp_path / "a.txt")
    root = (
        lay(tmp_path, ("r/images/0.nii", "", 0), ("r/images/1.nii", "r/masks/1.nii", 1), ("", "r/masks/2.nii", 2)) / "r"
    )
    seen = "1 volumes without a mask: images/0.nii; 1 masks without a volume: masks/2.nii; a mask has its volume's name"
    assert seen in refusal(root)
    lay(tmp_path, ("r/images/1.nii.gz", "", 1))
    assert "images/1.nii and images/1.nii.gz have one name" in refusal(root)
    lay(tmp_path, ("s/images/train/0.nii", "s/masks/val/0.nii", 0))
    assert "images and masks do not both have a folder for train, validation" in refusal(tmp_path / "s")
    lay(tmp_path, ("t/images/train/0.nii", "t/masks/train/0.nii", 0), ("t/images/1.nii", "", 1))
    assert "images: 1.nii beside folders of splits" in refusal(tmp_path / "t")
    lay(tmp_path, ("u/train/images/0.nii", "u/train/masks/0.nii", 0), ("u/test/images/1.nii", "", 1))
    assert "no folders images and masks in test" in refusal(tmp_path / "u")
    assert "together below 1" in refusal(root, UsageError, test_fraction=1.0)
