"""Eleven remedies for a long tail, on Fashion-MNIST with 5500 T-shirts in training, 55 ankle boots, and eight classes
in between: which helps the rare classes, and what does it cost the frequent ones?

Shows: a long tail cut out of a balanced source; weighing, sampling, other losses, a head that is learned again, and
factors chosen after training; a study of all with three seeds each. Validation (5000 images) and test (10,000) are
balanced, so accuracy there is the mean of the recalls of all classes; the three rarest classes (153, 92 and 55
images) have theirs beside it.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/long_tail_fashion.py --out runs/long-tail
Nothing is measured yet.
"""

import dataclasses

from kerasvision import Phase, Recipe, Study, create

baseline = Recipe(
    name="baseline",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=16, blocks=(0, 1, 1)),
    ),
    data=create(
        "sources/long_tail",
        of=create("sources/tfds", name="fashion_mnist", train="train[:55000]", validation="train[55000:]"),
        ratio=100.0,
    ),
    augment=(create("augmentations/geometric/horizontal_flip"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2),
    epochs=8,
    batch_size=64,
    cache=True,
)


def remedy(name, *techniques, **fields):
    """The baseline with techniques, or with other fields."""
    return dataclasses.replace(baseline, name=name, techniques=techniques, **fields)


inverse = remedy("inverse", create("techniques/class_weights"))
effective = remedy("effective", create("techniques/class_weights", scheme="effective_number"))
oversampled = remedy("oversampled", create("techniques/oversample"), epochs=2)  # an epoch is four times as long
# an epoch is a quarter as long; with ratio=1, 550 images would be left in all
undersampled = remedy("undersampled", create("techniques/undersample", ratio=10.0), epochs=28)
focal = remedy("focal", create("techniques/focal"))
focal_weighted = remedy(
    "focal_weighted", create("techniques/focal"), create("techniques/class_weights", scheme="effective_number")
)
adjusted = remedy("adjusted", create("techniques/logit_adjustment"))
costly = remedy("costly", create("techniques/cost_matrix"))  # errors cost the more the rarer the true class is
smote = remedy("smote", create("techniques/smote"))
# the head alone, learned again on balanced batches: cRT of Kang et al. 2020, arXiv:1910.09217
balanced_head = remedy(
    "balanced_head",
    then=(
        Phase(
            1,
            create("optimizers/adamw", learning_rate=1e-3),
            baseline.augment,
            (create("techniques/freeze"), create("techniques/oversample")),
        ),
    ),
)
moved = remedy("moved", model=dataclasses.replace(baseline.model, tune_for="balanced_accuracy"))

study = Study(
    name="long_tail_fashion",
    recipes=(
        baseline,
        inverse,
        effective,
        oversampled,
        undersampled,
        focal,
        focal_weighted,
        adjusted,
        costly,
        smote,
        balanced_head,
        moved,
    ),
    seeds=(0, 1, 2),
    metrics=(
        "test/accuracy",
        "test/macro_f1",
        "test/macro_average_precision",
        "test/matthews",
        "test/recall/T-shirt/top",
        "test/recall/Sneaker",
        "test/recall/Bag",
        "test/recall/Ankle boot",
        "test/calibration_error",
    ),
)
