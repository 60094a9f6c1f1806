"""Photographs that installed packages bring along, in one folder: grounds for rendered scenes, without any download.

Command: python pipelines/prepare_photographs.py --out data/photographs

They are of scikit-image (astronaut, brick, chelsea, coffee, grass, gravel, hubble, motorcycle, retina, rocket),
scikit-learn (china, flower) and matplotlib (grace_hopper), whose licenses they have.
"""

import argparse
import pathlib

import matplotlib
import skimage
import sklearn
from PIL import Image

FOLDERS = {
    pathlib.Path(skimage.__file__).parent / "data": (
        *("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png"),
        *("hubble_deep_field.jpg", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
    ),
    pathlib.Path(sklearn.__file__).parent / "datasets" / "images": ("china.jpg", "flower.jpg"),
    pathlib.Path(matplotlib.get_data_path(), "sample_data"): ("grace_hopper.jpg",),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/photographs"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for folder, names in FOLDERS.items():
        for name in names:
            if not (folder / name).is_file():
                parser.error(f"{folder} has no {name}; install scikit-image 0.26, scikit-learn 1.9 and matplotlib 3.11")
            Image.open(folder / name).convert("RGB").save(out / f"{pathlib.Path(name).stem}.png")
    print(f"{len(list(out.glob('*.png')))} photographs in {out}")


if __name__ == "__main__":
    main()
