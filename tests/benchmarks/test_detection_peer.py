"""Our YOLO against YOLOv8n: the same images, the same seconds of training on the same processor, one after another."""

import dataclasses
import json
import os
import pathlib
import subprocess
import time

import numpy as np
import pytest

from kerasvision.cli.recipes import load_recipe
from kerasvision.core.registry import create
from kerasvision.data.inspect.convert import convert
from kerasvision.data.pipeline import raw_examples
from kerasvision.train.fit import train
from tests.benchmarks.torch_python import torch_python

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST = 300  # detections of an image that the other may give
EPOCHS = 4  # of fine-tuning, half of the pipeline's: the other gets the same seconds once more


@pytest.mark.benchmark
def test_yolo_finds_more_than_yolov8n_in_the_same_time(tmp_path, capsys):
    """pipelines/detect_stamps_yolo.py with fewer epochs, in half an hour. The peer starts from random weights, as it
    can without a download; ours from ImageNet's, which come with a package.
    """
    python, stamps = torch_python(), os.environ.get("KERASVISION_STAMPS")
    if not stamps:
        pytest.skip("set KERASVISION_STAMPS to the folder that pipelines/prepare_stamps.py wrote")
    recipe = load_recipe(ROOT / "pipelines" / "detect_stamps_yolo.py")
    places = {"path": f"{stamps}/cutouts.csv", "backgrounds": (f"{stamps}/backgrounds",)}
    data, phase = dataclasses.replace(recipe.data, **places), dataclasses.replace(recipe.then[0], epochs=EPOCHS)
    recipe = dataclasses.replace(recipe, data=data, then=(phase,), exports=())
    folder = convert(recipe.data, "yolo", tmp_path / "yolo")
    start = time.perf_counter()
    trained = train(recipe, tmp_path / "run")
    seconds = time.perf_counter() - start
    peer = peer_metrics(python, trained, folder, seconds, tmp_path / "found.json")
    ours, theirs = trained.metrics["test/ap50"], peer["ap50"]
    with capsys.disabled():
        print(
            f"\n{seconds:.0f} s each: AP50 {ours:.3f} (AP {trained.metrics['test/ap']:.3f}) against YOLOv8n's ", end=""
        )
        print(f"{theirs:.3f} (AP {peer['ap']:.3f}): {ours / theirs:.2f} times")
    assert ours >= 1.5 * theirs


def peer_metrics(python, trained, folder, seconds, out):
    """Both are judged by the same evaluator on the same examples."""
    program = pathlib.Path(__file__).with_name("yolov8n.py")
    environment = os.environ | {"YOLO_OFFLINE": "1"}
    subprocess.run([python, program, folder, str(seconds), out], env=environment, check=True, capture_output=True)
    found = json.loads(out.read_text())
    evaluator = trained.arch.evaluator(trained.classes)
    split = create("sources/yolo", path=str(folder)).open().splits["test"]
    for _, ground_truth, names in raw_examples(split, trained.arch, batch_size=1):
        evaluator.update(_batch_of_one(found[pathlib.Path(names[0]).name]), ground_truth)
    return evaluator.result()


def _batch_of_one(found):
    count = len(found["scores"])
    rows = {"boxes_xyxy": ((MOST, 4), np.float32), "scores": ((MOST,), np.float32), "labels": ((MOST,), np.int32)}
    padded = {"count": np.array([count], np.int32)}
    for key, (shape, dtype) in rows.items():
        padded[key] = np.zeros((1, *shape), dtype)
        padded[key][0, :count] = np.reshape(found[key], (count, *shape[1:]))
    return padded
