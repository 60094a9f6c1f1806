"""Folders of DICOM slices: order, place and intensities against DICOM's own formula, and everything that is refused."""

import pathlib
import shutil
import sys

import nibabel as nib
import numpy as np
import pydicom
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.volumes import read_grid, read_volume, write_labels

CT = pydicom.data.get_testdata_file("CT_small.dcm", download=False)
COUNT, STEP_MM = 5, 2.5
AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
OBLIQUE = [0.96, 0.28, 0, -0.28, 0.96, 0]


def write_slice(path, number, orientation=AXIAL, step_mm=STEP_MM, first_mm=(-158.1358, -179.0358, -75.7), **fields):
    """Slice `number` of a series made of pydicom's real CT slice, cut to 40 rows and 48 columns; its corner says which.

    Fields that are None are left out.
    """
    data = pydicom.dcmread(CT)
    pixels = data.pixel_array[20:60, 30:78].copy()
    pixels[0, 0] = 100 * number
    data.PixelData, data.Rows, data.Columns = pixels.tobytes(), *pixels.shape
    data.PixelSpacing, data.ImageOrientationPatient = [0.75, 0.5], orientation
    normal = np.cross(orientation[:3], orientation[3:])
    data.ImagePositionPatient = [round(float(v), 4) for v in np.array(first_mm) + number * step_mm * normal]
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
    data.InstanceNumber = 1
    for name, value in fields.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path)
    return path


def write_series(folder, numbers=range(COUNT), names="IM{:03d}.dcm", **fields):
    """Names run against the positions."""
    for number in numbers:
        write_slice(folder / names.format(97 - number), number, **fields)
    return folder


def mm_of(file, row, column):
    """Where a pixel lies, in RAS, by DICOM's own formula (PS3.3 C.7.6.2.1.1)."""
    data = pydicom.dcmread(file)
    along_row, along_column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
    between_rows, between_columns = (float(v) for v in data.PixelSpacing)
    place = np.array(data.ImagePositionPatient, float)
    place += along_row * between_columns * column + along_column * between_rows * row
    return place * [-1, -1, 1]


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
@pytest.mark.parametrize("names", ["IM{:03d}.dcm", "{:d}", "1.2.840.{:d}", "I{:d}.DCM"])
def test_every_pixel_lies_where_dicom_says(tmp_path, orientation, names):
    folder = write_series(tmp_path / "series", names=names, orientation=orientation)
    for name in ("DICOMDIR", "notes.txt", ".hidden.dcm", "README"):
        (folder / name).write_text("no slice")
    shutil.copy(pydicom.data.get_testdata_file("rtplan.dcm", download=False), folder)  # DICOM, and no image
    volume = read_volume(folder)
    inverse = np.linalg.inv(volume.grid.affine_dhw)
    for file in sorted(folder.iterdir()):
        if "rtplan" in file.name or file.name in ("DICOMDIR", "notes.txt", ".hidden.dcm", "README"):
            continue
        data = pydicom.dcmread(file)
        for row, column in ((0, 0), (17, 5), (39, 47)):
            index = nib.affines.apply_affine(inverse, mm_of(file, row, column))
            np.testing.assert_allclose(index, np.rint(index), atol=2e-3)
            found = volume.array[(*np.rint(index).astype(int), 0)]
            assert found == data.pixel_array[row, column] - 1024.0
    assert volume.array.dtype == np.float32 and volume.array.size == COUNT * 40 * 48
    wanted = {"axial": [STEP_MM, 0.75, 0.5], "coronal": [0.75, STEP_MM, 0.5], "oblique": [STEP_MM, 0.75, 0.5]}
    axis = next(k for k, v in (("axial", AXIAL), ("coronal", CORONAL), ("oblique", OBLIQUE)) if v == orientation)
    np.testing.assert_allclose(volume.spacing_mm, wanted[axis], rtol=1e-4)
    assert read_grid(folder).difference(volume.grid) is None
    assert volume.grid.series == pydicom.dcmread(CT).SeriesInstanceUID


def test_a_mask_goes_back_to_the_series(tmp_path):
    folder = write_series(tmp_path / "series")
    volume = read_volume(folder)
    write_labels(volume.array[..., 0] == 300 - 1024, volume, tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(written.affine, volume.grid.affine, atol=1e-4)
    np.testing.assert_allclose(written.header.get_qform(), volume.grid.affine, atol=1e-4)
    assert nib.aff2axcodes(written.affine) == tuple(volume.grid.orientation) == ("L", "P", "S")
    assert written.shape == (48, 40, COUNT) and np.argwhere(written.get_fdata()).tolist() == [[0, 0, 3]]
    place = nib.affines.apply_affine(written.affine, [0, 0, 3])
    np.testing.assert_allclose(place, mm_of(folder / "IM094.dcm", 0, 0), atol=1e-3)


def test_real_slices_of_nibabel(tmp_path):
    """Two MR slices, nearly axial: each position is that of its file."""
    for name in ("0.dcm", "1.dcm"):
        shutil.copy(pathlib.Path(nib.__file__).parent / "tests" / "data" / name, tmp_path)
    volume = read_volume(tmp_path)
    assert volume.array.shape == (2, 256, 256, 1)
    for number, name in enumerate(("0.dcm", "1.dcm")):
        np.testing.assert_allclose(
            nib.affines.apply_affine(volume.grid.affine, [7, 9, number]), mm_of(tmp_path / name, 9, 7), atol=1e-4
        )
        stored = volume.grid.stored(volume.array[..., 0])[..., number]
        np.testing.assert_array_equal(stored.T, pydicom.dcmread(tmp_path / name).pixel_array)


def test_a_tilted_gantry_shears_the_affine(tmp_path):
    for number in range(COUNT):
        first = (-100.0, -100.0 + 0.5 * number, -50.0)
        write_slice(tmp_path / "series" / f"{number}.dcm", number, first_mm=first)
    volume = read_volume(tmp_path / "series")
    np.testing.assert_allclose(
        nib.affines.apply_affine(volume.grid.affine, [47, 39, 4]),
        mm_of(tmp_path / "series" / "4.dcm", 39, 47),
        atol=1e-4,
    )
    write_labels(volume.array[..., 0] > 0, volume, tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(nib.load(tmp_path / "mask.nii.gz").affine, volume.grid.affine, atol=1e-4)


def test_slices_have_a_slope_each_and_positions_may_be_rounded(tmp_path):
    for number in range(COUNT):
        first = (-100.0, -100.0, round(0.04 * (-1) ** number, 2))
        fields = {"RescaleSlope": 1 + number, "RescaleIntercept": number, "first_mm": first, "step_mm": 0.65}
        write_slice(tmp_path / "series" / f"{number}.dcm", number, **fields)
    volume = read_volume(tmp_path / "series")
    corners = volume.grid.stored(volume.array[..., 0])[0, 0]
    np.testing.assert_allclose(corners, [100 * n * (1 + n) + n for n in range(COUNT)])
    write_slice(tmp_path / "plain" / "1.dcm", 1, RescaleSlope=None, RescaleIntercept=None)
    assert read_volume(tmp_path / "plain").grid.stored(read_volume(tmp_path / "plain").array[..., 0])[0, 0] == [100]


def test_a_single_slice_is_as_thick_as_it_says(tmp_path):
    volume = read_volume(write_series(tmp_path / "series", [0]))
    assert volume.array.shape == (1, 40, 48, 1)
    np.testing.assert_allclose(volume.spacing_mm, [5, 0.75, 0.5])
    write_series(tmp_path / "thin", [0], SliceThickness=None, SpacingBetweenSlices=None)
    with pytest.raises(KerasVisionError, match="its spacing is missing: a single slice, IM097.dcm, without SliceThick"):
        read_volume(tmp_path / "thin")


def series(**changes):
    """A folder whose second slice is written anew with other fields."""

    def make(folder):
        write_slice(write_series(folder) / "IM096.dcm", 1, **changes)
        return folder

    return make


def truncated(folder):
    file = write_series(folder) / "IM096.dcm"
    file.write_bytes(file.read_bytes()[:-1000])
    return folder


def stranger(folder):
    (write_series(folder) / "IM096.dcm").write_text("no DICOM")
    return folder


def deeper(folder):
    write_series(folder / "below")
    return folder


def from_pydicom(name):
    def make(folder):
        folder.mkdir()
        shutil.copy(pydicom.data.get_testdata_file(name, download=False), folder)
        return folder

    return make


BAD = {
    "gap": (
        lambda f: write_series(f, [0, 1, 2, 4, 5]),
        "slices are missing: a gap of 5 mm between IM095.dcm and IM093.dcm, where others lie 2.5 mm apart",
    ),
    "uneven": (
        series(first_mm=(-158.1358, -179.0358, -75)),
        "from 1.8 to 3.2 mm: IM096.dcm lies 0.7 mm off",
    ),
    "shifted": (series(first_mm=(-150, -179.0358, -75.7)), "uneven steps, .* IM096.dcm lies 8.1 mm off the line"),
    "two series": (
        series(SeriesInstanceUID="1.2.9"),
        r"2 series \(SeriesInstanceUID\) .* 4 of 1.3.*, 1 of 1.2.9",
    ),
    "one position": (
        series(first_mm=(-158.1358, -179.0358, -73.2)),
        "two slices at one position, IM09[56].dcm and IM09",
    ),
    "sizes": (series(Rows=20), "slices of several sizes, in rows x columns: 4 of 40 x 48, 1 of 20 x 48"),
    "spacings": (
        series(PixelSpacing=[0.75, 0.6]),
        r"several PixelSpacing: IM093.dcm has \[0.75, 0.5\] and IM096",
    ),
    "orientations": (
        series(orientation=CORONAL),
        "several ImageOrientationPatient: .* is a localizer among them",
    ),
    "no right angle": (lambda f: write_series(f, orientation=[1, 0, 0, 0.6, 0.8, 0]), "is no right angle"),
    "no spacing": (series(PixelSpacing=None), r"its spacing is missing: IM096.dcm has no PixelSpacing \(None\)"),
    "spacing 0": (series(PixelSpacing=[0, 0.5]), "its spacing is missing: IM096.dcm has no PixelSpacing"),
    "no position": (series(ImagePositionPatient=None), "IM096.dcm has no ImagePositionPatient"),
    "no orientation": (series(ImageOrientationPatient=None), "IM096.dcm has no ImageOrientationPatient"),
    "frames": (series(NumberOfFrames=3), "IM096.dcm holds 3 frames; allowed: a file a slice, or NIfTI, which dcm2niix"),
    "color": (from_pydicom("SC_rgb_small_odd.dcm"), "SC_rgb_small_odd.dcm is in color"),
    "no image": (from_pydicom("rtplan.dcm"), "1 DICOM files, none of which is an image"),
    "no DICOM": (stranger, r"IM096.dcm cannot be read as DICOM \(File is missing DICOM"),
    "below": (deeper, r"no DICOM file \(.dcm, or without a suffix\) in the folder"),
    "truncated": (truncated, "the pixels of IM096.dcm cannot be read"),
    "real truncated": (from_pydicom("MR_truncated.dcm"), "the pixels of MR_truncated.dcm cannot be read"),
    "no decoder": (
        from_pydicom("MR_small_jpeg_ls_lossless.dcm"),
        r"is compressed .* pip install pylibjpeg\[all\]",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_series_is_one_clear_line(tmp_path, name):
    make, said = BAD[name]
    folder = make(tmp_path / "series")
    with pytest.raises(KerasVisionError, match=said) as error:
        read_volume(folder)
    assert "\n" not in str(error.value) and str(error.value).startswith(f"{folder}: ")
    if name not in ("truncated", "real truncated", "no decoder"):
        with pytest.raises(KerasVisionError, match=said):
            read_grid(folder)


def test_an_empty_folder(tmp_path):
    with pytest.raises(KerasVisionError, match="no DICOM file"):
        read_volume(tmp_path)


def test_without_pydicom(tmp_path, monkeypatch):
    write_series(tmp_path / "series")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(KerasVisionError) as error:
        read_volume(tmp_path / "series")
    assert str(error.value) == "volumes need pydicom: pip install kerasvision[medical]"
