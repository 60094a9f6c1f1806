"""WAV files of every kind that is read, against SciPy and against the numbers that were written; and those refused."""

import struct
import tracemalloc

import numpy as np
import pytest
from scipy.io import wavfile

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sounds import look, read_sound
from kerasvision.edge import waves
from tests.data.drawn_sounds import burst, packed_wav

PCM, FLOAT = 1, 3
BOTH = np.stack([burst(0, 8000, 0.05), burst(1, 8000, 0.05)], 1)  # two channels


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("tag", "bits"), [(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)])
def test_every_kind_is_read_as_scipy_reads_it(tag, bits, extensible, tmp_path):
    """Integers are exact in float64, and the mean of two channels is rounded to float32 once: 2^-25."""
    path = tmp_path / "a.wav"
    path.write_bytes(packed_wav(BOTH, 8000, tag, bits, extensible))
    rate, held = wavfile.read(path)
    held = held.astype(np.float64)
    full = {(PCM, 8): 128.0, (PCM, 16): 2.0**15, (PCM, 24): 2.0**31, (PCM, 32): 2.0**31}.get((tag, bits), 1.0)
    expected = ((held - 128 * (bits == 8)) / full).mean(1)
    samples, seen = read_sound(path)
    assert seen == rate == 8000 and look(path) == (400, 8000) and samples.dtype == np.float32
    assert np.abs(samples - expected).max() <= 2.0**-24
    assert np.abs(samples - BOTH.mean(1)).max() <= 2.0 ** (1 - min(bits, 24))  # a step of what was written


def test_ends_of_24_bits_are_known_numbers(tmp_path):
    """-1, 1 - 2^-23, the smallest step either way and 0, as bytes by hand."""
    held = bytes.fromhex("000080 ffff7f ffffff 010000 000000".replace(" ", ""))
    path = tmp_path / "a.wav"
    path.write_bytes(_file(struct.pack("<HHIIHH", 1, 1, 8000, 24000, 3, 24), held))
    step = 2.0**-23
    assert read_sound(path)[0].tolist() == [-1.0, float(np.float32(1 - step)), -step, step, 0.0]


def test_soundfile_reads_the_same(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    for kind in ("PCM_24", "FLOAT", "DOUBLE"):
        soundfile.write(tmp_path / "a.wav", BOTH, 22_050, kind)
        expected, _ = soundfile.read(tmp_path / "a.wav", dtype="float64")
        samples, rate = read_sound(tmp_path / "a.wav")
        assert rate == 22_050 and np.abs(samples - expected.mean(1)).max() <= 2.0**-24


def test_a_long_sound_is_read_by_blocks_and_other_chunks_are_passed(tmp_path, monkeypatch):
    path, whole = tmp_path / "a.wav", packed_wav(BOTH, 8000, PCM, 24)
    path.write_bytes(whole)
    expected, _ = read_sound(path)
    monkeypatch.setattr(waves, "BLOCK", 7)
    np.testing.assert_array_equal(read_sound(path)[0], expected)
    odd = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    path.write_bytes(
        whole[:4] + struct.pack("<I", len(whole) + len(odd) - 8) + whole[8:36] + odd + whole[36:] + b"more"
    )
    np.testing.assert_array_equal(read_sound(path)[0], expected)


def test_the_loudest_is_found_without_a_copy_of_a_long_sound(tmp_path):
    """4 million samples are 16 MB; what is beside them while they are read is one block."""
    assert waves.loudest_of(np.float32([0.25, -0.5])) == 0.5 == waves.loudest_of(np.float32([0.5, -0.25]))
    assert waves.loudest_of(np.float32([-0.5, -0.25])) == 0.5 and waves.loudest_of(np.float32([0])) == 0
    assert all(np.isnan(waves.loudest_of(np.float32(held))) for held in ([np.nan, 1], [1, np.nan], [-1, np.nan]))
    path, count = tmp_path / "a.wav", 2**22
    path.write_bytes(packed_wav(np.zeros((count, 1)), 8000, PCM, 16))
    tracemalloc.start()
    samples, _ = read_sound(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(samples) == count and most < 4 * count + 40 * waves.BLOCK


def _file(form, held):
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(held)) + held
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _form(tag=1, channels=1, rate=8000, bits=16, frame=None):
    frame = channels * bits // 8 if frame is None else frame
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_file(_form(tag=7, bits=8), bytes(8)), "has samples of mu-law; allowed: PCM of 8, 16, 24, 32 bits, floats"),
        (_file(_form(bits=40), bytes(40)), "has samples of 40 bits"),
        (_file(_form(tag=3, bits=16), bytes(40)), "has samples of floats of 16 bits"),
        (_file(_form(channels=0), bytes(8)), "has 0 channels"),
        (_file(_form(channels=2, frame=2), bytes(8)), "has 2 channels, a rate of 8000 and 2 bytes a moment"),
        (_file(_form(rate=0), bytes(8)), "a rate of 0 "),
        (_file(_form(rate=999), bytes(8)), "is of 999 Hz; the rate of a sound is 1000 to 384000"),
        (_file(_form(), b""), "holds no samples (0 s)"),
        (_file(_form(), bytes(8))[:-1], "is cut off: 7 of 8 bytes of sound are there"),
        (_file(_form(), bytes(8))[:30], "its head is cut off"),
        (_file(_form(tag=3, bits=32), np.float32([0, np.nan]).tobytes()), "has a sample of nan; samples of a sound"),
        (_file(_form(tag=3, bits=32), np.float32([0, 9]).tobytes()), "has a sample of 9; samples of a sound"),
    ],
)
def test_what_cannot_be_read_is_one_line(content, words, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(KerasVisionError) as raised:
        read_sound(tmp_path / "a.wav")
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_bounds_are_kept_on_both_sides(tmp_path):
    path = tmp_path / "a.wav"
    for rate in (1000, 384_000):
        path.write_bytes(_file(_form(rate=rate), bytes(8)))
        assert read_sound(path)[1] == rate
    path.write_bytes(_file(_form(rate=384_001), bytes(8)))
    with pytest.raises(KerasVisionError, match="is of 384001 Hz"):
        look(path)
    path.write_bytes(_file(_form(tag=3, bits=32), np.float32([-8, 8]).tobytes()))
    assert read_sound(path)[0].tolist() == [-8.0, 8.0]
