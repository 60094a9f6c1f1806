"""539 handwritten digits: what attention, stochastic depth, SAM, SWA, GeM, pyramid pooling, self-distillation and
bagging add to a small residual network, over three seeds.

Shows: a study of parts one by one. 180 digits choose the epoch, 1,078 test. Each recipe takes as many epochs as the
baseline (SWA the last five of them at a constant rate); sharpness-aware steps cost twice as much. `self_distilled`
learns what the baseline's first run answers ("Born-Again Neural Networks", arXiv:1805.04770), so the study has to be
written to runs/parts-digits. Each `bag` draws other examples; three of them are one model by `kerasvision ensemble`.
Commands: kerasvision study pipelines/study_parts_digits.py --out runs/parts-digits
          for s in 0 1 2; do kerasvision ensemble runs/parts-digits/digits_bag?/seed-$s --out runs/bags/seed-$s; done
          kerasvision ensemble runs/parts-digits/digits_baseline/seed-? --out runs/seeds
Measured 2026-11-29 on 2 cores (AVX-512, shared with other work), twelve minutes of processor time; accuracy on 1,078
test images, three seeds:

                        mean     sd       change, 95 %
    baseline            0.980    0.003
    SE                  0.979    0.006    -0.001 (-0.065 to +0.064)
    ECA                 0.976    0.007    -0.004 (-0.048 to +0.041)
    CBAM                0.975    0.007    -0.005 (-0.108 to +0.098)
    non-local           0.978    0.004    -0.002 (-0.020 to +0.016)
    self-attention      0.972    0.006    -0.008 (-0.060 to +0.044)
    stochastic depth    0.977    0.002    -0.003 (-0.036 to +0.031)
    SAM                 0.977    0.004    -0.003 (-0.017 to +0.010)
    SWA                 0.975    0.013    -0.005 (-0.108 to +0.098)
    GeM                 0.978    0.002    -0.002 (-0.020 to +0.017)
    spatial pyramid     0.967    0.007    -0.013 (-0.099 to +0.073)
    self-distilled      0.980    0.005    +0.000 (-0.018 to +0.019)
    one bag             0.954, 0.977, 0.974

None of them adds anything that seeds do not explain (p = 0.75 or more by Holm's correction), and none is shown to harm:
539 images of 8 x 8 pixels leave them little to do. Intervals are of all 14 recipes at once. What helps
is several models: the three bags answer as one with 0.983, 0.969 and 0.981 (a bag alone: 0.968 in the mean), and the
three seeds of the baseline, each trained on all examples, with 0.987.
"""

import dataclasses

from kerasvision import Phase, Recipe, Study, create

TEACHER = "runs/parts-digits/digits_baseline/seed-0"


def classifier(pooling="average", **fields):
    """Levels of 16 and 32 channels at 8 and 4 pixels."""
    backbone = create("backbones/convnet", width=16, blocks=(1, 1), **fields)
    return create("classification/classifier", image_size=(8, 8), backbone=backbone, pooling=pooling)


def adamw(schedule="cosine"):
    """The optimizer of all recipes."""
    return create("optimizers/adamw", learning_rate=3e-3, weight_decay=1e-2, schedule=schedule)


def of(name, **fields):
    """The baseline with other fields."""
    return dataclasses.replace(baseline, name=f"digits_{name}", **fields)


baseline = Recipe(
    name="digits_baseline",
    model=classifier(),
    data=create("sources/digits", validation_fraction=0.1, test_fraction=0.6),
    optimizer=adamw(),
    epochs=20,
    batch_size=32,
    cache=True,
)
attention = tuple(
    of(kind, model=classifier(attention=kind)) for kind in ("se", "eca", "cbam", "non_local", "self_attention")
)
stochastic_depth = of("drop_path", model=classifier(drop_path=0.2))
sharpness_aware = of("sam", techniques=(create("techniques/sam"),))
averaged = of("swa", epochs=15, then=(Phase(5, adamw("constant"), (), (create("techniques/swa"),)),))
pooled = tuple(of(kind, model=classifier(kind)) for kind in ("gem", "spatial_pyramid"))
self_distilled = of("self_distilled", techniques=(create("techniques/distill", teacher=TEACHER),))
bags = tuple(of(f"bag{seed}", techniques=(create("techniques/bag", seed=seed),)) for seed in range(3))

study = Study(
    name="parts_digits",
    recipes=(baseline, *attention, stochastic_depth, sharpness_aware, averaged, *pooled, self_distilled, *bags),
    seeds=(0, 1, 2),
    metrics=("test/accuracy",),
)
