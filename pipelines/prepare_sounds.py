"""Sounds that are drawn, a folder a class: sweeps that rise and fall, tones, chords, clicks and bursts of noise.

Of each a second or less at one of three rates, somewhere within it, with noise 10 to 40 dB below.

Command: python pipelines/prepare_sounds.py --out data/sounds
Takes 1 s; writes 600 WAV files, 20 MB.
"""

import argparse
import pathlib
import wave

import numpy as np

RATES = (16_000, 22_050, 44_100)


def _wave(hz, rate):
    """A sine of a frequency for each sample."""
    return np.sin(2 * np.pi * np.cumsum(hz) / rate)


def _sweep(from_octave, to_octave):
    def draw(seconds, rate, rng):
        base = 300 * 2 ** rng.uniform(0, 1)
        return _wave(base * 2 ** np.linspace(from_octave, to_octave, int(seconds * rate)), rate)

    return draw


def _tones(*steps):
    def draw(seconds, rate, rng):
        base = 300 * 2 ** rng.uniform(0, 2)
        count = int(seconds * rate)
        return np.mean([_wave(np.full(count, base * 2 ** (step / 12)), rate) for step in steps], 0)

    return draw


def _clicks(seconds, rate, rng):
    held = np.zeros(int(seconds * rate))
    held[:: int(rate * rng.uniform(0.03, 0.08))] = 1.0
    return held


def _noise(seconds, rate, rng):
    return rng.normal(0, 0.3, int(seconds * rate))


CLASSES = {
    "rising": _sweep(0, 3),
    "falling": _sweep(3, 0),
    "tone": _tones(0),
    "chord": _tones(0, 4, 7),
    "clicks": _clicks,
    "noise": _noise,
}


def drawn(name, number):
    """(float64 [N] in -1..1, samples a second): the same of a class and a number always."""
    rng = np.random.default_rng([list(CLASSES).index(name), number])
    rate, seconds = int(rng.choice(RATES)), rng.uniform(0.4, 0.8)
    sound = CLASSES[name](seconds, rate, rng) * rng.uniform(0.1, 0.8)
    whole = np.zeros(rate)
    begin = rng.integers(0, rate - len(sound))
    whole[begin : begin + len(sound)] = sound
    noise = sound.std() * 10 ** (-rng.uniform(10, 40) / 20)
    return np.clip(whole + rng.normal(0, noise, rate), -1, 1), rate


def write(path, sound, rate):
    """A WAV file of 16 bits, one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())


def main():
    """Writes them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="data/sounds")
    parser.add_argument("--each", type=int, default=100, help="sounds of each class")
    args = parser.parse_args()
    for name in CLASSES:
        for number in range(args.each):
            write(pathlib.Path(args.out) / name / f"{number:03d}.wav", *drawn(name, number))


if __name__ == "__main__":
    main()
