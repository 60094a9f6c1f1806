"""U-Net names each pixel of photographs with cut-out objects of eleven classes.

Shows: masks made of objects, ImageNet weights, 256 px; what each file loses, before and after quantization-aware
training.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/segment_stamps_unet.py --out runs/segment-unet
          kerasvision train pipelines/segment_stamps_unet.py:qat --out runs/segment-unet-qat
Measured on 2 cores (AVX2, shared with tests), training and exports 27 minutes, 300 scenes of objects and backgrounds
that no training scene has:

    mIoU over 12 classes   0.421     foreground IoU   0.862
    tflite:float32         -0.0000   of 300 scenes none with 0.01 % of its pixels changed
    tflite:int8            -0.0070   14 ms a scene where the float file takes 56
    onnx, SavedModel       +0.0000   none changed

Outlines are finer than DeepLab's (`segment_stamps_deeplab.py`: 0.792), classes worse (0.490).
"""

import dataclasses

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/geometric/affine", factor=(0.75, 1.33), degrees=10.0, fill=114, mask_fill=255),
    create("augmentations/photometric/color_jitter"),
)

recipe = Recipe(
    name="stamps_unet",
    model=create(
        "semantic_segmentation/unet",
        image_size=(256, 256),
        width=16,
        backbone=create("backbones/efficientnet_lite", size="2", weights="imagenet"),
        flips=(1,),
    ),
    data=create(
        "sources/semantic",
        of=create(
            "sources/cut_paste",
            path="data/stamps/cutouts.csv",
            backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
            scenes=(3000, 200, 300),
            image_size=(256, 256),
            objects=(1, 4),
            side=(0.25, 0.75),
            max_occlusion=0.5,
            validation_fraction=0.1,
        ),
    ),
    augment=augment,
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=1e-3),
    epochs=2,
    batch_size=8,
    then=(
        Phase(
            epochs=1,
            optimizer=create("optimizers/adamw", learning_rate=5e-4),
            augment=augment,
            techniques=(create("techniques/fine_tune"), create("techniques/ema", decay=0.99)),
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
    name="stamps_unet_qat",
    techniques=(
        create("techniques/warm_start", run="runs/segment-unet"),
        create("techniques/freeze"),
        create("techniques/qat"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=1e-4),
    epochs=1,
    then=(),
    exports=(create("exporters/tflite", quantize="int8"),),
)
