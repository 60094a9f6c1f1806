"""Figures of single cases by hand, and intervals against scipy's bootstrap of the same resamples."""

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from kerasvision.metrics.resampling import RESAMPLES
from kerasvision.metrics.segmentation import Segmentation
from tests.metrics.test_segmentation import CLASSES, cases, counted, fed


def test_a_case_by_hand():
    """Two volumes of voxels of 2 x 5 x 10 mm, 0.1 ml each; of liver one has 3 and finds 2, with 1 right."""
    true, found = np.zeros((2, 2, 1, 2, 3), np.uint8)
    true[0, 0, 0, :3], found[0, 0, 0, 2:], found[0, 0, 1, 0] = 1, 1, 1
    true[1, 0, 1, 0], found[1, 0, 0, 0] = 255, 2
    judge = Segmentation(CLASSES, surfaces=True)
    judge.update({"mask": found}, {"mask": true, "spacing_mm": np.array([[2.0, 5.0, 10.0]] * 2)})
    first, second = judge.cases()
    assert first["pixel_accuracy"] == pytest.approx(3 / 6)
    assert first["iou/background"] == pytest.approx(2 / 5) and first["dice/background"] == pytest.approx(4 / 7)
    assert first["iou/liver"] == pytest.approx(1 / 4) and first["dice/liver"] == first["dice"] == pytest.approx(2 / 5)
    assert first["miou"] == pytest.approx((2 / 5 + 1 / 4) / 2)
    sizes = [first[f"{name}/liver"] for name in ("true_ml", "predicted_ml", "error_ml", "relative_error")]
    assert sizes == pytest.approx([0.3, 0.2, -0.1, -1 / 3])
    assert first["hd95_mm/liver"] > 0 and first["hd95_mm/spleen"] is None
    assert first["dice/spleen"] is None and first["true_ml/spleen"] == 0 and first["relative_error/spleen"] is None
    assert second["pixel_accuracy"] == pytest.approx(4 / 5)  # one voxel is not annotated
    assert second["dice/spleen"] == second["dice"] == 0 and second["error_ml/spleen"] == pytest.approx(0.1)
    assert second["relative_error/spleen"] is None and second["true_ml/liver"] == 0


@pytest.mark.parametrize(("axes", "spaced", "unit"), [(2, True, "mm2"), (2, False, "pixels"), (3, False, "voxels")])
def test_cases_are_scikit_learn_s_in_the_unit_that_is_known(axes, spaced, unit):
    some = cases(3, axes)
    rows = fed(some, size=2, spaced=spaced, boundaries=True).cases()
    assert len(rows) == len(some) and len({tuple(row) for row in rows}) == 1
    for case, row in zip(some, rows, strict=True):
        true, found = counted([case])
        seen = np.union1d(true, found)
        iou = (
            dict(zip(seen, sk.jaccard_score(true, found, average=None, labels=seen), strict=True)) if len(seen) else {}
        )
        dice = dict(zip(seen, sk.f1_score(true, found, average=None, labels=seen), strict=True)) if len(seen) else {}
        share = np.prod(case[2]) if spaced else 1
        for k, name in enumerate(CLASSES):
            assert row[f"iou/{name}"] == (pytest.approx(iou[k]) if k in iou else None)
            assert row[f"dice/{name}"] == (pytest.approx(dice[k]) if k in dice else None)
        for k, name in enumerate(CLASSES[1:], 1):
            assert row[f"true_{unit}/{name}"] == pytest.approx((true == k).sum() * share)
            assert row[f"error_{unit}/{name}"] == pytest.approx(((found == k).sum() - (true == k).sum()) * share)
        inside = [dice[k] for k in dice if k]
        assert row["dice"] == (pytest.approx(np.mean(inside)) if inside else None)
        assert row["pixel_accuracy"] == (pytest.approx(np.mean(true == found)) if len(true) else None)
    means = [row["boundary_f"] for row in rows if row["boundary_f"] is not None]
    assert fed(some, boundaries=True).result()["boundary_f"] == pytest.approx(np.mean(means))


def ends(size, statistic, seed=0):
    """scipy's percentile interval of a figure of the cases that are drawn; seed 0 draws what the evaluator draws."""
    options = {
        "vectorized": False,
        "n_resamples": RESAMPLES,
        "method": "percentile",
        "rng": np.random.default_rng(seed),
    }
    drawn = scipy.stats.bootstrap((np.arange(size),), statistic, **options).bootstrap_distribution
    return np.nanquantile(drawn, [0.025, 0.975])


def shifted(count):
    """[(truth, found, spacing)] of volumes with all classes: blocks that the prediction misses by up to two voxels."""
    rng, made = np.random.default_rng(11), []
    for _ in range(count):
        true, found = np.zeros((2, 4, 12, 20), np.uint8)
        for k in (1, 2, 3):
            rows, more = 1 + rng.integers(0, 2), rng.integers(-2, 3)
            true[1:3, rows : rows + 6, 6 * k - 5 : 6 * k - 1] = k
            found[1:3, rows : rows + 6 + more, 6 * k - 5 : 6 * k - 1] = k
        made.append((true, found, rng.uniform(1, 2, 3)))
    return made


def test_intervals_are_scipy_s():
    some = shifted(30)
    seen = fed(some, surfaces=True).result()

    def pooled(score, **options):
        def of(drawn):
            true, found = (np.concatenate([some[i][side].ravel() for i in drawn]) for side in (0, 1))
            return score(true, found, labels=range(4), **options)

        return of

    def mean_error(k, relative):
        errors = [
            (abs((f == k).sum() - (t == k).sum()) * s.prod() / 1e3, (t == k).sum() * s.prod() / 1e3) for t, f, s in some
        ]
        values = np.array([error / true if relative else error for error, true in errors])
        return lambda drawn: values[drawn].mean()

    confusion = [sk.confusion_matrix(t.ravel(), f.ravel(), labels=range(4)) for t, f, _ in some]

    def miou(drawn):
        total = sum(confusion[i] for i in drawn)
        return (total.diagonal() / (total.sum(0) + total.sum(1) - total.diagonal())).mean()

    def dice(k):
        def of(drawn):
            total = sum(confusion[i] for i in drawn)
            return 2 * total[k, k] / (total[k].sum() + total[:, k].sum())

        return of

    assert miou(range(30)) == pytest.approx(pooled(sk.jaccard_score, average="macro")(range(30)))
    wanted = {"miou": miou, "dice/liver": dice(1), "dice/tumor": dice(3)}
    wanted |= {"volume_error/spleen": mean_error(2, False), "relative_volume_error/tumor": mean_error(3, True)}
    for name, statistic in wanted.items():
        figure, slash, of = name.partition("/")
        found = [seen[f"{figure}_{end}{slash}{of}"] for end in ("low", "high")]
        assert seen[name] == pytest.approx(statistic(np.arange(30)))
        assert found == pytest.approx(ends(30, statistic), rel=1e-9), name
        assert found[0] < seen[name] < found[1]
        assert found == pytest.approx(ends(30, statistic, seed=1), abs=0.2 * (found[1] - found[0]))  # other resamples


def test_the_mean_dice_has_the_interval_of_the_mean_over_classes_of_pooled_masks():
    some = shifted(20)
    seen = fed(some, surfaces=True).result()
    counts = np.array(
        [[[(t == k).sum(), (f == k).sum(), ((t == k) & (f == k)).sum()] for k in (1, 2, 3)] for t, f, _ in some]
    )

    def dice(drawn):
        true, found, right = counts[drawn].sum(0).T
        return (2 * right / (true + found)).mean()

    assert [seen["dice_low"], seen["dice_high"]] == pytest.approx(ends(20, dice))


def test_a_resample_without_a_class_counts_in_no_interval_of_it():
    """One case of three has a spleen: where it is drawn its Dice is 2/3, and 0.27 of resamples do not draw it."""
    none = np.ones((1, 4), np.uint8)
    true, found = np.array([[2, 2, 1, 1]], np.uint8), np.array([[2, 1, 1, 1]], np.uint8)
    seen = fed([(none, none, [1, 1]), (true, found, [1, 1]), (none, none, [1, 1])], surfaces=True).result()
    assert seen["dice_low/spleen"] == seen["dice_high/spleen"] == seen["dice/spleen"] == pytest.approx(2 / 3)
    assert seen["relative_area_error_low/spleen"] == seen["relative_area_error/spleen"] == pytest.approx(1 / 2)
    spurious = fed([(none, true, [1, 1])], surfaces=True).result()
    assert spurious["area_error/spleen"] == 2 and "relative_area_error/spleen" not in spurious


def test_whole_groups_are_drawn():
    some = [case for case in shifted(8) for _ in range(4)]
    widths = []
    for groups in ((), tuple(np.repeat(range(8), 4))):
        judge = Segmentation(CLASSES, surfaces=True)
        judge.split_groups = groups
        true, found, spacing = (np.stack(part) for part in zip(*some, strict=True))
        judge.update({"mask": found}, {"mask": true, "spacing_mm": spacing})
        seen = judge.result()
        names = ("miou{}", "dice{}/liver", "volume_error{}/liver")
        widths.append([seen[n.format("_high")] - seen[n.format("_low")] for n in names])
    assert all(together > 1.5 * alone for alone, together in zip(*widths, strict=True))
