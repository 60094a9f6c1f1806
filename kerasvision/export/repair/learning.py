"""The rung that trains: a short run with int8's rounding in its graph, from the weights of the run that is exported
("Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", Jacob et al. 2018,
arXiv:1712.05877).
"""

import dataclasses
import pathlib

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create

SHARE, SLOWER = 10, 10  # a tenth of the run's epochs, at a tenth of its last rate: weights only settle


def why_not(trained):
    """Why no run with rounding in its graph can be trained from a `Trained` model, in words; None where one can."""
    if trained.folder is None or not pathlib.Path(trained.folder, "recipe.json").exists():
        return "it trains on from a run's weights, and this is no run"
    slots = getattr(trained.arch, "slots", None)
    if slots is not None and slots.count:
        return "a tracker in the file (model.slots.count) does not go with rounding in its graph; leave one of them out"
    return None


def qat_recipe(recipe, run, epochs=None):
    """The recipe of quantization-aware training of a finished run. run: its folder. epochs: None: a tenth of the run's.

    Data, augmentations and optimizer are those of the run's last phase; of its techniques none is taken along. Raises
    UsageError of no epoch.
    """
    if epochs is not None and epochs < 1:
        raise UsageError(f"--qat-epochs {epochs}; allowed: 1 or more")
    last, whole = recipe.phases()[-1], sum(phase.epochs for phase in recipe.phases())
    rate = last.optimizer.learning_rate / SLOWER
    return dataclasses.replace(
        recipe,
        augment=last.augment,
        techniques=(create("techniques/warm_start", run=str(run)), create("techniques/qat")),
        optimizer=dataclasses.replace(last.optimizer, learning_rate=rate),
        epochs=epochs or max(1, round(whole / SHARE)),
        then=(),
        exports=(),
        patience=None,
    )
