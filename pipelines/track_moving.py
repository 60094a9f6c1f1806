"""Who keeps identities: this library's tracker beside others, on the same detections, and what each of its parts does.

Shows: `systems/multi_object`, `metrics/tracking`; simulated boxes and looks (`systems/simulated.py`), or videos that
`sources/moving` renders, with the boxes of a detector and what colors or an embedding run say of them. Peers
(`trackers` with `supervision`, `norfair`) take part where they are installed, with their defaults, on boxes alone.
Commands: python pipelines/track_moving.py
          python pipelines/prepare_stamps.py --out data/stamps
          python pipelines/track_moving.py --stamps data/stamps [--detector RUN] [--appearance RUN]
Without --detector the boxes of videos are those of the ground truth, missed and moved as a detector might.

Measured on 2 cores (AVX-512 (AMD EPYC), shared with other work), `trackers` 2.6, `norfair` 2.3. Of 15 objects that are
out of sight in the open, how many keep their number (`--show hidden`; those of papers forget after a second):

                               1 s   2 s   5 s                           1 s   2 s   5 s
    `kerasvision`               15    12     0    SORT of trackers         9     0     0
    the same, by looks too      15    15    15    ByteTrack of trackers   11     0     0
    sort                         2     0     0    OCSORT of trackers      10     0     0
    bytetrack, ocsort            1     0     0    norfair                  0     0     0

Those on the right were measured while objects out of sight still hid others; those on the left again, to the same.

What `kerasvision` by looks (simulated too) loses without one part, HOTA 0.852 and 9 switches with all, 8 sequences
(`--show parts --sequences 2 --frames 150`):

    without               HOTA  change   95 % interval  switches
    camera               0.827  -0.025  -0.068 to -0.000      48
    smoothing            0.837  -0.014  -0.019 to -0.007      14
    appearance           0.842  -0.009  -0.018 to -0.005      17
    last place           0.850  -0.001  -0.006 to +0.001       8
    return by distance   0.851  -0.001  -0.003 to +0.001       9
    second stage         0.851  -0.000  -0.001 to -0.000       9
    re-update            0.852  -0.000  -0.000 to +0.000       9
    direction            0.852  +0.000  +0.000 to +0.000       9

Rendered videos, HOTA and switches of one film of 80 frames a kind, which tells kinds apart and hardly trackers; looks
are colors (`--show table --sequences 1 --frames 80 --stamps data/stamps`):

                                    open   crowded  behind walls     twins  shaken camera
    `kerasvision`               0.862, 0  0.743, 2      0.788, 0  0.730, 0      0.555, 37
    the same, by looks too      0.862, 0  0.724, 3      0.788, 0  0.706, 4      0.602, 28
    bytetrack                   0.862, 0  0.710, 3      0.745, 1  0.722, 0      0.556, 15
    ByteTrack of trackers       0.844, 0  0.733, 2      0.725, 1  0.702, 1      0.516, 21
    SORT of trackers            0.832, 0  0.723, 2      0.709, 1  0.667, 2      0.379, 12
    norfair                     0.829, 0  0.670, 3      0.626, 1  0.780, 0       0.340, 0

With few objects a shaken camera is not known by what all boxes do, and colors do not tell twins apart. Motion cannot be
left out, and boxes of a trained detector were not measured.
"""

import argparse
import dataclasses
import importlib.util
import pathlib

import numpy as np

from kerasvision import create
from kerasvision.metrics.tracking import Tracking
from kerasvision.systems.base import Session
from kerasvision.systems.looked import Colors, looks_of
from kerasvision.systems.multi_object import boxes_in
from kerasvision.systems.simulated import KINDS, frames_of, kept, seen_boxes
from kerasvision.systems.trackers import tracker_of

RATE = 30.0
SHOWN = ("table", "parts", "hidden")
LOOKS = ("appearance=1",)
OURS = {
    "sort": ("sort", ()),
    "bytetrack": ("bytetrack", ()),
    "ocsort": ("ocsort", ()),
    "kerasvision": ("kerasvision", ()),
    "kerasvision, by looks too": ("kerasvision", LOOKS),
}
PARTS = {  # what is left out -> settings
    "second stage": ("second_stage=False",),
    "re-update": ("reupdate=False",),
    "direction": ("direction_weight=0",),
    "last place": ("recover=False",),
    "camera": ("camera=False",),
    "return by distance": ("return_gate=0",),
    "appearance": ("appearance=0",),
    "smoothing": ("smooth=False",),
}
VIDEOS = {  # kinds of rendered videos: what is changed in the source
    "open": {"objects": (3, 4), "occluders": (0, 0), "twins": 0.0, "exits": 0.0},
    "crowded": {"objects": (7, 8), "occluders": (0, 0), "twins": 0.0, "exits": 0.0},
    "behind walls": {"objects": (3, 4), "occluders": (2, 3), "twins": 0.0, "exits": 0.0},
    "twins": {"objects": (4, 4), "occluders": (1, 1), "twins": 1.0, "exits": 0.0},
    "shaken camera": {"objects": (3, 4), "occluders": (0, 0), "twins": 0.0, "exits": 0.0, "shake": 0.05},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=3, help="of each kind")
    parser.add_argument("--frames", type=int, default=300, help="of each sequence")
    parser.add_argument("--resamples", type=int, default=200, help="of sequences, for intervals")
    parser.add_argument("--show", nargs="+", choices=SHOWN, default=SHOWN, help="tables; hidden is of simulated boxes")
    parser.add_argument("--stamps", help="what prepare_stamps.py wrote: rendered videos in place of simulated boxes")
    parser.add_argument("--detector", metavar="RUN", help="with --stamps: whose boxes are followed")
    parser.add_argument("--appearance", metavar="RUN", default="colors", help="with --stamps: an embedding/* run")
    args = parser.parse_args()
    if args.detector and not args.stamps:
        parser.error("--detector looks at rendered videos; give --stamps data/stamps")
    if args.sequences < 1 or args.frames < 2 or args.resamples < 1:
        parser.error("--sequences and --resamples: 1 or more; --frames: 2 or more")
    peers, sequences = installed_peers(), {}
    if set(args.show) - {"hidden"}:
        sequences = rendered(args) if args.stamps else simulated(args)
    if "table" in args.show:
        table(sequences, peers)
    if "parts" in args.show:
        left_out(sequences, args.resamples)
    if "hidden" in args.show and not args.stamps:
        hidden(args, peers)


def installed_peers():
    """name -> () -> the step of a tracker. Says which are not installed."""
    held = {}
    if all(importlib.util.find_spec(name) for name in ("trackers", "supervision")):
        for name in ("SORT", "ByteTrack", "OCSORT"):
            held[f"{name} of trackers"] = lambda name=name: of_trackers(name)
    else:
        print("not installed: trackers, supervision")
    if importlib.util.find_spec("norfair"):
        held["norfair"] = of_norfair
    else:
        print("not installed: norfair")
    return held


def ours(name, settings=()):
    """The step of one of this library's trackers; looks are kept from what does not compare them."""
    session = Session(tracker_of(name, ["pictures=False", *settings]), {})
    return session.step


def of_trackers(name):
    import supervision
    import trackers

    tracker = getattr(trackers, f"{name}Tracker")()

    def step(frame):
        found = supervision.Detections(
            xyxy=np.float32(frame["boxes_xyxy"]).reshape(-1, 4),
            confidence=np.float32(frame["scores"]),
            class_id=np.zeros(len(frame["scores"]), int),
        )
        found = tracker.update(found)
        ids = np.asarray(found.tracker_id if found.tracker_id is not None else [], int)
        return {"ids": ids, "boxes_xyxy": np.float64(found.xyxy).reshape(-1, 4)}

    return step


def of_norfair():
    import norfair

    tracker = norfair.Tracker(distance_function="iou", distance_threshold=0.7)

    def step(frame):
        rows = zip(np.float64(frame["boxes_xyxy"]).reshape(-1, 2, 2), frame["scores"], strict=True)
        found = tracker.update([norfair.Detection(points=box, scores=np.full(2, score)) for box, score in rows])
        boxes = np.array([one.estimate.reshape(4) for one in found]).reshape(-1, 4)
        return {"ids": np.array([one.id for one in found], int), "boxes_xyxy": boxes}

    return step


def simulated(args):
    """{kind: [[(what a step takes, (ids, boxes_xyxy)) of each frame] of each sequence]}."""
    return {
        kind: [list(frames_of(kind, seed, args.frames, RATE, looks=True)) for seed in range(args.sequences)]
        for kind in KINDS
    }


def rendered(args):
    """As `simulated`, of the test split's films, of cut-outs and photographs that no training has seen."""
    from kerasvision.api import load

    home, held = pathlib.Path(args.stamps), {}
    detector = load(args.detector) if args.detector else None
    embedder = Colors() if args.appearance == "colors" else load(args.appearance)
    source = create(
        "sources/moving",
        path=str(home / "cutouts.csv"),
        backgrounds=(str(home / "backgrounds"), str(home / "scenery")),
        films=(1, 0, args.sequences),
        frames=args.frames,
    )
    for kind, fields in VIDEOS.items():
        of_kind = dataclasses.replace(source, **fields)
        held[kind] = [filmed(of_kind, number, args.frames, detector, embedder) for number in range(args.sequences)]
        print(f"rendered {args.sequences} videos: {kind}", flush=True)
    return held


def filmed(source, number, frames, detector, embedder):
    """[(what a step takes, (ids, boxes_xyxy))] of one film."""
    film, rng, held, size = source.film("test", number), np.random.default_rng(number), [], 0
    for at in range(frames):
        true = source.frame_of(film, at)
        found = boxes_in(detector, true["image"]) if detector else as_if_detected(rng, true)
        looks = looks_of(embedder, true["image"], found["boxes_xyxy"], found["scores"] >= 0.5, size)
        size = looks.shape[1]
        found = found | {"labels": np.zeros(len(found["scores"]), int), "time": at / source.rate}
        held.append((found | {"embeddings": looks}, (true["ids"], true["boxes_xyxy"])))
    return held


def as_if_detected(rng, true):
    """Boxes of the ground truth, missed and moved as those of `systems/simulated.py`."""
    seen = 1.0 - true["occlusion"]
    found = rng.random(len(seen)) < np.clip(1.2 * seen - 0.15, 0, 0.97)
    boxes = true["boxes_xyxy"][found]
    near = boxes + rng.normal(0, 0.03, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    scores = np.clip(0.3 + 0.65 * seen[found] + rng.normal(0, 0.08, len(near)), 0.05, 1.0)
    counts = (near[:, 2:] > near[:, :2]).all(1)
    return {"boxes_xyxy": near[counts], "scores": scores[counts]}


def judged(make, sequences):
    """A `Tracking` that has seen a tracker, begun anew for each sequence, follow them."""
    judge = Tracking()
    for number, frames in enumerate(sequences):
        step = make()
        for found, true in frames:
            seen_boxes(judge, step(found), true, number)
    return judge


def table(sequences, peers):
    """HOTA and, after a comma, how often a number changed, of every tracker and kind."""
    rows = {name: lambda held=held: ours(*held) for name, held in OURS.items()} | peers
    print(f"{'HOTA, switches':28}" + "".join(f"{kind:>16}" for kind in sequences))
    for name, make in rows.items():
        figures = [judged(make, of_kind).result() for of_kind in sequences.values()]
        cells = (f"{one['HOTA']:.3f}, {one['switches']:.0f}" for one in figures)
        print(f"{name:28}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def left_out(sequences, resamples):
    """What HOTA and switches become without one part, of all sequences, with 95 % intervals of the change: sequences
    are drawn with replacement, the same for both.
    """
    every = [frames for of_kind in sequences.values() for frames in of_kind]
    whole = judged(lambda: ours("kerasvision", LOOKS), every)
    print(f"{'left out':22}{'HOTA':>8}{'change':>9}{'95 % interval':>18}{'switches':>10}")
    print(f"{'nothing':22}{whole.result()['HOTA']:8.3f}{'':27}{whole.result()['switches']:10.0f}")
    for name, settings in PARTS.items():
        one = judged(lambda settings=settings: ours("kerasvision", (*LOOKS, *settings)), every)
        change, low, high = difference(one, whole, resamples)
        figures = one.result()
        print(
            f"{name:22}{figures['HOTA']:8.3f}{change:+9.3f}{f'{low:+.3f} to {high:+.3f}':>18}"
            f"{figures['switches']:10.0f}",
            flush=True,
        )


def difference(one, other, resamples):
    """(difference of HOTA, the ends of its 95 % interval) of two `Tracking` that have seen the same sequences."""
    groups, rng = np.array(one.groups), np.random.default_rng(0)
    places = [np.flatnonzero(groups == name) for name in dict.fromkeys(one.groups)]

    def apart(examples):
        return one.figures(examples)["HOTA"]() - other.figures(examples)["HOTA"]()

    drawn = []
    for _ in range(resamples):
        chosen = np.concatenate([places[n] for n in rng.integers(0, len(places), len(places))])
        drawn.append(apart(chosen))
    return apart(np.arange(len(groups))), *np.percentile(drawn, [2.5, 97.5])


def hidden(args, peers, objects=5):
    """The share of identities that are kept by objects that were out of sight for 1, 2 and 5 seconds, in the open."""
    rows = {name: lambda held=held: ours(*held) for name, held in OURS.items()} | peers
    print(f"{'identities kept after':28}" + "".join(f"{f'{seconds} s':>12}" for seconds in (1, 2, 5)))
    for name, make in rows.items():
        cells = []
        for seconds in (1, 2, 5):
            start, same, of = 2.0, 0, 0
            for seed in range(args.sequences):
                count = round((start + seconds + 1.0) * RATE)
                frames = frames_of("open", seed, count, RATE, True, (objects, start, start + seconds))
                step, held = make(), list(frames)
                answers = [step(found) for found, _ in held]
                counted = kept([true for _, true in held], answers, objects, start, start + seconds, RATE)
                same, of = same + counted[0], of + counted[1]
            cells.append(f"{same}/{of}")
        print(f"{name:28}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
