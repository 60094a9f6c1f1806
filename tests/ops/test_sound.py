"""Rates against SciPy's polyphase filter, and rectangles by counting."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from kerasvision.edge.independent import sounds
from kerasvision.ops import sound
from tests.data.drawn_sounds import burst, tone

RULE = {"rule": "kaiser_sinc", "crossings": sound.CROSSINGS, "beta": sound.BETA}


@pytest.mark.parametrize(
    ("given", "wanted"), [(44_100, 16_000), (22_050, 16_000), (8_000, 16_000), (48_000, 44_100), (16_000, 16_000)]
)
def test_another_rate_is_scipys(given, wanted):
    """float32 coefficients of sums of some 60 samples of up to 1: 1e-5. Its own numpy client knows it too."""
    audio = burst(3, given, 0.06, loud=0.4)
    expected = signal.resample_poly(np.float64(audio), wanted // np.gcd(given, wanted), given // np.gcd(given, wanted))
    held = sound.resampled(tf.constant(audio), tf.constant(given), wanted, 10**6).numpy()
    assert held.shape == expected.shape
    assert np.abs(held - expected).max() < 1e-5
    assert np.abs(sounds.resample(np.float64(audio), given, wanted, RULE, 10**6) - expected).max() < 1e-12


def test_a_tone_stays_the_tone_and_one_beyond_the_rate_goes():
    audio = tone(1000, 44_100, 0.2) + tone(12_000, 44_100, 0.2)
    held = sound.resampled(tf.constant(audio), tf.constant(44_100), 16_000, 10**6).numpy()
    inner = slice(200, -200)
    assert np.abs(held - tone(1000, 16_000, 0.2))[inner].max() < 5e-3


def test_a_sound_is_cut_or_has_silence_behind():
    audio = tf.constant(burst(0, 8000, 0.05))
    for most in (100, 399, 400, 401, 1000):
        held = sound.fitted(audio, tf.constant(8000), 8000, most).numpy()
        assert held.shape == (most,)
        np.testing.assert_array_equal(held[:400], audio[:most])
        assert not held[400:].any()
    cut = sound.fitted(audio, tf.constant(8000), 16_000, 300).numpy()
    whole = sound.resampled(audio, tf.constant(8000), 16_000, 10**6).numpy()
    np.testing.assert_array_equal(cut, whole[:300])


@pytest.mark.parametrize(
    ("given", "wanted"), [(44_100, 16_000), (8_000, 16_000), (16_000, 16_000), (48_000, 1000), (1001, 44_100)]
)
def test_what_lies_beyond_the_filter_s_reach_changes_nothing(given, wanted):
    """The samples that reach an output, and no ten more than the sinc's zeros on one side explain."""
    audio = tf.constant(burst(1, given, 0.3))
    count = sound.reaching(given, wanted, wanted // 10)
    whole = sound.fitted(audio, tf.constant(given), wanted, wanted // 10)
    last = (wanted // 10 - 1) * given / wanted
    assert 0 <= count - last - sound.CROSSINGS * max(1, given / wanted) < 10
    np.testing.assert_array_equal(sound.fitted(audio[:count], tf.constant(given), wanted, wanted // 10), whole)
    less = sound.fitted(audio[: count - 15], tf.constant(given), wanted, wanted // 10)
    assert given == wanted or not np.array_equal(less, whole)


def test_rectangles_cover_the_cells_whose_middles_lie_within():
    rectangles = tf.constant([[[0.0, 0.25, 0.0, 1.0], [0.0, 1.0, 0.5, 0.7]], [[0.0, 0.0, 0.0, 1.0]] * 2])
    held = sound.covered(rectangles, 4, 10).numpy()
    expected = np.zeros((2, 4, 10))
    expected[0, 0], expected[0, :, 5:7] = 1, 1
    np.testing.assert_array_equal(held, expected)
