"""Pictures of sounds: where a tone lies by the formula of pitch, and where stretches lie in time."""

import tracemalloc

import numpy as np
import pytest

from kerasvision.data.spectrograms import SHOWN_BANDS, SHOWN_FRAME_S, SHOWN_PX, Heard, spectrogram
from kerasvision.drawing.showing.base import drawn_on
from kerasvision.drawing.showing.classes import ClassesShowing
from tests.data.drawn_sounds import burst, tone


@pytest.mark.parametrize("hz", [250, 1000, 3000])
def test_a_tone_is_a_bright_line_at_its_pitch(hz):
    """The HTK Book, equation 5.13: 64 centers between 0 and 4 kHz, equally far apart; low ones stand at the bottom."""
    pitch = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    band = pitch(hz) / pitch(4000) * (SHOWN_BANDS + 1) - 1
    picture = Heard(tone(hz, 8000, 2.0), 8000).picture()
    assert picture.shape[0] == SHOWN_BANDS and SHOWN_PX <= picture.shape[1] <= SHOWN_PX + 20
    rows = picture[..., 0].argmax(0)
    assert (np.abs(SHOWN_BANDS - 1 - rows - band) <= 0.75).all() and picture.max() == 255


def test_silence_is_black_and_a_sound_begins_where_it_begins():
    audio = np.concatenate([np.zeros(8000, np.float32), burst(0, 8000, 1.0)])
    lit = Heard(audio, 8000).picture()[..., 0].mean(0) > 100
    begins = np.flatnonzero(lit)[0] / len(lit)
    assert not lit[: int(0.45 * len(lit))].any() and lit[int(0.55 * len(lit)) :].all() and abs(begins - 0.5) < 0.03


@pytest.mark.parametrize(("amplitude", "lightest"), [(0.0, 0), (1e-8, 0), (1e-6, 255)])
def test_a_recording_without_any_sound_is_black(amplitude, lightest):
    """A Hann window of 512 sums up to 256: a tone has a power of (128 amplitude)^2, 1.6e-12 or 1.6e-8; least: 1e-10."""
    audio = (amplitude * tone(1000, 8000, 1.0) / np.abs(tone(1000, 8000, 1.0)).max()).astype(np.float32)
    assert Heard(audio, 8000).picture().max() == lightest


@pytest.mark.parametrize("seconds", [30, 300])
def test_of_a_long_sound_nothing_is_left_out(seconds):
    """Clicks of 5 ms, each a white column where it is, from a quarter of a transform on: Hann windows rise slowly."""
    places = np.random.default_rng(0).uniform(0, 1, 20)
    for place in (0.0, *places, 1.0):
        audio = np.zeros(seconds * 1000, np.float32)
        first = 16 + round(place * (len(audio) - 37))
        audio[first : first + 5] = [0.5, -0.5, 0.5, -0.5, 0.5]
        columns = Heard(audio, 1000).picture()[..., 0].max(0)
        assert abs(columns.argmax() / (SHOWN_PX - 1) - place) < 2 / SHOWN_PX and columns.max() == 255
        assert columns.min() == 0  # elsewhere it is silent


def test_a_high_rate_needs_little_memory():
    """A matrix of 24,576 samples by as many waves would be 4.8 GB; filters of 64 bands are 6 MB."""
    tracemalloc.start()
    picture = spectrogram(tone(60_000, 384_000, 0.2), 384_000, 50, SHOWN_BANDS, SHOWN_FRAME_S)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert picture.shape == (SHOWN_BANDS, 50, 3) and most < 2**26


def test_short_sounds_and_those_without_samples():
    assert Heard(tone(500, 8000, 0.01), 8000).picture().shape[0] == SHOWN_BANDS
    assert drawn_on(Heard(np.zeros(0, np.float32), 8000)) is None


def test_a_sound_of_less_than_a_millisecond_is_one_stretch():
    """One window, whose end is rounded to 0 s."""
    window = {"from_s": 0.0, "to_s": 0.0}
    heard = window | {"label": "q", "index": 0, "score": 0.9}
    described = {"top": [{"label": "q", "index": 0, "score": 0.9}], "windows": [window], "heard": [heard]}
    view = ClassesShowing("top").view(np.zeros((10, 500, 3), np.uint8), "a.wav", {}, described, ("q",))
    assert [(m.text, m.box_xyxy.tolist()) for m in view.marks] == [("q", [0, 0, 500, 10])]


def test_stretches_are_marked_where_they_are_heard():
    """Two that overlap from 3 to 4 s of 5 are parted at 3.5 s."""
    rows = [("q", 0.0, 4.0, 0), ("l", 3.0, 5.0, 1)]
    described = {"top": [{"label": "q", "index": 0, "score": 0.6}], "windows": [{"from_s": 3.0, "to_s": 5.0}]}
    described["heard"] = [{"label": n, "from_s": a, "to_s": b, "index": i, "score": 0.9} for n, a, b, i in rows]
    read = np.zeros((10, 500, 3), np.uint8)
    view = ClassesShowing("top").view(read, "a.wav", {}, described, ("q", "l"))
    assert [(m.text, m.box_xyxy.tolist()) for m in view.marks] == [("q", [0, 0, 350, 10]), ("l", [350, 0, 500, 10])]
    assert ClassesShowing("top").view(None, "a.wav", {}, described, ("q", "l")).marks == ()
    del described["heard"]
    assert ClassesShowing("top").view(read, "a.wav", {}, described, ("q", "l")).marks == ()
