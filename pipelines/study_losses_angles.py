"""Angles of handwritten digits, a tenth of the training angles wrong: the five objectives of the regressor, over three
seeds.

Shows: `regression/regressor` on a CSV with a column of numbers, and what its losses do with gross errors: the mean
absolute error in degrees on 997 pictures with true angles. `quantile` answers its median, `heteroscedastic` its mean.
Commands: python pipelines/prepare_angles.py --out data/angles
          kerasvision study pipelines/study_losses_angles.py --out runs/losses-angles
Measured 2026-11-29 on 2 cores (AVX-512, shared with other work), nine minutes of processor time; mean absolute error in
degrees, three seeds:

                       mean    sd      change, 95 %
    squared            7.25    0.36
    huber              6.77    0.27    -0.48 (-3.68 to +2.72)
    log-cosh           6.91    0.27    -0.34 (-3.52 to +2.84)
    quantile           5.04    0.20    -2.20 (-3.84 to -0.57)
    heteroscedastic    5.84    0.21    -1.41 (-4.28 to +1.46)

The quantiles' median is beyond what seeds explain (p = 0.028 by Holm's correction for four comparisons): it alone does
not care how far off a wrong angle is. Intervals are of all four at once.
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
