"""A prediction as JSON, by what it holds: classes, labels, objects, a line, a vector, a class a pixel. numpy."""

import numpy as np

from kerasvision.edge.independent.masks import paste
from kerasvision.edge.pages.characters import text_of
from kerasvision.edge.pages.line_direction import line_as_read
from kerasvision.edge.run_lengths import run_lengths

TOP = 5  # of the best classes


def describe(values, classes, promise=None):
    """{key: numpy array without batch axis} -> strings, numbers and lists, as `kerasvision predict --json` has them.
    promise: of the file's row in contract.json, where it has one.
    """
    if "boxes_xyxy" in values and "path_score" not in values:
        return (outlines if "masks" in values else objects)(values, classes, promise)
    if "path_score" in values:
        return line(values, classes)
    if "quads_xy" in values:
        return quads(values)
    if "caption_score" in values:
        return caption(values)
    if "mask" in values:
        return segments(values, classes, promise)
    if "embedding" in values:
        return vector(values)
    if {"present", "probabilities"} <= set(values):
        return several(values, classes)
    if set(values) <= {"probabilities", "in_set", "heat"}:
        return best(values, classes, promise)
    return {key: np.asarray(value).tolist() for key, value in values.items()}


def best(values, classes, promise=None):
    """{"top": the five likeliest classes}, of one class an example; with sets also {"set": {"labels": those in it, the
    likeliest first, none where no class is likely enough; "coverage": the promised chance that the right one is among
    them; "of": "examples", or "each class"}}.
    """
    scores = values["probabilities"]
    order = np.argsort(-scores, kind="stable")
    described = {"top": score_rows(scores, classes, order[:TOP])}
    if "in_set" in values:
        described["set"] = {"labels": [classes[i] for i in order if values["in_set"][i]]} | _said(promise)
    return described


def _said(promise):
    return {key: promise[key] for key in ("coverage", "of")} if promise else {}


def several(values, classes):
    """{"labels": those that are present, the likeliest first}, of any number of classes."""
    scores = values["probabilities"]
    on = [i for i in np.argsort(-scores, kind="stable") if values["present"][i]]
    return {"labels": score_rows(scores, classes, on)}


def score_rows(scores, classes, indices):
    """Rows of some classes, in the given order."""
    return [{"label": classes[i], "index": int(i), "score": round(float(scores[i]), 6)} for i in indices]


def objects(values, classes, promise=None):
    """{"objects": [{"label", "index", "score", "box_xyxy" in pixels}]}; with a promise those that are kept also have
    "outer_xyxy", the box that is to hold the object whole, and beside them is {"outer": {"boxes": how many are kept,
    "coverage": the promised share; "of": "an image's objects"}}.
    """
    rows = zip(*(values[k][: values["count"]] for k in ("boxes_xyxy", "scores", "labels")), strict=True)
    described = {
        "objects": [
            {
                "label": classes[label],
                "index": int(label),
                "score": round(float(score), 6),
                "box_xyxy": [round(float(v), 2) for v in box],
            }
            for box, score, label in rows
        ]
    }
    if "outer_xyxy" not in values:
        return described
    kept = int(values["outer_count"])
    for row, box in zip(described["objects"], values["outer_xyxy"][:kept], strict=False):
        row["outer_xyxy"] = [round(float(v), 2) for v in box]
    return described | {"outer": {"boxes": kept} | _said(promise)}


def line(values, classes):
    """{"text": of a line, in the order in which it is read, "score": the probability of its likeliest path,
    "characters": [{"text", "score", "box_xyxy" in pixels}] from left to right}.
    """
    count = int(values["count"])
    names = [classes[k] for k in values["labels"][:count]]
    rows = zip(names, *(values[k][:count] for k in ("scores", "boxes_xyxy")), strict=True)
    characters = [
        {"text": text_of([name]), "score": round(float(s), 6), "box_xyxy": [round(float(v), 2) for v in box]}
        for name, s, box in rows
    ]
    score = round(float(values["path_score"]), 6)
    return {"text": text_of(line_as_read(names)), "score": score, "characters": characters}


def quads(values):
    """{"quads": [{"score", "quad_xy": four corners [x, y] in pixels}]}; with `polygons_xy`, [P, 2] for each quad, also
    "polygon_xy": corners as many as there are.
    """
    rows = zip(*(values[k][: values["count"]] for k in ("quads_xy", "scores")), strict=True)
    described = [{"score": round(float(score), 6), "quad_xy": _corners(quad)} for quad, score in rows]
    for row, polygon in zip(described, values.get("polygons_xy", ()), strict=False):
        row["polygon_xy"] = _corners(polygon)
    return {"quads": described}


def _corners(polygon):
    return [[round(float(v), 2) for v in corner] for corner in polygon]


def caption(values):
    """{"text": the caption, "score": its probability}."""
    text = np.asarray(values["text_bytes"], np.uint8).tobytes().rstrip(b"\0").decode("utf-8", "replace")
    return {"text": text, "score": round(float(values["caption_score"]), 6)}


def vector(values):
    """{"embedding": [...]}, seven digits, which are what a float32 has; of a picture and a text also {"text_embedding":
    [...], "cosine" of both}.
    """
    held = {key: values[key] for key in ("embedding", "text_embedding") if key in values}
    described = {key: [float(f"{v:.7g}") for v in vector] for key, vector in held.items()}
    return described | ({"cosine": round(float(values["cosine"]), 6)} if "cosine" in values else {})


def segments(values, classes, promise=None):
    """{"classes": {label: pixels} of those that are there, "segments": the pixels of each, as COCO's RLE}, and what
    `possible` says.
    """
    mask = values["mask"]
    held = [int(i) for i in np.unique(mask) if i < len(classes)]  # 255 is no class
    rows = [{"label": classes[i], "index": i, "mask": run_lengths(mask == i)} for i in held]
    held = {"classes": {row["label"]: int((mask == row["index"]).sum()) for row in rows}, "segments": rows}
    return held | possible(values, classes, promise)


def possible(values, classes, promise=None):
    """{"may_be": {"classes": {label: pixels where it may be}, "coverage": the promised share of pixels whose class is
    among those that may be there; "of": which pixels}}; {} of a prediction without sets.
    """
    if "may_be" not in values:
        return {}
    counts = values["may_be"].reshape(-1, len(classes)).sum(0, dtype=np.int64)
    return {"may_be": {"classes": {classes[i]: int(counts[i]) for i in np.flatnonzero(counts)}} | _said(promise)}


def outlines(values, classes, promise=None):
    """`objects`, each with its `mask`: COCO's RLE in pixels of the image."""
    described = objects(values, classes, promise)
    for row, mask, box in zip(described["objects"], values["masks"], values["boxes_xyxy"], strict=False):
        row["mask"] = run_lengths(paste(mask[None], box[None], values["image_hw"])[0])
    return described
