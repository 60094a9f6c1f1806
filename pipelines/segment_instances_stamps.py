"""Mask R-CNN finds eleven classes of cut-out objects in photographs, with their outlines.

Shows: instance masks from rendered scenes to files, with ImageNet weights, at 320 px.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/segment_instances_stamps.py --out runs/mask
Measured on 2 cores (AVX2, no VNNI, shared with other work, 38 min), 300 test scenes of objects and backgrounds that
training never saw, one run: of masks AP 0.363, AP50 0.515 (large objects 0.486, medium 0.366, small 0.203); of boxes
AP 0.370, AP50 0.531; AP of objects without occlusion 0.338, partly hidden 0.325, mostly hidden 0.200.

    file               mask AP  change    size      ms an image
    tflite:float32     0.3630   0.0000    19.1 MB   50.0
    saved_model        0.3630   0.0000    22.9 MB   44.2
    onnx               0.3630   0.0000    19.2 MB   28.4
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
