"""Does any attack change an answer inside the radius that smoothing proves? Every attack against the smoothed model.

Shows: `systems/smoothed` and all of `robustness/attacks` on one classifier that has learned with noise. Attacks see the
mean answer over noisy copies, with its gradient (Salman et al. 2019, arXiv:1906.04584, equation 6), start from pictures
whose label is proven, and what they make is moved back into the proven ball (L2, pixels counted 0..1, each picture's
own radius). The smoothed classifier then answers again, with other draws.
Commands: kerasvision train pipelines/adversarial_fashion_mnist.py:noisy --out runs/attacked-noisy
          python pipelines/measure_certified.py runs/attacked-noisy --examples 500
          python pipelines/measure_certified.py runs/attacked-noisy --examples 500 --times 3 --attacks pgd
Expected: no label is another one; each single proof may fail with a chance of 0.001.
Measured on 2 cores (AVX-512, shared with other work): of 500 test pictures 492 are proven, median radius 0.616. Beyond
it, at three times the radius, pgd changes 244 labels of 492. Within the radius not measured yet.
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.api import load, look_inside
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of, thinned
from kerasvision.explain.base import explainable
from kerasvision.ops.balls import length
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.classifier import Classifier, slope_of
from kerasvision.systems.base import Session
from kerasvision.systems.smoothed import ABSTAINS

COPIES = 8  # noisy ones that an attack sees of each picture
GROUPS = 10  # of pictures of similar radius, which are attacked together
# settings beside the radius; fewer steps than by default where each costs eight answers
BY_L2 = {
    "fgsm": {},
    "bim": {"steps": 20},
    "mi_fgsm": {"steps": 20},
    "pgd": {"steps": 40},
    "apgd_ce": {"steps": 40},
    "apgd_dlr": {"steps": 40},
}
SMALLEST = {  # as small a change as they find
    "fab": {"steps": 20, "candidates": 3, "norm": "l2"},
    "deepfool": {"steps": 20, "candidates": 5},
    "carlini_wagner": {"steps": 100, "searches": 2},
    "hop_skip_jump": {"steps": 4, "most": 400},
}
BY_LINF = {"square": {"queries": 300}, "auto": {"steps": 20, "queries": 300, "candidates": 3}}
PATCH = {"patch": {"steps": 50, "share": 0.02}}


class Noisy:
    """A classifier as attacks see it, of which every answer is the mean over noisy copies of the picture.

    model: a `Classifier`. sigma: deviation of the noise, pixels counted 0..1.
    """

    has_slopes, pixel_step = True, 0.0

    def __init__(self, model, sigma):
        self.arch, self._model, self._sigma, self._drawn = model.arch, model, sigma, 0

    def logits(self, images):
        """[B, h, w, 3] -> logarithms of mean probabilities, float32 [B, K]."""
        probabilities = []
        for _ in range(COPIES):
            self._drawn += 1
            noise = tf.random.stateless_normal(tf.shape(images), [self._drawn, 0], stddev=self._sigma)
            probabilities.append(tf.nn.softmax(self._model.logits(tf.clip_by_value(images + noise, 0.0, 1.0))))
        return tf.math.log(tf.add_n(probabilities) / COPIES + 1e-12)

    def decided(self, images):
        """[B, h, w, 3] -> the likeliest class, int64 [B]."""
        return self.logits(tf.convert_to_tensor(images, tf.float32)).numpy().argmax(1)

    def slope(self, images, score):
        """As `Classifier.slope`."""
        return slope_of(self.logits, images, score)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of a classifier of one label")
    parser.add_argument("--examples", type=int, default=500, help="of the test split (default: %(default)s)")
    parser.add_argument("--sigma", type=float, default=0.25, help="of the noise (default: %(default)s)")
    every = [*BY_L2, *SMALLEST, *BY_LINF, *PATCH]
    parser.add_argument("--attacks", nargs="+", choices=every, default=every, metavar="NAME", help="by default all")
    parser.add_argument("--times", type=float, default=1.0, help="the proven radius; above 1 labels should change")
    asked = parser.parse_args()
    model, looked = load(asked.run), look_inside(asked.run)
    system = create("systems/smoothed", sigma=asked.sigma)
    images = pictures(model, asked.examples)
    labels, radii = certified(model, system, images)
    proven = radii > 0
    print(f"{len(images)} pictures, {proven.sum()} proven, median radius {np.median(radii[proven]):.3f}", flush=True)
    images, labels, radii = images[proven], labels[proven], radii[proven] * asked.times
    noisy = Noisy(Classifier(looked.arch, explainable(looked)), asked.sigma)
    again = dataclasses.replace(system, seed=system.seed + 1)
    for name in asked.attacks:
        moved = attacked(noisy, name, images, labels, radii)
        answered, _ = certified(model, again, moved)
        print(f"{name:16} {line_of(answered, labels, images, moved, radii)}", flush=True)


def line_of(answered, labels, images, moved, radii):
    """How many of the proven labels an attack has changed, in words."""
    share = np.median(length(moved / 255 - images / 255, "l2") / radii)
    other, silent = ((answered != labels) & (answered != ABSTAINS)).sum(), (answered == ABSTAINS).sum()
    return f"{other} of {len(labels)} labels changed, {silent} abstain; median change {share:.2f} of the radius"


def attacked(model, name, images, labels, radii):
    """What an attack makes of pictures, each inside its own ball: uint8 [N, h, w, 3]."""
    made = np.empty_like(images)
    for rows in np.array_split(np.argsort(radii), GROUPS):
        if len(rows):
            attack = of_radius(name, float(radii[rows].max()), images[0].size)
            attack = attack.learned(model, images[rows], Goal(labels[rows]))
            found, _ = attack.made(model, images[rows], Goal(labels[rows]), as_float=True)
            made[rows] = inside(images[rows], found, radii[rows])
    return made


def of_radius(name, radius, size):
    """The attack with an L2 ball, or the largest Linf ball inside of it. size: how many values a picture has."""
    if name in BY_L2:
        return create(f"attacks/{name}", radius=radius, norm="l2", **BY_L2[name])
    if name in BY_LINF:
        return create(f"attacks/{name}", radius=radius / np.sqrt(size), **BY_LINF[name])
    return create(f"attacks/{name}", **(SMALLEST | PATCH)[name])


def inside(images, found, radii):
    """Pixels whose change is as long as each picture's radius allows, uint8. found: float32 [N, h, w, 3], 0..255.

    A change is made longer or shorter before it is rounded to pixels, by the largest factor that stays in the ball: an
    attack that stops at the border of the mean answer is lengthened, as the border that the proof is of lies elsewhere.
    Pixels that have reached 0 or 255 stay there, and the others move on.
    """
    change = found.astype(np.float64) - images
    low, high = np.zeros(len(images)), 2 * radii / np.maximum(length(change / 255, "l2"), 1e-9)
    slowest = np.where(change == 0, np.inf, np.abs(change)).min((1, 2, 3))

    def fit(factors):
        return length(rounded(images, change, factors) / 255 - images / 255, "l2") <= radii

    while (more := fit(high) & (high > 0) & (high * slowest < 255)).any():  # from 255 on no pixel can move further
        low, high = np.where(more, high, low), np.where(more, 2 * high, high)
    for _ in range(30):
        middle = (low + high) / 2
        fits = fit(middle)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return rounded(images, change, low)


def rounded(images, change, factors):
    """The nearest pixels to `images` moved by `factors` [N] times `change`, uint8."""
    return np.clip(np.rint(images + factors[:, None, None, None] * change), 0, 255).astype(np.uint8)


def pictures(model, examples):
    """uint8 [N, h, w, 3] of the graph's size, evenly from the test split."""
    data = thinned(splits_of(model.recipe, "test")["test"], examples)
    shown = raw_examples(data, model.arch)
    return np.concatenate([np.asarray(model.arch.geometry(inputs)[0]["image"]) for inputs, _, _ in shown])


def certified(model, system, images):
    """(label int64 [N], proven radius float64 [N]) of pictures, uint8 [N, h, w, 3]."""
    session = Session(system, {"classifier": model})
    answers = [session.step({"image": image}) for image in images]
    return np.array([a["label"] for a in answers]), np.array([a["radius"] for a in answers])


if __name__ == "__main__":
    main()
