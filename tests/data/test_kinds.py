"""Inputs by their kind: read from what a user names, with one clear line about what it is not."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.io import wavfile

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import groups, kind_named, kind_of
from kerasvision.tasks.inputs import Input, Kind
from tests.data.drawn_sounds import packed_wav

FOUR = tf.TensorSpec([None, 4], tf.float32)


def read(kind, item, spec=FOUR):
    return kind_named(kind).read(item, {"x": Input(spec, kind)})[0]["x"]


def test_every_kind_that_an_input_may_have_is_registered():
    assert sorted(Kind.__args__) == input_kinds.names()


def test_numbers_are_words_lists_arrays_or_a_file(tmp_path):
    wanted = np.float32([0.5, 1, -2, 3e4])
    np.save(tmp_path / "x.npy", wanted.astype(np.float64))
    for item in ("0.5,1,-2,3e4", "0.5 1 -2 30000", [0.5, 1, -2, 3e4], wanted, str(tmp_path / "x.npy")):
        held = read("numbers", item)
        assert held.dtype == np.float32
        np.testing.assert_array_equal(held, wanted)
    assert read("numbers", 3, tf.TensorSpec([None], tf.int32)) == 3


@pytest.mark.parametrize(
    ("item", "spec", "words"),
    [
        ("1,two", FOUR, "'1,two' is no x: numbers"),
        ("1,2,3", FOUR, r"of shape \[4\] is needed; seen: \[3\]"),
        ([1.5, 2], tf.TensorSpec([None, None], tf.int32), r"in int32 is needed; seen: \[1.5, 2.0\]"),
        (["a"], FOUR, "is needed; seen: <U1"),
        ("missing.npy", FOUR, "missing.npy cannot be read as a .npy file"),
    ],
)
def test_what_are_no_such_numbers_is_one_line(item, spec, words):
    with pytest.raises(KerasVisionError, match=words):
        read("numbers", item, spec)


def test_ids_of_tokens_are_of_any_length():
    spec = tf.TensorSpec([None, None], tf.int32)
    np.testing.assert_array_equal(read("tokens", "17,4,99", spec), np.int32([17, 4, 99]))
    assert kind_named("tokens").statistics(np.int32([1, 2, 3])) == {"length": 3.0}


def test_a_state_begins_with_zeros():
    held = read("state", None, tf.TensorSpec([None, 2, None], tf.float32))
    assert held.shape == (2, 1) and held.dtype == np.float32 and not held.any()
    np.testing.assert_array_equal(read("state", [1, 2, 3, 4]), [1, 2, 3, 4])


def test_a_text_is_itself_or_a_file(tmp_path):
    spec = tf.TensorSpec([None], tf.string)
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfna\xc3\xafve\n")
    (tmp_path / "b.txt").write_bytes(b"na\xefve")
    assert read("text", "a word", spec).item() == b"a word"
    assert read("text", str(tmp_path / "a.txt"), spec).item() == "naïve\n".encode()
    assert kind_named("text").statistics(np.array("naïve".encode(), object)) == {"length": 5.0}
    with pytest.raises(KerasVisionError, match=r"b\.txt is no UTF-8; save it as UTF-8"):
        read("text", tmp_path / "b.txt", spec)
    with pytest.raises(KerasVisionError, match=r"c\.txt cannot be read: No such file"):
        read("text", tmp_path / "c.txt", spec)
    with pytest.raises(KerasVisionError, match="x: a text, or the path of a .txt file in UTF-8 is needed; seen: int"):
        read("text", 3, spec)


@pytest.mark.parametrize(("dtype", "zero", "full"), [("uint8", 128, 128), ("int16", 0, 2**15), ("int32", 0, 2**31)])
def test_a_sound_is_the_mean_of_its_channels(tmp_path, dtype, zero, full):
    """Written by SciPy: a tone in one channel, half a tone in the other."""
    tone = np.sin(np.arange(400) * 2 * np.pi * 440 / 8000)
    both = np.stack([0.8 * tone, 0.4 * tone], 1)
    wavfile.write(tmp_path / "a.wav", 8000, (zero + np.round(both * (full - 1))).astype(dtype))
    rate = Input(tf.TensorSpec([None], tf.int32), "numbers", read_with="x")
    held, _ = kind_named("audio").read(tmp_path / "a.wav", {"x": Input(FOUR, "audio"), "rate": rate})
    assert held["rate"] == 8000 and held["x"].dtype == np.float32
    np.testing.assert_allclose(held["x"], 0.6 * tone, atol=2 / full + 1e-6)


def test_what_is_no_sound_is_one_line(tmp_path):
    content = packed_wav(np.zeros((9, 1)), 8000, 1, 16)
    (tmp_path / "a.wav").write_bytes(content[:20] + b"\7\0" + content[22:])
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    for name, words in (
        ("a", "has samples of mu-law; allowed: PCM of 8, 16, 24, 32 bits"),
        ("b", "is no .wav file"),
        ("c", "cannot"),
    ):
        with pytest.raises(KerasVisionError, match=words):
            read("audio", tmp_path / f"{name}.wav")


def test_pictures_are_encoded_and_decoded_with_their_missing_pixels():
    rng = np.random.default_rng(0)
    pixels, present = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8), rng.integers(0, 2, (9, 7), dtype=np.uint8)
    spec = tf.TensorSpec([None, None, None], tf.uint8)
    whole = {"photo": Input(spec, "image")}
    holey = whole | {"there": Input(spec, "present", read_with="photo")}
    kind = kind_of(whole["photo"])
    encoded = kind.encode({"photo": pixels})
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encoded))), pixels)  # Pillow reads the same
    np.testing.assert_array_equal(kind.decode(tf.constant(encoded), whole)["photo"], pixels)
    held = kind.decode(tf.constant(kind.encode({"photo": pixels, "there": present})), holey)
    np.testing.assert_array_equal(held["there"], present)
    np.testing.assert_array_equal(held["photo"], pixels * present[..., None])
    assert list(groups(holey)) == ["photo"] and list(groups(holey)["photo"]) == ["photo", "there"]
    with pytest.raises(KerasVisionError, match="there is read with its picture; give the picture alone"):
        kind_of(holey["there"]).read("a.png", {"there": holey["there"]})
