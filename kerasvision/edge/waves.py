"""WAV files of PCM of 8, 16, 24 and 32 bits and of floats of 32 and 64. numpy.

RIFF's chunks after IBM and Microsoft 1991 (Multimedia Programming Interface and Data Specifications 1.0); `fmt ` of
WAVEFORMATEX, and of WAVEFORMATEXTENSIBLE, whose subformat begins with the tag of the plain one.
"""

import contextlib
import dataclasses
import pathlib
import struct

import numpy as np

from kerasvision.edge.errors import EdgeError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
TAGS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 85: "MP3"}  # that recorders write, and are refused
# (tag, bytes of a sample) -> (numpy's dtype, what silence is, what 1.0 is)
FORMS = {
    (PCM, 1): ("u1", 128.0, 128.0),
    (PCM, 2): ("<i2", 0.0, 2.0**15),
    (PCM, 3): ("<i4", 0.0, 2.0**31),  # after `_widened`
    (PCM, 4): ("<i4", 0.0, 2.0**31),
    (FLOAT, 4): ("<f4", 0.0, 1.0),
    (FLOAT, 8): ("<f8", 0.0, 1.0),
}
BLOCK = 2**18  # samples of a channel at a time, so that a long recording is held once


class WaveError(EdgeError):
    """A file that is no WAV which can be read: its path, and the reason, which the path stands before in a sentence."""

    def __init__(self, path, reason):
        super().__init__(f"{path} {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class _Head:
    """form: a key of FORMS. first: the byte at which samples begin. size: bytes of samples, as the file says."""

    form: tuple[int, int]
    channels: int
    rate: int
    first: int
    size: int

    @property
    def frame(self):
        """Bytes of one sample of all channels."""
        return self.form[1] * self.channels

    @property
    def count(self):
        return self.size // self.frame


def look_wave(path):
    """(samples of a channel, samples a second) by a file's head and length. Raises WaveError, one line."""
    with _opened(path) as file:
        head = _head(path, file)
    return head.count, head.rate


def read_wave(path):
    """(float32 [N], the mean of the channels, integers as parts of their largest; samples a second). Raises WaveError,
    one line.
    """
    with _opened(path) as file:
        head = _head(path, file)
        dtype, silence, full = FORMS[head.form]
        file.seek(head.first)
        found = np.empty(head.count, np.float32)
        for begin in range(0, head.count, BLOCK):
            part = found[begin : begin + BLOCK]
            held = np.frombuffer(file.read(len(part) * head.frame), np.uint8)
            if len(held) < len(part) * head.frame:
                raise WaveError(path, "is cut off: it became shorter while it was read")
            numbers = (_widened(held) if head.form == (PCM, 3) else held).view(dtype).astype(np.float64)
            part[:] = ((numbers - silence) / full).reshape(-1, head.channels).mean(1)
    return found, head.rate


def loudest_of(samples):
    """The largest magnitude of float [N], N above 0, without a copy of them; nan where one of them is nan."""
    return max(float(samples.max()), -float(samples.min()))  # both are nan where one is


def _widened(held):
    """Integers of 24 bits as the upper three bytes of 32."""
    wide = np.zeros((len(held) // 3, 4), np.uint8)
    wide[:, 1:] = held.reshape(-1, 3)
    return wide.reshape(-1)


@contextlib.contextmanager
def _opened(path):
    try:
        with pathlib.Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise WaveError(path, f"cannot be read: {error.strerror}") from None


def _head(path, file):
    """The `_Head` of an open file. Raises WaveError unless all of its samples are there."""
    start, length = file.read(12), pathlib.Path(path).stat().st_size
    if len(start) < 12 or start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise WaveError(path, f"is no .wav file: {'it is empty' if not start else 'it has no head of one'}; convert it")
    form, ends = None, struct.unpack("<I", start[4:8])[0] + 8
    while len(chunk := file.read(8)) == 8 and file.tell() <= ends:
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data":
            break
        held = file.tell() + size + size % 2  # chunks begin at even bytes
        if name == b"fmt ":
            form = _form(path, file.read(min(size, 40)))
        file.seek(held)
    else:
        raise WaveError(path, "is no .wav file: no samples within the length that its head says; mend or convert it")
    if form is None:
        raise WaveError(path, "is no .wav file: its samples stand before what they are (no fmt chunk); convert it")
    head = _Head(*form, file.tell(), size)
    if (there := length - head.first) < size:
        raise WaveError(path, f"is cut off: {there} of {size} bytes of sound are there")
    return head


def _form(path, held):
    """(key of FORMS, channels, rate) of a `fmt ` chunk. Raises WaveError of what cannot be read."""
    if len(held) < 16:
        raise WaveError(path, "is no .wav file: its head is cut off; convert it")
    tag, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", held[:16])
    if tag == EXTENSIBLE and len(held) >= 26:
        tag = struct.unpack("<H", held[24:26])[0]
    width = (bits + 7) // 8  # 12 bits stand at the upper end of 16
    if (tag, width) not in FORMS:
        whole = {PCM: f"{bits} bits", FLOAT: f"floats of {bits} bits"}
        what = whole.get(tag) or TAGS.get(tag, f"code {tag}")
        raise WaveError(path, f"has samples of {what}; allowed: PCM of 8, 16, 24, 32 bits, floats of 32, 64; convert")
    if not channels or not rate or frame != width * channels:
        raise WaveError(path, f"has {channels} channels, a rate of {rate} and {frame} bytes a moment; mend its head")
    return (tag, width), channels, rate
