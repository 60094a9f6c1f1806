"""5000 images of Fashion-MNIST with 40 % wrong labels: cross-entropy, and five remedies.

Shows: the source `noisy_labels`, the techniques generalized_cross_entropy, symmetric_cross_entropy, bootstrap and
co_teaching, and a study that trains each recipe with several seeds. The wrong labels are uniform over the other nine
classes and the same in all runs. As in the papers nothing is held out and the last epoch counts, when cross-entropy
has learned the wrong labels too; one remedy is to hold out a tenth, as noisy as the rest, and to keep the epoch that is
best there. The test labels are clean.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/noisy_labels_fashion.py --out runs/noisy-labels
          kerasvision data suspects runs/noisy-labels/noisy_fashion_stopped_early/seed-0
Nothing is measured yet.
"""

import dataclasses

from kerasvision import Recipe, Study, create

NOISE = 0.4

baseline = Recipe(
    name="noisy_fashion_baseline",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=24, blocks=(0, 1, 1)),
    ),
    data=create(
        "sources/noisy_labels", of=create("sources/tfds", name="fashion_mnist", train="train[:5000]"), rate=NOISE
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=0.0),
    epochs=25,
    batch_size=128,
    validation_fraction=0.0,
    cache=True,
)


def remedy(name, **fields):
    """The baseline with one technique."""
    technique = create(f"techniques/{name}", **fields)
    return dataclasses.replace(baseline, name=f"noisy_fashion_{name}", techniques=(technique,))


stopped_early = dataclasses.replace(baseline, name="noisy_fashion_stopped_early", validation_fraction=0.1)
generalized_cross_entropy = remedy("generalized_cross_entropy", q=0.7)
symmetric_cross_entropy = remedy("symmetric_cross_entropy", alpha=0.1, beta=1.0)
bootstrap = remedy("bootstrap", beta=0.8, hard=True)
co_teaching = remedy("co_teaching", forget_rate=NOISE, gradual_epochs=4)

study = Study(
    name="noisy_labels_fashion",
    recipes=(baseline, stopped_early, generalized_cross_entropy, symmetric_cross_entropy, bootstrap, co_teaching),
    seeds=(0, 1, 2),
    metrics=("test/accuracy",),
)
