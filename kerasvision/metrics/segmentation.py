"""Evaluator of dense prediction: overlap, boundaries, surfaces and volumes of classes, in the plane and in volumes.

`metrics.overlap` and `metrics.surfaces` have the papers. Pixel accuracy: "Fully Convolutional Networks for Semantic
Segmentation" (Long, Shelhamer, Darrell 2015, arXiv:1411.4038, section 5).
"""

import functools

import numpy as np

from kerasvision.core.direction import Target
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.metrics import overlap
from kerasvision.metrics.base import Evaluator
from kerasvision.metrics.cases import case_overlap, case_sizes, known
from kerasvision.metrics.overlays import Case, draw_cases
from kerasvision.metrics.resampling import end_figures, interval_figures, resampled_means, resampled_sums
from kerasvision.metrics.surfaces import boundary_f, hausdorff_95
from kerasvision.ops.dense import IGNORE

_WORST = 12  # cases that are drawn


class Segmentation(Evaluator):
    """Final. Figures of masks of classes, in the plane or in volumes. A case is one image or volume.

    prediction: `mask` uint8 [B, H, W] or [B, D, H, W], class ids in pixels of the image; rows and columns beyond those
    of the ground truth are cut off. ground_truth: `mask` uint8 [H, W] or [D, H, W] of each case, as an array with a
    batch axis or a row of arrays; what is 255 there does not count, and is outside of every region. `spacing_mm` float
    [2] or [3] of each case, in the order of the mask's axes, else 1.

    Of all pixels together: `miou`, the mean of `iou/CLASS` over the classes in ground truth or prediction;
    `foreground_iou`, of all classes but the background as one; `pixel_accuracy`; `dice`, the mean of `dice/CLASS` over
    such classes but the background. Of each case and then on average: `case_dice`, the mean Dice of the classes in it,
    be it in ground truth or prediction, but the background, over the cases with any.

    `miou`, `dice`, `dice/CLASS` and `case_dice` have 95 % intervals, `miou_low`, `dice_high/CLASS` and so on:
    percentiles of 1000 bootstrap resamples of cases, always the same; of whole groups where cases have groups
    (`metrics.resampling`). A resample without the class counts in no interval of it.

    Where no class but the background is in ground truth or prediction, nothing is missed: `dice` and `case_dice` are 1.
    Where no pixel counts, nothing is shown: they and `miou` are 0. Other figures are left out when undefined.

    boundaries: also `boundary_f` (`metrics.surfaces.boundary_f`), averaged as `case_dice` is, and the interval of that.
    surfaces: also, of each class but the background, over the cases with it in ground truth and prediction,
    `hd95/CLASS` in mm (`metrics.surfaces.hausdorff_95`), and `hd95`, their mean, with its interval; `missed/CLASS` and
    `spurious/CLASS`, the number of cases that have it only in the ground truth and only in the prediction, which `hd95`
    leaves out; and over all cases with it in either, `volume_error/CLASS`, the mean of |predicted - true|, and
    `volume_bias/CLASS`, of predicted - true, in ml; over the cases with it in the ground truth,
    `relative_volume_error/CLASS`, the mean of |predicted - true| / true; both errors with intervals. In the plane these
    are `area_error/CLASS` and so on, in mm^2. Without `spacing_mm` a pixel's sides are 1 mm.

    coverage: a `metrics.covered.PixelCoverage`, whose figures come too, or None.

    classes: names. background: index or name of that class, or None without any; all classes count alike then. Raises
    UsageError of a background that is no class, KerasVisionError of masks that do not fit together.
    """

    draws, has_cases = True, True

    def __init__(self, classes, background=0, boundaries=False, surfaces=False, coverage=None):
        self.classes = tuple(classes)
        if len(self.classes) > IGNORE:
            raise UsageError(f"{len(self.classes)} classes; a mask of bytes holds at most {IGNORE}")
        self.background = _index(background, self.classes)
        self._foreground = [k for k in range(len(self.classes)) if k != self.background]
        self._with_boundaries, self._with_surfaces, self._coverage = boundaries, surfaces, coverage
        self._counts = []  # [3, K] of each case: pixels that are right, in the ground truth, in the prediction
        self._boundary, self._hd95, self._spacing, self._worst = [], [], [], []
        self._is_spaced = False

    @property
    def directions(self):
        more = ("miou", "iou", "foreground_iou", "pixel_accuracy", "dice", "case_dice", "boundary_f")
        less = ("hd95", "missed", "spurious", "volume_error", "area_error")
        less += ("relative_volume_error", "relative_area_error")
        biases = {"volume_bias": Target(0.0), "area_bias": Target(0.0)}
        held = dict.fromkeys(more, "max") | dict.fromkeys(less, "min") | biases
        return held | (self._coverage.directions if self._coverage else {})

    def update(self, prediction, ground_truth):
        if self._coverage:
            self._coverage.update(prediction, ground_truth)
        self._is_spaced = "spacing_mm" in ground_truth
        for i, true in enumerate(ground_truth["mask"]):
            true = np.asarray(true)
            found = np.asarray(prediction["mask"][i])[tuple(map(slice, true.shape))]
            if found.shape != true.shape:
                raise KerasVisionError(f"a predicted mask {found.shape} is smaller than its ground truth {true.shape}")
            counts = _counts(true, found, self.classes)
            spacing = _spacing(ground_truth["spacing_mm"][i] if self._is_spaced else [1.0] * true.ndim, true.ndim)
            self._remember(true, found, counts)
            self._measure(true, np.where(true == IGNORE, IGNORE, found), counts, spacing)
            self._counts.append(counts)
            self._spacing.append(spacing)

    def figures(self, examples=None):
        wanted = np.arange(len(self._counts)) if examples is None else np.asarray(examples, int)
        counts = np.array([self._counts[i] for i in wanted], np.int64).reshape(-1, 3, len(self.classes))
        groups = np.array(self.groups, object)[wanted] if len(self.groups) else np.array(())
        out = self._overlap(counts, groups) | self._over_cases(counts, groups)
        if self._with_boundaries:
            values = np.array([self._boundary[i] for i in wanted])
            out |= _case_mean("boundary_f", values, ~np.isnan(values), groups)
        if self._with_surfaces and len(wanted):
            out |= self._distances(np.array([self._hd95[i] for i in wanted]), counts, groups)
            out |= self._sizes(np.array([self._spacing[i] for i in wanted]), counts, groups)
        return out | (self._coverage.figures(examples) if self._coverage else {})

    def promised_shares(self):
        return self._coverage.promised_shares() if self._coverage else {}

    def cases(self):
        """Of each case `pixel_accuracy`, `miou` and `dice`, the means over the classes in it (of `dice` but the
        background), and `boundary_f`; `iou/CLASS` and `dice/CLASS`; of each class but the background its `true_ml`,
        `predicted_ml`, `error_ml` (predicted - true) and `relative_error` (that over true), and `hd95_mm`. Of images
        mm2 stands for ml, and without `spacing_mm` voxels or pixels do.
        """
        unit = {2: ("mm2", 1.0), 3: ("ml", 1e-3)} if self._is_spaced else {2: ("pixels", 1.0), 3: ("voxels", 1.0)}
        rows = []
        for number, counts in enumerate(self._counts):
            row = case_overlap(counts, self.classes, self._foreground)
            row |= {"boundary_f": known(self._boundary[number])} if self._with_boundaries else {}
            name, share = unit[len(self._spacing[number])]
            row |= case_sizes(counts * self._spacing[number].prod() * share, name, self.classes, self._foreground)
            if self._with_surfaces:
                row |= {f"hd95_mm/{self.classes[k]}": known(self._hd95[number][k]) for k in self._foreground}
            rows.append(row)
        return rows

    def draw(self, folder, images):
        """`worst.png`: image, ground truth and prediction of the cases of lowest Dice; of a volume its worst slice.

        images: function of example numbers that gives a dict number -> uint8 [H, W, 3], or [D, H, W] or [D, H, W, C].
        """
        return [draw_cases(self._worst, images, self.classes, self.background, folder)]

    def _overlap(self, counts, groups):
        sums = counts.sum(0)
        right, true, found = sums
        seen = true + found > 0
        held, pixels = [k for k in self._foreground if seen[k]], int(true.sum())

        def foreground_iou():
            neither = right[self.background]
            outside = true[self.background] + found[self.background] - neither  # in ground truth or prediction
            return float((pixels - outside) / (pixels - neither))

        drawn = functools.cache(lambda: resampled_sums(counts, groups))
        drawn_dice = functools.cache(lambda: overlap.dice(drawn()))
        out = {"miou": lambda: float(overlap.mean_iou(sums))}
        out |= end_figures("miou", lambda: overlap.mean_iou(drawn())) if pixels else {}
        out |= {f"iou/{self.classes[k]}": lambda k=k: float(overlap.iou(sums)[k]) for k in np.flatnonzero(seen)}
        if self.background is not None and held:
            out["foreground_iou"] = foreground_iou
        if pixels:
            out["pixel_accuracy"] = lambda: float(right.sum() / pixels)
        out["dice"] = lambda: float(overlap.mean_dice(sums, self._foreground))
        out |= end_figures("dice", lambda: overlap.mean_dice(drawn(), self._foreground)) if held else {}
        for k in held:
            out[f"dice/{self.classes[k]}"] = lambda k=k: float(overlap.dice(sums)[k])
            out |= end_figures(f"dice/{self.classes[k]}", lambda k=k: drawn_dice()[:, k])
        return out

    def _over_cases(self, counts, groups):
        held = counts[:, 1:, self._foreground].any((1, 2))
        if not held.any():
            return {"case_dice": lambda: float(counts.any())}
        return _case_mean("case_dice", overlap.mean_dice(counts, self._foreground), held, groups)

    def _measure(self, true, found, counts, spacing):
        """found: with the pixels that do not count marked."""
        f_of, hd95 = [], np.full(len(self.classes), np.nan)
        for k in self._foreground:
            in_true, in_found = counts[1:, k] > 0
            if self._with_boundaries and (in_true or in_found):
                f_of.append(boundary_f(true == k, found == k))
            if self._with_surfaces and in_true and in_found:
                hd95[k] = hausdorff_95(true == k, found == k, spacing)
        self._boundary.append(_mean(f_of, np.nan))
        self._hd95.append(hd95)

    def _distances(self, hd95, counts, groups):
        true, found = counts[:, 1] > 0, counts[:, 2] > 0
        both, either = true & found, true | found

        def mean(k):
            return float(hd95[both[:, k], k].mean())

        held = [k for k in self._foreground if both[:, k].any()]
        out = {f"hd95/{self.classes[k]}": functools.partial(mean, k) for k in held}
        if held:
            seen = ~np.isnan(hd95).all(1)
            out["hd95"] = lambda: _mean([mean(k) for k in held], 0.0)
            out |= interval_figures("hd95", hd95[seen], groups[seen] if len(groups) else ())
        for k in self._foreground:
            if either[:, k].any():
                out[f"missed/{self.classes[k]}"] = lambda k=k: float((true & ~found)[:, k].sum())
                out[f"spurious/{self.classes[k]}"] = lambda k=k: float((found & ~true)[:, k].sum())
        return out

    def _sizes(self, spacing, counts, groups):
        name, unit = ("volume", 1e-3) if spacing.shape[1] == 3 else ("area", 1.0)
        sizes = counts * spacing.prod(1)[:, None, None] * unit
        true, more = sizes[:, 1], np.where(counts[:, 1:].any(1), sizes[:, 2] - sizes[:, 1], np.nan)
        errors = {f"{name}_error": np.abs(more)}
        errors[f"relative_{name}_error"] = np.abs(more) / np.where(true > 0, true, np.nan)
        out = {}
        for figure, values in errors.items():
            drawn = functools.cache(lambda values=values: resampled_means(values, groups))
            for k in (k for k in self._foreground if not np.isnan(values[:, k]).all()):
                of = f"{figure}/{self.classes[k]}"
                out[of] = lambda values=values, k=k: float(np.nanmean(values[:, k]))
                out |= end_figures(of, lambda drawn=drawn, k=k: drawn()[:, k])
        for k in (k for k in self._foreground if not np.isnan(more[:, k]).all()):
            out[f"{name}_bias/{self.classes[k]}"] = lambda k=k: float(np.nanmean(more[:, k]))
        return out

    def _remember(self, true, found, counts):
        """Keep the case for `draw` if it is one of the worst so far: masks of all would fill the memory."""
        dice = overlap.dice(counts)
        names = {self.classes[k]: float(dice[k]) for k in self._foreground if not np.isnan(dice[k])}
        mean = _mean(names.values(), np.inf)
        if not names or (len(self._worst) == _WORST and mean >= self._worst[-1].mean):
            return
        at = None
        if true.ndim == 3:
            shown = (true != IGNORE) & ((true != self.background) | (found != self.background))
            wrong = shown & (true != found)
            index = int((wrong if wrong.any() else shown).sum((1, 2)).argmax())
            at, true, found = (index, len(true)), true[index], found[index]
        case = Case(len(self._counts), mean, names, true.astype(np.uint8), found.astype(np.uint8), at)
        self._worst = sorted([*self._worst, case], key=lambda c: (c.mean, c.number))[:_WORST]


def _index(background, classes):
    if background is None:
        return None
    if isinstance(background, str) and background in classes:
        return classes.index(background)
    if isinstance(background, str) or not 0 <= background < len(classes):
        raise UsageError(f"background {background!r} is not a class; {close_matches(background, classes)}")
    return int(background)


def _counts(true, found, classes):
    known = true != IGNORE
    true, found = true[known], found[known]
    for name, mask in (("ground truth", true), ("prediction", found)):
        if mask.max(initial=0) >= len(classes):
            raise KerasVisionError(f"a mask of the {name} holds class {mask.max()}; there are {len(classes)} classes")
    return np.stack([np.bincount(part, minlength=len(classes)) for part in (true[true == found], true, found)])


def _spacing(values, axes):
    spacing = np.asarray(values, float)
    if spacing.shape != (axes,) or not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise KerasVisionError(f"spacing_mm {spacing.tolist()}; it is one positive number for each of {axes} axes")
    return spacing


def _mean(values, otherwise):
    return float(np.mean(list(values))) if len(values) else float(otherwise)


def _case_mean(name, values, held, groups):
    """The figures of a mean over the cases that are held, with its interval; none where none is."""
    if not held.any():
        return {}
    ends = interval_figures(name, values[held], groups[held] if len(groups) else ())
    return {name: lambda: float(values[held].mean())} | ends
