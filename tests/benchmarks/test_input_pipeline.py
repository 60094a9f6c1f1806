"""The input pipeline: 600 JPEG photographs of 500x375, random resized crop to 224, flip, color jitter, batch 64.

Against a torchvision v2 DataLoader that does the same with two workers, and against bare JPEG decoding, the limit.
"""

import statistics

import numpy as np
import pytest

from tests.benchmarks.torch_python import figures, torch_python

pytestmark = pytest.mark.benchmark
COUNT, EPOCHS, ROUNDS = 600, 3, 3

OURS = """
import json, sys, time
import kerasvision, tensorflow as tf
from kerasvision import Phase, create
from kerasvision.data.pipeline import training_data

folder, epochs = sys.argv[1], int(sys.argv[2])
opened = create("sources/image_folder", path=folder, validation_fraction=0.0, test_fraction=0.0).open()
arch = create("classification/classifier", num_classes=2, image_size=(224, 224))
phase = Phase(epochs=1, optimizer=create("optimizers/sgd"), augment=(
    create("augmentations/geometric/random_resized_crop"),
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/photometric/color_jitter")))
data = iter(training_data(opened.splits["train"], arch, phase, batch_size=64, seed=0))
for _ in range(6):
    next(data)
count = opened.splits["train"].size * epochs // 64
start = time.perf_counter()
for _ in range(count):
    next(data)
print(json.dumps(64 * count / (time.perf_counter() - start)))
"""
DECODE = """
import json, pathlib, sys, time
import tensorflow as tf

files = sorted(map(str, pathlib.Path(sys.argv[1]).rglob("*.jpg"))) * int(sys.argv[2])
data = tf.data.Dataset.from_tensor_slices(files)
data = data.map(lambda f: tf.io.decode_jpeg(tf.io.read_file(f)), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
for _ in data.take(100):
    pass
start = time.perf_counter()
for _ in data:
    pass
print(json.dumps(len(files) / (time.perf_counter() - start)))
"""
TORCH = """
import json, sys, time
import torch, torchvision
from torchvision.transforms import v2

folder, epochs = sys.argv[1], int(sys.argv[2])
steps = v2.Compose([
    v2.PILToTensor(), v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip(),
    v2.ColorJitter(0.4, 0.4, 0.4, 0.1), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)])
loader = torch.utils.data.DataLoader(torchvision.datasets.ImageFolder(folder, steps), 64, shuffle=True,
                                     num_workers=2, drop_last=True, persistent_workers=True)
for _ in loader:
    pass
start, count = time.perf_counter(), 0
for _ in range(epochs):
    for images, _ in loader:
        count += len(images)
print(json.dumps(count / (time.perf_counter() - start)))
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """600 different cuts of the photographs that scikit-image ships, 500x375, as JPEG of quality 90."""
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    sources = [Image.fromarray(p) for p in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())]
    for i in range(COUNT):
        source = sources[i % len(sources)]
        part = rng.uniform(0.6, 1.0)
        w, h = int(source.width * part), int(source.height * part)
        x, y = rng.integers(0, source.width - w + 1), rng.integers(0, source.height - h + 1)
        path = root / f"class{i % 2}" / f"{i:03d}.jpg"
        path.parent.mkdir(exist_ok=True)
        source.crop((x, y, x + w, y + h)).resize((500, 375)).save(path, quality=90)
    return root


def test_pipeline_against_bare_decoding(photographs):
    pairs = [(figures(OURS, photographs, EPOCHS), figures(DECODE, photographs, EPOCHS)) for _ in range(ROUNDS)]
    ratio = statistics.median(a / b for a, b in pairs)
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\npipeline {ours:.0f} images/s, bare JPEG decoding {bare:.0f} images/s, ratio {ratio:.2f}")
    assert ratio >= 0.45


def test_pipeline_against_torchvision(photographs):
    python = torch_python()
    pairs = [
        (figures(OURS, photographs, EPOCHS), figures(TORCH, photographs, EPOCHS, python=python)) for _ in range(ROUNDS)
    ]
    ratio = statistics.median(a / b for a, b in pairs)
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\npipeline {ours:.0f} images/s, torchvision {theirs:.0f} images/s, ratio {ratio:.2f}")
    assert ratio >= 3.5
