"""Fashion-MNIST with a long tail: 6,000 T-shirts train beside 60 ankle boots, and eight remedies.

Shows: the source `long_tail`, whose training classes fall from 100 % to 1 %; class weights (inverse, by the effective
number, and deferred to a last phase), over- and undersampling, the focal loss, logit adjustment and a cost matrix,
against plain cross-entropy, over three seeds. The test is balanced, as Fashion-MNIST has it.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/long_tail_fashion.py --out runs/long-tail
Nothing is measured yet.
"""

import dataclasses

from kerasvision import Phase, Recipe, Study, create

CLASSES, RATIO, EPOCHS = 10, 100.0, 12

baseline = Recipe(
    name="cross_entropy",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=16, blocks=(0, 1, 1)),
        dropout=0.2,
    ),
    data=create("sources/long_tail", of=create("sources/tfds", name="fashion_mnist"), ratio=RATIO),
    augment=(create("augmentations/geometric/horizontal_flip"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2),
    epochs=EPOCHS,
    batch_size=64,
    cache=True,
)


def remedy(name, *techniques, **fields):
    """The baseline with techniques."""
    return dataclasses.replace(baseline, name=name, techniques=techniques, **fields)


def costs():
    """Missing a class costs as many times more as it is rarer than the most frequent one, by the square root."""
    rarity = [RATIO ** (k / (CLASSES - 1) / 2) for k in range(CLASSES)]
    return tuple(tuple(0.0 if i == j else rarity[i] for j in range(CLASSES)) for i in range(CLASSES))


inverse = remedy("inverse_weights", create("techniques/class_weights"))
effective = remedy("effective_number", create("techniques/class_weights", scheme="effective_number"))
deferred = remedy(
    "deferred_weights",
    epochs=EPOCHS - 4,
    then=(
        Phase(
            epochs=4,
            optimizer=create("optimizers/adamw", learning_rate=5e-4, weight_decay=2e-2),
            augment=baseline.augment,
            techniques=(create("techniques/class_weights", scheme="effective_number", beta=0.9999),),
        ),
    ),
)
oversampled = remedy("oversample", create("techniques/oversample"))
undersampled = remedy("undersample", create("techniques/undersample", ratio=10.0))
focal = remedy("focal", create("techniques/focal"))
adjusted = remedy("logit_adjustment", create("techniques/logit_adjustment"))
cost_sensitive = remedy("cost_matrix", create("techniques/cost_matrix", costs=costs()))

study = Study(
    name="long_tail_fashion",
    recipes=(
        baseline,
        inverse,
        effective,
        deferred,
        oversampled,
        undersampled,
        focal,
        adjusted,
        cost_sensitive,
    ),
    seeds=(0, 1, 2),
    metrics=("test/balanced_accuracy", "test/macro_f1", "test/accuracy"),
)
