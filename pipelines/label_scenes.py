"""Which of eleven classes are in a scene of cut-out objects, where classes go together: five ways to answer.

Shows: binary relevance, a label powerset, classifier chains (one, and ten whose answers are averaged), label embedding
and label attention, over the same frozen ImageNet features, three seeds each. Scenes have two to four objects; one is
with probability 0.8 of the class that follows the one before it (field company of `sources/cut_paste`), so what is seen
clearly says something of what is not. Objects and backgrounds of the test scenes are in no training scene. The test
is on 1000 scenes; the standard error of a share is at most 0.016.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision study pipelines/label_scenes.py --out runs/label-scenes
Measured on 2 cores (AVX2, shared with other work), 75 minutes in all; mean of three seeds (its standard deviation):

                         subset accuracy   micro F1         macro F1         ranking loss
    binary relevance     0.017 (0.009)     0.555 (0.010)    0.566 (0.009)    0.198 (0.002)
    label powerset       0.138 (0.007)     0.556 (0.015)    0.551 (0.014)    0.186 (0.008)
    one chain            0.010 (0.003)     0.543 (0.008)    0.559 (0.007)    0.201 (0.003)
    ten chains           0.032 (0.003)     0.581 (0.009)    0.589 (0.009)    0.178 (0.006)
    label embedding      0.009 (0.006)     0.549 (0.015)    0.566 (0.012)    0.193 (0.001)
    label attention      0.009 (0.004)     0.544 (0.006)    0.560 (0.008)    0.203 (0.004)

Where classes go together, ten chains are better than binary relevance in all four figures (ranking loss beyond what
seeds explain); a single chain is as good as binary relevance, within what seeds explain. The powerset, which knows
only the combinations it has seen, gets eight times as many scenes wholly right, and no more labels.
"""

import dataclasses

from kerasvision import Phase, Recipe, Study, create

SIZE = (128, 128)


def model(name, **fields):
    """One of `classification/*`, over EfficientNet-Lite0."""
    backbone = create("backbones/efficientnet_lite", weights="imagenet")
    return create(f"classification/{name}", image_size=SIZE, backbone=backbone, **fields)


binary_relevance = Recipe(
    name="binary_relevance",
    model=model("multi_label"),
    data=create(
        "sources/cut_paste",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
        scenes=(2000, 400, 1000),
        image_size=SIZE,
        objects=(2, 4),
        company=0.8,
        side=(0.35, 0.7),
        max_occlusion=0.5,
    ),
    augment=(create("augmentations/geometric/horizontal_flip"),),
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=1e-2),
    epochs=6,
    batch_size=32,
    cache=True,
)


def other(name, architecture, **fields):
    """The same with another architecture."""
    return dataclasses.replace(binary_relevance, name=name, model=model(architecture, **fields))


# for pipelines/measure_pointing.py: larger, so that Grad-CAM's positions are small beside the objects
fine_tuned = dataclasses.replace(
    binary_relevance,
    name="fine_tuned",
    model=dataclasses.replace(binary_relevance.model, image_size=(224, 224)),
    data=dataclasses.replace(
        binary_relevance.data, image_size=(224, 224), scenes=(1200, 200, 300), objects=(1, 3), company=0.0
    ),
    epochs=4,
    then=(
        Phase(
            epochs=4,
            optimizer=create("optimizers/adamw", learning_rate=3e-4),
            augment=(create("augmentations/geometric/horizontal_flip"),),
            techniques=(create("techniques/fine_tune", stages=-1),),
        ),
    ),
    exports=(create("exporters/tflite"), create("exporters/tflite", quantize="int8")),
)

study = Study(
    name="label_scenes",
    recipes=(
        binary_relevance,
        other("powerset", "label_powerset"),
        other("chain", "classifier_chain"),
        other("ten_chains", "classifier_chain", chains=10),
        other("embedding", "label_embedding"),
        other("attention", "label_attention"),
    ),
    seeds=(0, 1, 2),
    metrics=("test/subset_accuracy", "test/micro_f1", "test/macro_f1", "test/ranking_loss"),
)
