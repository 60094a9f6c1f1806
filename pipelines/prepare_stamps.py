"""Eleven classes of cut-out photographs from Debian's `tuxpaint-stamps-default`, as images with a manifest.

Command: python pipelines/prepare_stamps.py --out data/stamps     (seconds; 161 MB are fetched with apt-get when the
package is not installed; no root needed). The stamps are GPL-2: they are installed, never part of this repository.

Writes one PNG a stamp on white, and `stamps.csv` with `file`, `label` and `group`: pictures of one object (a mirrored
copy, another pose, a variety) share a group, so that no object is in two splits.
"""

import argparse
import csv
import pathlib
import re
import subprocess
import sys
import tempfile

from PIL import Image

PACKAGE = "tuxpaint-stamps-default"
INSTALLED = pathlib.Path("/usr/share/tuxpaint/stamps")
UNGULATES = ("bovines", "camel", "deer", "equines")
CLASSES = {
    "bird": ("animals/birds",),
    "coin": ("symbols/money/*/coins", "symbols/money/japanese"),
    "fish": ("animals/fish",),
    "flower": ("plants/flowers",),
    "fruit": ("food/fruit", "food/nuts"),
    "mammal": ("animals/mammals", "animals/marsupials"),
    "planet": ("space/planets", "space/moon"),
    "tool": ("household/tools", "household/arttools"),
    "ungulate": tuple(f"animals/mammals/{name}" for name in UNGULATES),
    "vegetable": ("food/vegetables",),
    "vehicle": ("vehicles", "military/vehicles"),
}
SIDE = 224  # stamps are put on squares of this many pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/stamps"))
    parser.add_argument("--stamps", type=pathlib.Path, default=INSTALLED, help="the folder of the installed package")
    args = parser.parse_args()
    if args.stamps.is_dir():
        count = prepare(args.stamps, args.out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            count = prepare(fetch(pathlib.Path(folder)), args.out)
    print(f"{count} images in {args.out}; train on {args.out / 'stamps.csv'}")


def fetch(folder):
    """The stamps' folder of the downloaded and unpacked package."""
    print(f"fetching {PACKAGE} with apt-get", file=sys.stderr)
    try:
        subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["dpkg", "-x", next(folder.glob("*.deb")), folder], check=True)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        sys.exit(f"cannot fetch {PACKAGE}; on Debian: apt-get install {PACKAGE}; elsewhere unpack it and give --stamps")
    return folder / INSTALLED.relative_to("/")


def prepare(stamps, out):
    """Write the images and the manifest; returns the number of images."""
    rows = []
    for label, folders in CLASSES.items():
        for path in sorted({p for pattern in folders for f in stamps.glob(pattern) for p in f.rglob("*.png")}):
            if wanted(label, path.relative_to(stamps)):
                target = out / label / "-".join(path.relative_to(stamps).parts[1:])
                on_white(path, target)
                rows.append((str(target.relative_to(out)), label, group(label, path.stem)))
    with (out / "stamps.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "label", "group"), *rows])
    return len(rows)


def wanted(label, path):
    """Photographs only; an ungulate is no other mammal."""
    if {"cartoon", "toys"} & set(path.parts):
        return False
    return label != "mammal" or not set(UNGULATES) & set(path.parts)


def group(label, stem):
    """One name for all pictures of an object or its varieties."""
    stem = stem.lower().replace("_mirror", "")
    if label in ("coin", "planet", "flower", "fish"):  # numbers tell objects apart here
        return f"{label}/{stem}"
    words = [w for w in re.split(r"[_\-\d]+", stem) if w and w not in ("sliced", "whole", "red", "green", "white")]
    return f"{label}/{words[0] if words else stem}"


def on_white(path, target):
    """The stamp, fitted into a white square; stamps have 25 to 2,348 pixels on the long side."""
    with Image.open(path) as image:
        cut = image.convert("RGBA")
    scale = (SIDE - 16) / max(cut.size)
    cut = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIDE, SIDE), "white")
    square.alpha_composite(cut, ((SIDE - cut.width) // 2, (SIDE - cut.height) // 2))
    target.parent.mkdir(parents=True, exist_ok=True)
    square.convert("RGB").save(target)


if __name__ == "__main__":
    main()
