"""Writes cross_batch_memory.npz: losses and gradients of CrossBatchMemory of pytorch-metric-learning 2.9.0 on CPU
torch, in float64, of four batches of eight drawn embeddings and a memory of sixteen.

    python tests/goldens/make_cross_batch_memory.py

It needs an environment with torch and pytorch-metric-learning; the file's numbers are all that the tests need.
"""

import pathlib

import numpy as np
import torch
from pytorch_metric_learning.losses import CircleLoss, CrossBatchMemory, SupConLoss

STEPS, BATCH, DIMENSION, SIZE = 4, 8, 5, 16


def main():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(STEPS, BATCH, DIMENSION))
    labels = np.stack([rng.permutation(np.arange(BATCH) % 4) for _ in range(STEPS)])
    held = {"embeddings": embeddings, "labels": labels}
    for name, loss in (("contrastive", SupConLoss(temperature=0.1)), ("circle", CircleLoss(m=0.4, gamma=80))):
        memory = CrossBatchMemory(loss, DIMENSION, SIZE)
        values, gradients = [], []
        for rows, classes in zip(embeddings, labels, strict=True):
            rows = torch.tensor(rows, requires_grad=True)
            value = memory(rows, torch.tensor(classes))
            value.backward()
            values.append(value.item())
            gradients.append(rows.grad.numpy())
        held |= {name: np.array(values), f"{name}_g": np.array(gradients)}
    np.savez_compressed(pathlib.Path(__file__).with_name("cross_batch_memory.npz"), **held)


if __name__ == "__main__":
    main()
