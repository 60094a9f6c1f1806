"""Folders and tables of sounds: what is read, what is left out, and what is refused in one line."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.inspect.check import check, said_before_training
from kerasvision.data.inspect.sheet import write_sheet
from kerasvision.data.sounds import look
from kerasvision.data.sources._detect import detect
from tests.data.drawn_sounds import burst, tone, write_wav

NEVER = {"validation_fraction": 0.0, "test_fraction": 0.0}


def lay(root, each=3, rate=8000):
    for number in range(each):
        write_wav(root / "tone" / f"{number}.wav", tone(300 + 100 * number, rate, 0.1), rate)
        write_wav(root / "noise" / f"{number}.wav", burst(number, rate, 0.1), rate, channels=2)
    return root


def sounds(path, **fields):
    return create("sources/sounds", path=str(path), **NEVER | fields)


def samples(opened, split="train"):
    held = opened.splits[split]
    return list(held.records.map(held.read).as_numpy_iterator())


def test_a_folder_a_class(tmp_path):
    lay(tmp_path)
    (tmp_path / "tone" / "notes.txt").write_text("none")
    write_wav(tmp_path / "loose.wav", tone(300, 8000, 0.1), 8000)
    assert detect(tmp_path) == create("sources/sounds", path=str(tmp_path))
    opened = sounds(tmp_path).open()
    assert opened.classes == ("noise", "tone") and opened.splits.keys() == {"train"}
    left = ("loose: loose.wav", "not a sound: tone/notes.txt")
    assert opened.dropped == (*left, "lengths: 0.1 to 0.1 s, half at most 0.1 s")
    held = {s["path"].decode(): s for s in samples(opened)}
    one = held[str(tmp_path / "tone" / "0.wav")]
    assert one["rate"] == 8000 and one["label"] == 1 and one["audio"].dtype == np.float32
    np.testing.assert_allclose(one["audio"], tone(300, 8000, 0.1), atol=2 / 32767)
    both = held[str(tmp_path / "noise" / "1.wav")]["audio"]
    np.testing.assert_allclose(both, burst(1, 8000, 0.1), atol=2 / 32767)


def test_folders_of_splits_and_a_class_named_like_one(tmp_path):
    for split in ("train", "val", "test"):
        lay(tmp_path / "apart" / split, rate={"train": 8000, "val": 9000, "test": 10_000}[split])
    opened = sounds(tmp_path / "apart").open()
    assert {n: s.size for n, s in opened.splits.items()} == {"train": 6, "validation": 6, "test": 6}
    assert [line for line in opened.dropped if line.startswith("rates")] == [
        "rates: 6 of 8000 Hz",
        "rates: 6 of 9000 Hz",
        "rates: 6 of 10000 Hz",
    ]
    lay(tmp_path / "toys")
    (tmp_path / "toys" / "tone").rename(tmp_path / "toys" / "train")
    assert sounds(tmp_path / "toys").open().classes == ("noise", "train")
    (tmp_path / "apart" / "more").mkdir()
    with pytest.raises(KerasVisionError, match="more beside them"):
        sounds(tmp_path / "apart").open()


def test_a_table(tmp_path):
    lay(tmp_path, 4)
    rows = [f"{c}/{n}.wav,{c},{('train', 'test')[n % 2]}" for c in ("tone", "noise") for n in range(4)]
    (tmp_path / "list.csv").write_text("\n".join(["file,label,split", *rows]))
    assert detect(tmp_path / "list.csv") == create("sources/sounds", path=str(tmp_path / "list.csv"))
    opened = sounds(tmp_path / "list.csv", classes=("tone", "noise")).open()
    assert {n: s.size for n, s in opened.splits.items()} == {"train": 4, "test": 4}
    assert [s["label"] for s in samples(opened)] == [0, 0, 1, 1]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", "tone/0.wav,tone", "gone.wav,noise"]))
    with pytest.raises(KerasVisionError, match=r"1 of 2 files do not exist: gone\.wav"):
        sounds(tmp_path / "list.csv").open()
    with pytest.raises(KerasVisionError, match="line 3: 'noise' is none of the classes"):
        sounds(tmp_path / "list.csv", classes=("tone", "noises")).open()


def test_a_table_of_several_labels_a_sound(tmp_path):
    lay(tmp_path, 2)
    rows = ["tone/0.wav,tone;noise", "tone/1.wav,tone", "noise/0.wav,", "noise/1.wav,tone | noise|tone"]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(["file,labels", *rows]))
    assert detect(path) == create("sources/sounds", path=str(path))
    opened = sounds(path).open()
    assert opened.classes == ("noise", "tone")
    assert [s["labels"].tolist() for s in samples(opened)] == [[0, 1], [1], [], [0, 1]]
    assert not any("label" in s for s in samples(opened)) and samples(opened)[0]["labels"].dtype == np.int32
    path.write_text("\n".join(["file,labels", "tone/0.wav,tone;hiss", "noise/1.wav,noise"]))
    with pytest.raises(KerasVisionError, match="line 2: 'hiss' is none of the classes"):
        sounds(path, classes=("noise", "tone")).open()
    for header in ("file,label,labels", "file,kind"):
        path.write_text("\n".join([header, "tone/0.wav,tone,tone" if "labels" in header else "tone/0.wav,tone"]))
        with pytest.raises(KerasVisionError, match="the columns file and either label, one class a sound, or labels"):
            sounds(path).open()


def test_sounds_that_are_too_short_are_left_out_on_one_side_of_the_bound(tmp_path):
    lay(tmp_path)
    write_wav(tmp_path / "tone" / "below.wav", tone(300, 8000, 0.1)[:399], 8000)
    write_wav(tmp_path / "tone" / "at.wav", tone(300, 8000, 0.1)[:400], 8000)
    opened = sounds(tmp_path, least_seconds=0.05).open()
    assert opened.dropped == ("brief: tone/below.wav (0.0499 s)", "lengths: 0.05 to 0.1 s, half at most 0.1 s")
    assert opened.splits["train"].size == 7
    told = list(said_before_training(sounds(tmp_path, least_seconds=0.05), opened))
    assert told[0].startswith("left out: 1 sounds shorter than least_seconds")
    assert "how long sounds are: the architecture cuts off what is behind model.seconds" in told
    assert "    0.05 to 0.1 s, half at most 0.1 s" in told
    with pytest.raises(KerasVisionError, match=r"no sound is left: of 8, 0 cannot be read and 8 are shorter than"):
        sounds(tmp_path, least_seconds=1.0).open()


def test_empty_broken_and_cut_files_are_refused_or_left_out(tmp_path):
    lay(tmp_path)
    whole = (tmp_path / "tone" / "0.wav").read_bytes()
    write_wav(tmp_path / "tone" / "a.wav", np.zeros(0), 8000)
    (tmp_path / "tone" / "b.wav").write_bytes(b"")
    (tmp_path / "tone" / "c.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "tone" / "d.wav").write_bytes(b"none of it" * 20)
    words = r"4 of 10 sounds cannot be read: tone/a\.wav \(holds no samples \(0 s\)\), tone/b\.wav \(is no \.wav file"
    with pytest.raises(KerasVisionError, match=words) as raised:
        sounds(tmp_path).open()
    assert "--skip-unreadable" in str(raised.value) and "\n" not in str(raised.value)
    opened = sounds(tmp_path, skip_unreadable=True).open()
    assert opened.splits["train"].size == 6
    assert [line.split(" (")[0] for line in opened.dropped[:-1]] == [f"unreadable: tone/{n}.wav" for n in "abcd"]
    assert "is cut off: 778 of 1600 bytes" in opened.dropped[2]


def test_a_file_whose_length_was_never_written_is_refused(tmp_path):
    """A recorder that lost its power: RIFF says 36 bytes, and a list of 26 stands before the samples."""
    lay(tmp_path)
    whole = (tmp_path / "tone" / "0.wav").read_bytes()
    assert whole[36:40] == b"data"
    held = b"LIST" + (26).to_bytes(4, "little") + b"INFO" + bytes(22)
    broken = whole[:4] + (36).to_bytes(4, "little") + whole[8:36] + held + whole[36:]
    (tmp_path / "tone" / "0.wav").write_bytes(broken)
    with pytest.raises(
        KerasVisionError, match=r"1 of 6 sounds cannot be read: tone/0\.wav \(is no \.wav file: no samples"
    ):
        sounds(tmp_path).open()


def test_a_head_alone_tells_of_a_byte_that_is_missing(tmp_path):
    lay(tmp_path)
    file = tmp_path / "tone" / "0.wav"
    assert look(file) == (800, 8000)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(KerasVisionError, match="is cut off"):
        look(file)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: (root / "empty").mkdir(), "no sounds"),
        (lambda root: write_wav(root / "tone" / "1.wav", tone(300, 8000, 0.1), 8000), "one class only, 'tone'"),
        (lambda root: (lay(root), (root / "silent").mkdir()), "class folders without sounds: silent"),
        (lambda root: lay(root / "val"), "no train"),
    ],
)
def test_what_no_classes_can_be_made_of_is_one_line(make, words, tmp_path):
    make(tmp_path)
    with pytest.raises(KerasVisionError, match=words):
        sounds(tmp_path).open()


def test_copies_stay_in_one_split(tmp_path):
    lay(tmp_path / "train", 4)
    lay(tmp_path / "test", 1)
    opened = sounds(tmp_path).open()
    assert opened.splits["train"].size == 6  # without the copies of the two that judge
    assert sum(line.startswith("copy: ") for line in opened.dropped) == 2


def test_flac_and_ogg_are_read_as_soundfile_wrote_them(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    lay(tmp_path)
    audio = tone(500, 16_000, 0.2)
    soundfile.write(tmp_path / "tone" / "a.flac", np.stack([audio, 0 * audio], 1), 16_000)
    soundfile.write(tmp_path / "tone" / "b.ogg", audio, 16_000)
    (tmp_path / "tone" / "c.mp3").write_bytes(b"none of it" * 200)
    with pytest.raises(KerasVisionError, match=r"tone/c\.mp3 \(is no sound that soundfile reads: .*; convert it\)"):
        sounds(tmp_path).open()
    held = {s["path"].decode()[-6:]: s for s in samples(sounds(tmp_path, skip_unreadable=True).open())}
    np.testing.assert_allclose(held["a.flac"[-6:]]["audio"], audio / 2, atol=2 / 32767)
    assert held["/b.ogg"]["rate"] == 16_000 and np.corrcoef(held["/b.ogg"]["audio"][:3000], audio[:3000])[0, 1] > 0.98


def test_sounds_are_shown_as_pictures_and_not_checked_as_images(tmp_path):
    lay(tmp_path)
    write_sheet(samples(sounds(tmp_path).open())[:2], tmp_path / "sheet.png", classes=("noise", "tone"))
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    with pytest.raises(KerasVisionError, match="Opening these sounds has checked .*: 6 train; classes noise, tone"):
        check(sounds(tmp_path))
