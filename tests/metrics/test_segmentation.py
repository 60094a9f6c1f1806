"""Figures of masks against scikit-learn and by hand; what is undefined, ignored, padded or missing."""

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.metrics.resampling import resampled_means
from kerasvision.metrics.segmentation import Segmentation
from kerasvision.metrics.surfaces import boundary_f, hausdorff_95

CLASSES = ("background", "liver", "spleen", "tumor")
IGNORE = 255
EVERYTHING = {"boundaries": True, "surfaces": True}


def cases(seed, axes=2, count=9, known=False):
    """[(truth, found, spacing)] of different sizes: random masks, and in between empty, full and ignored ones."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        shape = tuple(rng.integers(3, 9, axes))
        ground_truth, found = rng.integers(0, 4, (2, *shape)).astype(np.uint8)
        if number % 3 == 1:
            ground_truth[:] = rng.integers(0, 2) * 3
        if number % 3 == 2:
            found[:] = rng.integers(0, 2) * 3
        if number % 4 == 3:
            ground_truth[found == 2] = 0
        if not known:
            ground_truth[rng.random(shape) < 0.2] = IGNORE
            if number == count - 1:
                ground_truth[:] = IGNORE
        made.append((ground_truth, found, rng.uniform(0.5, 3, axes)))
    return made


def fed(some, size=1, padded=None, spaced=True, **options):
    """An evaluator that has seen cases in batches of `size`, predictions padded as those of a mixed batch are."""
    evaluator = Segmentation(CLASSES, **options)
    for start in range(0, len(some), size):
        part = some[start : start + size]
        sides = padded or np.max([ground_truth.shape for ground_truth, _, _ in part], 0)
        ground_truth = np.empty(len(part), object)
        for i, (mask, _, _) in enumerate(part):
            ground_truth[i] = mask
        wide = [[(0, side - own) for side, own in zip(sides, found.shape, strict=True)] for _, found, _ in part]
        mask = np.stack([np.pad(f, w, constant_values=255) for (_, f, _), w in zip(part, wide, strict=True)])
        known = {"mask": ground_truth} | ({"spacing_mm": np.stack([s for _, _, s in part])} if spaced else {})
        evaluator.update({"mask": mask}, known)
    return evaluator


def result(ground_truth, found, **options):
    """Of one case, given as rows of numbers."""
    evaluator = Segmentation(CLASSES, **options)
    evaluator.update({"mask": np.array([found], np.uint8)}, {"mask": np.array([ground_truth], np.uint8)})
    return evaluator.result()


def counted(some):
    """(truth, found) of the pixels that count, flat."""
    pairs = [(t[t != IGNORE], f[t != IGNORE]) for t, f, _ in some]
    return tuple(np.concatenate(side) for side in zip(*pairs, strict=True))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_overlap_is_scikit_learn_s(seed, axes):
    some = cases(seed, axes)
    ground_truth, found = counted(some)
    seen, every = fed(some).result(), range(4)
    iou, dice = (
        sk.jaccard_score(ground_truth, found, average=None, labels=every),
        sk.f1_score(ground_truth, found, average=None),
    )
    assert [seen[f"iou/{name}"] for name in CLASSES] == pytest.approx(iou)
    assert [seen[f"dice/{name}"] for name in CLASSES[1:]] == pytest.approx(dice[1:]) and "dice/background" not in seen
    assert seen["miou"] == pytest.approx(iou.mean()) and seen["dice"] == pytest.approx(dice[1:].mean())
    assert seen["pixel_accuracy"] == pytest.approx(sk.accuracy_score(ground_truth, found))
    assert seen["foreground_iou"] == pytest.approx(sk.jaccard_score(ground_truth > 0, found > 0))
    confusion = sk.confusion_matrix(ground_truth, found)
    either = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    assert [seen[f"iou/{name}"] for name in CLASSES] == pytest.approx(confusion.diagonal() / either)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("background", [0, 2, None])
def test_dice_of_cases_is_scikit_learn_s(axes, background):
    some, means = cases(7, axes), []
    for case in some:
        ground_truth, found = counted([case])
        inside = [k for k in np.union1d(ground_truth, found) if k != background]
        if inside:
            means.append(sk.f1_score(ground_truth, found, average=None, labels=inside).mean())
    assert 0 < len(means) < len(some)
    assert fed(some, background=background).result()["case_dice"] == pytest.approx(np.mean(means))


def test_by_hand():
    seen = result([[1, 1, 0], [2, 255, 0]], [[1, 2, 0], [2, 3, 1]])
    assert seen["iou/background"] == pytest.approx(1 / 2)
    assert seen["iou/liver"] == pytest.approx(1 / 3) and seen["dice/liver"] == pytest.approx(2 / 4)
    assert seen["iou/spleen"] == pytest.approx(1 / 2) and seen["dice/spleen"] == pytest.approx(2 / 3)
    assert "iou/tumor" not in seen and "dice/tumor" not in seen  # only where it does not count
    assert seen["miou"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)
    assert seen["dice"] == seen["case_dice"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert seen["foreground_iou"] == pytest.approx(3 / 4) and seen["pixel_accuracy"] == pytest.approx(3 / 5)
    assert seen["case_dice_low"] == seen["case_dice_high"] == seen["case_dice"]  # one case has no spread


def test_cases_weigh_alike_and_pixels_weigh_alike():
    """A large right case and a small wrong one."""
    large, small = np.ones((9, 9), np.uint8), np.ones((1, 1), np.uint8)
    seen = fed([(large, large, [1, 1]), (small, 0 * small, [1, 1])]).result()
    assert seen["case_dice"] == 0.5 and seen["dice"] == pytest.approx(2 * 81 / (81 + 82))


def test_nothing_but_background():
    seen = result([[0, 0]], [[0, 0]], **EVERYTHING)
    names = ("miou", "miou_low", "miou_high", "iou/background", "pixel_accuracy", "dice", "case_dice")
    assert seen == dict.fromkeys(names, 1.0)
    alarm = result([[0, 0]], [[0, 1]], **EVERYTHING)
    assert alarm["dice"] == alarm["case_dice"] == alarm["foreground_iou"] == 0 and alarm["spurious/liver"] == 1
    missed = result([[0, 1]], [[0, 0]], **EVERYTHING)
    assert missed["dice"] == missed["case_dice"] == 0 and missed["missed/liver"] == 1


def test_nothing_that_counts():
    expected = {"miou": 0.0, "dice": 0.0, "case_dice": 0.0}
    assert result([[255, 255]], [[0, 1]], **EVERYTHING) == expected
    assert Segmentation(CLASSES, **EVERYTHING).result() == expected
    assert fed(cases(0), **EVERYTHING).result([]) == expected


def test_right_empty_cases_do_not_raise_the_mean_of_cases():
    empty, half = np.zeros((1, 2), np.uint8), np.array([[1, 1]], np.uint8)
    some = [(half, np.array([[1, 0]], np.uint8), [1, 1]), (empty, empty, [1, 1])]
    assert fed(some).result()["case_dice"] == fed(some[:1]).result()["case_dice"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_everything_is_a_finite_number(seed, axes):
    some = cases(seed, axes)
    for part in (some, *([case] for case in some)):
        seen = fed(part, **EVERYTHING).result()
        assert {"miou", "dice", "case_dice"} <= set(seen)
        assert all(type(v) is float and np.isfinite(v) for v in seen.values())
        assert all(0 <= v <= 1 for k, v in seen.items() if k.startswith(("miou", "iou", "dice", "case", "bound")))


@pytest.mark.parametrize("axes", [2, 3])
def test_a_subset_is_a_fresh_evaluator(axes):
    some = cases(5, axes, known=True)
    whole = fed(some, size=4, **EVERYTHING)
    for examples in ([0, 3, 4], [8], [1, 2, 5, 6, 7], [4, 0]):
        assert whole.result(np.array(examples)) == fed([some[i] for i in examples], **EVERYTHING).result()
    assert whole.result(range(9)) == whole.result() != whole.result([0, 3, 4])


@pytest.mark.parametrize("axes", [2, 3])
def test_batches_and_padding_do_not_matter(axes):
    some = cases(6, axes)
    alone = fed(some, **EVERYTHING).result()
    assert fed(some, size=9, **EVERYTHING).result() == alone
    assert fed(some, size=2, padded=(20,) * axes, **EVERYTHING).result() == alone
    same = [(t[(slice(3),) * axes], f[(slice(3),) * axes], s) for t, f, s in some]
    batch = Segmentation(CLASSES, **EVERYTHING)  # truths as one array
    columns = [np.stack(part) for part in zip(*same, strict=True)]
    batch.update({"mask": columns[1]}, {"mask": columns[0], "spacing_mm": columns[2]})
    assert batch.result() == fed(same, **EVERYTHING).result()


def test_what_is_predicted_on_ignored_pixels_does_not_matter():
    some = cases(8)
    other = [(t, np.where(t == IGNORE, (f + 1) % 4, f).astype(np.uint8), s) for t, f, s in some]
    assert fed(other, **EVERYTHING).result() == fed(some, **EVERYTHING).result()


def test_background_is_named_counted_or_none():
    some = cases(1)
    named, numbered, none = (fed(some, background=b).result() for b in ("spleen", 2, None))
    assert named == numbered and "dice/spleen" not in named and "dice/background" in named
    ground_truth, found = counted(some)
    assert named["foreground_iou"] == pytest.approx(sk.jaccard_score(ground_truth != 2, found != 2))
    assert "foreground_iou" not in none and none["dice"] == pytest.approx(
        sk.f1_score(ground_truth, found, average="macro")
    )
    for wrong in ("spleeen", 4, -1):
        with pytest.raises(UsageError, match=f"background {wrong!r} is not a class"):
            Segmentation(CLASSES, background=wrong)


def test_interval_of_the_mean():
    values = np.random.default_rng(3).normal(0.7, 0.1, 400)
    low, high = np.percentile(resampled_means(values), [2.5, 97.5])
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)
    assert len(resampled_means(np.arange(3000.0))) == 1000  # drawn in parts
    some = [(np.ones((1, 1), np.uint8), np.full((1, 1), i % 3 > 0, np.uint8), [1, 1]) for i in range(600)]
    seen = fed(some).result()  # 2 of 3 are right: the mean is binomial
    assert seen["case_dice"] == pytest.approx(2 / 3)
    limits = scipy.stats.binom.ppf([0.025, 0.975], 600, 2 / 3) / 600
    assert [seen["case_dice_low"], seen["case_dice_high"]] == pytest.approx(limits, abs=0.003)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_surfaces_and_sizes(seed, axes):
    some = cases(seed, axes, count=12)
    seen, means = fed(some, surfaces=True).result(), []
    size, unit = ("volume", 1000) if axes == 3 else ("area", 1)
    for k, name in enumerate(CLASSES[1:], 1):
        regions = [(t == k, (f == k) & (t != IGNORE), s) for t, f, s in some]
        both = [hausdorff_95(*case) for case in regions if case[0].any() and case[1].any()]
        means.append(np.mean(both))
        assert seen[f"hd95/{name}"] == pytest.approx(means[-1])
        assert seen[f"missed/{name}"] == sum(t.any() and not f.any() for t, f, _ in regions)
        assert seen[f"spurious/{name}"] == sum(f.any() and not t.any() for t, f, _ in regions)
        more = [(f.sum() - t.sum()) * np.prod(s) / unit for t, f, s in regions if t.any() or f.any()]
        assert seen[f"{size}_error/{name}"] == pytest.approx(np.mean(np.abs(more)))
        assert seen[f"{size}_bias/{name}"] == pytest.approx(np.mean(more))
    assert seen["hd95"] == pytest.approx(np.mean(means))
    assert not any("background" in k for k in seen if k.startswith(("hd95", "missed", size)))


def test_a_pixel_is_a_millimeter_unless_told():
    volume = np.zeros((2, 4, 5, 6), np.uint8)
    volume[0, 1, 1, 1], volume[1, 3, 1, 1], volume[1, 3, 2, 1] = 1, 1, 1
    plain = fed([(*volume, None)], spaced=False, surfaces=True).result()
    assert plain["hd95"] == pytest.approx(np.percentile([2, np.sqrt(5)], 95))
    assert plain["volume_error/liver"] == plain["volume_bias/liver"] == pytest.approx(0.001)
    spaced = fed([(*volume, (2.5, 1, 2))], surfaces=True).result()
    assert spaced["hd95"] == pytest.approx(np.percentile([5, np.sqrt(26)], 95))
    assert spaced["volume_error/liver"] == pytest.approx(0.005)
    fewer = fed([(volume[1], volume[0], (2.5, 1, 2))], surfaces=True).result()
    assert fewer["volume_error/liver"] == -fewer["volume_bias/liver"] == pytest.approx(0.005)


def test_interval_of_distances_is_of_the_mean_over_classes():
    """Of two classes, 9 and 5 pixels long edges off by 0 or 4 in half of the cases each: a mean of 2, 2 and 2."""
    some = []
    for i in range(60):
        ground_truth, found = np.zeros((2, 8, 24), np.uint8)
        ground_truth[2:6, 2:6], ground_truth[2:6, 14:18] = 1, 2
        for k, start in ((1, 2), (2, 14)):
            shift = 4 * ((i // k) % 2)
            found[2:6, start + shift : start + shift + 4] = k
        some.append((ground_truth, found, [1, 1]))
    seen = fed(some, surfaces=True).result()
    assert seen["hd95"] == pytest.approx(2) and seen["hd95_low"] < 1.9 and seen["hd95_high"] > 2.1
    error = 4 * 0.5 / np.sqrt(60) / np.sqrt(2)  # of the mean of two means that are independent
    assert seen["hd95_high"] - seen["hd95_low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    one = fed(some[:1], surfaces=True).result()
    assert one["hd95_low"] == one["hd95_high"] == one["hd95"]


def test_boundaries_are_averaged_over_cases_of_averages_over_classes():
    some, means = cases(9), []
    for ground_truth, found, _ in some:
        regions = [(ground_truth == k, (found == k) & (ground_truth != IGNORE)) for k in range(1, 4)]
        values = [boundary_f(t, f) for t, f in regions if t.any() or f.any()]
        means += [np.mean(values)] if values else []
    seen = fed(some, boundaries=True).result()
    assert 0 < seen["boundary_f"] == pytest.approx(np.mean(means)) and len(means) < len(some)
    assert 0 < seen["boundary_f_low"] < seen["boundary_f"] < seen["boundary_f_high"] < 1
    assert "boundary_f" not in fed(some, surfaces=True).result() and "hd95" not in seen


def test_what_cannot_be_counted_is_refused():
    for ground_truth, found, message in (
        ([[4]], [[0]], "the ground truth holds class 4; there are 4"),
        ([[0]], [[255]], "the prediction holds class 255"),
        ([[0, 0]], [[0]], r"\(1, 1\) is smaller than its ground truth \(1, 2\)"),
    ):
        with pytest.raises(KerasVisionError, match=message):
            result(ground_truth, found)
    for spacing in ([1.0], [1, 0], [1, np.nan], [1, 1, 1]):
        with pytest.raises(KerasVisionError, match="spacing_mm"):
            fed([(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), np.array(spacing))])
    with pytest.raises(UsageError, match="256 classes"):
        Segmentation(range(256))
