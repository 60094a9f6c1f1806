"""Eleven classes of cut-out photographs from Debian's `tuxpaint-stamps-default`, as images with a manifest.

Command: python pipelines/prepare_stamps.py --out data/stamps               (two minutes; 290 MB are fetched with
apt-get when the packages are not installed; no root needed). The stamps are GPL-2, the photographs behind them
CC-BY-SA, LGPL and GPL-2: they are installed, never part of this repository.

Writes one PNG a stamp on white, and `stamps.csv` with `file`, `label` and `group`: pictures of one object (a mirrored
copy, another pose, a variety) share a group, so that no object is in two splits. For `sources/cut_paste`: the same
stamps with their transparency and `cutouts.csv`, and photographs from Debian's `lomiri-wallpapers-16.04` and
`mate-backgrounds` in `backgrounds/`, from `plasma-workspace-wallpapers` and `tuxpaint-data` in `scenery/`.
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
STAMPS = pathlib.Path("/usr/share/tuxpaint/stamps/animals")
PHOTOGRAPHS = {  # folder -> package -> its photographs
    "backgrounds": {
        "lomiri-wallpapers-16.04": pathlib.Path("/usr/share/backgrounds/*_by_*.jpg"),
        "mate-backgrounds": pathlib.Path("/usr/share/backgrounds/mate/nature/*.jpg"),
    },
    "scenery": {
        "plasma-workspace-wallpapers": pathlib.Path("/usr/share/wallpapers/*/contents/images/*0x*.jpg"),
        "tuxpaint-data": pathlib.Path("/usr/share/tuxpaint/templates/*.jpg"),
    },
}
SHOWN = {  # they show what the classes are, unlabeled
    *("Picture_0B_by_freespace", "Picture_1A_by_freespace", "free_by_Peter_Nerlich", "friends_by_Aitzol_Berasategi"),
    *("seeding_by_Clements_Engelhardt", "FreshFlower", "Garden", "LadyBird", "TwoWings", "YellowFlower"),
    *("EveningGlow", "jellyfish", "sheep"),
}
DRAWN = {"Autumn", "Flow", "Honeywave", "PastelHills", "SafeLanding", "Shell"}  # no photographs
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
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where packages are unpacked")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = [args.root, pathlib.Path(folder)]
        count = prepare(installed(PACKAGE, STAMPS, *places)[0].parent, args.out)
        shrunk = 0
        for behind, packages in PHOTOGRAPHS.items():
            photographs = [f for name, pattern in packages.items() for f in installed(name, pattern, *places)]
            shrunk += backgrounds(photographs, args.out / behind)
    print(f"{count} stamps and {shrunk} backgrounds in {args.out}; train on {args.out / 'stamps.csv'}")


def installed(package, pattern, root, folder):
    """A package's files, sorted: below `root`, or below `folder`, where it is downloaded and unpacked."""
    below = str(pattern.relative_to("/"))
    if found := sorted(root.glob(below)):
        return found
    print(f"fetching {package} with apt-get", file=sys.stderr)
    try:
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["dpkg", "-x", next(folder.glob(f"{package}_*.deb")), folder], check=True)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        sys.exit(f"cannot fetch {package}; on Debian: apt-get install {package}; elsewhere unpack it and give --root")
    return sorted(folder.glob(below))


def prepare(stamps, out):
    """Write the images and both manifests; returns the number of stamps."""
    rows = []
    for label, folders in CLASSES.items():
        for path in sorted({p for pattern in folders for f in stamps.glob(pattern) for p in f.rglob("*.png")}):
            if wanted(label, path.relative_to(stamps)):
                name = f"{label}/{'-'.join(path.relative_to(stamps).parts[1:])}"
                write(path, out / name, out / "cutouts" / name)
                rows.append((name, label, group(label, path.stem)))
    for manifest, folder in (("stamps.csv", ""), ("cutouts.csv", "cutouts/")):
        with (out / manifest).open("w", newline="", encoding="utf-8") as file:
            table = [(folder + name, *rest) for name, *rest in rows]
            csv.writer(file).writerows([("file", "label", "group"), *table])
    return len(rows)


def backgrounds(photographs, out):
    """Photographs that show none of the classes, at most 1280 pixels wide; returns their number."""
    out.mkdir(parents=True, exist_ok=True)
    held = {}  # one picture of each, whatever its sizes
    for path in photographs:
        name = path.parents[2].name if path.parent.name == "images" else path.stem
        if name not in SHOWN | DRAWN:
            held.setdefault(name, path)
    for name, path in held.items():
        with Image.open(path) as image:
            image.draft("RGB", (1280, 1280))
            small = image.convert("RGB")
        small.thumbnail((1280, 1280), Image.Resampling.LANCZOS)
        small.save(out / f"{name}.jpg", quality=92)
    return len(held)


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


def write(path, on_white, transparent):
    """The stamp, fitted into a white square, and as it is; stamps have 25 to 2,348 pixels on the long side."""
    with Image.open(path) as image:
        cut = image.convert("RGBA")
    scale = (SIDE - 16) / max(cut.size)
    cut = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIDE, SIDE), "white")
    square.alpha_composite(cut, ((SIDE - cut.width) // 2, (SIDE - cut.height) // 2))
    for picture, target in ((square.convert("RGB"), on_white), (cut, transparent)):
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target)


if __name__ == "__main__":
    main()
