"""One training step of MobileNetV2 (128 px, batch 32): images a second against torch in channels-last layout."""

import statistics

import pytest

from tests.benchmarks.torch_python import figures, torch_python

pytestmark = pytest.mark.benchmark
STEPS, ROUNDS = 15, 3

OURS = """
import json, sys, time
import kerasvision
import numpy as np, tensorflow as tf
from kerasvision.core.registry import create
from kerasvision.train.learner import Learner

steps = int(sys.argv[1])
arch = create("classification/classifier", num_classes=10, image_size=(128, 128),
              backbone=create("backbones/mobilenet", version="v2"))
learner = Learner(arch.build(), arch.loss)
learner.compile(create("optimizers/sgd").make(1000, {}))
rng = np.random.default_rng(0)
inputs = {"image": rng.normal(size=(32, 128, 128, 3)).astype("float32")}
targets = {"logits": np.eye(10, dtype="float32")[rng.integers(0, 10, 32)]}
data = tf.data.Dataset.from_tensors((inputs, targets)).cache().repeat()
learner.fit(data, steps_per_epoch=3, verbose=0)
start = time.perf_counter()
learner.fit(data, steps_per_epoch=steps, verbose=0)
print(json.dumps(32 * steps / (time.perf_counter() - start)))
"""
TORCH = """
import json, sys, time
import torch, torchvision

steps = int(sys.argv[1])
torch.manual_seed(0)
model = torchvision.models.mobilenet_v2(num_classes=10).to(memory_format=torch.channels_last).train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
inputs = torch.randn(32, 3, 128, 128).to(memory_format=torch.channels_last)
targets = torch.randint(0, 10, (32,))

def step():
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(model(inputs), targets).backward()
    optimizer.step()

for _ in range(3):
    step()
start = time.perf_counter()
for _ in range(steps):
    step()
print(json.dumps(32 * steps / (time.perf_counter() - start)))
"""


def test_training_step_against_torch():
    python = torch_python()
    pairs = [(figures(OURS, STEPS), figures(TORCH, STEPS, python=python)) for _ in range(ROUNDS)]
    ratio = statistics.median(a / b for a, b in pairs)
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"\ntraining: {ours:.0f} images/s, torch {theirs:.0f} images/s, ratio {ratio:.2f}")
    assert ratio >= 1.2
