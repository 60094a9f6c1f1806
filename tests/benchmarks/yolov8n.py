"""A program, not a test, for a Python with torch and ultralytics: YOLOv8n from its configuration, without downloaded
weights, trained for so many seconds, and what it finds on the test split.

`python yolov8n.py FOLDER SECONDS OUT.json`; FOLDER is what `kerasvision.data.inspect.convert` wrote as "yolo". OUT.json
holds {file name: {"boxes_xyxy": [[x1, y1, x2, y2], ...], "scores": [...], "labels": [...]}}, in pixels.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

from ultralytics import YOLO
from ultralytics.utils import torch_utils

IMAGE_SIDE = 320
HOUR = 3600.0


def main(folder, seconds, out):
    torch_utils.NUM_THREADS = os.cpu_count()  # by itself it leaves one processor alone, which is half of two
    data, start = folder.absolute() / "data.yaml", time.perf_counter()
    with tempfile.TemporaryDirectory() as runs:
        model = YOLO("yolov8n.yaml")
        model.train(
            data=str(data),
            imgsz=IMAGE_SIDE,
            batch=16,
            time=seconds / HOUR,  # its schedule and its number of epochs follow from it
            device="cpu",
            workers=2,
            pretrained=False,
            val=False,  # all of the time goes into training
            plots=False,
            project=runs,
            verbose=False,
        )
        print(f"trained {time.perf_counter() - start:.0f} s", file=sys.stderr)
        model = YOLO(next(pathlib.Path(runs).rglob("last.pt")))
    found = {}
    for path in sorted((folder / "images" / "test").iterdir()):
        boxes = model.predict(path, imgsz=IMAGE_SIDE, conf=0.001, iou=0.7, max_det=300, device="cpu", verbose=False)[
            0
        ].boxes
        found[path.name] = {
            "boxes_xyxy": boxes.xyxy.tolist(),
            "scores": boxes.conf.tolist(),
            "labels": boxes.cls.int().tolist(),
        }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), float(sys.argv[2]), pathlib.Path(sys.argv[3]))
