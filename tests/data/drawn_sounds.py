"""Sounds that tests draw, and files of them."""

import wave

import numpy as np


def tone(hz, rate, seconds, loud=0.5):
    """float32 [N]."""
    return np.float32(loud * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate))


def sweep(from_hz, to_hz, rate, seconds, loud=0.5):
    """float32 [N]: a sine whose frequency rises or falls evenly."""
    hz = np.linspace(from_hz, to_hz, int(rate * seconds))
    return np.float32(loud * np.sin(2 * np.pi * np.cumsum(hz) / rate))


def burst(number, rate, seconds, loud=0.2):
    """float32 [N]: noise."""
    return np.float32(np.random.default_rng(number).normal(0, loud, int(rate * seconds)).clip(-1, 1))


def write_wav(path, samples, rate, channels=1):
    """16 bits; each channel has the same samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        held = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
        file.writeframes(np.repeat(held, channels).tobytes())
    return path
