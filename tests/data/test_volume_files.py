"""NIfTI and MGH files: axes, intensities, masks on their volume's grid, and everything that is refused."""

import gzip
import itertools
import pathlib
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.grid import Grid
from kerasvision.data.volumes import read_grid, read_labels, read_volume, write_labels

REAL = pathlib.Path(nib.__file__).parent / "tests" / "data"
SHAPE = (5, 7, 6)  # of a phantom towards Right, Anterior, Superior
MARKED, MARKED_MM = (3, 1, 4), (-4.0, 11.5, 38.0)
AFFINE = np.array([[2.0, 0, 0, -10], [0, 1.5, 0, 10], [0, 0, 3.0, 26], [0, 0, 0, 1]])


def phantom():
    values = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.int16)
    values[MARKED] = 1000
    return values


def stored_as(codes, array=None, affine=AFFINE):
    """The same voxels in other axes, by nibabel."""
    image = nib.Nifti1Image(phantom() if array is None else array, affine)
    return reoriented(image, codes)


def reoriented(image, codes):
    wanted = nib.orientations.axcodes2ornt(codes)
    return image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))


def save(image, path):
    nib.save(image, path)
    return path


def every_orientation():
    for order in itertools.permutations(("RL", "AP", "SI")):
        for flips in itertools.product((0, 1), repeat=3):
            yield "".join(pair[flip] for pair, flip in zip(order, flips, strict=True))


def rotation(degrees=(20, -15, 30)):
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one = np.eye(3)
        i, j = [a for a in range(3) if a != axis]
        one[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turned = one @ turned
    return turned


@pytest.mark.parametrize("codes", list(every_orientation()))
def test_every_orientation_is_one_sample_and_masks_go_back_to_it(tmp_path, codes):
    image = stored_as(codes)
    path = save(image, tmp_path / "1.nii.gz")
    volume = read_volume(path)
    assert volume.grid.orientation == codes == "".join(nib.aff2axcodes(image.affine))
    np.testing.assert_array_equal(volume.array, phantom().transpose(2, 1, 0)[..., None])
    np.testing.assert_array_equal(volume.spacing_mm, np.float32([3, 1.5, 2]))
    assert volume.array.dtype == volume.spacing_mm.dtype == np.float32
    place = np.argwhere(volume.array[..., 0] == 1000)[0]
    np.testing.assert_allclose(nib.affines.apply_affine(volume.grid.affine_dhw, place), MARKED_MM)
    write_labels((volume.array[..., 0] == 1000).astype(np.uint8), volume, tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(path).affine)
    assert nib.aff2axcodes(written.affine) == tuple(codes) and written.get_data_dtype() == np.uint8
    at = np.argwhere(np.asarray(written.dataobj))
    np.testing.assert_allclose(nib.affines.apply_affine(written.affine, at), [MARKED_MM])
    assert written.header.get_xyzt_units()[0] == "mm"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz", "reoriented_anat_moved.nii", "example4d.nii.gz"])
@pytest.mark.parametrize("codes", ["RAS", "PIL"])
def test_real_scans_as_nibabel_has_them(tmp_path, name, codes):
    """The first is big-endian and LAS, the last oblique: cut to three axes and written in other axes."""
    image = nib.load(REAL / name)
    image = image if image.ndim == 3 else image.slicer[..., 0]
    image = image if codes == "RAS" else reoriented(image, codes)
    path = save(image, tmp_path / f"{codes}.nii.gz")
    volume, closest = read_volume(path), nib.as_closest_canonical(nib.load(path))
    np.testing.assert_allclose(volume.array[..., 0], closest.get_fdata().transpose(2, 1, 0), rtol=1e-6)
    np.testing.assert_allclose(volume.spacing_mm, nib.affines.voxel_sizes(closest.affine)[::-1], rtol=1e-6)
    np.testing.assert_allclose(volume.grid.affine_dhw, closest.affine[:, [2, 1, 0, 3]], atol=1e-6)
    bright = volume.array[..., 0] > np.median(volume.array)
    write_labels(bright, volume, tmp_path / "mask.nii")
    written, original = nib.load(tmp_path / "mask.nii"), nib.load(path)
    np.testing.assert_array_equal(written.affine, original.affine)
    for coded in ("get_qform", "get_sform"):
        ours, theirs = (getattr(i.header, coded)(coded=True) for i in (written, original))
        assert ours[1] == theirs[1]
        np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(written.get_fdata() > 0, original.get_fdata() > np.median(original.get_fdata()))


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ASR"])
def test_an_oblique_affine(tmp_path, codes):
    affine = AFFINE.copy()
    affine[:3, :3] = rotation() @ AFFINE[:3, :3]
    path = save(stored_as(codes, affine=affine), tmp_path / "1.nii.gz")
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array[..., 0], phantom().transpose(2, 1, 0))
    np.testing.assert_allclose(volume.spacing_mm, [3, 1.5, 2], rtol=1e-6)
    write_labels(volume.array[..., 0] == 1000, volume, tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(path).affine)
    at = nib.affines.apply_affine(written.affine, np.argwhere(written.get_fdata())[0])
    np.testing.assert_allclose(at, affine[:3, :3] @ MARKED + affine[:3, 3], atol=1e-4)
    assert read_volume(path).grid.difference(read_labels(tmp_path / "mask.nii.gz").grid) is None


def test_slope_intercept_and_kinds_of_numbers(tmp_path):
    image = nib.Nifti1Image(phantom(), AFFINE)
    image.header.set_slope_inter(0.5, -1024)
    volume = read_volume(save(image, tmp_path / "ct.nii.gz"))
    np.testing.assert_array_equal(volume.array[..., 0], 0.5 * phantom().transpose(2, 1, 0) - 1024)
    for kind in (np.uint8, np.uint16, np.int32, np.float32, np.float64):
        held = np.minimum(phantom(), 250).astype(kind)
        path = save(nib.Nifti1Image(held, AFFINE), tmp_path / "1.nii")
        np.testing.assert_array_equal(read_volume(path).array[..., 0], held.T)
        assert read_labels(path).array.dtype == np.uint8
        np.testing.assert_array_equal(read_labels(path).array, held.T)
    assert read_labels(save(nib.Nifti1Image(phantom(), AFFINE), tmp_path / "1.nii")).array.dtype == np.int32


def test_a_last_axis_of_one_units_and_other_formats(tmp_path):
    wanted = phantom().transpose(2, 1, 0)[..., None]
    path = save(nib.Nifti1Image(phantom()[..., None], AFFINE), tmp_path / "4d.nii.gz")
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, wanted)
    write_labels(wanted[..., 0] == 1000, volume, tmp_path / "mask.nii.gz")
    assert nib.load(tmp_path / "mask.nii.gz").shape == SHAPE
    for unit, factor in (("meter", 1000), ("micron", 0.001)):
        image = nib.Nifti1Image(phantom(), np.diag([*[1 / factor] * 3, 1]) @ AFFINE)
        image.header.set_xyzt_units(unit)
        volume = read_volume(save(image, tmp_path / "unit.nii.gz"))
        np.testing.assert_allclose(volume.spacing_mm, [3, 1.5, 2], rtol=1e-6)
        write_labels(wanted[..., 0] == 1000, volume, tmp_path / "mask.nii.gz")
        np.testing.assert_allclose(nib.load(tmp_path / "mask.nii.gz").affine, AFFINE, rtol=1e-6)
    for image, name in ((nib.Nifti2Image, "2.nii.gz"), (nib.MGHImage, "3.mgz")):
        path = save(image(phantom(), AFFINE), tmp_path / name)
        np.testing.assert_array_equal(read_volume(path).array, wanted)
        write_labels(wanted[..., 0] == 1000, read_volume(path), tmp_path / "mask.nii.gz")
        np.testing.assert_allclose(nib.load(tmp_path / "mask.nii.gz").affine, nib.load(path).affine, rtol=1e-6)
        assert isinstance(nib.load(tmp_path / "mask.nii.gz"), nib.Nifti2Image) == (name == "2.nii.gz")


def changed(path, **fields):
    """Fields of a NIfTI-1 header, past nibabel's mending."""
    header = nib.Nifti1Header(path.read_bytes()[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.binaryblock + path.read_bytes()[348:])
    return path


def plain(tmp_path, array=None, name="1.nii"):
    return save(nib.Nifti1Image(phantom() if array is None else array, AFFINE), tmp_path / name)


def rgb():
    return np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))


def nan(count=2):
    held = phantom().astype(np.float32)
    held.ravel()[:count] = np.nan, np.inf
    return held


def cut(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    return path


BAD = {
    "4d": (lambda p: REAL / "example4d.nii.gz", r"4 axes, 128 x 96 x 24 x 2; .* image.slicer\[..., 0\]"),
    "real nan": (lambda p: REAL / "resampled_anat_moved.nii", r"\d+ of 1071 voxels are NaN"),
    "2d": (lambda p: plain(p, phantom()[0]), "2 axes, 7 x 6; .* a flat picture is an image"),
    "rgb": (lambda p: plain(p, rgb()), r"voxels of colors \(RGB\); allowed: integers and floats"),
    "complex": (lambda p: plain(p, phantom().astype(np.complex64)), "voxels of complex numbers"),
    "not finite": (lambda p: plain(p, nan()), "2 of 210 voxels are NaN or infinite; .*nan_to_num"),
    "spacing 0": (
        lambda p: changed(plain(p), pixdim=[1, 2, 0, 3, 0, 0, 0, 0]),
        "is missing: pixdim has 2, 0, 3 mm",
    ),
    "spacing nan": (
        lambda p: changed(plain(p), pixdim=[1, np.nan, 1, 3, 0, 0, 0, 0]),
        "is missing: pixdim has nan",
    ),
    "affine 0": (
        lambda p: changed(plain(p), srow_z=[0, 0, 0, 5]),
        "is missing: an affine with .* 2 x 1.5 x 0 mm",
    ),
    "affine nan": (lambda p: changed(plain(p), srow_z=[0, 0, np.nan, 5]), "is missing: an affine"),
    "affine flat": (lambda p: changed(plain(p), srow_y=[0, 0, 0, 1], srow_z=[0, 2, 2, 5]), "two axes in one direction"),
    "orientation": (lambda p: changed(plain(p), sform_code=0, qform_code=0), "nothing says what is left and right"),
    "gone": (lambda p: p / "gone.nii.gz", "no such file or folder"),
    "empty": (lambda p: cut(plain(p), 0), "0 bytes"),
    "header cut": (lambda p: cut(plain(p), 200), "no NIfTI header"),
    "data cut": (lambda p: cut(plain(p), 500), r"cut off: 500 bytes of 772"),
    "gz cut": (lambda p: cut(plain(p, name="1.nii.gz"), 300), r"cut off or damaged \(compressed file ended"),
    "mgz cut": (lambda p: cut(save(nib.MGHImage(phantom(), AFFINE), p / "1.mgz"), 100), "cut off or damaged"),
    "no gz": (lambda p: pathlib.Path(plain(p)).rename(p / "2.nii.gz"), "cut off or damaged .not a gzipped"),
    "text": (lambda p: REAL / "README.rst", "allowed: .nii.gz, .nii, .mgz, or a folder with a DICOM series"),
    "text as nifti": (lambda p: _text(p / "1.nii"), "no NIfTI header"),
    "one dicom": (lambda p: REAL / "0.dcm", "of a DICOM series, name the folder"),
    "no type": (lambda p: changed(plain(p), datatype=1), "no volume that nibabel reads"),
}


def _text(path):
    path.write_text("these are words, not voxels. " * 40)
    return path


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_volume_is_one_clear_line(tmp_path, name):
    make, said = BAD[name]
    path = make(tmp_path)
    with pytest.raises(KerasVisionError, match=said) as error:
        read_volume(path)
    assert "\n" not in str(error.value) and str(error.value).startswith(f"{path}: ")
    if name not in ("not finite", "real nan", "gz cut", "mgz cut"):  # those take a look at the voxels
        with pytest.raises(KerasVisionError, match=said):
            read_grid(path)


def test_masks_that_are_none(tmp_path):
    half = phantom() / 2
    with pytest.raises(KerasVisionError, match=r"\d+ voxels are no whole numbers, such as \d+.5; a mask has ids"):
        read_labels(plain(tmp_path, half))
    with pytest.raises(KerasVisionError, match="such as nan"):
        read_labels(plain(tmp_path, nan()))
    with pytest.raises(KerasVisionError, match="values from 0 to 1e[+]20; allowed: integers of 32 bits"):
        read_labels(plain(tmp_path, np.float64(phantom() == 1000) * 1e20))
    with pytest.raises(KerasVisionError, match="a folder; a mask is a file"):
        read_labels(tmp_path)


def test_masks_on_another_grid(tmp_path):
    grid = read_grid(plain(tmp_path))
    assert grid.difference(read_grid(save(stored_as("LPI"), tmp_path / "2.nii"))) is None
    moved = AFFINE.copy()
    moved[1, 3] += 0.1  # of 1.5 mm
    assert grid.difference(Grid(SHAPE, moved)) is None
    moved[1, 3] += 0.9
    assert grid.difference(Grid(SHAPE, moved)) == (
        "up to 1.00 mm away from its image, whose voxels have 3 x 1.5 x 2 mm (S x A x R)"
    )
    assert "up to 6.00 mm" in grid.difference(Grid(SHAPE, AFFINE @ np.diag([1, 1, 1.4, 1])))
    assert grid.difference(Grid((5, 6, 6), AFFINE)) == "6 x 6 x 5 voxels (S x A x R), its image 6 x 7 x 5"


def test_masks_that_cannot_be_written(tmp_path):
    volume = read_volume(plain(tmp_path))
    mask = np.zeros(volume.array.shape[:3], np.uint8)
    with pytest.raises(UsageError, match=".nii.gz or .nii"):
        write_labels(mask, volume, tmp_path / "mask.mgz")
    with pytest.raises(KerasVisionError, match="a mask of 5 x 7 x 6 for a volume of 6 x 7 x 5 voxels"):
        write_labels(mask.T, volume, tmp_path / "mask.nii")
    for bad in (mask - np.int16(1), mask + np.int16(256), mask.astype(np.float32)):
        with pytest.raises(KerasVisionError, match="allowed: integers of 0 to 255"):
            write_labels(bad, volume, tmp_path / "mask.nii")
    (tmp_path / "file").touch()
    with pytest.raises(KerasVisionError, match="cannot write"):
        write_labels(mask, volume, tmp_path / "file" / "mask.nii")
    write_labels(mask, volume, tmp_path / "new" / "mask.nii.gz")
    first = (tmp_path / "new" / "mask.nii.gz").read_bytes()
    write_labels(mask, volume, tmp_path / "new" / "mask.nii.gz")
    assert (tmp_path / "new" / "mask.nii.gz").read_bytes() == first and gzip.decompress(first)


def test_without_nibabel_and_without_tensorflow(tmp_path, monkeypatch):
    program = "import sys, kerasvision.data.volumes; print({'tensorflow', 'nibabel', 'pydicom'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    path = plain(tmp_path)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(KerasVisionError) as error:
        read_volume(path)
    assert str(error.value) == "volumes need nibabel: pip install kerasvision[medical]"
