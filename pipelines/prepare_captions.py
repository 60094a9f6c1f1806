"""Drawn things with words for each, in English and German: pictures and texts without a download.

Command: python pipelines/prepare_captions.py --out data/captions        (a few seconds of one core)

Each picture of 40 pixels a side shows one thing (a disk, a box, a cross, a triangle or a ring) of eight colors and
three sizes, on noise; `captions.csv` has two English texts and a German one for each. Of the 120 combinations 24 are
for testing and 12 for validation alone, so that no text of theirs is seen in training.
"""

import argparse
import csv
import pathlib

import numpy as np
from PIL import Image

SIDE, COPIES = 40, 5
COLORS = {  # English -> (German stem, RGB)
    "red": ("rot", (220, 40, 40)),
    "green": ("grün", (40, 170, 60)),
    "blue": ("blau", (50, 70, 220)),
    "yellow": ("gelb", (230, 210, 50)),
    "orange": ("orangefarben", (240, 140, 30)),
    "violet": ("violett", (150, 60, 190)),
    "white": ("weiß", (250, 250, 250)),
    "black": ("schwarz", (15, 15, 15)),
}
THINGS = {"disk": "Scheibe", "box": "Kiste", "cross": "Kreuzung", "triangle": "Dreiecksform", "ring": "Rundung"}
SIZES = {"small": ("kleine", 4.5), "medium": ("mittlere", 7.5), "large": ("große", 11.5)}  # German, radius in pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/captions"))
    args = parser.parse_args()
    rows = draw(args.out)
    print(f"{rows} pictures in {args.out}")


def draw(folder, copies=COPIES, seed=0):
    """Write the pictures and captions.csv; gives how many pictures there are."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    every = [(size, color, thing) for color in COLORS for thing in THINGS for size in SIZES]
    splits = rng.permutation(["test"] * 24 + ["validation"] * 12 + ["train"] * (len(every) - 36))
    rows = []
    for (size, color, thing), split in zip(every, splits, strict=True):
        for copy in range(copies):
            name = f"{size}_{color}_{thing}_{copy}.png"
            Image.fromarray(picture(COLORS[color][1], thing, SIZES[size][1], rng)).save(folder / name)
            texts = (f"a {size} {color} {thing}", f"{thing}, {color}, {size}")
            rows.append((name, *texts, f"eine {SIZES[size][0]} {COLORS[color][0]}e {THINGS[thing]}", split))
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "text", "short", "german", "split"), *rows])
    return len(rows)


def picture(color, thing, radius, rng):
    """uint8 [SIDE, SIDE, 3]. radius: in pixels."""
    pixels = np.clip(rng.normal(128, 12, (SIDE, SIDE, 3)), 0, 255)
    radius = radius * rng.uniform(0.93, 1.07)
    x, y = rng.uniform(radius + 1, SIDE - radius - 1, 2)
    v, u = np.mgrid[:SIDE, :SIDE] + 0.5
    u, v = (u - x) / radius, (v - y) / radius
    far = np.hypot(u, v)
    inside = {
        "disk": far < 1,
        "box": np.maximum(abs(u), abs(v)) < 0.85,
        "cross": (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 1),
        "triangle": (v < 0.8) & (abs(u) < (v + 1) / 1.8),
        "ring": (far < 1) & (far > 0.55),
    }[thing]
    pixels[inside] = np.clip(np.array(color) + rng.normal(0, 6, 3), 0, 255)
    return np.rint(pixels).astype(np.uint8)


if __name__ == "__main__":
    main()
