"""Which outlier score finds what is no digit: energy, Mahalanobis distance or the nearest neighbor, over three seeds.

Shows: `robustness.in_distribution` on the runs of `study_parts_digits.py`. The 1,078 test digits are the known images;
unlike them are, as many each: noise, windows of scikit-learn's photographs in gray, digits turned upside down with
light and dark exchanged, and the left half of one digit beside the right half of another. Measured is the area under
the ROC curve, 0.5 for a guess; changes against energy are corrected over all comparisons as in `kerasvision study`.
Commands: kerasvision study pipelines/study_parts_digits.py --out runs/parts-digits
          python pipelines/measure_outliers_digits.py runs/parts-digits/digits_baseline/seed-?
Measured 2026-11-29 on 2 cores (AVX-512, shared with other work), three seeds: mean and deviation of the area, change
against energy with its interval (95 % for all eight changes at once):

    noise          energy         0.839    0.085
    noise          mahalanobis    0.994    0.008    +0.156 (-0.405 to +0.717)
    noise          nearest        0.975    0.022    +0.137 (-0.468 to +0.741)
    photographs    energy         0.650    0.138
    photographs    mahalanobis    1.000    0.000    +0.350 (-0.656 to +1.356)
    photographs    nearest        0.983    0.012    +0.333 (-0.625 to +1.291)
    exchanged      energy         0.910    0.036
    exchanged      mahalanobis    0.999    0.000    +0.089 (-0.168 to +0.347)
    exchanged      nearest        0.970    0.008    +0.060 (-0.221 to +0.341)
    halves         energy         0.834    0.014
    halves         mahalanobis    0.873    0.004    +0.039 (-0.042 to +0.120)
    halves         nearest        0.811    0.034    -0.023 (-0.172 to +0.126)

Mahalanobis has the largest mean on all four, but with three seeds no change is beyond chance: energy's area moves too
much from one training to the next. What is nearly a digit, halves of two, none of them finds well.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.metrics import roc_auc_score

from kerasvision.data.pipeline import raw_examples
from kerasvision.experiments.chance import judged
from kerasvision.robustness.in_distribution import METHODS, in_distribution_of
from kerasvision.train.run import load_run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs that differ in their seeds")
    areas = [areas_of(load_run(run)) for run in parser.parse_args().runs]  # {kind: {method: area}} of each run
    rows = [(kind, method) for kind in areas[0] for method in METHODS]
    changes = [[a[kind][method] - a[kind][METHODS[0]] for a in areas] for kind, method in rows if method != METHODS[0]]
    found = iter(judged(changes))
    for kind, method in rows:
        every = [a[kind][method] for a in areas]
        line = f"{kind:14} {method:14} {np.mean(every):.3f}    {np.std(every, ddof=1):.3f}"
        print(
            line if method == METHODS[0] else line + changed(every, [a[kind][METHODS[0]] for a in areas], next(found))
        )


def changed(every, baseline, chance):
    """The mean change in words, with its interval."""
    interval = f" ({chance.interval[0]:+.3f} to {chance.interval[1]:+.3f})" if chance.interval else ""
    return f"    {np.mean(every) - np.mean(baseline):+.3f}{interval}"


def areas_of(trained):
    """{kind of image: {method: area under the ROC curve}} of a classifier's run."""
    in_distribution = in_distribution_of(trained)
    batches = raw_examples(trained.recipe.data.open().splits["test"], trained.arch, batch_size=256)
    digits = np.concatenate([inputs["image"] for inputs, _, _ in batches])
    known = {method: score for method, (score, _) in in_distribution.scores({"image": digits}).items()}
    areas = {}
    for kind, images in unlike(digits).items():
        scores = in_distribution.scores({"image": images})
        truth = np.repeat((0, 1), (len(digits), len(images)))
        areas[kind] = {m: roc_auc_score(truth, np.concatenate([known[m], scores[m][0]])) for m in METHODS}
    return areas


def unlike(digits):
    """Kind -> images uint8 [N, 8, 8, 3], as many as there are digits [N, 8, 8, 3]."""
    rng, count = np.random.default_rng(0), len(digits)
    gray = [photo.mean(-1) for photo in load_sample_images().images]
    windows = []
    for _ in range(count):
        photo, side = gray[rng.integers(len(gray))], 8 * int(rng.integers(2, 12))
        y, x = (int(rng.integers(0, n - side)) for n in photo.shape)
        windows.append(photo[y : y + side, x : x + side].reshape(8, side // 8, 8, side // 8).mean((1, 3)))
    held = load_digits().images * (255 / 16)
    left, right = (held[rng.permutation(len(held))[:count]] for _ in range(2))
    kinds = {
        "noise": rng.uniform(0, 255, (count, 8, 8)),
        "photographs": np.stack(windows),
        "exchanged": 255.0 - digits[:, ::-1, ::-1, 0],
        "halves": np.concatenate([left[..., :4], right[..., 4:]], -1),
    }
    return {name: np.round(x).astype(np.uint8)[..., None].repeat(3, -1) for name, x in kinds.items()}


if __name__ == "__main__":
    main()
