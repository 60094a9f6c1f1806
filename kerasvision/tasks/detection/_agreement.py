"""How far two predictions of boxes are apart: what `Detection.compare` says of one image."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from kerasvision.ops import boxes as box_ops

SAME_PX = 1e-3  # boxes whose corners are apart by less are one
DECIDED = 0.5  # score from which a detection is a decision
NAMES = ("boxes_xyxy", "scores", "labels")  # of detections
CHOSEN_FROM = ("candidates_xyxy", "candidate_scores", "candidate_labels")  # the same of candidates
CANDIDATES = 1000  # pairs of anchor and class that go into suppression
MOST_PAIRS = 10_000  # of candidates that two detections may be
AS_NEAR = 2.0**-20  # distances that differ by less do not tell two candidates apart: eight units of a score of 1


def paired(reference, other):
    """Indices of the detections of one image that pair up, of both predictions: of one class, with an IoU of at least
    0.5, one to one, the largest IoU less difference of score in all (scipy's assignment).
    """
    a, b = ({k: p[k][: p["count"]] for k in NAMES} for p in (reference, other))
    overlap = box_ops.pairwise_iou(a["boxes_xyxy"], b["boxes_xyxy"]).numpy()
    # a box without area overlaps nothing, not even itself
    away = np.abs(a["boxes_xyxy"][:, None] - b["boxes_xyxy"][None]).max(-1, initial=0.0)
    overlap = np.where(away <= SAME_PX, 1.0, overlap)
    overlap = np.where(a["labels"][:, None] == b["labels"][None], overlap, 0.0)
    apart = np.abs(a["scores"][:, None] - b["scores"][None])
    gain = np.nan_to_num(overlap - apart, nan=-2.0)  # what is no number pairs with nothing, and `_away` tells of it
    rows, columns = linear_sum_assignment(gain, maximize=True)
    held = overlap[rows, columns] >= 0.5
    return rows[held], columns[held]


def of_image(reference, other, rule):
    """(error, flip) of one image, see `Detection.compare`. rule: `Suppression`."""
    rows, columns = paired(reference, other)
    error, flip = max(_away(reference, other), _given_twice(reference, other, rule)), False
    for ours, theirs, held in ((reference, other, rows), (other, reference, columns)):
        alone = np.setdiff1d(np.arange(ours["count"]), held)
        flip |= bool((ours["scores"][alone] >= DECIDED).any())
        if len(alone) and not rule.soft_sigma:
            overlap = _overlaps(ours, theirs, alone, reference)
            left_out = _best_left_out(reference) if ours is other else 0.0
            error = max(error, float(_surprise(ours, theirs, alone, overlap, left_out, rule).max()))
    return error, flip


def _given_twice(reference, other, rule):
    """What suppression should have seen to in `other`: 1 where two of its detections are one candidate, and by how much
    two of them overlap too far. 0 of a plain prediction, and where overlaps lower a score.
    """
    if "candidates_graph_xyxy" not in reference or rule.soft_sigma:
        return 0.0
    found, whole = [other[k][: other["count"]] for k in NAMES], reference["candidates_graph_xyxy"]
    labels, nearest = found[2], _nearest(found, [reference[k] for k in CHOSEN_FROM])
    first = np.array([places[0] for places in nearest], int)
    close = box_ops.pairwise_iou(whole[first], whole[first]).numpy() > rule.iou_threshold
    close |= first[:, None] == first[None]
    close &= (labels[:, None] == labels[None]) | (not rule.class_aware)
    error = 0.0
    for one, two in np.argwhere(np.triu(close, 1)):
        if len(nearest[one]) * len(nearest[two]) > MOST_PAIRS:  # of a file that is far off anyway
            continue
        overlap = box_ops.pairwise_iou(whole[nearest[one]], whole[nearest[two]]).numpy()
        overlap = overlap[nearest[one][:, None] != nearest[two][None]]
        error = max(error, float(overlap.min()) - rule.iou_threshold if overlap.size else 1.0)
    return error


def _surprise(ours, theirs, alone, overlap, left_out, rule):
    """[n], of detections of `ours` that `theirs` does not have: the least change that explains it, of a score, an IoU
    or a corner. overlap: [n, m], their IoU with those of `theirs`. left_out: see `_best_left_out`.
    """
    boxes, scores, labels = (ours[k][alone] for k in NAMES)
    kept = [theirs[k][: theirs["count"]] for k in NAMES]
    least = scores - rule.score_threshold  # it did not count
    side = np.maximum((boxes[:, 2:] - boxes[:, :2]).min(-1), 0.0)  # without area it is no detection
    least = np.where(side <= SAME_PX, np.minimum(least, side / max(float(boxes.max()), 1.0)), least)
    if left_out > rule.score_threshold:
        least = np.minimum(least, scores - left_out)
    if theirs["count"] == rule.max_detections:  # others took all places
        least = np.minimum(least, scores - kept[1].min())
    if theirs["count"]:
        if rule.class_aware:
            overlap = np.where(labels[:, None] == kept[2][None], overlap, -1.0)
        # another one suppressed it, which needs as high a score, and overlaps enough
        suppressed = np.maximum(scores[:, None] - kept[1][None], rule.iou_threshold - overlap)
        moved = _distances((boxes, scores, labels), kept)  # it is there, of so little area that it overlaps nothing
        least = np.minimum(least, np.minimum(suppressed, moved).min(1))
    return np.maximum(least, 0.0)


def _best_left_out(reference):
    """The score of the best candidate that found no place among the CANDIDATES of suppression; 0 if all found one.

    MediaPipe's operator takes every candidate that counts, so what it finds below that score the trained model cannot.
    """
    scores = np.sort(reference.get("candidate_scores", np.zeros(0)))[::-1]
    return float(scores[CANDIDATES]) if len(scores) > CANDIDATES else 0.0


def _overlaps(ours, theirs, alone, reference):
    """[n, m]: IoU of the detections `alone` of `ours` with all of `theirs`, as suppression saw their boxes.

    It sees them in graph pixels, and a letterbox's border is cut away afterwards: the part of two boxes that lies in
    the picture overlaps otherwise than the whole boxes did. Each detection is therefore taken for the candidates of the
    reference that it cannot be told from, of which those that overlap most count.
    """
    found, kept = [ours[k][alone] for k in NAMES], [theirs[k][: theirs["count"]] for k in NAMES]
    if "candidates_graph_xyxy" not in reference:
        return box_ops.pairwise_iou(found[0], kept[0]).numpy()
    pool, whole = [reference[k] for k in CHOSEN_FROM], reference["candidates_graph_xyxy"]
    mine, others = (_nearest(detections, pool) for detections in (found, kept))
    overlap = np.zeros((len(alone), len(others)))
    for row, places in enumerate(mine):
        with_all = box_ops.pairwise_iou(whole[places], whole).numpy().max(0)
        overlap[row] = [with_all[columns].max() for columns in others]
    return overlap


def _nearest(found, pool):
    """Of each detection the numbers of the candidates that it may be, int arrays: those that are as near to it as the
    nearest one, within rounding. How far that goes is seen from the detection whose nearest one is furthest away.
    """
    away = np.nan_to_num(_distances(found, pool), nan=1.0)
    least = away.min(1)
    return [
        np.flatnonzero(row <= limit) for row, limit in zip(away, least + least.max(initial=0) + AS_NEAR, strict=True)
    ]


def _distances(found, pool):
    """[D, C] of detections from candidates, each (boxes, scores, labels); 1 between two classes."""
    away = np.abs(found[0][:, None] - pool[0][None]).max(-1, initial=0.0)
    longer = max(float(np.max(pool[0], initial=0.0)), float(np.max(found[0], initial=0.0)), 1.0)
    apart = np.maximum(away / longer, np.abs(found[1][:, None] - pool[1][None]))
    return np.where((found[2][:, None] == pool[2][None]) & (pool[1][None] > 0), apart, 1.0)


def _away(reference, other):
    """The largest distance of a detection of one image from the nearest candidate, see `Detection.compare`."""
    boxes, scores, labels = (other[k][: other["count"]] for k in NAMES)
    if not len(scores):
        return 0.0
    pool = [reference[k][: reference["count"]] for k in NAMES]
    if "candidates_xyxy" in reference:
        chosen_from = (reference[k] for k in CHOSEN_FROM)
        pool = [np.concatenate(pair) for pair in zip(pool, chosen_from, strict=True)]
    found = _distances((boxes, scores, labels), pool).min(1, initial=1.0)
    # a score or a box that is no number is near nothing, and must not pass as a candidate that is not there
    finite = np.isfinite(scores) & np.isfinite(boxes).all(-1)
    return float(np.where(finite, found, np.nan).max())
