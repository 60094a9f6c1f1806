"""20,000 images of Fashion-MNIST with 40 % wrong labels: cross-entropy, and four remedies for wrong labels.

Shows: the source `noisy_labels`, the techniques generalized_cross_entropy, symmetric_cross_entropy, bootstrap and
co_teaching, and a study that trains each recipe with several seeds. The wrong labels are uniform over the other nine
classes and the same in all runs; the validation split is cut out of the noisy training data and as noisy as it, so
the best epoch is chosen as one would have to choose it in practice. The test labels are clean.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/noisy_labels_fashion.py --out runs/noisy-labels
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
        backbone=create("backbones/convnet", width=16, blocks=(0, 1, 1)),
    ),
    data=create(
        "sources/noisy_labels", of=create("sources/tfds", name="fashion_mnist", train="train[:20000]"), rate=NOISE
    ),
    augment=(create("augmentations/geometric/horizontal_flip"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2),
    epochs=12,
    batch_size=64,
    cache=True,
)


def remedy(name, **fields):
    """The baseline with one technique."""
    technique = create(f"techniques/{name}", **fields)
    return dataclasses.replace(baseline, name=f"noisy_fashion_{name}", techniques=(technique,))


generalized_cross_entropy = remedy("generalized_cross_entropy", q=0.7)
symmetric_cross_entropy = remedy("symmetric_cross_entropy", alpha=0.1, beta=1.0)
bootstrap = remedy("bootstrap", beta=0.8, hard=True)
co_teaching = remedy("co_teaching", forget_rate=NOISE, gradual_epochs=4)

study = Study(
    name="noisy_labels_fashion",
    recipes=(baseline, generalized_cross_entropy, symmetric_cross_entropy, bootstrap, co_teaching),
    seeds=(0, 1, 2),
    metrics=("test/accuracy",),
)
