"""Sounds that tests draw, and files of them."""

import struct
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


def packed_wav(samples, rate, tag, bits, extensible=False):
    """Bytes of a .wav of float32 [N, channels]: tag 1 of integers of so many bits, tag 3 of floats."""
    held = np.asarray(samples, np.float64)
    if tag == 3:
        content = held.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        content = np.round(held * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(held * (2.0 ** (bits - 1) - 1)).astype("<i8")
        content = np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    channels, frame = held.shape[1], held.shape[1] * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * frame, frame, bits)
    if extensible:  # 22 more bytes: valid bits, speakers, and a GUID that begins with the tag
        form += struct.pack("<HHIH", 22, bits, 3, tag) + bytes.fromhex("000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body
