"""Writes lars.npz: what LARS of lightly 1.6.0 on CPU torch makes of a drawn kernel and bias in four steps.

    python tests/goldens/make_lars.py

It needs an environment with torch and lightly; the file's numbers are all that the tests need. lightly's optimizer is
read from its file, as importing the package needs torchvision.
"""

import importlib.util
import pathlib

import numpy as np
import torch

ROOT = pathlib.Path(importlib.util.find_spec("lightly").submodule_search_locations[0])
STEPS, RATE, MOMENTUM, DECAY, TRUST = 4, 0.4, 0.9, 0.05, 0.02


def main():
    spec = importlib.util.spec_from_file_location("lars", ROOT / "utils" / "lars.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    held = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    held |= {f"{name}_gradients": rng.normal(size=(STEPS, *shape)) for name, shape in shapes.items()}
    weights = {name: torch.tensor(held[name], requires_grad=True) for name in shapes}
    groups = [{"params": [weights["kernel"]]}, {"params": [weights["bias"]], "weight_decay": 0.0}]
    made = module.LARS(groups, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, trust_coefficient=TRUST, eps=0.0)
    seen = {name: [] for name in shapes}
    for step in range(STEPS):
        for name, weight in weights.items():
            weight.grad = torch.tensor(held[f"{name}_gradients"][step])
        made.step()
        for name, weight in weights.items():
            seen[name].append(weight.detach().numpy().copy())
    held |= {f"{name}_after": np.array(values) for name, values in seen.items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("lars.npz"), **held)


if __name__ == "__main__":
    main()
