"""What lies beside .tflite files in their package: names of classes, and golden vectors."""

import numpy as np
import tensorflow as tf

from kerasvision.data.class_names import write_names
from kerasvision.inference.batches import joined


def write_beside(folder, job):
    """Write what a package of .tflite files holds beside them: labels.txt and golden.npz."""
    write_names(folder / "labels.txt", job.served.classes)
    if not (folder / "golden.npz").exists():
        np.savez_compressed(folder / "golden.npz", **goldens(job))


def goldens(job):
    """Golden vectors for a client's tests: {`input/<key>`: prepared inputs of the job's samples, `output/<key>`: the
    trained model's predictions in graph pixels}, numpy [N, ...].
    """
    arch, prepared = job.served.arch, []
    for sample in job.samples:
        fitted, _ = arch.geometry({k: tf.constant(v) for k, v in sample.items()})
        prepared.append({k: np.asarray(v) for k, v in arch.at_graph_size(fitted).items()})
    inputs = joined(prepared)
    prediction = job.served.fixed(batch=None)(inputs)
    return {f"input/{k}": v for k, v in inputs.items()} | {f"output/{k}": v.numpy() for k, v in prediction.items()}
