"""Faster R-CNN finds eleven classes of cut-out objects in photographs.

Shows: a two-stage detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_faster_rcnn.py --out runs/faster
Measured on 2 cores (AVX2, no VNNI, shared with other work, 28 min), 300 test scenes of objects and backgrounds that
training never saw, one run: AP 0.368, AP50 0.527; AP of objects without occlusion 0.335, partly hidden 0.312, mostly
hidden 0.202.

    file               AP       change    size      ms an image
    tflite:float32     0.3681   0.0000    18.6 MB   34.6
    saved_model        0.3681   0.0000    21.7 MB   44.4
    onnx               0.3681   0.0000    18.7 MB   38.7
"""

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/geometric/affine", factor=(0.75, 1.33), degrees=0.0, x_degrees=0.0, y_degrees=0.0, fill=114),
    create("augmentations/photometric/color_jitter"),
)

recipe = Recipe(
    name="stamps_faster_rcnn",
    model=create(
        "detection/faster_rcnn",
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
            epochs=8,
            optimizer=create("optimizers/adamw", learning_rate=1e-3),
            augment=augment,
            techniques=(create("techniques/fine_tune", stages=3),),
        ),
    ),
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/onnx"),
    ),
)
