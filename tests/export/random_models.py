"""Random tiny models through the certificate: `python -m tests.export.random_models FIRST COUNT` prints counts as JSON.

Each model has weights of its own seed; half of its kernels are larger than a training would leave them, so rounding
shows. Its float files must never be refused, and the same files made of sabotaged weights always, wherever the sabotage
moves the model's own answers by more than twice what rounding explains.
"""

import json
import pathlib
import sys
import tempfile

import kerasvision  # noqa: F401  first of all: it chooses tf_keras before TensorFlow is imported

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip
import tf_keras as keras  # isort: skip

from kerasvision.core.recipe import Budget  # isort: skip
from kerasvision.export.base import Job, from_spec  # isort: skip
from kerasvision.export.measurement import drawn_rounding, measure  # isort: skip
from kerasvision.inference.served import Served  # isort: skip
from tests.contract.cases import CASES, CaseSamples  # isort: skip

NAMES = (
    "detection/retinanet",
    "classification/classifier",
    "semantic_segmentation/unet",
    "detection/yolo",
    "classification/multi_label",
    "semantic_segmentation/fpn",
)
MOST_LOGIT = 8.0
UNBOUNDED = Budget(accuracy_drop=10.0)


def randomized(graph, seed):
    """The graph with random weights: kernels of up to twice their usual size, statistics of all sorts."""
    rng = np.random.default_rng(seed)
    for weight in graph.weights:
        value = weight.numpy()
        if "kernel" in weight.name:
            value = value * rng.choice([1.0, rng.uniform(1.0, 2.0)])
        elif "variance" in weight.name or "gamma" in weight.name:
            value = rng.uniform(0.3, 3.0, value.shape)
        else:  # biases and means; a detector's heads begin at scores of 0.01, of which nothing would be seen
            value = rng.normal(0.0, 0.5, value.shape)
        weight.assign(value.astype(np.float32))
    return graph


def with_an_order(graph, inputs):
    """The graph, a detector's logits of classes and of distances brought within -8 and 8: scores that are 1 to the last
    bit have no order, and sides that are one of few numbers make overlaps that are the threshold to the last bit, so
    that which boxes are found is no answer. inputs: of the graph.
    """
    for key in ("classes", "distances"):
        heads = [layer for layer in graph.layers if f"{key}_out" in layer.name]
        largest = float(np.abs(graph(inputs)[key]).max()) if heads else 0.0
        for weight in (w for layer in heads for w in layer.weights if largest > MOST_LOGIT):
            weight.assign(weight * MOST_LOGIT / largest)
    return graph


def sabotaged(graph, seed):
    """Other weights: of one kernel, the channels that it reads stand in another order, or it is a hundredth larger."""
    kernels = [w for w in graph.weights if "kernel" in w.name and len(w.shape) == 4 and "depthwise" not in w.name]
    weight = kernels[seed % len(kernels)]
    value = weight.numpy()
    weight.assign(np.roll(value, 1, axis=2) if seed % 2 and value.shape[2] > 1 else value * np.float32(1.01))


def judged(name, seed, folder):
    """(whether a float file was refused, whether sabotaged files passed that should not have)."""
    case, specs = CASES[name], ["tflite:float32", "tflite:float16"]
    specs += ["mediapipe:float16"] if name != "classification/multi_label" else []
    specs += ["onnx"] if seed % 4 == 0 else []
    keras.utils.set_random_seed(seed)
    arch = case.make()
    graph = randomized(arch.build(), seed)
    for sample in _samples(case, arch):
        graph = with_an_order(graph, arch.preprocess({k: tf.constant(v) for k, v in sample.items()})[0])
    served, exporters = Served(arch, graph, case.classes), [from_spec(s) for s in specs]
    split = CaseSamples(name, 1).open().splits["test"]
    rounding = drawn_rounding(served, exporters, split)
    refused = _failures(served, exporters, split, rounding, folder / "right", _samples(case, arch))
    held, before = graph.get_weights(), _answers(served, case)
    sabotaged(graph, seed)
    moved = max(float(arch.compare(a, b)[0].max()) for a, b in zip(before, _answers(served, case), strict=True))
    wrong = Job(Served(arch, graph, case.classes), "wrong", 1, folder / "wrong", (), _samples(case, arch))
    written = [(e, e.write(wrong)) for e in exporters]
    graph.set_weights(held)
    _, artifacts, _ = measure(written, wrong, {"test": split}, "test", UNBOUNDED, None, rounding)
    missed = [a.kind for a in artifacts if not a.failures and moved > 2 * a.agreement["tolerance"]]
    return refused, missed, moved > 0


def _failures(served, exporters, split, rounding, root, samples):
    job = Job(served, "right", 1, root, (), samples)
    written = [(e, e.write(job)) for e in exporters]
    _, artifacts, _ = measure(written, job, {"test": split}, "test", UNBOUNDED, None, rounding)
    return [f"{a.kind} {line}" for a in artifacts for line in a.failures]


def _samples(case, arch):
    return tuple({k: v[None] for k, v in arch.inputs_of(s).items()} for s in case.samples())


def _answers(served, case):
    return [{k: v.numpy() for k, v in served.judge(s).items()} for s in _samples(case, served.arch)]


def main(first, count):
    refused, missed, seen = [], [], 0
    for seed in range(first, first + count):
        name = NAMES[seed % len(NAMES)]
        with tempfile.TemporaryDirectory() as folder:
            wrong, passed, moved = judged(name, seed, pathlib.Path(folder))
        refused += [f"{name} {seed}: {line}" for line in wrong]
        missed += [f"{name} {seed}: {kind}" for kind in passed]
        seen += moved
        keras.backend.clear_session()
    print(json.dumps({"models": count, "refused": refused, "missed": missed, "sabotages_that_show": seen}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
