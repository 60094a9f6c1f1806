"""Handwritten digits turned by an angle, with the angle in a CSV; of some training pictures it is wrong.

Command: python pipelines/prepare_angles.py --out data/angles        (seconds; the digits come with scikit-learn)

Each of scikit-learn's 1,797 digits (8 x 8 pixels) is enlarged to 16 x 16 and turned by an angle drawn evenly from -60
to 60 degrees. 600 train, 200 validate, 997 test. Of the training pictures every tenth has the angle of another one: a
gross error, as of a typing slip, for which robust losses are made. Validation and test have the true angles.
"""

import argparse
import csv
import pathlib

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE, LARGEST = 16, 60.0  # pixels; degrees to either side
TRAIN, VALIDATION = 600, 200
WRONG = 10  # every so manieth training picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/angles"))
    args = parser.parse_args()
    (args.out / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    digits = load_digits().images[rng.permutation(1797)]
    angles = rng.uniform(-LARGEST, LARGEST, len(digits))
    with (args.out / "angles.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "degrees", "split"))
        for i, (digit, angle) in enumerate(zip(digits, angles, strict=True)):
            turned(digit, angle).save(args.out / "images" / f"{i:04d}.png")
            split = "train" if i < TRAIN else "validation" if i < TRAIN + VALIDATION else "test"
            wrong = split == "train" and i % WRONG == 0
            rows.writerow((f"images/{i:04d}.png", f"{angles[(i + 7) % TRAIN] if wrong else angle:.3f}", split))


def turned(digit, angle):
    """A gray PIL image of a digit [8, 8] of 0..16, turned counterclockwise by so many degrees."""
    pixels = Image.fromarray(np.round(digit * (255 / 16)).astype(np.uint8))
    return pixels.resize((SIDE, SIDE), Image.Resampling.BICUBIC).rotate(angle, Image.Resampling.BICUBIC)


if __name__ == "__main__":
    main()
