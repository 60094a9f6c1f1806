"""U-Net on two tiles of a microscope's picture, with and without the paper's elastic deformations.

Shows: the setting of the U-Net paper (arXiv:1505.04597, section 3.1): next to no data, from scratch, and augmentation
that draws what tissue might look like; windows over the whole of an image.
Commands: python pipelines/prepare_cells.py --out data/cells
          kerasvision train pipelines/segment_cells_unet.py --out runs/cells
          kerasvision study pipelines/segment_cells_unet.py --out runs/cells-study
Measured by the study on 2 cores (AVX2, shared with tests), nine trainings in 16 minutes; means over three seeds of 12
tiles, standard deviations in brackets:

    augmentation             Dice of epithelium   mIoU
    none                     0.938 (0.010)        0.854 (0.018)
    flips, turns, elastic    0.957 (0.009)        0.896 (0.018)
    these, light and color   0.926 (0.031)        0.836 (0.055)

Shapes gain 0.020 of Dice and 0.042 of mIoU, which three seeds do not prove (95 %: -0.023 to +0.062 of Dice). Light and
color lose it again: all tiles are of one picture, stained alike, and there a color is a true cue.
"""

import dataclasses

from kerasvision import Recipe, Study, create

deformed = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/geometric/vertical_flip"),
    create("augmentations/geometric/rotation", degrees=180.0, mask_fill=255),
    create("augmentations/geometric/elastic", mask_fill=255),
)

recipe = Recipe(
    name="cells_unet",
    model=create(
        "semantic_segmentation/unet",
        image_size=(128, 128),
        resize="windows",
        width=16,
        backbone=create("backbones/unet_encoder", width=16, depth=3),
    ),
    data=create("sources/image_mask", path="data/cells"),
    augment=(
        *deformed,
        create("augmentations/photometric/brightness"),
        create("augmentations/photometric/contrast"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=400,
    batch_size=2,
    exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
)

plain = dataclasses.replace(recipe, name="cells_unet_plain", augment=(), exports=())
shapes_only = dataclasses.replace(recipe, name="cells_unet_shapes_only", augment=deformed, exports=())
study = Study(
    name="cells",
    recipes=(plain, shapes_only, dataclasses.replace(recipe, exports=())),
    metrics=("test/dice/epithelium", "test/miou"),
)
