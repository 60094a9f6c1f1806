"""The tracks of a multi-object tracker: a dict of arrays, a row each, that a step makes anew and never changes."""

import numpy as np

from kerasvision.ops import camera
from kerasvision.systems import _kalman as kalman

HISTORY = 8  # boxes of a track that are remembered, for the direction it goes in


def none():
    """No tracks.

    id: 0 until a track is confirmed. hits: how often it has been seen; missed: steps since; seen: when, seconds.
    observed: the last box, center, width and height. kept_...: the filter as it was then. times, boxes: the last
    `HISTORY` times and boxes, the newest last, NaN before there were as many.
    """
    shapes = {"mean": (4, 2), "covariance": (4, 3), "kept_mean": (4, 2), "kept_covariance": (4, 3), "observed": (4,)}
    shapes |= {"times": (HISTORY,), "boxes": (HISTORY, 4), "score": (), "seen": ()}
    tracks = {key: np.zeros((0, *shape)) for key, shape in shapes.items()}
    return tracks | {key: np.zeros(0, np.int64) for key in ("id", "label", "hits", "missed")}


def rows(tracks, which):
    """Some of the tracks. which: indices, or bool [N]."""
    return {key: value[which] for key, value in tracks.items()}


def joined(*parts):
    """The tracks of several dicts, one behind the other."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def born(found, time, noise):
    """Unconfirmed tracks of detections seen for the first time. found: `observed`, `score` and `label`, rows each."""
    count = len(found["observed"])
    mean, covariance = kalman.started(found["observed"], side(found["observed"]), noise)
    times, boxes = np.full((count, HISTORY), np.nan), np.full((count, HISTORY, 4), np.nan)
    times[:, -1], boxes[:, -1] = time, found["observed"]
    whole = {"id": np.zeros(count, np.int64), "hits": np.ones(count, np.int64), "missed": np.zeros(count, np.int64)}
    whole |= {"mean": mean, "covariance": covariance, "kept_mean": mean, "kept_covariance": covariance}
    return whole | found | {"seen": np.full(count, float(time)), "times": times, "boxes": boxes}


def moved_on(tracks, seconds, noise):
    """The tracks as they are expected to be so many seconds later. One that is not seen keeps its size."""
    mean = tracks["mean"].copy()
    mean[tracks["missed"] > 0, 2:, 1] = 0.0
    mean, covariance = kalman.predicted(mean, tracks["covariance"], side(tracks["observed"]), seconds, noise)
    return tracks | {"mean": mean, "covariance": covariance}


def shifted(tracks, shift):
    """The tracks in a picture that has moved so far: their velocities stay. shift: [2] pixels."""
    moved = {key: tracks[key].copy() for key in ("mean", "kept_mean", "observed", "boxes")}
    moved["mean"][:, :2, 0] += shift
    moved["kept_mean"][:, :2, 0] += shift
    moved["observed"][:, :2] += shift
    moved["boxes"][..., :2] += shift
    return tracks | moved


def turned(tracks, similar):
    """The tracks in a picture that a camera has shifted, turned and scaled. similar: [2, 3], of `ops.camera`."""
    scale = np.sqrt(np.linalg.det(similar[:, :2]))
    moved = {key: tracks[key].copy() for key in ("mean", "kept_mean", "observed", "boxes")}
    for key in ("mean", "kept_mean"):
        moved[key] *= scale
        moved[key][:, :2, 0] = camera.moved(similar, tracks[key][:, :2, 0])
        moved[key][:, :2, 1] = tracks[key][:, :2, 1] @ similar[:, :2].T
    for key in ("observed", "boxes"):
        moved[key] *= scale
        moved[key][..., :2] = camera.moved(similar, tracks[key][..., :2])
    wider = {key: tracks[key] * scale**2 for key in ("covariance", "kept_covariance")}
    return tracks | moved | wider


def seen_again(tracks, found, time, noise, reupdate):
    """Tracks that were all seen now. found: their detections. reupdate: whether to go over the gap once more."""
    mean, covariance, unit = tracks["mean"], tracks["covariance"], side(tracks["observed"])
    back = np.flatnonzero(tracks["missed"] > 0) if reupdate else np.zeros(0, np.int64)
    if len(back):
        part, boxes = rows(tracks, back), found["observed"][back]
        filtered = (part["kept_mean"], part["kept_covariance"], unit[back], part["observed"], boxes)
        mean, covariance = mean.copy(), covariance.copy()
        mean[back], covariance[back] = kalman.reseen(*filtered, time - part["seen"], part["missed"] + 1, noise)
    mean, covariance = kalman.updated(mean, covariance, found["observed"], side(found["observed"]), noise)
    times, boxes = np.roll(tracks["times"], -1, 1), np.roll(tracks["boxes"], -1, 1)
    times[:, -1], boxes[:, -1] = time, found["observed"]
    whole = tracks | found | {"mean": mean, "covariance": covariance, "kept_mean": mean, "kept_covariance": covariance}
    whole |= {"hits": tracks["hits"] + 1, "missed": np.zeros_like(tracks["missed"]), "times": times, "boxes": boxes}
    return whole | {"seen": np.full(len(mean), float(time))}


def begun_again(tracks, new, which):
    """The tracks, some of which (bool [N]) forget their way and move as the new ones in their rows do."""
    held = {key: value.copy() for key, value in tracks.items()}
    for key in ("mean", "covariance", "kept_mean", "kept_covariance", "times", "boxes"):
        held[key][which] = new[key][which]
    return held


def side(boxes):
    """[N, 4] center, width, height -> [N], the mean side of each, at least a pixel."""
    return np.sqrt(np.maximum(boxes[:, 2], 1.0) * np.maximum(boxes[:, 3], 1.0))


def direction(tracks, lookback_s):
    """([N, 2] where each track was at the latest so many seconds before it was last seen, [N, 2] the way from there to
    where it was then). Of one that is remembered for less the earliest place counts.
    """
    since = tracks["seen"][:, None] - tracks["times"]
    is_inside = since <= lookback_s + 1e-9  # NaN is not
    oldest = np.argmax(is_inside, axis=1) if len(since) else np.zeros(0, np.int64)
    origins = np.take_along_axis(tracks["boxes"], oldest[:, None, None], 1)[:, 0, :2]
    return origins, tracks["observed"][:, :2] - origins
