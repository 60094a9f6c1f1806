"""Pairs of one window of a photograph on gray, here and there, and of two that it is not in."""

import functools

import numpy as np
from PIL import Image

from kerasvision.core.registry import create
from tests.contract.case import Case, crops

SIDE, SIZES = 22, ((66, 90), (60, 80), (72, 96), (60, 80))


def frame(number, box, picture):
    """uint8 [H, W, 3] with a picture in a box, none where that is None."""
    h, w = SIZES[number % 4]
    held = np.full((h, w, 3), 100 + 10 * (number % 3), np.uint8)
    if picture is not None:
        x1, y1, x2, y2 = box
        held[y1:y2, x1:x2] = np.asarray(Image.fromarray(picture).resize((x2 - x1, y2 - y1)))
    return held


def samples():
    held = []
    for number, (picture, _) in enumerate(crops()):
        box = [14 + 3 * number, 10 + 2 * number, 14 + 3 * number + SIDE, 10 + 2 * number + SIDE]
        there = [20 + number, 30 - 2 * number, 20 + number + SIDE + number % 3, 30 - 2 * number + SIDE]
        near = [20 + number + 4, 30 - 2 * number - 3, 20 + number + 4 + SIDE, 30 - 2 * number - 3 + SIDE]
        present = number % 4 != 3
        boxes = {"exemplar_box": box, "search_box": near, "box_xyxy": there if present else near}
        held.append(
            {k: np.float32(v) for k, v in boxes.items()}
            | {
                "exemplar": {"image": frame(number, box, picture)},
                "search": {"image": frame(number, there, picture if present else None)},
                "present": np.int32(present),
            }
        )
    return held


def tiny(name="siamfc", **fields):
    """A network of stride 4 that no padding is seen of. name: of `tracking/`."""
    backbone = create("backbones/convnet", width=4, blocks=(0, 1), stem_stride=2)
    size = {"frame_size": (60, 80), "exemplar_px": 48, "search_px": 88}
    return create(f"tracking/{name}", **({"backbone": backbone, "level": "c2", "width": 8, "trim": 3} | size | fields))


CASES = {
    f"tracking/{name}": Case(functools.partial(tiny, name), samples, ("object",), overfit=(120, 0.2), int8_error=0.3)
    for name in ("siamfc", "siamban")
}
