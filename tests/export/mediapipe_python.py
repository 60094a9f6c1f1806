"""MediaPipe in a process and an environment of its own, for its requirements are at odds with TensorFlow's companions.

`KERASVISION_MEDIAPIPE_PYTHON` names a Python that has it. Without, one is made in the system's folder for temporary
files, once for all runs; that takes 650 MB.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest

VERSION = "1.2.2"  # 0.10.21 answers alike

PROGRAM = """
import json, sys
import mediapipe as mp
import numpy as np

task, model, images = sys.argv[1:]
kind = {"Audio": mp.tasks.audio, "TextC": mp.tasks.text, "TextE": mp.tasks.text}.get(task[:5], mp.tasks.vision)
options = getattr(kind, task + "Options")(base_options=mp.tasks.BaseOptions(model_asset_path=model))
answers = {}
with getattr(kind, task).create_from_options(options) as run:
    for name, pixels in np.load(images).items():
        if task.startswith("Text"):
            line = pixels.tobytes().decode()
            if task == "TextEmbedder":
                answers[name] = run.embed(line).embeddings[0].embedding.tolist()
            else:
                answers[name] = {c.category_name: c.score for c in run.classify(line).classifications[0].categories}
            continue
        if task == "AudioClassifier":
            sound = mp.tasks.components.containers.AudioData.create_from_array(pixels, float(name.split("@")[1]))
            answers[name] = []
            for found in run.classify(sound):
                scores = {c.category_name: c.score for c in found.classifications[0].categories}
                answers[name].append({"ms": found.timestamp_ms, "scores": scores})
            continue
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        if task == "ImageClassifier":
            rows = run.classify(image).classifications[0].categories
            answers[name] = [{"label": r.category_name, "index": r.index, "score": r.score} for r in rows]
        elif task == "ImageEmbedder":
            answers[name] = run.embed(image).embeddings[0].embedding.tolist()
        else:
            answers[name] = []
            for found in run.detect(image).detections:
                x, y = found.bounding_box.origin_x, found.bounding_box.origin_y
                box = [x, y, x + found.bounding_box.width, y + found.bounding_box.height]
                for r in found.categories:
                    answers[name].append({"label": r.category_name, "score": r.score, "box_xyxy": box})
print(json.dumps(answers))
"""


def mediapipe_python():
    """A Python that has MediaPipe, or a skip that says why there is none."""
    python = os.environ.get("KERASVISION_MEDIAPIPE_PYTHON") or _made()
    done = subprocess.run([python, "-c", "import mediapipe"], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        pytest.skip(f"mediapipe cannot be imported ({reason}); on Debian it needs libgl1 libegl1 libgles2")
    return python


def _made():
    name = f"kerasvision-mediapipe-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    folder = pathlib.Path(tempfile.gettempdir()) / name
    python, complete = str(folder / "bin" / "python"), folder / "complete"
    if complete.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)  # an installation that was broken off
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [python, "-m", "pip", "install", "--quiet", f"mediapipe=={VERSION}"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no reason"]
        pytest.skip(f"pip install mediapipe=={VERSION} fails: {reason[-1]}")
    complete.touch()
    return python


def mediapipe_answers(task, model, images, folder):
    """What MediaPipe's task says of images, name -> rows. images: name -> uint8 [H, W, 3], of sounds `name@rate` ->
    float32 [N], of texts uint8 [N], UTF-8. folder: to write them to."""
    python = mediapipe_python()
    np.savez(folder / "images.npz", **images)
    call = [python, "-c", PROGRAM, task, str(model), str(folder / "images.npz")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
