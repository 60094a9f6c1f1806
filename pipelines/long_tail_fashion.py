"""Eleven remedies for a long tail, on Fashion-MNIST with 5500 T-shirts in training, 55 ankle boots, and eight classes
in between: which helps the rare classes, and what does it cost the frequent ones?

Shows: a long tail cut out of a balanced source; weighing, sampling, other losses, a head that is learned again, and
factors chosen after training; a study of all with three seeds each. Validation (5000 images) and test (10,000) are
balanced, so accuracy there is the mean of the recalls of all classes; the three rarest classes (153, 92 and 55
images) have theirs beside it.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/long_tail_fashion.py --out runs/long-tail
Measured on 2 cores (AVX2, shared with other work), 50 minutes in all; 10,000 test images, mean of three seeds (sd of
accuracy 0.001 to 0.005):

                             accuracy   macro F1   recall: rarest three   T-shirts   calibration error
    cross-entropy            0.800      0.786      0.802                  0.964      0.033
    inverse weights          0.844      0.842      0.908                  0.830      0.013
    effective numbers        0.840      0.834      0.901                  0.940      0.012
    oversampling             0.852      0.849      0.881                  0.870      0.028
    undersampling            0.837      0.835      0.871                  0.858      0.033
    focal loss               0.805      0.793      0.804                  0.962      0.088
    focal, weighted          0.838      0.833      0.892                  0.936      0.112
    logit adjustment         0.849      0.848      0.902                  0.852      0.022
    cost matrix              0.828      0.817      0.868                  0.958      0.068
    SMOTE                    0.853      0.852      0.884                  0.868      0.041
    balanced head            0.848      0.847      0.892                  0.856      0.010
    factors after training   0.845      0.843      0.893                  0.866      0.025

All but focal loss alone are beyond what seeds explain. Inverse weights lift the rarest three most (10.6 points) and
cost the T-shirts most (13.4); effective numbers give nearly as much for 2.4. The best accuracy is SMOTE's, the cheapest
remedy is the last: nothing is trained again.
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
