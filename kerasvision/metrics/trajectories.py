"""How well identities were kept in one sequence: the counts that figures of many sequences are made of.

HOTA: Luiten et al. 2021 (arXiv:2009.07736). CLEAR MOT (MOTA, MOTP): Bernardin and Stiefelhagen 2008
(doi:10.1155/2008/246309). IDF1: Ristani et al. 2016 (arXiv:1609.01775). Numbers are those of TrackEval, to whose rules
the benchmarks of today have agreed; where motmetrics has another one, `carried` says so.

A sequence is a list of frames (ids of the ground truth int [G], ids that were answered int [D], overlaps [G, D] of 0 to
1). Ids are any integers; in a frame none is there twice.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

ALPHAS = np.arange(1, 20) / 20  # overlaps that HOTA is the mean over
LEAST = 0.5  # overlap from where a pair counts in MOTA and IDF1
_EPS = np.finfo(float).eps


def counted(frames, carried="step"):
    """Sums of one sequence, name -> number or [19]; those of several are added up. carried: see `clear`."""
    frames, sizes = _numbered(frames)
    return hota(frames, sizes) | clear(frames, sizes, carried) | identity(frames, sizes)


def figures(sums):
    """name -> float of the sums of one or more sequences; 0 where there is nothing to divide by (`LocA`: 1)."""
    every = np.maximum(1.0, sums["hota_tp"] + sums["hota_fn"] + sums["hota_fp"])
    detected, associated = sums["hota_tp"] / every, sums["association"] / np.maximum(1.0, sums["hota_tp"])
    located = np.maximum(1e-10, sums["location"]) / np.maximum(1e-10, sums["hota_tp"])
    present = max(1.0, sums["tp"] + sums["fn"])
    right = sums["idtp"] / max(1.0, sums["idtp"] + (sums["idfp"] + sums["idfn"]) / 2)
    found = {"HOTA": np.sqrt(detected * associated).mean(), "DetA": detected.mean(), "AssA": associated.mean()}
    found |= {"LocA": located.mean(), "MOTA": (sums["tp"] - sums["fp"] - sums["switches"]) / present}
    found |= {"MOTP": sums["overlap"] / max(1.0, sums["tp"]), "IDF1": right, "recall": sums["tp"] / present}
    found |= {"precision": sums["tp"] / max(1.0, sums["tp"] + sums["fp"])}
    counts = ("switches", "fragments", "mostly_tracked", "mostly_lost", "objects")
    return {name: float(value) for name, value in (found | {k: sums[k] for k in counts}).items()}


def _numbered(frames):
    """(frames with ids from 0 on, (how many ids of the ground truth, how many that were answered))."""
    known = ({}, {})
    held = []
    for true, answered, overlap in frames:
        ids = [
            np.array([k.setdefault(int(i), len(k)) for i in i_s], np.int64)
            for k, i_s in zip(known, (true, answered), strict=True)
        ]
        held.append((*ids, np.asarray(overlap, np.float64).reshape(len(ids[0]), len(ids[1]))))
    return held, (len(known[0]), len(known[1]))


def hota(frames, sizes):
    """hota_tp, hota_fn, hota_fp, association and location, each [19], one an overlap of `ALPHAS`."""
    together, true_count, count = np.zeros(sizes), np.zeros((sizes[0], 1)), np.zeros((1, sizes[1]))
    for true, ids, overlap in frames:
        union = overlap.sum(0)[None] + overlap.sum(1)[:, None] - overlap
        together[true[:, None], ids[None]] += np.where(union > _EPS, overlap / np.where(union > _EPS, union, 1.0), 0.0)
        true_count[true] += 1
        count[0, ids] += 1
    aligned = together / (true_count + count - together)
    matches, location = np.zeros((len(ALPHAS), *sizes)), np.zeros(len(ALPHAS))
    for true, ids, overlap in frames:
        rows, columns = linear_sum_assignment(-aligned[true[:, None], ids[None]] * overlap)
        shared = overlap[rows, columns]
        for n, alpha in enumerate(ALPHAS):
            is_match = shared >= alpha - _EPS
            matches[n, true[rows[is_match]], ids[columns[is_match]]] += 1
            location[n] += shared[is_match].sum()
    jaccard = matches / np.maximum(1.0, true_count + count - matches)
    found = matches.sum((1, 2))
    sums = {"hota_tp": found, "hota_fn": true_count.sum() - found, "hota_fp": count.sum() - found}
    return sums | {"association": (matches * jaccard).sum((1, 2)), "location": location}


def clear(frames, sizes, carried="step"):
    """tp, fn, fp, overlap (its sum over tp), switches, fragments, mostly_tracked, mostly_lost and objects.

    carried: which pairs are kept before the others are found anew: "step", those of the step before (TrackEval);
    "ever", the last pair of each object, however long ago (motmetrics, and the paper). An object is mostly tracked in
    more than 0.8 of its frames, and mostly lost in less than 0.2.
    """
    last, before = np.full(sizes[0], -1), np.full(sizes[0], -1)
    present, found, begun = (np.zeros(sizes[0]) for _ in range(3))
    sums = dict.fromkeys(("tp", "fn", "fp", "overlap", "switches"), 0.0)
    for true, ids, overlap in frames:
        sums["fn"], sums["fp"] = sums["fn"] + len(true), sums["fp"] + len(ids)
        present[true] += 1
        if not len(true) or not len(ids):
            continue
        rows, columns = _matched(overlap, (before if carried == "step" else last)[true], ids)
        objects, answered = true[rows], ids[columns]
        sums["switches"] += ((last[objects] >= 0) & (last[objects] != answered)).sum()
        was_lost, last[objects] = before < 0, answered
        before = np.full(sizes[0], -1)
        before[objects] = answered
        begun += was_lost & (before >= 0)
        found[objects] += 1
        sums["overlap"] += overlap[rows, columns].sum()
    tp = found.sum()
    share = found / np.maximum(1.0, present)
    tracked, lost = (share > 0.8).sum(), (share < 0.2).sum()
    sums |= {"tp": tp, "fn": sums["fn"] - tp, "fp": sums["fp"] - tp, "objects": float(sizes[0])}
    sums |= {"fragments": (begun[begun > 0] - 1).sum(), "mostly_tracked": float(tracked), "mostly_lost": float(lost)}
    return sums


def _matched(overlap, kept, ids):
    """(rows, columns) of pairs: those kept, then the largest overlaps. kept: [G], the ids to go on with, or -1."""
    score = np.where(overlap >= LEAST - _EPS, overlap + 1000.0 * (kept[:, None] == ids[None]), 0.0)
    rows, columns = linear_sum_assignment(-score)
    is_match = score[rows, columns] > _EPS
    return rows[is_match], columns[is_match]


def identity(frames, sizes):
    """idtp, idfn and idfp of the best assignment of answered ids to those of the ground truth over the whole."""
    together, every = np.zeros(sizes), 0
    for true, ids, overlap in frames:
        rows, columns = np.nonzero(overlap >= LEAST)
        together[true[rows], ids[columns]] += 1
        every += np.array([len(true), len(ids)])
    right = together[linear_sum_assignment(-together)].sum()
    true_count, count = every if len(frames) else (0, 0)
    return {"idtp": right, "idfn": true_count - right, "idfp": count - right}
