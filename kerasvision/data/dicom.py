"""A folder with one DICOM series -> one array with an affine.

Files count that end in .dcm, or that have no suffix (or only numbers, as UIDs do) and begin as DICOM does; of them,
those that are images: a DICOMDIR, a report or contours beside the slices are passed over. Slices are put in order by
their positions along the normal of their plane; names and instance numbers say nothing. Each is rescaled by its own
slope and intercept, or by its ModalityLUTSequence. Of MONOCHROME1, and of a PresentationLUTShape INVERSE, high numbers
are dark: they are turned over within what BitsStored can hold, so that high is bright in every series. A tilted gantry
gives a sheared affine, and voxels stay as they are stored. A single slice is as thick as SliceThickness says.

Refused, each in one line: several series, several sizes, spacings or orientations, two slices at one position, a
missing slice, uneven steps, no spacing or position, color, several frames in a file, a slope of 0, and Hounsfield units
whose high numbers are dark, since turned over they would be no such units.
"""

import collections
import math

import numpy as np

from kerasvision.data.grid import Grid, UnreadableError, first_line, needed, times

_TAGS = (
    *("SeriesInstanceUID", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "PixelSpacing", "SliceThickness"),
    *("SpacingBetweenSlices", "ImagePositionPatient", "ImageOrientationPatient", "PhotometricInterpretation"),
    *("PresentationLUTShape", "RescaleType"),
)
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM counts towards Left, Posterior, Superior
_SAME_MM = 1e-3
_UNEVEN, _ROUNDED_MM = 0.1, 0.1  # of a step, or so many millimeters: scanners round positions
_GAP = 1.5  # of a step
_TURNED = 1e-3  # of a unit vector


def files_of(folder):
    """The DICOM files of a folder, sorted; not of those below it."""
    return sorted(f for f in folder.iterdir() if _is_named(f) and f.is_file() and (_is_dcm(f) or _is_dicom(f)))


def holds_series(folder):
    """Whether a DICOM file lies in a folder."""
    return any(_is_named(f) and f.is_file() and (_is_dcm(f) or _is_dicom(f)) for f in folder.iterdir())


def read_series(folder, pixels=True):
    """(float32 [I, J, K] of columns, rows and slices, or None without pixels; its `Grid`). Raises `UnreadableError`."""
    slices = _slices(folder, pixels)
    _check_alike(folder, slices)
    slices, affine = _placed(folder, slices)
    first = slices[0][1]
    shape = (int(first.Columns), int(first.Rows), len(slices))
    grid = Grid(shape, affine, series=str(first.get("SeriesInstanceUID", "")) or None, inverted=_is_dark(first))
    grid.check(folder)
    if not pixels:
        return None, grid
    stored = np.empty(shape, np.float32)
    for number, (file, data) in enumerate(slices):
        stored[..., number] = _rescaled(folder, file, data).T
    return stored, grid


def _is_named(file):
    return file.name.upper() != "DICOMDIR" and not file.name.startswith(".")


def _is_dcm(file):
    return file.suffix.lower() == ".dcm"


def _is_dicom(file):
    if file.suffix and not file.suffix[1:].isdigit():
        return False
    with file.open("rb") as held:
        return held.read(132)[128:] == b"DICM"


def _slices(folder, pixels):
    """[(file, data set)] of all images, each of one frame."""
    pydicom = needed("pydicom")
    try:
        files = files_of(folder)
    except OSError as error:
        raise UnreadableError(folder, str(error.strerror).lower()) from None
    if not files:
        raise UnreadableError(folder, "no DICOM file (.dcm, or without a suffix) in the folder")
    found = []
    for file in files:
        try:
            data = pydicom.dcmread(file, stop_before_pixels=not pixels, specific_tags=None if pixels else list(_TAGS))
        except Exception as error:  # pydicom raises InvalidDicomError, OSError, EOFError, struct.error, ValueError ...
            raise UnreadableError(folder, f"{file.name} cannot be read as DICOM ({first_line(error)})") from None
        if "Rows" in data and "Columns" in data:
            found.append((file, data))
    if not found:
        raise UnreadableError(folder, f"{len(files)} DICOM files, none of which is an image")
    return found


def _check_alike(folder, slices):
    """One series of gray slices of one size, spacing and orientation."""
    series = collections.Counter(str(d.get("SeriesInstanceUID", "")) for _, d in slices)
    if len(series) > 1:
        listed = ", ".join(f"{count} of {uid or 'none'}" for uid, count in series.most_common(3))
        seen = f"{len(series)} series (SeriesInstanceUID) in one folder: {listed}"
        raise UnreadableError(folder, f"{seen}; put each into a folder of its own")
    for file, data in slices:
        if int(data.get("NumberOfFrames") or 1) > 1:
            seen = f"{file.name} holds {data.NumberOfFrames} frames; allowed: a file a slice"
            raise UnreadableError(folder, f"{seen}, or NIfTI, which dcm2niix makes of it")
        if int(data.get("SamplesPerPixel") or 1) > 1:
            raise UnreadableError(folder, f"{file.name} is in color; allowed: one number a voxel")
        _check_gray(folder, file, data)
        for tag, count in (("PixelSpacing", 2), ("ImagePositionPatient", 3), ("ImageOrientationPatient", 6)):
            if _numbers(data, tag, count) is None:
                what = "its spacing is missing: " if tag == "PixelSpacing" else ""
                raise UnreadableError(folder, f"{what}{file.name} has no {tag} ({data.get(tag)!r}); convert it anew")
    sizes = collections.Counter((int(d.Rows), int(d.Columns)) for _, d in slices)
    if len(sizes) > 1:
        listed = ", ".join(f"{count} of {times(size)}" for size, count in sizes.most_common(3))
        raise UnreadableError(folder, f"slices of several sizes, in rows x columns: {listed}; keep those of one")
    for tag, count in (("PixelSpacing", 2), ("ImageOrientationPatient", 6)):
        values = np.array([_numbers(d, tag, count) for _, d in slices])
        apart = np.abs(values - values[0]).max(1)
        other = int(apart.argmax())
        if apart[other] > _TURNED:
            pair = " and ".join(f"{slices[i][0].name} has {values[i].tolist()}" for i in (0, other))
            raise UnreadableError(folder, f"slices of several {tag}: {pair}; is a localizer among them? keep one stack")


def _check_gray(folder, file, data):
    """The numbers are brightnesses, and say which end is bright."""
    kind = str(data.get("PhotometricInterpretation", ""))
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        said = f"PhotometricInterpretation {kind!r}"
        raise UnreadableError(folder, f"{file.name} has {said}; allowed: MONOCHROME1 and MONOCHROME2")
    if _is_dark(data) and str(data.get("RescaleType", "")).upper() == "HU":
        seen = "says that high numbers are dark, and that they are Hounsfield units"
        raise UnreadableError(folder, f"{file.name} {seen}; mend PhotometricInterpretation or RescaleType")


def _is_dark(data):
    """Whether high numbers are dark. MONOCHROME1 and INVERSE say the same, and of both it is still said once."""
    return data.get("PhotometricInterpretation") == "MONOCHROME1" or data.get("PresentationLUTShape") == "INVERSE"


def _numbers(data, tag, count):
    """float64 [count], or None where they are missing or no finite numbers; a spacing is more than 0."""
    value = data.get(tag)
    try:
        numbers = np.array([float(v) for v in value], np.float64)
    except (TypeError, ValueError):
        return None
    if (
        numbers.shape != (count,)
        or not np.isfinite(numbers).all()
        or (tag == "PixelSpacing" and not (numbers > 0).all())
    ):
        return None
    return numbers


def _placed(folder, slices):
    """(slices in order, float64 [4, 4] from (column, row, slice) to millimeters in RAS)."""
    orientation = _numbers(slices[0][1], "ImageOrientationPatient", 6).reshape(2, 3)
    if np.abs(orientation @ orientation.T - np.eye(2)).max() > 10 * _TURNED:
        raise UnreadableError(folder, f"ImageOrientationPatient {orientation.ravel().tolist()} is no right angle")
    spacing = _numbers(slices[0][1], "PixelSpacing", 2)  # between rows, between columns
    normal = np.cross(*orientation)
    positions = np.array([_numbers(d, "ImagePositionPatient", 3) for _, d in slices])
    order = np.argsort(positions @ normal, kind="stable")
    slices, positions = [slices[i] for i in order], positions[order]
    step = _step(folder, [f.name for f, _ in slices], positions, normal) if len(slices) > 1 else None
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = orientation[0] * spacing[1], orientation[1] * spacing[0]
    affine[:3, 2] = normal * _thickness(folder, *slices[0]) if step is None else step
    affine[:3, 3] = positions[0]
    return slices, _TO_RAS @ affine


def _thickness(folder, file, data):
    """Millimeters of a single slice."""
    for tag in ("SliceThickness", "SpacingBetweenSlices"):
        try:
            value = float(data.get(tag))
        except (TypeError, ValueError):
            continue
        if math.isfinite(value) and value > 0:
            return value
    raise UnreadableError(folder, f"its spacing is missing: a single slice, {file.name}, without SliceThickness")


def _step(folder, names, positions, normal):
    """float64 [3]: from a slice to the next; positions: sorted along the normal."""
    along = positions @ normal
    steps = np.diff(along)
    usual = float(np.median(steps))
    same = np.flatnonzero(steps < _SAME_MM)
    if same.size:
        seen = f"two slices at one position, {names[same[0]]} and {names[same[0] + 1]}"
        raise UnreadableError(folder, f"{seen}; is a copy, an echo or a phase among them? keep one at each position")
    wide = int(steps.argmax())
    if steps[wide] > _GAP * usual:
        where = f"between {names[wide]} and {names[wide + 1]}"
        seen = f"slices are missing: a gap of {steps[wide]:.4g} mm {where}, where others lie {usual:.4g} mm apart"
        raise UnreadableError(folder, f"{seen}; export the whole series again")
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    off = np.linalg.norm(positions - positions[0] - np.arange(len(positions))[:, None] * step, axis=1)
    if off.max() > max(_ROUNDED_MM, _UNEVEN * np.linalg.norm(step)):
        seen = f"uneven steps, from {steps.min():.4g} to {steps.max():.4g} mm: {names[off.argmax()]} lies"
        raise UnreadableError(folder, f"{seen} {off.max():.2g} mm off the line of the others; resample the series")
    return step


def _rescaled(folder, file, data):
    """float32 [rows, columns]."""
    try:
        pixels = data.pixel_array
        if pixels.shape != (data.Rows, data.Columns):
            raise ValueError(f"pixels of {times(pixels.shape)}")
        return _in_units(folder, file, data, pixels)
    except (MemoryError, UnreadableError):
        raise
    except Exception as error:  # pydicom raises AttributeError, ValueError, RuntimeError, struct.error ...
        if "missing dependencies" in str(error):
            kind = data.file_meta.TransferSyntaxUID.name
            raise UnreadableError(folder, f"{file.name} is compressed ({kind}): pip install pylibjpeg[all]") from None
        raise UnreadableError(folder, f"the pixels of {file.name} cannot be read ({first_line(error)})") from None


def _in_units(folder, file, data, pixels):
    """DICOM PS3.3 C.11.1 (Modality LUT) and C.7.6.3.1.2 (which end is bright), float32."""
    if data.get("ModalityLUTSequence"):
        # wider integers: the table's first number may be none that the stored type can hold
        values = needed("pydicom.pixels").apply_modality_lut(pixels.astype(np.int64), data).astype(np.float32)
        return 2.0 ** int(data.ModalityLUTSequence[0].LUTDescriptor[2]) - 1 - values if _is_dark(data) else values
    given = (data.get(tag) for tag in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = (usual if v in (None, "") else float(v) for v, usual in zip(given, (1, 0), strict=True))
    if not slope or not math.isfinite(slope) or not math.isfinite(intercept):
        raise UnreadableError(folder, f"{file.name} has RescaleSlope {slope:g} and RescaleIntercept {intercept:g}")
    if _is_dark(data):
        whole = 2 ** int(data.BitsStored)
        least = -whole // 2 if int(data.get("PixelRepresentation", 0)) else 0
        pixels = 2 * least + whole - 1 - pixels.astype(np.int64)
    return pixels.astype(np.float32) * np.float32(slope) + np.float32(intercept)
