"""A microscope's picture with masks of its stained tissue: scikit-image's `immunohistochemistry`, in tiles.

Command: python pipelines/prepare_cells.py --out data/cells        (a second; the picture comes with scikit-image, CC0)

The picture (512 x 512 pixels) shows glands of a colon; a brown dye (DAB) marks their epithelium, a blue one
(hematoxylin) all nuclei. The mask is what is brown: the DAB channel of the color deconvolution of Ruifrok and Johnston
(2001, Analytical and Quantitative Cytology and Histology 23), smoothed and cut by Otsu's threshold. The images are
written in gray, so that no rule of colors can find it. Of 16 tiles of 128 pixels two train, two validate, and the
others test.
"""

import argparse
import itertools
import pathlib

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import color, data, filters, morphology

SIDE = 128
TRAIN, VALIDATION = ((0, 3), (2, 1)), ((1, 1), (3, 3))  # (row, column) of tiles
SMALLEST = 30  # pixels; less is no tissue


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/cells"))
    args = parser.parse_args()
    image = data.immunohistochemistry()
    mask = stained(image)
    gray = np.repeat(np.round(255 * color.rgb2gray(image)).astype(np.uint8)[..., None], 3, -1)
    for row, column in itertools.product(range(4), repeat=2):
        split = "train" if (row, column) in TRAIN else "validation" if (row, column) in VALIDATION else "test"
        cut = slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE)
        for folder, pixels in (("images", gray), ("masks", mask)):
            place = args.out / split / folder
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[cut]).save(place / f"ihc_{row}_{column}.png")
    (args.out / "classes.txt").write_text("background\nepithelium\n", encoding="utf-8")
    print(f"16 tiles in {args.out}, {mask.mean():.0%} of their pixels stained")


def stained(image):
    """uint8 [H, W]: 1 where the brown dye is."""
    dye = ndimage.gaussian_filter(color.rgb2hed(image)[..., 2], 2)
    mask = dye > filters.threshold_otsu(dye)
    mask = morphology.remove_small_objects(mask, max_size=SMALLEST)
    return ndimage.binary_fill_holes(mask).astype(np.uint8)


if __name__ == "__main__":
    main()
