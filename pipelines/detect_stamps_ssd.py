"""SSD finds eleven classes of cut-out objects in photographs.

Shows: a detector from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_stamps_ssd.py --out runs/ssd
Measured on 2 cores (AVX2, no VNNI, shared with other work), 300 test scenes of objects and backgrounds that training
never saw, one run: AP 0.241, AP50 0.387; AP of objects without occlusion 0.193, partly hidden 0.233, mostly hidden
0.120.

    file               AP       change    size      ms an image
    tflite:float32     0.2411   -0.0000   17.1 MB   28.1
    tflite:int8        0.2399   -0.0012    5.0 MB   11.0
    saved_model        0.2411    0.0000   20.0 MB   29.4
    onnx               0.2411   -0.0000   17.1 MB   12.7
"""

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/geometric/affine", factor=(0.75, 1.33), degrees=0.0, x_degrees=0.0, y_degrees=0.0, fill=114),
    create("augmentations/photometric/color_jitter"),
)

recipe = Recipe(
    name="stamps_ssd",
    model=create(
        "detection/ssd",
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
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
