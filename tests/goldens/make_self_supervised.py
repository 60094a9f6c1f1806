"""Writes self_supervised.npz: losses and gradients of lightly 1.6.0 on CPU torch 2.13.0, of drawn vectors.

    python tests/goldens/make_self_supervised.py

It needs an environment with torch and lightly; the file's numbers are all that the tests need. lightly's losses are
read from their files, as importing the package needs torchvision.
"""

import importlib
import importlib.util
import pathlib
import sys
import types

import numpy as np
import torch

ROOT = pathlib.Path(importlib.util.find_spec("lightly").submodule_search_locations[0])
PICTURES, SIZE, NEGATIVES = 6, 5, 8


def lightly_module(name):
    """A module of lightly without running the package's own __init__."""
    for package in ("lightly", "lightly.loss", "lightly.utils", "lightly.models", "lightly.models.modules"):
        if package not in sys.modules:
            held = types.ModuleType(package)
            held.__path__ = [str(ROOT.joinpath(*package.split(".")[1:]))]
            sys.modules[package] = held
    sys.modules.setdefault("lightly.models.utils", types.ModuleType("lightly.models.utils"))
    return importlib.import_module(f"lightly.{name}")


def main():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(PICTURES, SIZE)).astype(np.float32) for _ in range(2))
    second = first + 0.5 * second
    negatives = rng.normal(size=(NEGATIVES, SIZE)).astype(np.float32)
    negatives /= np.linalg.norm(negatives, axis=1, keepdims=True)
    center = (0.1 * rng.normal(size=SIZE)).astype(np.float32)
    held = {"first": first, "second": second, "negatives": negatives, "center": center}

    def record(name, loss):
        a, b = (torch.tensor(v, requires_grad=True) for v in (first, second))
        value = loss(a, b)
        value.backward()
        held[f"{name}/loss"] = value.detach().numpy()
        for which, tensor in (("first", a), ("second", b)):
            if tensor.grad is not None:
                held[f"{name}/{which}"] = tensor.grad.numpy()

    ntxent = lightly_module("loss.ntx_ent_loss").NTXentLoss
    record("nt_xent", ntxent(temperature=0.5))
    queued = ntxent(temperature=0.2, memory_bank_size=(NEGATIVES, SIZE))
    queued.memory_bank.bank = torch.tensor(negatives)
    queued.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.long)
    record("info_nce", lambda a, b: queued(a, b.detach()))
    record("barlow_twins", lightly_module("loss.barlow_twins_loss").BarlowTwinsLoss(lambda_param=5e-3))
    record("vicreg", lightly_module("loss.vicreg_loss").VICRegLoss())
    cosine = lightly_module("loss.negative_cosine_similarity").NegativeCosineSimilarity()
    record("negative_cosine", lambda a, b: cosine(a, b.detach()))
    dino = lightly_module("loss.dino_loss").DINOLoss(output_dim=SIZE, teacher_temp=0.04, student_temp=0.1)
    dino.center = torch.tensor(center)[None, None]

    def distilled(a, b):
        """Of the student's views a, b what a teacher says that turned them around."""
        return dino([a.detach() * 0.7, b.detach() * 0.7], [a, b], teacher_temp=0.04)

    record("dino", distilled)
    held["dino/center"] = dino.center.numpy().ravel()
    parts = held["parts"] = rng.normal(size=(2, PICTURES, SIZE)).astype(np.float32)
    dino.center = torch.tensor(center)[None, None]

    def with_parts(a, b):
        return dino([a.detach() * 0.7, b.detach() * 0.7], [a, b, *torch.tensor(parts)], teacher_temp=0.04)

    record("dino_parts", with_parts)
    np.savez_compressed(pathlib.Path(__file__).with_name("self_supervised.npz"), **held)


if __name__ == "__main__":
    main()
