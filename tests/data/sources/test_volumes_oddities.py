"""One odd mask among many, and text files of volumes in other codings."""

import nibabel as nib
import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources

COUNT = 6


@pytest.fixture
def masked(tmp_path):
    """masked(values of mask 0, of mask 1, ...): volumes of noise with masks that hold just these values."""

    def write(*held):
        for i, values in enumerate(held):
            for kind in ("images", "masks"):
                (tmp_path / kind).mkdir(exist_ok=True)
            noise = np.random.default_rng(i).normal(size=(6, 5, 4)).astype(np.float32)
            mask = np.zeros((6, 5, 4), np.uint8)
            mask.ravel()[: len(values)] = values
            nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / "images" / f"{i}.nii.gz")
            nib.save(nib.Nifti1Image(mask, np.eye(4)), tmp_path / "masks" / f"{i}.nii.gz")
        return tmp_path

    return write


def opened(path, **fields):
    return sources["volumes"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields)).open()


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("odd", [(0, 1), (0, 1, 255)], ids=["a mask of 0 and 1", "a stray voxel of 1"])
@pytest.mark.parametrize("names", [(), ("back", "front")])
def test_one_odd_mask_does_not_make_255_ignored(masked, odd, names):
    place = masked(odd, *[(0, 255)] * (COUNT - 1))
    assert "5 of 6 masks hold 0 and 255 only (masks/1.nii.gz, " in refusal(place, classes=names)
    assert opened(place, classes=("back", "front"), values=(0, 1)).splits["train"].size == COUNT


def test_one_mask_of_255_among_classes_is_asked_about(masked):
    assert "1 of 6 masks hold 0 and 255 only (masks/5.nii.gz), 0 hold 255 beside" in refusal(
        masked(*[(0, 1)] * 5, (0, 255))
    )


def test_255_beside_classes_is_ignored_and_said(masked):
    found = opened(masked(*[(0, 1, 255)] * 4, (0, 255), (0, 1)))
    assert found.classes == ("class_0", "class_1")
    assert found.dropped == ("ignored: 1 of 6 masks hold 0 and 255 only: masks/4.nii.gz",)


def test_a_class_that_one_mask_alone_tells_is_said(masked):
    assert opened(masked(*[(0, 1)] * 5, (0, 1, 2))).dropped == ("rare: class_2 is in masks/5.nii.gz only",)
    assert opened(masked(*[(0, 1)] * 4, (0, 1, 2), (0, 2))).dropped == ()


def test_class_names_and_tables_in_other_codings(masked):
    place = masked(*[(0, 1)] * COUNT)
    (place / "classes.txt").write_bytes("Käse\r\nKuh\r\n".encode("utf-16"))
    assert opened(place).classes == ("Käse", "Kuh")
    (place / "classes.txt").write_bytes("Käse\nKuh\n".encode("cp1252"))
    assert "classes.txt: line 1 is no UTF-8 (byte 0xe4), in Windows-1252 it would be 'Käse'" in refusal(place)
    (place / "classes.txt").write_text("back\n\nfront\n")
    assert "classes.txt: line 2 of 3 is blank" in refusal(place)
    (place / "classes.txt").unlink()
    rows = "".join(f"images/{i}.nii.gz,{('Käse', 'Kuh')[i % 2]}\r\n" for i in range(COUNT))
    (place / "all.csv").write_bytes(f"file,label\r\n{rows}".encode("utf-16"))
    assert opened(place / "all.csv").classes == ("Kuh", "Käse")
    (place / "all.csv").write_bytes(f"file,label\r\n{rows}".encode("cp1252"))
    assert "line 2 is no UTF-8" in refusal(place / "all.csv")
