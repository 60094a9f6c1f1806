"""Eleven classes of cut-out photographs: ImageNet features, fine-tuning, and the same network from scratch.

Shows: EfficientNet-Lite0 with ImageNet weights on 266 pictures, whose objects are disjoint between the splits.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/transfer_stamps.py --out runs/stamps              (frozen, then fine-tuned)
          kerasvision train pipelines/transfer_stamps.py:frozen --out runs/stamps-frozen
          kerasvision train pipelines/transfer_stamps.py:scratch --out runs/stamps-scratch
Measured on 2 cores (AVX-512, VNNI, shared with other work), 144 training and 80 test pictures, so that 0.05 is one
standard error; time of training and export; the int8 file of each, and how many answers of 80 it changes:

    frozen features           test accuracy 0.7625    101 s    int8 0.7875, 3 answers
    frozen, then fine-tuned   test accuracy 0.7500    188 s    int8 0.7375, 1 answer
    from scratch              test accuracy 0.3375    206 s    int8 0.3375, none

Fine-tuning on 144 pictures changes one answer in 80: the ImageNet features are what counts here.
"""

import dataclasses

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/affine", fill=255),
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/photometric/brightness"),
    create("augmentations/photometric/contrast"),
)

frozen = Recipe(
    name="stamps",
    model=create(
        "classification/classifier",
        image_size=(224, 224),
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
        dropout=0.2,
        label_smoothing=0.1,
    ),
    data=create("sources/manifest", path="data/stamps/stamps.csv", test_fraction=0.3),
    augment=augment,
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=3e-3),
    epochs=15,
    batch_size=16,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
    ),
)

recipe = dataclasses.replace(
    frozen,
    then=(
        Phase(
            epochs=10,
            optimizer=create("optimizers/adamw", learning_rate=3e-4),
            augment=augment,
            techniques=(create("techniques/fine_tune", stages=-1),),
        ),
    ),
)

scratch = dataclasses.replace(
    frozen,
    model=dataclasses.replace(frozen.model, backbone=create("backbones/efficientnet_lite")),
    techniques=(),
    epochs=14,
)
