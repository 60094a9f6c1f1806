"""Video in and out, by PyAV (extra `video`): frames one at a time, with the times they are shown at."""

import contextlib
import dataclasses
import fractions
import pathlib
import sys

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.kinds.image import SUFFIXES, read_image

_CLOCK = fractions.Fraction(1, 90000)  # in which times are written, seconds
_DEFAULT_RATE = 30.0


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """number: of the frame in the whole video, from 0. time: seconds from its first frame. pixels: uint8 [H, W, 3]."""

    number: int
    time: float
    pixels: np.ndarray


class Video:
    """Final. An opened video, as `opened` gives it. rate: frames a second, on average. expected: how many frames it
    says that it has, 0 where it does not say. damaged: how many have been left out so far, since they could not be
    decoded. retimed: how many had a time that did not go on, and got the one of the usual rate. missing_s: seconds that
    the file says it lasts longer than to its last frame, once that has been read; 0.0 where it says nothing.
    """

    def __init__(self, name, decoded, rate, expected, lasts_s=None):
        self.name, self.rate, self.expected = name, float(rate), expected
        self.damaged, self.retimed, self.missing_s = 0, 0, 0.0
        self._lasts_s = lasts_s
        self._decoded = decoded

    def read(self, every=1, start=0.0, end=None, first=0):
        """Yields `Frame`s, once. every: the first of so many. start, end: seconds, the frames from start on and before
        end. first: number of the first frame to yield; what is not yielded is decoded and no more. Raises
        KerasVisionError, one line, where no frame can be read, or one is of another size than the first.
        """
        if every < 1 or (end is not None and end <= start):
            raise UsageError(f"every {every}, from {start:g} s to {end} s; allowed: 1 or more, an end after the start")
        size, count, zero, last = None, 0, None, None
        for seconds, shape, pixels in self._decoded(self):
            zero = seconds if zero is None and seconds is not None else zero
            time = last if seconds is None else seconds - zero
            if last is not None and (seconds is None or time <= last):
                self.retimed += 1
                time = last + 1 / self.rate
            last, number, count = time or 0.0, count, count + 1
            if end is not None and last >= end:
                break
            if size not in (None, shape):
                raise KerasVisionError(
                    f"frame {number} of {self.name} is {shape[1]} x {shape[0]}, those before it {size[1]} x {size[0]}; "
                    "frames of one video have one size"
                )
            size = shape
            if number % every == 0 and number >= first and last >= start:
                yield Frame(number, last, pixels())
        else:
            if (
                count and self._lasts_s and self._lasts_s - last > max(0.5, 3 / self.rate)
            ):  # a frame is shown for a while
                self.missing_s = self._lasts_s - last
        if not count:
            raise KerasVisionError(f"{self.name} has no frame that can be read ({self.damaged} are damaged)")

    def in_words(self):
        """What is wrong with what has been read, "; ..." to be put behind a count of frames; "" where all is well."""
        said = ""
        if self.damaged or self.retimed:
            said += f"; {self.damaged} damaged frames left out, {self.retimed} with a time that did not go on"
        if self.missing_s:
            said += f"; the file says that it lasts {self.missing_s:.1f} s longer: it may have been cut off"
        return said


@contextlib.contextmanager
def opened(what, rate=None):
    """A `Video` of a file, of "-" (a stream on stdin) or of a folder of pictures, which are sorted by name.

    rate: frames a second of a folder (default: 30); a file has its own times. Raises UsageError or KerasVisionError,
    one line, where there is none, or no video stream in it.
    """
    path = pathlib.Path(what)
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(f"rate {rate:g}; allowed: frames a second, above 0")
    if what != "-" and not path.exists():
        raise UsageError(f"no video at {what}; name a file, a folder of pictures or -")
    if path.is_dir():
        yield _folder(path, rate or _DEFAULT_RATE)
        return
    av = required()
    try:
        container = av.open(sys.stdin.buffer if what == "-" else str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise KerasVisionError(f"{what} is no video that can be read: {error.strerror or error}") from None
    with container:
        if not container.streams.video:
            raise KerasVisionError(f"{what} has no video stream; it holds {_named(container)}")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate or _DEFAULT_RATE
        yield Video(str(what), _decoder(av, container, stream), rate, stream.frames, _lasts(container, stream))


def blank(numbers, rate=None):
    """A `Video` without pixels, with frames up to the largest of some numbers. rate: frames a second (default: 30)."""
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(f"rate {rate:g}; allowed: frames a second, above 0")
    rate, count = rate or _DEFAULT_RATE, max(numbers, default=-1) + 1

    def decoded(video):
        for number in range(count):
            yield number / rate, (0, 0), lambda: np.zeros((0, 0, 3), np.uint8)

    return Video("the boxes", decoded, rate, count)


def required():
    """The module `av`. Raises KerasVisionError where it is not installed."""
    try:
        import av
    except ImportError:
        raise KerasVisionError('video needs PyAV: pip install "kerasvision[video]"') from None
    return av


def _lasts(container, stream):
    """Seconds that a file says its video lasts, or None: that of other streams may be longer."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if not container.duration or len(container.streams) > 1:
        return None
    counts_from_zero = "matroska" in container.format.name  # others count from their first frame
    return (container.duration - (max(container.start_time or 0, 0) if counts_from_zero else 0)) / 1e6


def _named(container):
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _folder(path, rate):
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)

    def decoded(video):
        for number, file in enumerate(files):
            try:
                pixels = read_image(file)
            except KerasVisionError:
                video.damaged += 1
                continue
            yield number / rate, pixels.shape[:2], lambda pixels=pixels: pixels

    return Video(str(path), decoded, rate, len(files))


def _decoder(av, container, stream):
    """What yields (seconds or None, (height, width), what gives the pixels) of a `Video`, whose damaged frames it
    counts.
    """

    def decoded(video):
        packets = container.demux(stream)
        while True:
            try:
                frames = next(packets).decode()
            except (StopIteration, av.error.EOFError):
                return
            except av.error.FFmpegError:
                video.damaged += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    video.damaged += 1
                    continue
                turns = round(frame.rotation / 90) % 4
                shape = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
                yield frame.time, shape, lambda frame=frame, turns=turns: _upright(frame, turns)

    return decoded


def _upright(frame, turns):
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


class VideoWriter:
    """Final. Writes an H.264 file that can be played wherever writing ends, also by an exception; for `with`.

    path: a file of .mp4, .mkv or .mov. rate: frames a second, as the file says; times are those of the frames.
    """

    def __init__(self, path, rate):
        self._path, self._rate = pathlib.Path(path), rate
        if self._path.suffix.lower() not in (".mp4", ".mkv", ".mov"):
            raise UsageError(f"{path}: a video is written as .mp4, .mkv or .mov")
        self._container = self._stream = None

    def __enter__(self):
        return self

    def add(self, pixels, time):
        """pixels: uint8 [H, W, 3], all of one size. time: seconds, later than the one before."""
        av = required()
        if self._container is None:
            self._begin(av, pixels)
        odd = pixels.shape[0] % 2, pixels.shape[1] % 2  # half as many colors as pixels: sides have to be even
        frame = av.VideoFrame.from_ndarray(np.pad(pixels, ((0, odd[0]), (0, odd[1]), (0, 0)), "edge"), format="rgb24")
        frame.pts, frame.time_base = round(time / _CLOCK), _CLOCK
        self._container.mux(self._stream.encode(frame))

    def _begin(self, av, pixels):
        rate = fractions.Fraction(self._rate).limit_denominator(1001)
        try:
            container = av.open(str(self._path), "w")
            stream = container.add_stream("libx264", rate=rate)
            stream.height, stream.width = (side + side % 2 for side in pixels.shape[:2])
            stream.pix_fmt, stream.codec_context.time_base = "yuv420p", _CLOCK
            container.start_encoding()
        except (av.error.FFmpegError, OSError) as error:
            raise KerasVisionError(f"cannot write {self._path}: {error.strerror or error}") from None
        self._container, self._stream = container, stream

    def __exit__(self, *_):
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
