"""Mask R-CNN finds eleven classes of cut-out objects in photographs, with their outlines.

Shows: instance masks from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/segment_instances_stamps.py --out runs/mask
"""

from kerasvision import Phase, Recipe, create

augment = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/geometric/affine", factor=(0.75, 1.33), degrees=0.0, x_degrees=0.0, y_degrees=0.0, fill=114),
    create("augmentations/photometric/color_jitter"),
)

recipe = Recipe(
    name="stamps_mask_rcnn",
    model=create(
        "instance_segmentation/mask_rcnn",
        image_size=(320, 320),
        proposals=32,
        mask_depth=2,
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
    ),
    data=create(
        "sources/cut_paste",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds",),
        scenes=(2000, 200, 300),
        masks=True,
    ),
    augment=augment,
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=2,
    batch_size=16,
    then=(
        Phase(
            epochs=6,
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
