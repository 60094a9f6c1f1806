"""Tiny volumes with masks in files, for tests of what reads them."""

import nibabel as nib
import numpy as np
import pydicom
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources

SIZE_RAS, SPACING_RAS = (5, 6, 4), (2.0, 1.5, 3.0)
NAMES = ("background", "liver", "spleen")


def mask_of(number):
    """uint8 [R, A, S]: ids 0 to 2; 1 stands in every fourth mask only."""
    mask = np.zeros(SIZE_RAS, np.uint8)
    mask[1:3, 2, 1:] = 2
    mask[4, 5] = number % 4 == 0
    return mask


def save(path, number, array=None, codes="RAS", move_mm=0.0):
    """Volume `number` says so in a corner."""
    if array is None:
        array = np.random.default_rng(number).normal(0, 9, SIZE_RAS).astype(np.float32)
        array[0, 0, 0] = number
    affine = np.diag([*SPACING_RAS, 1.0])
    affine[0, 3] = move_mm - 7
    image = nib.Nifti1Image(array, affine)
    wanted = nib.orientations.axcodes2ornt(codes)
    image = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(affine), wanted))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def pairs(count, image="images/{n}.nii.gz", mask="masks/{n}.nii.gz"):
    return [(image.format(n=n), mask.format(n=n), n) for n in range(count)]


def save_series(folder, value=0, named=True):
    """A series of three of pydicom's CT slice, cut to 12 x 10 pixels. named: whether it has a SeriesInstanceUID."""
    folder.mkdir(parents=True)
    for number in range(3):
        data = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm", download=False))
        data.PixelData, data.Rows, data.Columns = (data.pixel_array[40:52, 40:50] + value).tobytes(), 12, 10
        data.SeriesInstanceUID, data.ImagePositionPatient = f"1.2.{value}", [0, 0, 5 * number]
        if not named:
            del data.SeriesInstanceUID
        data.save_as(folder / f"{number}")
    return folder


def lay(root, *rows):
    """Files below a folder; rows: (volume or "", mask or "", number). Odd numbers are stored as LPS, masks as PIR."""
    for image, mask, number in rows:
        if image:
            save(root / image, number, codes="LPS" if number % 2 else "RAS")
        if mask:
            save(root / mask, number, mask_of(number), codes="PIR" if number % 2 else "RAS")
    return root


def opened(path, **fields):
    """The source, with every volume in training unless fields say otherwise."""
    whole = {"validation_fraction": 0.0, "test_fraction": 0.0}
    return sources["volumes"](path=str(path), **(whole | fields)).open()


def samples(split):
    return list(split.records.map(split.read).as_numpy_iterator())


def where(held, root):
    """{volume below the root: split}; each sample has its own volume and mask."""
    found = {}
    for name, split in held.splits.items():
        for sample in samples(split):
            number = int(sample["volume"][0, 0, 0, 0])
            np.testing.assert_array_equal(sample["mask"], mask_of(number).transpose(2, 1, 0))
            found[sample["path"].decode().removeprefix(f"{root}/")] = name
        assert sum(v == name for v in found.values()) == split.size
    return found


def refusal(path, kind=KerasVisionError, **fields):
    with pytest.raises(kind) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)
