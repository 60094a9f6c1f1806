"""Figures of identities: what TrackEval and motmetrics say, whole sequences as groups, and bad input."""

import pathlib

import motmetrics
import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics import trajectories
from kerasvision.metrics.tracking import Tracking
from kerasvision.ops.overlaps import overlaps

SEEDS = range(200)
NAMES = (
    "HOTA",
    "DetA",
    "AssA",
    "LocA",
    "MOTA",
    "MOTP",
    "IDF1",
    "switches",
    "fragments",
    "mostly_tracked",
    "mostly_lost",
)
# what TrackEval 1.3 says of some of `sequence_of`
REFERENCE = {
    2: (
        0.443810444873,
        0.421968553548,
        0.471706349206,
        0.719395702354,
        0.421052631579,
        0.631509016409,
        0.731707317073,
        0.0,
        1.0,
        3.0,
        0.0,
    ),
    3: (
        0.424601660517,
        0.315682124893,
        0.622807017544,
        0.768567245967,
        -0.166666666667,
        0.7224279821,
        0.588235294118,
        0.0,
        0.0,
        5.0,
        1.0,
    ),
    4: (
        0.444992571103,
        0.405146913541,
        0.49277908586,
        0.735089869025,
        0.354838709677,
        0.658897366827,
        0.6875,
        2.0,
        5.0,
        4.0,
        0.0,
    ),
    5: (
        0.233992677572,
        0.379103353392,
        0.146784170132,
        0.726425296711,
        0.2,
        0.662605217269,
        0.293103448276,
        16.0,
        26.0,
        0.0,
        0.0,
    ),
    10: (0.0, 0.0, 0.0, 1.0, -88.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    11: (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    100: (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}
# and of those with seeds 2, 3, 5 and 11 together
TOGETHER = (
    0.274970723482,
    0.343483875398,
    0.229096998885,
    0.725070132325,
    0.1875,
    0.660897776567,
    0.348387096774,
    16.0,
    27.0,
    8.0,
    2.0,
)
# the figures that both packages' users know of the sequences that motmetrics comes with
SHIPPED = {
    "TUD-Campus": {"HOTA": 0.3914, "MOTA": 0.5265, "IDF1": 0.5577, "switches": 7},
    "TUD-Stadtmitte": {"HOTA": 0.3978, "MOTA": 0.5640, "IDF1": 0.6446, "switches": 7},
}


def sequence_of(seed):
    """Frames of (ids, boxes) twice: objects that walk, and detections of them with holes, exchanged ids and clutter.
    Every tenth has nothing on one side, every hundredth on neither.
    """
    rng = np.random.default_rng(seed)
    objects, frames = rng.integers(1, 8), []
    place, way = rng.uniform(0, 200, (objects, 2)), rng.normal(0, 4, (objects, 2))
    names = rng.permutation(50)[:objects]
    for _ in range(rng.integers(1, 40)):
        place = place + way + rng.normal(0, 1, place.shape)
        there, found = rng.random(objects) < 0.85, rng.random(objects) < 0.8
        if rng.random() < 0.1:
            names = rng.permutation(50)[:objects]
        if rng.random() < 0.1:
            there, found = there & (rng.random() < 0.5), found & (rng.random() < 0.5)
        boxes = np.concatenate([place, place + 40], 1)
        near = boxes + rng.normal(0, 6, boxes.shape)
        clutter = np.concatenate([near[found], rng.uniform(0, 100, (1, 4)) + [0, 0, 100, 100]])
        ids = np.concatenate([names[found], [50 + rng.integers(3)]])
        less = rng.random() < 0.5
        frames.append((np.flatnonzero(there), boxes[there], ids[: len(ids) - less], clutter[: len(ids) - less]))
    if seed % 10 == 0:
        frames = [(a[:0], b[:0], c, d) for a, b, c, d in frames]
    if seed % 10 == 1 or seed % 100 == 0:
        frames = [(a, b, c[:0], d[:0]) for a, b, c, d in frames]
    return frames


def overlapping(frames):
    return [(a, c, overlaps(b, d)) for a, b, c, d in frames]


def ours(frames, carried="step"):
    return trajectories.figures(trajectories.counted(overlapping(frames), carried))


def by_trackeval(trackeval, frames):
    """Of what it calls COMBINED, of this sequence alone: of an empty one by itself it computes nothing."""
    data = {"gt_ids": [], "tracker_ids": [], "similarity_scores": [], "num_timesteps": len(frames)}
    for side, name in (("gt", "gt_ids"), ("tracker", "tracker_ids")):
        every = [f[0 if side == "gt" else 2] for f in frames]
        known = {int(i): n for n, i in enumerate(dict.fromkeys(np.concatenate(every).tolist()))}
        data[name] = [np.array([known[int(i)] for i in ids], int) for ids in every]
        data |= {f"num_{side}_ids": len(known), f"num_{side}_dets": sum(map(len, every))}
    data["similarity_scores"] = [overlap for *_, overlap in overlapping(frames)]
    quiet = {"THRESHOLD": 0.5, "PRINT_CONFIG": False}
    judges = (trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet))
    hota, clear, same = (judge.combine_sequences({"one": judge.eval_sequence(data)}) for judge in judges)
    found = {k: float(np.mean(hota[k])) for k in ("HOTA", "DetA", "AssA", "LocA")}
    found |= {"MOTA": clear["MOTA"], "MOTP": clear["MOTP"], "IDF1": same["IDF1"], "switches": clear["IDSW"]}
    found |= {"fragments": clear["Frag"], "mostly_tracked": clear["MT"], "mostly_lost": clear["ML"]}
    return {k: float(v) for k, v in found.items()}


def test_figures_are_those_of_trackeval():
    trackeval = pytest.importorskip("trackeval")
    for seed in SEEDS:
        frames = sequence_of(seed)
        found = ours(frames)
        assert {k: found[k] for k in NAMES} == pytest.approx(by_trackeval(trackeval, frames), abs=1e-9), seed


@pytest.mark.parametrize("seed", list(REFERENCE))
def test_figures_are_the_ones_that_trackeval_gave(seed):
    found = ours(sequence_of(seed))
    assert [found[k] for k in NAMES] == pytest.approx(REFERENCE[seed], abs=1e-9)


def by_motmetrics(frames):
    seen = motmetrics.MOTAccumulator(auto_id=True)
    for true, _, ids, overlap in (
        (a, b, c, o) for (a, b, c, _), (*_, o) in zip(frames, overlapping(frames), strict=True)
    ):
        seen.update(true, ids, np.where(overlap >= 0.5, 1 - overlap, np.nan))
    names = ["mota", "motp", "idf1", "num_switches", "num_objects", "num_matches", "num_false_positives"]
    row = motmetrics.metrics.create().compute(seen, metrics=names, return_dataframe=False)
    return {k: float(v) for k, v in row.items()}


@pytest.mark.parametrize("turn", [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, 4))])
def test_figures_are_those_of_motmetrics(turn):
    """Where its pairing is asked for: an object keeps its last pair, however long ago that was."""
    for seed in SEEDS[turn::4]:
        frames = sequence_of(seed)
        true, found = by_motmetrics(frames), ours(frames, "ever")
        assert found["IDF1"] == pytest.approx(np.nan_to_num(true["idf1"]), abs=1e-9), seed
        assert found["switches"] == true["num_switches"], seed
        if true["num_objects"]:
            assert found["MOTA"] == pytest.approx(true["mota"], abs=1e-9), seed
        if found["MOTP"]:
            assert 1 - found["MOTP"] == pytest.approx(true["motp"], abs=1e-9), seed


@pytest.mark.parametrize("name", list(SHIPPED))
def test_known_sequences_have_the_figures_that_are_known_of_them(name):
    folder = pathlib.Path(motmetrics.__file__).parent / "data" / name
    true, found = (np.loadtxt(folder / f"{which}.txt", delimiter=",") for which in ("gt", "test"))
    frames = []
    for number in np.unique(true[:, 0]):
        sides = [rows[rows[:, 0] == number] for rows in (true, found)]
        boxes = [np.concatenate([s[:, 2:4], s[:, 2:4] + s[:, 4:6]], 1) for s in sides]
        frames.append((sides[0][:, 1].astype(int), boxes[0], sides[1][:, 1].astype(int), boxes[1]))
    assert ours(frames)["objects"] == len(np.unique(true[:, 1]))
    assert {k: ours(frames)[k] for k in SHIPPED[name]} == pytest.approx(SHIPPED[name], abs=5e-5)


def judged(seeds, repeated=()):
    """A `Tracking` that was given the sequences frame by frame, padded to as many boxes as there are at most."""
    judge = Tracking()
    for seed in seeds:
        for sides in sequence_of(seed):
            rows = []
            for ids, boxes in (sides[:2], sides[2:]):
                held = np.full(20, -1), np.zeros((20, 4))
                held[0][: len(ids)], held[1][: len(ids)] = ids, boxes
                rows.append({"ids": held[0][None], "boxes_xyxy": held[1][None]})
            judge.update(rows[1], rows[0] | {"sequence": np.array([seed])})
    return judge


def test_several_sequences_are_judged_as_trackeval_judges_them():
    found = judged([2, 3, 5, 11]).result()
    assert [found[k] for k in NAMES] == pytest.approx(TOGETHER, abs=1e-9)


def test_a_resample_draws_sequences_whole_and_counts_one_as_often_as_it_is_drawn():
    judge = judged([2, 3, 5])
    units = judge.units(len(judge.groups))
    assert len(set(units)) == 3
    twice = np.concatenate([np.flatnonzero(units == n) for n in (0, 1, 1)])
    both = [trajectories.counted(overlapping(sequence_of(seed))) for seed in (2, 3, 3)]
    expected = trajectories.figures({k: sum(part[k] for part in both) for k in both[0]})
    assert judge.result(twice) == pytest.approx(expected, abs=1e-12)
    assert judge.result() != pytest.approx(expected, abs=1e-3)


def test_an_id_that_stands_twice_in_a_frame_is_one_line():
    boxes, ids = np.zeros((1, 2, 4)), np.array([[4, 4]])
    once = {"boxes_xyxy": boxes, "ids": np.array([[4, -1]])}
    sequence = {"sequence": ["street"]}
    with pytest.raises(KerasVisionError, match=r"id 4 stands twice in frame 0 of the ground truth \(sequence street\)"):
        Tracking().update(once, once | {"ids": ids} | sequence)
    with pytest.raises(KerasVisionError, match="of the prediction"):
        Tracking().update(once | {"ids": ids}, once | sequence)
    Tracking().update(once | {"ids": np.array([[-1, -1]])}, once | sequence)


def test_overlaps_are_those_of_their_papers():
    """Two unit squares that share half; two apart; a square and one twice as wide about the same center, by hand."""
    half, far, wide = ([[0.5, 0, 1.5, 1]], [[2, 0, 3, 1]], [[-0.5, 0, 1.5, 1]])
    square = [[0, 0, 1, 1]]
    for kind, expected in {
        "iou": (1 / 3, 0, 1 / 2),
        "giou": (1 / 3, -1 / 3, 1 / 2),
        "diou": (1 / 3 - 0.25 / 3.25, -4 / 10, 1 / 2),
    }.items():
        assert [overlaps(square, b, kind).item() for b in (half, far, wide)] == pytest.approx(expected, abs=1e-12), kind
    v = 4 / np.pi**2 * (np.arctan(1) - np.arctan(2)) ** 2
    assert overlaps(square, wide, "ciou").item() == pytest.approx(0.5 - v * v / (0.5 + v), abs=1e-12)
    assert overlaps(square, [[0.5, 0.5, 0.5, 0.5]]).item() == 0
