"""U-Net on two tiles of a microscope's picture, with and without the paper's elastic deformations.

Shows: the setting of the U-Net paper (arXiv:1505.04597, section 3.1): next to no data, from scratch, and augmentation
that draws what tissue might look like; windows over the whole of an image.
Commands: python pipelines/prepare_cells.py --out data/cells
          kerasvision train pipelines/segment_cells_unet.py --set seed=0 --out runs/cells-0          (seeds 0, 1, 2)
          kerasvision train pipelines/segment_cells_unet.py:plain --set seed=0 --out runs/cells-plain-0
"""

import dataclasses

from kerasvision import Recipe, create

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
        create("augmentations/geometric/horizontal_flip"),
        create("augmentations/geometric/vertical_flip"),
        create("augmentations/geometric/rotation", degrees=180.0, mask_fill=255),
        create("augmentations/geometric/elastic", mask_fill=255),
        create("augmentations/photometric/brightness"),
        create("augmentations/photometric/contrast"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=400,
    batch_size=2,
    exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
)

plain = dataclasses.replace(recipe, name="cells_unet_plain", augment=(), exports=())
