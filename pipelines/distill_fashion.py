"""Fashion-MNIST with a tenth of its labels: what a small student learns from a teacher that it does not learn alone.

Shows: knowledge distillation (soft targets, logits), hints between layers, attention transfer, a moving average, and a
teacher that answers for images without labels, against the same student trained on the labels alone, over three seeds.
5,400 images train and 600 choose the epoch. Only `unlabeled` sees the pictures of the other 54,000, and nobody their
labels: it learns its teacher's answers alone, in as many steps as the others, and keeps the epoch that is best on the
6,000 labeled images. The two `patient` ones take three times as many steps. The test is on all 10,000.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision train pipelines/distill_fashion.py:teacher --out runs/distill-teacher
          kerasvision study pipelines/distill_fashion.py --out runs/distill
The student has 10,948 parameters, a fifteenth of the teacher's 164,722 (moving statistics included).
Measured on 2 cores (AVX2, shared with other work), 85 minutes in all. Accuracy of the teacher: 0.882; of the
students, over three seeds:

                            mean     sd       change, 95 %
    alone                   0.859    0.005
    soft targets            0.861    0.002    +0.002 (-0.008 to 0.012)
    logits                  0.855    0.001    -0.003 (-0.018 to 0.012)
    hints                   0.858    0.005     0.000 (-0.007 to 0.007)
    attention transfer      0.857    0.006    -0.002 (-0.014 to 0.011)
    moving average          0.861    0.001    +0.003 (-0.007 to 0.012)
    unlabeled               0.862    0.001    +0.003 (-0.011 to 0.018)
    alone, patient          0.862    0.004    +0.003 (-0.013 to 0.020)
    unlabeled, patient      0.874    0.003    +0.015 (+0.009 to 0.021)

On the labeled images a teacher adds nothing that seeds do not explain: it has learned them by heart (0.997 of them), so
its answers are nearly the labels. What helps are its answers to images without labels, and time to learn them: 1.2
points over as many steps on labels alone, within a point of the teacher.
"""

import dataclasses

from kerasvision import Recipe, Study, create

TEACHER = "runs/distill-teacher"


def classifier(width):
    """Levels of `width`, 2 width and 4 width channels at 28, 14 and 7 pixels."""
    return create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=width, blocks=(0, 1, 1)),
    )


def student_with(name, *techniques):
    """The baseline with techniques; everything else is the same."""
    return dataclasses.replace(student, name=name, techniques=techniques)


teacher = Recipe(
    name="distill_teacher",
    model=dataclasses.replace(classifier(24), dropout=0.2),
    data=create("sources/tfds", name="fashion_mnist", train="train[:10%]"),
    augment=(
        create("augmentations/geometric/horizontal_flip"),
        create("augmentations/occlusion/random_erasing", area=(0.02, 0.2)),
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2),
    epochs=40,
    batch_size=64,
    cache=True,
)

student = dataclasses.replace(
    teacher,
    name="student_alone",
    model=classifier(6),
    optimizer=create("optimizers/adamw", learning_rate=4e-3, weight_decay=2e-2),
)

soft_targets = student_with("student_soft_targets", create("techniques/distill", teacher=TEACHER))
logits = student_with("student_logits", create("techniques/distill", teacher=TEACHER, on="logits"))
hints = student_with(
    "student_hints",
    create("techniques/hints", teacher=TEACHER, at=("c1",)),
    create("techniques/distill", teacher=TEACHER),
)
attention = student_with(
    "student_attention",
    create("techniques/attention_transfer", teacher=TEACHER, at=("c1", "c2")),
    create("techniques/distill", teacher=TEACHER),
)
unlabeled = dataclasses.replace(
    student_with("student_unlabeled", create("techniques/distill", teacher=TEACHER, alpha=1.0)),
    data=create("sources/tfds", name="fashion_mnist", train="train[10%:]", validation="train[:10%]"),
    epochs=4,
)
# "Knowledge distillation: A good teacher is patient and consistent" (Beyer et al. 2022, arXiv:2106.05237): three times
# as many steps
alone_patient = dataclasses.replace(student, name="student_alone_patient", epochs=120)
unlabeled_patient = dataclasses.replace(unlabeled, name="student_unlabeled_patient", epochs=12)
averaged = student_with(
    "student_averaged", create("techniques/distill", teacher=TEACHER), create("techniques/ema", decay=0.995)
)

study = Study(
    name="distill_fashion",
    recipes=(student, soft_targets, logits, hints, attention, averaged, unlabeled, alone_patient, unlabeled_patient),
    seeds=(0, 1, 2),
    metrics=("test/accuracy",),
)
