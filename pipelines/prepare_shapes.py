"""Faint shapes on noise, with boxes and outlines, in COCO's format: scenes without a download that are hard to find.

Command: python pipelines/prepare_shapes.py --out data/shapes        (about ten seconds of one core)

Each picture of 56 to 72 pixels a side has up to three boxes and disks, brighter than the noise by a little or by a lot;
every tenth is empty. Splits: 600 to train, 300 to validate, 600 to test.
"""

import argparse
import json
import pathlib

import numpy as np
from PIL import Image

CLASSES = ("box", "disk")
SPLITS = {"train": 600, "validation": 300, "test": 600}
ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/shapes"))
    args = parser.parse_args()
    (args.out / "annotations").mkdir(parents=True, exist_ok=True)
    for seed, (split, count) in enumerate(SPLITS.items()):
        document = draw(args.out / split, count, np.random.default_rng(seed))
        (args.out / "annotations" / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    print(f"{sum(SPLITS.values())} pictures in {args.out}")


def draw(folder, count, rng):
    """Write the pictures; gives COCO's document of them."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(count):
        height, width = (int(side) for side in rng.integers(56, 73, 2))
        pixels = rng.normal(90, 25, (height, width, 3))
        for _ in range(int(rng.integers(1, 4)) if number % 10 else 0):
            kind, outline, inside = shape(height, width, rng)
            pixels[inside] += rng.uniform(15, 70) * np.array([(1, 0.6, 0.2), (0.2, 0.6, 1)][int(rng.integers(2))])
            low, high = outline.min(0), outline.max(0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": kind + 1,
                    "iscrowd": 0,
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "area": int(inside.sum()),
                    "segmentation": [outline.ravel().round(2).tolist()],
                }
            )
        name = f"{number:03d}.png"
        Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(folder / name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def shape(height, width, rng):
    """(class, outline [N, 2] in pixels, bool [H, W] inside) of a box or a disk that lies in the picture."""
    kind, (w, h) = int(rng.integers(len(CLASSES))), rng.integers(14, 30, 2)
    x, y = rng.integers(0, width - w), rng.integers(0, height - h)
    rows, columns = np.mgrid[:height, :width] + 0.5
    if kind == 0:
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], float)
        return kind, corners, (columns > x) & (columns < x + w) & (rows > y) & (rows < y + h)
    u, v = (columns - x - w / 2) / (w / 2), (rows - y - h / 2) / (h / 2)
    outline = np.stack([x + w / 2 + w / 2 * np.cos(ANGLES), y + h / 2 + h / 2 * np.sin(ANGLES)], -1)
    return kind, outline, u**2 + v**2 < 1


if __name__ == "__main__":
    main()
