"""Simulated detections of objects that move: open ground, a crowd, walls they go behind, a camera that is shaken.

What trackers are compared by where there is no video: boxes, scores and looks as a detector and an embedder might give
them, and the ground truth. All follows from a seed.
"""

import collections

import numpy as np

from kerasvision.ops.overlaps import overlaps

WIDTH, HEIGHT = 960.0, 540.0
KINDS = ("open", "crowded", "walls", "shaken")
LOOK, LOOK_NOISE = 32, 0.5  # numbers of an embedding, and the length of what differs from look to look


def frames_of(kind, seed, frames=300, rate=30.0, looks=False, hidden=None):
    """Yields (what a tracker's step takes, (ids, boxes_xyxy) of the ground truth) of each frame.

    kind: of `KINDS`. rate: frames a second. Objects turn a little and bounce off the borders. A nearer one (lower in
    the picture) hides others. The ground truth has every object of which a tenth or more is seen; detections miss more,
    and have less score, the less is seen.
    looks: with "embeddings", of an object a direction of its own, mixed with another one as far as it is not seen.
    hidden: None, or (objects, start, end): the first so many are out of sight from one second to the other, and hide
    nothing themselves.
    """
    look_rng = np.random.default_rng([KINDS.index(kind), seed, 1])
    own = look_rng.normal(0, LOOK**-0.5, (30, LOOK))
    rng = np.random.default_rng([KINDS.index(kind), seed])
    count = {"open": 10, "crowded": 30}.get(kind, 15)
    size = rng.uniform(28, 60, count)[:, None] * np.array([[0.6, 1.4]])
    place = rng.uniform(0.08, 0.92, (count, 2)) * [WIDTH, HEIGHT]
    heading, pace = rng.uniform(0, 2 * np.pi, count), rng.uniform(40, 150, count)
    walls = np.array([[200, 0, 330, HEIGHT], [560, 0, 740, HEIGHT]]) if kind == "walls" else np.zeros((0, 4))
    shake = np.zeros(2)
    for number in range(frames):
        place, heading = _moved(place, heading + rng.normal(0, 0.04, count), pace / rate)
        if kind == "shaken":
            shake = 0.8 * shake + rng.normal(0, 6, 2)
        boxes = np.concatenate([place - size / 2, place + size / 2], 1)
        is_gone = np.zeros(count, bool)
        if hidden and hidden[1] <= number / rate < hidden[2]:
            is_gone[: hidden[0]] = True
        seen = np.where(is_gone, 0.0, _visible(boxes, boxes[~is_gone], walls))
        shift = np.tile(shake, 2)
        found, which = _detected(rng, boxes + shift, seen, number / rate)
        if looks:
            found["embeddings"] = _looks(look_rng, own, which, seen, len(found["scores"]))
        yield (
            found,
            (np.flatnonzero(seen >= 0.1), (boxes + shift)[seen >= 0.1]),
        )


def _moved(place, heading, length):
    way = np.stack([np.cos(heading), np.sin(heading)], 1) * length[:, None]
    out = (place + way < 0) | (place + way > [WIDTH, HEIGHT])
    way = np.where(out, -way, way)
    return place + way, np.arctan2(way[:, 1], way[:, 0])


def _visible(boxes, others, walls):
    """Share of each box that neither a wall nor a nearer one of others covers, by a grid of 8 x 8 points."""
    at = (np.arange(8) + 0.5) / 8
    x = boxes[:, 0:1] + at * (boxes[:, 2:3] - boxes[:, 0:1])
    y = boxes[:, 1:2] + at * (boxes[:, 3:4] - boxes[:, 1:2])
    covers = np.concatenate([others, walls])
    inside_x = (x[:, None] > covers[None, :, 0:1]) & (x[:, None] < covers[None, :, 2:3])
    inside_y = (y[:, None] > covers[None, :, 1:2]) & (y[:, None] < covers[None, :, 3:4])
    nearer = np.concatenate([others[None, :, 3] > boxes[:, 3:4], np.ones((len(boxes), len(walls)), bool)], 1)
    hidden = (inside_y[..., :, None] & inside_x[..., None, :] & nearer[..., None, None]).any(1)
    return 1 - hidden.mean((1, 2))


def _detected(rng, boxes, seen, time):
    found = rng.random(len(boxes)) < np.clip(1.2 * seen - 0.15, 0, 0.97)
    scores = np.clip(0.3 + 0.65 * seen + rng.normal(0, 0.08, len(boxes)), 0.05, 1.0)
    sides = boxes[:, 2:] - boxes[:, :2]
    near = boxes + rng.normal(0, 0.03, boxes.shape) * np.tile(sides, 2)
    false = rng.poisson(0.3)
    corner = rng.uniform(0, 1, (false, 2)) * [WIDTH, HEIGHT]
    every = np.concatenate([near[found], np.concatenate([corner, corner + rng.uniform(25, 70, (false, 2))], 1)])
    scores = np.concatenate([scores[found], rng.uniform(0.1, 0.6, false)])
    return {"time": time, "boxes_xyxy": every, "scores": scores}, np.flatnonzero(found)


def _looks(rng, own, which, seen, count):
    other = rng.normal(0, LOOK**-0.5, (count, LOOK))
    share = np.zeros((count, 1))
    share[: len(which), 0] = seen[which]
    mixed = (1 - share) * other
    mixed[: len(which)] += share[: len(which)] * own[which]
    return mixed + rng.normal(0, LOOK_NOISE * LOOK**-0.5, (count, LOOK))


def seen_boxes(judge, answer, true, sequence=0):
    """Give an evaluator (`metrics.tracking.Tracking`) one frame: a tracker's answer and (ids, boxes_xyxy) of the ground
    truth. sequence: name or number.
    """
    judge.update(
        {key: answer[key][None] for key in ("ids", "boxes_xyxy")},
        {"ids": true[0][None], "boxes_xyxy": true[1][None], "sequence": [sequence]},
    )


def kept(frames, answers, objects, start, end, rate=30.0):
    """How many of the first so many objects have the same number after they were hidden as before, and how many had one
    before: (int, int).

    frames: the ground truth (ids, boxes_xyxy) of each frame, answers: those of a tracker. start, end: seconds between
    which they were hidden. The number of an object is the one most often paired with it, by an IoU of 0.5 or more, in
    the half second before and in the second after.
    """
    sides = (start - 0.5, start), (end, end + 1.0)
    before, after = (
        _numbers(frames, answers, range(round(a * rate), min(len(frames), round(b * rate)))) for a, b in sides
    )
    known = [i for i in range(objects) if i in before]
    return sum(before[i] == after.get(i) for i in known), len(known)


def _numbers(frames, answers, which):
    """{object: the number that it has most often} in some frames."""
    held = collections.defaultdict(collections.Counter)
    for number in which:
        (true, boxes), answer = frames[number], answers[number]
        shares = overlaps(boxes, np.asarray(answer["boxes_xyxy"]).reshape(-1, 4))
        for row, name in enumerate(true.tolist()):
            if shares.shape[1] and shares[row].max() >= 0.5:
                held[name][int(answer["ids"][shares[row].argmax()])] += 1
    return {name: counted.most_common(1)[0][0] for name, counted in held.items()}
