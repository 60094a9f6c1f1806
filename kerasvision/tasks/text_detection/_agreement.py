"""How far two predictions of quads are apart, explained by what they were decided from."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from kerasvision.ops import polygons

SAME_PX = 0.05  # quads whose corners are apart by less are one: of equal cells, by other sums
SHARED = 0.5  # IoU of partners
_AROUND = 2.0  # cells around a quad that may have been in its component, or have joined it


def compare(arch, reference, other):
    """What `TextDetection.compare` gives."""
    pairs = [
        _compare(arch, *({k: v[i] for k, v in p.items()} for p in (reference, other)))
        for i in range(len(reference["count"]))
    ]
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])


def _compare(arch, reference, other):
    """One image."""
    ours, theirs = ((p["quads_xy"][: p["count"]], p["scores"][: p["count"]]) for p in (reference, other))
    if not (np.isfinite(theirs[0]).all() and np.isfinite(theirs[1]).all()):
        return np.nan, True
    overlap = polygons.pairwise_iou(ours[0], theirs[0])
    away = np.abs(ours[0][:, None] - theirs[0][None]).max((-1, -2), initial=0.0)
    same = away <= SAME_PX
    rows, columns = linear_sum_assignment(np.where(same, 2.0, overlap), maximize=True)
    paired = (overlap[rows, columns] >= SHARED) | same[rows, columns]
    rows, columns = rows[paired], columns[paired]
    flip = len(rows) < max(len(ours[0]), len(theirs[0]))
    equal = same[rows, columns]
    apart = 0.0
    if arch.moves and not equal.all():
        # of plain predictions the picture's size is not known; quads lie in it, so that this errs to the larger side
        spans = reference.get("cells_xy", np.concatenate([quads.reshape(-1, 2) for quads in (ours[0], theirs[0])]))
        apart = float((away[rows, columns] / np.ptp(spans, axis=0).max())[~equal].max())
        equal = np.full(len(rows), True)
    error = float(np.abs(ours[1][rows[equal]] - theirs[1][columns[equal]]).max(initial=0.0))
    changed = [
        (quad, score)
        for (quads, scores), held in ((ours, rows[equal]), (theirs, columns[equal]))
        for quad, score in zip(np.delete(quads, held, 0), np.delete(scores, held), strict=True)
    ]
    return max([error, apart, *(_explained(arch, reference, quad, score) for quad, score in changed)]), flip


def _explained(arch, reference, quad, score):
    """The least change of a probability that makes or unmakes a quad."""
    if "probability" not in reference:
        return 1.0
    cells = reference["cells_xy"]
    low, high = quad.min(0), quad.max(0)
    step = np.abs(cells[-1] - cells[0]) / (np.array(reference["probability"].shape[::-1]) - 1)
    near = ((cells >= low - _AROUND * step) & (cells <= high + _AROUND * step)).all(-1)
    margins = np.abs(reference["probability"].ravel()[near] - arch.threshold)
    return float(min(margins.min(initial=1.0), abs(score - arch.score_threshold)))
