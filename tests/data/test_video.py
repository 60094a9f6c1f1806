"""Video is read with its times, turned upright, in part and in spite of damage, and written so that it plays."""

import fractions
import struct
import types
import weakref

import av
import numpy as np
import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.video import Video, VideoWriter, opened

TIMES = [n / 30 + 0.5 * (n > 11) for n in range(24)]  # half a second is missing


def picture(number, height=48, width=64):
    """Gray that grows with the number, the upper left quarter white."""
    pixels = np.full((height, width, 3), 5 * number, np.uint8)
    pixels[: height // 2, : width // 2] = 255
    return pixels


def written(path, codec="libx264", pix_fmt="yuv420p", times=TIMES):
    """A video made by PyAV alone."""
    clock = fractions.Fraction(1, 90000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        stream.codec_context.time_base = clock
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(time / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path, rate=None, **how):
    with opened(path, rate) as video:
        return list(video.read(**how)), video


def gray(frame):
    return round(float(frame.pixels[40, 50].mean()) / 5)


def test_frames_have_the_times_they_are_shown_at(tmp_path):
    frames, video = read(written(tmp_path / "a.mp4"))
    assert [f.number for f in frames] == list(range(24)) and video.expected == 24
    np.testing.assert_allclose([f.time for f in frames], TIMES, atol=2e-5)
    assert [gray(f) for f in frames] == list(range(24))
    assert frames[0].pixels.shape == (48, 64, 3) and frames[0].pixels[5, 5].min() > 240
    assert (video.damaged, video.retimed) == (0, 0)


def test_a_part_is_read_by_number_and_by_time(tmp_path):
    path = written(tmp_path / "a.mp4")
    assert [f.number for f in read(path, every=5)[0]] == [0, 5, 10, 15, 20]
    assert [f.number for f in read(path, start=0.1, end=0.3)[0]] == [3, 4, 5, 6, 7, 8]
    assert [f.number for f in read(path, every=5, first=7)[0]] == [10, 15, 20]
    assert [f.number for f in read(path, start=0.95)[0]] == list(range(14, 24))
    for wrong in ({"every": 0}, {"start": 2.0, "end": 2.0}):
        with pytest.raises(UsageError, match="1 or more, an end after the start"):
            read(path, **wrong)


def test_a_video_that_was_filmed_upright_is_turned(tmp_path):
    """Of QuickTime's matrix: x goes down, y goes left, a quarter clockwise, as phones write it."""
    path = written(tmp_path / "a.mp4")
    held = path.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = held.index(plain, held.index(b"tkhd"))
    path.write_bytes(held[:at] + struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30) + held[at + 36 :])
    frame = read(path)[0][3]
    assert frame.pixels.shape == (64, 48, 3)
    assert frame.pixels[5, 40].min() > 240 and frame.pixels[5, 5].max() < 40


def test_damaged_frames_are_counted_and_the_rest_is_read(tmp_path):
    path = written(tmp_path / "a.mkv", "mjpeg", "yuvj420p")
    held = bytearray(path.read_bytes())
    starts = [n for n in range(len(held) - 2) if held[n : n + 3] == b"\xff\xd8\xff"]
    held[starts[5] : starts[6] - 40] = bytes(starts[6] - 40 - starts[5])
    path.write_bytes(held)
    frames, video = read(path)
    assert [gray(f) for f in frames] == [n for n in range(24) if n != 5] and video.damaged == 1
    assert [f.time for f in frames][5] == pytest.approx(TIMES[6], abs=1e-3)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = written(tmp_path / "a.mkv", "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 5 < len(read(path)[0]) < 15
    path = written(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(KerasVisionError, match=r"a\.mp4 is no video that can be read: Invalid data"):
        read(path)


@pytest.mark.parametrize("suffix", [".mkv", ".flv", ".mp4"])
def test_a_file_may_begin_late_and_is_whole_all_the_same(tmp_path, suffix):
    """Matroska's duration counts from 0, those of others from the first frame."""
    path = written(tmp_path / f"a{suffix}", times=[10 + time for time in TIMES])
    frames, video = read(path)
    assert len(frames) == 24 and video.missing_s == 0.0 and video.in_words() == ""


def test_a_file_that_begins_late_may_be_cut_off_too(tmp_path):
    path = written(tmp_path / "a.mkv", "mjpeg", "yuvj420p", [10 + time for time in TIMES])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, video = read(path)
    assert video.missing_s == pytest.approx(TIMES[-1] + 1 / 30 - TIMES[len(frames) - 1], abs=0.06)


def test_what_is_no_video_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"no video at .*none\.mp4; name a file, a folder of pictures or -"):
        read(tmp_path / "none.mp4")
    (tmp_path / "a.txt").write_text("no video")
    with pytest.raises(KerasVisionError, match="is no video that can be read"):
        read(tmp_path / "a.txt")
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(KerasVisionError, match=r"a\.wav has no video stream; it holds audio"):
        read(tmp_path / "a.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KerasVisionError, match=r"empty has no frame that can be read \(0 are damaged\)"):
        read(tmp_path / "empty")


def test_a_folder_of_pictures_is_a_video(tmp_path):
    for number in range(4):
        Image.fromarray(picture(number)).save(tmp_path / f"{number:03}.png")
    (tmp_path / "002.png").write_bytes(b"no picture")
    frames, video = read(tmp_path, rate=10)
    assert [f.time for f in frames] == [0.0, 0.1, 0.3] and video.damaged == 1 and video.expected == 4
    np.testing.assert_array_equal(frames[2].pixels, picture(3))
    Image.fromarray(picture(4, 32, 40)).save(tmp_path / "004.png")
    with pytest.raises(KerasVisionError, match="frame 3 of .* is 40 x 32, those before it 64 x 48"):
        read(tmp_path)


def test_no_frame_is_kept(tmp_path):
    with opened(written(tmp_path / "a.mp4")) as video:
        seen = [weakref.ref(frame) for frame in video.read()]
    assert len(seen) == 24 and not any(held() for held in seen[:-1])


def test_a_stream_on_stdin_is_read(tmp_path, monkeypatch):
    with written(tmp_path / "a.mkv").open("rb") as file:
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=file))
        frames, _ = read("-")
    assert [gray(f) for f in frames] == list(range(24))


def test_times_that_do_not_go_on_are_replaced_and_counted():
    times = [7.0, 7.1, 7.05, None, 7.4]
    video = Video("clock", lambda held: ((t, (1, 1), lambda: picture(0)) for t in times), 10, 5)
    assert [f.time for f in video.read()] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4]) and video.retimed == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_is_written_can_be_played_also_where_writing_breaks_off(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    with pytest.raises(RuntimeError, match="broken off"), VideoWriter(path, 30.0) as writer:
        for number, time in enumerate(TIMES):
            writer.add(picture(number, 47, 63), time)
            if number == 14:
                raise RuntimeError("broken off")
    with av.open(str(path)) as container:
        frames = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert len(frames) == 15 and frames[0][1].shape == (48, 64, 3)
    np.testing.assert_allclose([t for t, _ in frames], TIMES[:15], atol=1e-3)
    assert [round(float(p[40, 50].mean()) / 5) for _, p in frames] == list(range(15))


def test_where_no_video_can_be_written_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"a\.gif: a video is written as \.mp4, \.mkv or \.mov"):
        VideoWriter(tmp_path / "a.gif", 30)
    with (
        pytest.raises(KerasVisionError, match="cannot write .*: No such file"),
        VideoWriter(tmp_path / "x/a.mp4", 30) as writer,
    ):
        writer.add(picture(0), 0.0)
