"""Volumes of three drawn organs within a real MR scan: what `sources/volumes` reads, to learn and test on.

Command: python pipelines/prepare_volumes.py --out data/volumes                     (under a minute, without a network)

Writes images/SPLIT/case_NNN.nii.gz, masks/SPLIT/case_NNN.nii.gz and classes.txt. The background is cut out of the
head scan that nibabel ships, at random places, scales and flips: one half of the brain for training, parts of the other
for validation and test, so that a model is judged on tissue it has not seen. Organs are ellipsoids of any direction,
round in millimeters, in a fixed order where they overlap. Their intensities lie within those of the tissue, so no
threshold finds them; what tells them from it is how smooth they are, and from each other size and intensity, which
the drift leaves apart: one within another can be seen. Edges share voxels
with what is behind them, a smooth factor drifts over the volume, noise lies over all. Voxels have about 3 x 1.5 x 1.5
mm; every third file is stored towards Left, Posterior, Superior, the others towards Right, Anterior, Superior. Equal
arguments give equal files.
"""

import argparse
import pathlib

import nibabel as nib
import numpy as np
from scipy import ndimage

SCAN = pathlib.Path(nib.__file__).parent / "tests" / "data" / "example4d.nii.gz"
SHAPE = (64, 64, 24)  # towards Right, Anterior, Superior
SPACING_MM = (1.5, 1.5, 3.0)
VARIATION = 0.1  # of the spacing
SHARES = {"train": 2 / 3, "validation": 2 / 15, "test": 1 / 5}
PARTS = {  # of the scan's first two axes, in voxels: where there is brain
    "train": ((31, 64), (10, 86)),
    "validation": ((64, 95), (10, 42)),
    "test": ((64, 95), (42, 86)),
}
ORGANS = {  # name -> (semi-axes in mm, intensities, of which the tissue's are 0.2 to 1.1), the last is on top
    "organ_a": ((18.0, 26.0), (0.45, 0.6)),
    "organ_b": ((11.0, 16.0), (0.9, 1.05)),
    "organ_c": ((7.0, 10.0), (0.2, 0.3)),
}
EDGE_MM = 1.5  # half the width of an edge
DRIFT = 0.15  # standard deviation of the logarithm of the factor
NOISE = (0.03, 0.06)
UNIT = 600.0  # stored for an intensity of 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("data/volumes"))
    parser.add_argument("--count", type=int, default=60, help="volumes, 5 or more")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.count < 5:
        parser.error(f"--count {args.count}; allowed: 5 or more")
    counts = prepare(args.out, args.count, args.seed)
    print(f"{', '.join(f'{n} {split}' for split, n in counts.items())} volumes; train on {args.out}")


def prepare(out, count, seed):
    """Write everything; returns {split: number of volumes}."""
    counts = {split: max(1, round(share * count)) for split, share in SHARES.items()}
    counts["train"] = count - counts["validation"] - counts["test"]
    scan = np.asarray(nib.load(SCAN).dataobj[..., 0], np.float32)
    scan /= np.percentile(scan[scan > 100], 95)
    number = 0
    for split, held in counts.items():
        for folder in ("images", "masks"):
            (out / folder / split).mkdir(parents=True, exist_ok=True)
        for _ in range(held):
            volume, mask, affine = scene(scan, PARTS[split], np.random.default_rng([seed, number]))
            for folder, array in (("images", volume), ("masks", mask)):
                write(array, affine, number % 3 == 2, out / folder / split / f"case_{number:03d}.nii.gz")
            number += 1
    (out / "classes.txt").write_text("\n".join(("background", *ORGANS)) + "\n")
    return counts


def scene(scan, part, rng):
    """(int16 [R, A, S], uint8 mask, affine)."""
    spacing = np.array(SPACING_MM) * rng.uniform(1 - VARIATION, 1 + VARIATION, 3)
    volume, mask = background(scan, part, rng), np.zeros(SHAPE, np.uint8)
    for number, (semi_axes, intensities) in enumerate(ORGANS.values(), 1):
        share = ellipsoid(spacing, semi_axes, rng)
        volume += share * (rng.uniform(*intensities) - volume)
        mask[share > 0.5] = number
    volume *= np.exp(DRIFT * smooth(rng))
    volume += rng.uniform(*NOISE) * rng.standard_normal(SHAPE)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = rng.uniform(-80, 0, 3)
    return np.clip(np.rint(UNIT * volume), 0, 32767).astype(np.int16), mask, affine


def background(scan, part, rng):
    """A random box of a part of the scan, at a random scale and mirrored or not, mostly of tissue."""
    most = [stop - start for start, stop in part]
    while True:
        sides = [*rng.integers(20, np.minimum(most, 32) + 1), rng.integers(12, 23)]
        starts = [rng.integers(start, stop - side + 1) for (start, stop), side in zip(part, sides, strict=False)]
        starts.append(rng.integers(0, scan.shape[2] - sides[2] + 1))
        box = scan[tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))]
        if (box > 0.2).mean() > 0.9:
            break
    at = np.meshgrid(*(np.linspace(0, side - 1, n) for side, n in zip(sides, SHAPE, strict=True)), indexing="ij")
    sampled = ndimage.map_coordinates(box, at, order=1)
    return np.flip(sampled, np.flatnonzero(rng.random(3) < 0.5)).copy()


def ellipsoid(spacing, semi_axes, rng):
    """float [R, A, S]: how much of each voxel an ellipsoid fills that lies mostly inside of the volume."""
    sides = np.array(SHAPE) * spacing
    axes = rng.uniform(*semi_axes, 3)
    center = rng.uniform(0.2, 0.8, 3) * sides
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    away = (np.indices(SHAPE).reshape(3, -1).T + 0.5) * spacing - center
    radius = np.linalg.norm(away @ turn / axes, axis=1)
    outside_mm = (radius - 1.0) * axes.mean()  # nearly, which is enough for an edge
    return np.clip(0.5 - outside_mm / (2 * EDGE_MM), 0, 1).reshape(SHAPE)


def smooth(rng):
    """A random field of long waves, of standard deviation 1."""
    coarse = rng.standard_normal((4, 4, 4))
    at = np.meshgrid(*(np.linspace(0.5, 2.5, n) for n in SHAPE), indexing="ij")
    field = ndimage.map_coordinates(coarse, at, order=3)
    return (field - field.mean()) / field.std()


def write(array, affine, is_lps, path):
    """array: [R, A, S]."""
    if is_lps:
        array, affine = array[::-1, ::-1], affine @ np.diag([-1.0, -1.0, 1.0, 1.0])
        affine[:3, 3] -= affine[:3, :2] @ (np.array(array.shape[:2]) - 1)
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)


if __name__ == "__main__":
    main()
