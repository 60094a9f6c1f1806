"""What says which end of DICOM's numbers is bright, and what they are: photometric interpretation, tables, slopes."""

import numpy as np
import pydicom
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.volumes import read_grid, read_volume
from tests.data.test_dicom import write_series


def stored_numbers(folder):
    """int64 [slices, rows, columns] as the files hold them, in the order of the volume's first axis."""
    held = [pydicom.dcmread(f) for f in sorted(folder.iterdir())]
    return np.stack([d.pixel_array.astype(np.int64) for d in sorted(held, key=lambda d: d.ImagePositionPatient[2])])


DARK = {"PhotometricInterpretation": "MONOCHROME1"}
INVERSE = {"PresentationLUTShape": "INVERSE"}


@pytest.mark.parametrize("said", [DARK, INVERSE, DARK | INVERSE], ids=["monochrome1", "inverse", "both"])
@pytest.mark.parametrize(("bits", "signed"), [(16, 1), (16, 0), (12, 0)])
def test_dark_numbers_are_turned_over_within_their_bits(tmp_path, said, bits, signed):
    """The least number that BitsStored can hold becomes the greatest, and so on; then slope and intercept."""
    fields = {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": signed}
    fields |= {"RescaleSlope": 2, "RescaleIntercept": -10}
    volume = read_volume(write_series(tmp_path / "dark", **fields, **said))
    bright = read_volume(write_series(tmp_path / "bright", **fields))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    stored = (bright.array - -10) / 2
    np.testing.assert_array_equal(volume.array, (low + high - stored) * 2 - 10)
    assert volume.grid.inverted and not bright.grid.inverted and read_grid(tmp_path / "dark").inverted


def table(first, values, bits=16):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values), first, bits])
    item.ModalityLUTType = "US"
    item.add_new("LUTData", "US", [int(v) for v in values])
    return pydicom.Sequence([item])


@pytest.mark.parametrize("said", [{}, DARK], ids=["bright", "dark"])
def test_a_modality_table_is_looked_up(tmp_path, said):
    """pydicom's own function is the reference, and beside it the table itself."""
    values = np.arange(2048) ** 2 % 60000
    fields = {"ModalityLUTSequence": table(100, values), "RescaleSlope": None, "RescaleIntercept": None}
    folder = write_series(tmp_path / "series", **fields, **said)
    found = read_volume(folder).array[..., 0]
    stored = stored_numbers(folder)
    wanted = values[np.clip(stored - 100, 0, 2047)]
    data = pydicom.dcmread(next(iter(folder.iterdir())))
    theirs = pydicom.pixels.apply_modality_lut(data.pixel_array.astype(np.int64), data)
    np.testing.assert_array_equal(theirs, values[np.clip(data.pixel_array.astype(np.int64) - 100, 0, 2047)])
    wanted = 65535 - wanted if said else wanted
    # axial rows run towards Posterior and columns towards Left, a volume's towards Anterior and Right
    np.testing.assert_array_equal(found[:, ::-1, ::-1], wanted)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"PhotometricInterpretation": "PALETTE COLOR"},
            "has PhotometricInterpretation 'PALETTE COLOR'; allowed: MONO",
        ),
        (DARK | {"RescaleType": "HU"}, "says that high numbers are dark, and that they are Hounsfield units"),
        ({"RescaleSlope": 0}, "has RescaleSlope 0 and RescaleIntercept -1024"),
    ],
)
def test_numbers_whose_meaning_is_in_doubt_are_refused(tmp_path, fields, line):
    with pytest.raises(KerasVisionError, match=line):
        read_volume(write_series(tmp_path / "series", **fields))
