"""Angles of handwritten digits, a tenth of the training angles wrong: the five objectives of the regressor, over three
seeds.

Shows: `regression/regressor` on a CSV with a column of numbers, and what its losses do with gross errors: the mean
absolute error in degrees on 997 pictures with true angles. `quantile` answers its median, `heteroscedastic` its mean.
Commands: python pipelines/prepare_angles.py --out data/angles
          kerasvision study pipelines/study_losses_angles.py --out runs/losses-angles
Not measured yet.
"""

import dataclasses

from kerasvision import Recipe, Study, create


def of(objective):
    """The baseline with another objective."""
    return dataclasses.replace(
        baseline, name=f"angles_{objective}", model=dataclasses.replace(baseline.model, objective=objective)
    )


baseline = Recipe(
    name="angles_mse",
    model=create(
        "regression/regressor",
        objective="mse",
        image_size=(16, 16),
        backbone=create("backbones/convnet", width=16, blocks=(0, 1, 1)),
    ),
    data=create("sources/manifest", path="data/angles/angles.csv", target_columns=("degrees",)),
    optimizer=create("optimizers/adamw", learning_rate=3e-3, weight_decay=1e-2),
    epochs=20,
    batch_size=32,
    cache=True,
)

study = Study(
    name="losses_angles",
    recipes=(baseline, *map(of, ("huber", "log_cosh", "quantile", "heteroscedastic"))),
    seeds=(0, 1, 2),
    metrics=("test/mae",),
)
