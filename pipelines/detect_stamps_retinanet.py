"""RetinaNet finds eleven classes of cut-out objects in photographs.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_retinanet.py --out runs/retinanet
          kerasvision train pipelines/detect_stamps_retinanet.py:qat --out runs/retinanet-qat
"""

import dataclasses

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/photometric/color_jitter"),
)

recipe = Recipe(
    name="stamps_retinanet",
    model=create(
        "detection/retinanet",
        image_size=(320, 320),
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
    ),
    data=create(
        "sources/cut_paste",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds",),
        scenes=(2000, 200, 300),
    ),
    augment=augment,
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=2,
    batch_size=16,
    then=(
        Phase(
            epochs=7,
            optimizer=create("optimizers/adamw", learning_rate=1e-3),
            augment=augment,
            techniques=(create("techniques/fine_tune", stages=-1),),
        ),
    ),
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)

qat = dataclasses.replace(
    recipe,
    name="stamps_retinanet_qat",
    techniques=(
        create("techniques/warm_start", run="runs/retinanet"),
        create("techniques/freeze"),
        create("techniques/qat"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=1e-4),
    epochs=2,
    then=(),
    exports=(create("exporters/tflite", quantize="int8"),),
)
