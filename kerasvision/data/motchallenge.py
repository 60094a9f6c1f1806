"""Boxes with identities as text: MOTChallenge's lines (Dendorfer et al. 2020, arXiv:2003.09003) and JSON lines.

MOTChallenge: `frame,id,left,top,width,height,score,...` a line, frames from 1, pixels, an id of -1 for a detection.
JSON: `{"frame": 0, "time": 0.0, "objects": [{"id", "label", "index", "score", "box_xyxy"}]}` a line, frames from 0,
seconds.
"""

import configparser
import json
import math
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError

SUFFIXES = (".txt", ".csv", ".jsonl")


def read_boxes(path):
    """{frame, from 0: {"boxes_xyxy" float64 [N, 4], "scores" [N], "ids" int64 [N], "labels" int64 [N]}}.

    path: .txt or .csv of MOTChallenge, or .jsonl. A score of -1, which says that there is none, becomes 1. Of a ground
    truth what is marked not to count (a score of 0) comes with the score 0. Raises KerasVisionError, one line, naming
    the line that cannot be read or holds a number that is not finite.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: boxes are read from {', '.join(SUFFIXES)}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KerasVisionError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    frames, parse = {}, _of_json if path.suffix.lower() == ".jsonl" else _of_text
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, rows = parse(line)
        except (ValueError, KeyError, TypeError):
            raise KerasVisionError(f"{path}, line {number}: {line[:60]!r} is no line of boxes") from None
        if frame < 0 or not all(math.isfinite(v) for row in rows for v in row):
            raise KerasVisionError(f"{path}, line {number}: {line[:60]!r} has a number that cannot be")
        frames.setdefault(frame, []).extend(rows)
    return {frame: _arrays(rows) for frame, rows in sorted(frames.items())}


def sequences_of(folder):
    """{name: (detections, ground truth, pictures or None, frames a second or None)}, paths, of a folder of sequences as
    MOTChallenge has them: `NAME/det/det.txt`, `NAME/gt/gt.txt`, perhaps `NAME/img1/` and `frameRate` in
    `NAME/seqinfo.ini`. Raises UsageError where there is none, KerasVisionError of a rate that is none.
    """
    found = {}
    for ground_truth in sorted(pathlib.Path(folder).glob("*/gt/gt.txt")):
        home = ground_truth.parent.parent
        detections, pictures, about = home / "det" / "det.txt", home / "img1", home / "seqinfo.ini"
        if not detections.exists():
            raise UsageError(f"{home} has a ground truth and no det/det.txt")
        found[home.name] = detections, ground_truth, pictures if pictures.is_dir() else None, _rate_of(about)
    if not found:
        raise UsageError(f"{folder} holds no sequence (NAME/det/det.txt and NAME/gt/gt.txt)")
    return found


def _rate_of(about):
    if not about.exists():
        return None
    held = configparser.ConfigParser()
    try:
        held.read_string(about.read_text(encoding="utf-8"))
        rate = held.getfloat("Sequence", "frameRate")
    except (OSError, ValueError, configparser.Error):
        raise KerasVisionError(f"{about} states no frameRate that can be read") from None
    if not 0 < rate < math.inf:
        raise KerasVisionError(f"{about}: frameRate {rate:g}; allowed: above 0")
    return rate


def nothing():
    """What `read_boxes` says of a frame without boxes."""
    return _arrays([])


def _arrays(rows):
    held = np.array(rows, np.float64).reshape(-1, 7)
    return {
        "boxes_xyxy": held[:, :4],
        "scores": np.where(held[:, 4] == -1, 1.0, held[:, 4]),
        "ids": held[:, 5].astype(np.int64),
        "labels": held[:, 6].astype(np.int64),
    }


def _of_text(line):
    frame, number, left, top, width, height, *rest = (float(v) for v in line.split(","))
    score = rest[0] if rest else 1.0
    if frame != int(frame) or number != int(number):
        raise ValueError
    return int(frame) - 1, [(left, top, left + width, top + height, score, number, 0)]


def _of_json(line):
    held = json.loads(line)
    rows = [
        (*row["box_xyxy"], row.get("score", 1.0), row.get("id", -1), row.get("index", 0)) for row in held["objects"]
    ]
    if any(len(row) != 7 for row in rows):
        raise ValueError
    return int(held["frame"]), [tuple(float(v) for v in row) for row in rows]


def to_text(number, answer):
    """The lines of a frame as MOTChallenge has them. number: of the frame, from 0. answer: of a tracker."""
    rows = zip(answer["ids"], answer["boxes_xyxy"], answer["scores"], strict=True)
    return "".join(
        f"{number + 1},{i},{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},{score:.6f},-1,-1,-1\n"
        for i, (x1, y1, x2, y2), score in rows
    )


def to_json(number, time, answer, classes=()):
    """The line of a frame as JSON, a dict. classes: names of the labels; without them a label has its number's name."""
    rows = zip(*(answer[key].tolist() for key in ("ids", "labels", "scores", "boxes_xyxy")), strict=True)
    objects = [
        {"id": i, "label": classes[k] if k < len(classes) else str(k), "index": k, "score": score, "box_xyxy": box}
        for i, k, score, box in rows
    ]
    return {"frame": number, "time": time, "objects": objects}
