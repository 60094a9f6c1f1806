"""A tiny folder of drawn shapes in COCO's format, for tests of what comes after a source."""

import json

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("box", "disk")


def draw_coco(root, pictures=16, side=(60, 100), seed=0):
    """Boxes and disks of two colors on noise, with polygons; `annotations/train.json`, no picture like another.

    Returns COCO's document. Every fifth picture is empty.
    """
    rng = np.random.default_rng(seed)
    (root / "annotations").mkdir(parents=True)
    (root / "train").mkdir()
    images, annotations = [], []
    for i in range(pictures):
        width, height = (int(v) for v in rng.integers(*side, 2))
        picture = Image.fromarray(rng.integers(0, 60, (height, width, 3), dtype=np.uint8))
        images.append({"id": i, "file_name": f"{i:02d}.png", "width": width, "height": height})
        for k in range(int(rng.integers(1, 4)) if i % 5 else 0):
            w, h = (int(v) for v in rng.integers(14, 30, 2))
            x, y, kind = int(rng.integers(0, width - w)), int(rng.integers(0, height - h)), (i + k) % 2
            draw = ImageDraw.Draw(picture)
            shape = [x, y, x + w - 1, y + h - 1]
            if kind:
                draw.ellipse(shape, fill=(255, 60, 60))
                angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
                points = np.stack([x + w / 2 + w / 2 * np.cos(angles), y + h / 2 + h / 2 * np.sin(angles)], -1)
                polygon = points.ravel().round(2).tolist()
            else:
                draw.rectangle(shape, fill=(60, 255, 90))
                polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
            row = {"id": len(annotations) + 1, "image_id": i, "category_id": kind + 1, "iscrowd": 0}
            annotations.append(row | {"bbox": [x, y, w, h], "area": w * h, "segmentation": [polygon]})
        picture.save(root / "train" / f"{i:02d}.png")
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations" / "train.json").write_text(json.dumps(document))
    return document
