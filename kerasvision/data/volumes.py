"""Medical volumes: NIfTI, MGH and DICOM series to arrays, and masks back to NIfTI. Without TensorFlow.

A volume's axes are D, H, W, which go towards the patient's Superior, Anterior and Right, whatever the file has: what
`nibabel.as_closest_canonical` gives, transposed. Nothing is resampled: spacing stays as it is, and of an oblique file
the axes only go nearest to those directions. What a file may be, and what is said of it otherwise:

* `.nii`, `.nii.gz` (NIfTI-1 and 2) and `.mgz`, of integers or floats. Slope and intercept are applied. A fourth axis of
  length 1 is dropped; other files of two or four axes, of colors or of complex numbers are refused.
* Millimeters; a NIfTI file in meters or micrometers is converted, one that names no unit has millimeters.
* A NIfTI file without spacing, or that says by neither qform nor sform what is left and right, is refused.
* Voxels that are NaN or infinite are refused, as are values of a mask that are no whole numbers.
* A folder with one DICOM series: see `dicom.py`.
"""

import dataclasses
import gzip
import pathlib
import struct
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import beside
from kerasvision.data import dicom
from kerasvision.data.grid import Grid, UnreadableError, first_line, needed, times

SUFFIXES = (".nii.gz", ".nii", ".mgz")
_HEAD = 540  # bytes: of a NIfTI-2 header
_MM = {1: 1000.0, 3: 0.001}  # NIfTI's codes of meters and micrometers
_PLACE = (  # what says in a NIfTI header where voxels lie
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Volume:
    """array: float32 [D, H, W, 1] of an image, in its own units (Hounsfield units for CT); of a mask, its numbers as
    uint8 or, where there are others, int32 [D, H, W]. grid: where the voxels lie, for an answer to go back to.
    """

    array: np.ndarray
    grid: Grid

    @property
    def spacing_mm(self):
        """float32 [3]: the sides of a voxel along D, H and W."""
        return self.grid.spacing_mm


def has_volume_name(name):
    """Whether a file's name ends as a volume's does (`SUFFIXES`), in any case."""
    return str(name).lower().endswith(SUFFIXES)


def read_grid(path):
    """`Grid` of a file or of a DICOM series; voxels are not read. Raises `UnreadableError`."""
    path = pathlib.Path(path)
    if path.is_dir():
        return dicom.read_series(path, pixels=False)[1]
    return _opened(path)[1]


def read_volume(path):
    """`Volume` of an image: a file, or a folder with a DICOM series. Raises `UnreadableError`, one line."""
    path = pathlib.Path(path)
    if path.is_dir():
        stored, grid = dicom.read_series(path)
    else:
        image, grid = _opened(path)
        stored = _voxels(path, lambda: image.get_fdata(dtype=np.float32, caching="unchanged"), grid)
    strange = stored.size - np.count_nonzero(np.isfinite(stored))
    if strange:
        seen = f"{strange} of {stored.size} voxels are NaN or infinite"
        raise UnreadableError(path, f"{seen}; replace them, as numpy.nan_to_num does, and save it again")
    return Volume(grid.turned(stored)[..., None], grid)


def read_labels(path):
    """`Volume` of a mask, a file of whole numbers. Raises `UnreadableError`, one line."""
    path = pathlib.Path(path)
    if path.is_dir():
        raise UnreadableError(path, f"a folder; a mask is a file ({', '.join(SUFFIXES)})")
    image, grid = _opened(path)
    stored = _voxels(path, lambda: np.asarray(image.dataobj), grid)
    if stored.dtype.kind == "f":
        whole = np.rint(stored)
        odd = stored[stored != whole]  # NaN among them
        if odd.size:
            raise UnreadableError(path, f"{odd.size} voxels are no whole numbers, such as {odd[0]:g}; a mask has ids")
        stored = whole
    low, high = stored.min(), stored.max()
    if low < -(2**31) or high >= 2**31:
        raise UnreadableError(path, f"values from {low:g} to {high:g}; allowed: integers of 32 bits")
    return Volume(grid.turned(stored.astype(np.uint8 if low >= 0 and high < 256 else np.int32)), grid)


def write_labels(mask_dhw, volume, path):
    """A mask of a volume to NIfTI, uint8, on the very grid and in the axes of the file that the volume was read from.

    mask_dhw: integers of 0 to 255, [D, H, W]. volume: `Volume`; of a DICOM series and of .mgz the mask has its affine.
    path: .nii.gz or .nii, written beside and renamed.
    """
    mask = np.asarray(mask_dhw)
    if mask.dtype.kind not in "iub" or mask.size and not 0 <= mask.min() <= mask.max() <= 255:
        raise KerasVisionError(f"{path}: a mask of {mask.dtype}; allowed: integers of 0 to 255")
    _write(mask.astype(np.uint8), volume, path, "a mask")


def write_values(values_dhw, volume, path):
    """The same of any numbers, float32 [D, H, W], such as a heat."""
    _write(np.asarray(values_dhw, np.float32), volume, path, "an array")


def _write(values, volume, path, what):
    nib, grid = needed("nibabel"), volume.grid
    check_nifti_name(path, what)
    if values.shape != grid.size_dhw:
        raise KerasVisionError(f"{path}: {what} of {times(values.shape)} for a volume of {times(grid.size_dhw)} voxels")
    kind = nib.Nifti2Image if isinstance(grid.header, nib.Nifti2Header) else nib.Nifti1Image
    # the image's other fields are not a mask's: scaling, display range, descriptions and extensions
    image = kind(grid.stored(values), grid.affine, _placed(kind.header_class(), grid, values.dtype))
    image.header.set_xyzt_units("mm")
    data = image.to_bytes()
    with beside(path) as held:
        held.parent.mkdir(parents=True, exist_ok=True)
        # no time stamp: equal masks are equal files
        held.write_bytes(gzip.compress(data, mtime=0) if str(path).lower().endswith(".gz") else data)


def check_nifti_name(path, what):
    """Raises UsageError of a name that no NIfTI file has. what: is to be written, as in "a mask"."""
    if not str(path).lower().endswith((".nii", ".nii.gz")):
        raise UsageError(f"{path}: {what} is written as .nii.gz or .nii; give it such a name")


def _placed(header, grid, dtype):
    """An empty NIfTI header that says where the grid lies."""
    header.set_data_shape(grid.shape)
    header.set_data_dtype(dtype)
    if grid.header is None:
        header.set_sform(grid.affine, 1)
        header.set_qform(grid.affine, 1)
        if not np.allclose(header.get_qform(), grid.affine, atol=1e-3):  # a tilted gantry: no rotation says that
            header.set_qform(None, 0)
        return header
    for field in _PLACE:
        header[field] = grid.header[field]
    header["pixdim"][:4] = grid.header["pixdim"][:4]
    return header


def _opened(path):
    """(nibabel's image with a header that was checked, its grid)."""
    nib = needed("nibabel")
    is_nifti = path.name.lower().endswith((".nii", ".nii.gz"))
    _check_file(path)
    try:
        kind = _nifti_kind(nib, path) if is_nifti else nib.MGHImage
        image = kind.from_filename(path, mmap=False)
        shape, affine, dtype = image.shape, np.array(image.affine, np.float64), image.get_data_dtype()
    except UnreadableError:
        raise
    except _DAMAGED as error:
        raise UnreadableError(path, _damage(error)) from None
    except Exception as error:  # nibabel's own: HeaderDataError, ImageFileError ...
        raise UnreadableError(path, f"no volume that nibabel reads ({first_line(error)})") from None
    if len(shape) < 3 or any(side != 1 for side in shape[3:]):
        save = "save one of them, as in image.slicer[..., 0]" if len(shape) > 3 else "a flat picture is an image"
        raise UnreadableError(path, f"{len(shape)} axes, {times(shape)}; a volume has three: {save}")
    if not all(shape):
        raise UnreadableError(path, f"no voxels, {times(shape)}")
    if dtype.kind not in "iuf":
        held = {"V": "colors (RGB)", "c": "complex numbers"}.get(dtype.kind, str(dtype))
        raise UnreadableError(path, f"voxels of {held}; allowed: integers and floats, save one number a voxel")
    header = image.header if is_nifti else None
    if is_nifti and (to_mm := _MM.get(int(header["xyzt_units"]) & 7)):
        affine[:3] *= to_mm
        header = None  # its numbers are no millimeters
    grid = Grid(tuple(int(side) for side in shape[:3]), affine, header)
    grid.check(path)
    return image, grid


_DAMAGED = (OSError, EOFError, zlib.error, struct.error)


def _damage(error):
    """What the disk says, else that the file is damaged."""
    return str(getattr(error, "strerror", None) or f"cut off or damaged ({first_line(error)})").lower()


def _check_file(path):
    if not path.exists():
        raise UnreadableError(path, "no such file or folder")
    if not has_volume_name(path.name):
        folder = "; of a DICOM series, name the folder" if path.suffix.lower() == ".dcm" else ""
        raise UnreadableError(path, f"allowed: {', '.join(SUFFIXES)}, or a folder with a DICOM series{folder}")
    if not path.stat().st_size:
        raise UnreadableError(path, "0 bytes")


def _nifti_kind(nib, path):
    """nibabel's class for a NIfTI file. Refuses what nibabel mends or guesses in silence: it takes a spacing of 0 as 1,
    and a patient that nobody has placed as lying with the right side first.
    """
    with nib.openers.ImageOpener(path, "rb") as file:
        head = file.read(_HEAD)
    kind = next((k for k in (nib.Nifti1Image, nib.Nifti2Image) if k.header_class.may_contain_header(head)), None)
    if kind is None:
        raise UnreadableError(path, "no NIfTI header")
    header = kind.header_class(head[: kind.header_class.template_dtype.itemsize], check=False)
    sides = header["pixdim"][1:4]
    if int(header["dim"][0]) >= 3 and not (np.isfinite(sides) & (sides != 0)).all():
        spelled = ", ".join(f"{side:g}" for side in sides)
        fix = "write it into the header, as in header.set_zooms"
        raise UnreadableError(path, f"its spacing is missing: pixdim has {spelled} mm; {fix}")
    if not header["qform_code"] and not header["sform_code"]:
        unknown = "nothing says what is left and right (qform_code and sform_code are 0)"
        raise UnreadableError(path, f"{unknown}; where you know, write it with image.set_sform(affine, 1)")
    offset, bits = float(header["vox_offset"]), int(header["bitpix"])
    wanted = offset + np.prod(header["dim"][1 : 1 + int(header["dim"][0])].astype(float)) * bits / 8
    if path.suffix.lower() == ".nii" and path.stat().st_size < wanted:
        raise UnreadableError(path, f"cut off: {path.stat().st_size} bytes of {wanted:.0f}")
    return kind


def _voxels(path, read, grid):
    """The file's array [I, J, K]."""
    try:
        return read().reshape(grid.shape)
    except MemoryError:
        raise
    except Exception as error:  # nibabel raises OSError, EOFError, zlib.error, ValueError ...
        raise UnreadableError(path, _damage(error)) from None
