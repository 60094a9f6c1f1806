"""5000 images of Fashion-MNIST with 40 % wrong labels: cross-entropy, and five remedies.

Shows: the source `noisy_labels`, the techniques generalized_cross_entropy, symmetric_cross_entropy, bootstrap and
co_teaching, and a study that trains each recipe with several seeds. The wrong labels are uniform over the other nine
classes and the same in all runs. As in the papers nothing is held out and the last epoch counts, when cross-entropy
has learned the wrong labels too; one remedy is to hold out a tenth, as noisy as the rest, and to keep the epoch that is
best there. The test labels are clean.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/noisy_labels_fashion.py --out runs/noisy-labels
          kerasvision data suspects runs/noisy-labels/noisy_fashion_stopped_early/seed-0
          kerasvision ensemble runs/noisy-labels/noisy_fashion_generalized_cross_entropy/seed-? --out runs/joined
Measured on 2 cores (AVX2, shared with other work), 60 minutes; accuracy on 10,000 test images, three seeds:

                                 mean     sd       change, 95 %
    cross-entropy                0.662    0.001
    stopped early                0.738    0.007    +0.076 (0.062 to 0.089)
    generalized cross-entropy    0.789    0.010    +0.127 (0.101 to 0.152)
    symmetric cross-entropy      0.782    0.007    +0.120 (0.106 to 0.134)
    bootstrap (hard, 0.8)        0.677    0.006    +0.015 (-0.001 to 0.031)
    co-teaching                  0.822    0.003    +0.159 (0.149 to 0.169)

Of 500 held-out labels, 195 of them wrong, `data suspects` lists 210, among them 170 wrong ones; of the first ones,
until half of the wrong ones are found, 96.1 % are wrong. Three networks of generalized cross-entropy, 0.789 each on
average, reach 0.817 as an ensemble.
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
