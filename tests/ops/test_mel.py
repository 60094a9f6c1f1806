"""Pictures of sound against closed forms, SciPy's transform, and numbers that librosa gave."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from kerasvision.ops import mel
from tests.data.drawn_sounds import burst, sweep, tone

RATE = 16_000


def by_scipy(audio, weights, frame, hop):
    """Decibels [frames, bands] in float64, by SciPy's short-time Fourier transform: those of its frames that lie wholly
    within the sound.
    """
    transform = signal.ShortTimeFFT(signal.get_window("hann", frame), 1, RATE, mfft=frame, scale_to=None)
    count = 1 + (len(audio) - frame) // hop
    every = transform.stft(np.float64(audio), p0=frame // 2, p1=frame // 2 + (count - 1) * hop + 1)  # by their middles
    return 10 * np.log10(np.maximum(1e-10, np.abs(every[:, ::hop].T) ** 2 @ weights))


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_are_those_of_the_papers_and_go_back(scale):
    hz = np.array([0.0, 200.0 / 3.0, 700.0, 1000.0, 6400.0, 8000.0])
    mels = mel.to_mels(hz, scale)
    np.testing.assert_allclose(mel.to_hz(mels, scale), hz, atol=1e-9)
    if scale == "slaney":  # 15 mels to 1000 Hz, and 27 more for 6.4 times as much
        np.testing.assert_allclose(mels[[0, 1, 3, 4]], [0, 1, 15, 42], atol=1e-12)
    else:
        np.testing.assert_allclose(mels[2], 2595 * math.log10(2), atol=1e-9)
        np.testing.assert_allclose(mels[3], 1000, atol=0.1)  # by its intention 1000 mels


@pytest.mark.parametrize(("scale", "is_area"), [("slaney", True), ("htk", False)])
def test_filters_are_triangles(scale, is_area):
    """Triangle by triangle, frequency by frequency."""
    frame, bands, low, high = 512, 20, 100.0, 7000.0
    held = mel.filters(RATE, frame, bands, low, high, scale)
    pitches = mel.to_mels([low, high], scale)
    points = [
        float(mel.to_hz(pitches[0] + (pitches[1] - pitches[0]) * n / (bands + 1), scale)) for n in range(bands + 2)
    ]
    for band in range(bands):
        a, b, c = points[band : band + 3]
        for k in range(frame // 2 + 1):
            f = k * RATE / frame
            height = (f - a) / (b - a) if a <= f <= b else (c - f) / (c - b) if b < f <= c else 0.0
            assert abs(held[k, band] - height * (2 / (c - a) if is_area else 1)) < 1e-12
    if is_area:  # an area of 1 in Hz, as far as steps of 31 Hz can tell
        np.testing.assert_allclose(held[:, 10:].sum(0) * RATE / frame, 1, atol=0.02)
    assert not mel.filters(RATE, 64, 60, 0.0, 8000.0, scale).any(0).all()  # narrower than the steps


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize(("frame", "hop"), [(512, 160), (400, 400)])
def test_decibels_are_those_of_a_fourier_transform(scale, frame, hop):
    """Of a sweep with noise 60 dB below, whose bands are far above float32's rounding: 1e-4 of the range of 100 dB that
    a picture has; and a tenth of that where a sound is noise.
    """
    weights = mel.filters(RATE, frame, 40, 0.0, 8000.0, scale)
    noisy = sweep(100, 7800, RATE, 0.3) + burst(1, RATE, 0.3, loud=5e-4)
    for audio, most in ((noisy, 1e-2), (burst(0, RATE, 0.3), 1e-3)):
        held = mel.decibels(tf.constant(audio[None]), weights, frame, hop)[0].numpy()
        expected = by_scipy(audio, weights, frame, hop)
        assert held.shape == expected.shape == (mel.frames_of(len(audio), frame, hop), 40)
        assert np.abs(held - expected).max() < most


def test_a_tone_has_the_power_of_its_window():
    """A sine of amplitude 1 at the middle of a transform's frequency: |X|^2 = (frame / 4)^2 there, by htk's triangles
    of height 1 split among two bands whose shares add up to 1.
    """
    audio = tone(64 * RATE / 512, RATE, 512 / RATE, loud=1.0)
    weights = mel.filters(RATE, 512, 40, 0.0, 8000.0, "htk")
    held = 10 ** (mel.decibels(tf.constant(audio[None]), weights, 512, 160)[0, 0].numpy() / 10)
    spread = (128**2 * weights[64] + 64**2 * (weights[63] + weights[65])).sum()  # Hann's side values are half as high
    assert abs(held.sum() - spread) < 1e-3 * spread


def test_silence_is_the_least_power():
    weights = mel.filters(RATE, 512, 40, 0.0, 8000.0, "slaney")
    held = mel.decibels(tf.zeros([2, 1000]), weights, 512, 160).numpy()
    assert held.shape == (2, 4, 40)
    np.testing.assert_allclose(held, -100, atol=1e-4)
    assert mel.frames_of(511, 512, 160) == 0 and mel.frames_of(512, 512, 160) == 1
    assert mel.frames_of(671, 512, 160) == 1 and mel.frames_of(672, 512, 160) == 2


# of `burst(0, 16000, 0.3)` by librosa 0.11.0, whose Numba wants an older NumPy than is here: frames 0, 13 and 26,
# bands 0, 9, 19, 29 and 39 of power_to_db(melspectrogram(y=y, sr=16000, n_fft=512, hop_length=160, n_mels=40,
# center=False, htk=scale == "htk", norm="slaney" or None), ref=1.0, top_db=None)
BY_LIBROSA = {
    "slaney": [
        [-8.186832, -7.452236, -6.599244, -5.3270555, -6.148864],
        [-15.825554, -4.133744, -4.161149, -10.049863, -8.409435],
        [-6.4909296, -5.8238087, -2.2825818, -5.2026157, -4.8973227],
    ],
    "htk": [
        [10.655423, 15.834364, 15.453211, 17.423546, 21.249666],
        [1.6518202, 9.898073, 17.418344, 19.05979, 18.342735],
        [9.113265, 13.250394, 18.614662, 18.340128, 22.28873],
    ],
}


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_decibels_are_librosas(scale):
    weights = mel.filters(RATE, 512, 40, 0.0, 8000.0, scale)
    held = mel.decibels(tf.constant(burst(0, RATE, 0.3)[None]), weights, 512, 160)[0].numpy()
    np.testing.assert_allclose(held[[0, 13, 26]][:, [0, 9, 19, 29, 39]], BY_LIBROSA[scale], atol=1e-4)
