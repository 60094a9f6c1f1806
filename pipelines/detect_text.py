"""Lines of text found over photographs, turned by up to 45 degrees.

Shows: text detection with rendered scenes whose quads are known exactly; the way from the map to quads is inside every
file.
Commands: python pipelines/prepare_photographs.py --out data/photographs
          kerasvision train pipelines/detect_text.py --out runs/text
Not measured yet: what it reaches, and what other detectors (rapidocr's) reach on the same scenes.
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="text_scenes",
    model=create(
        "text_detection/db",
        image_size=(256, 256),
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
        neck=create("necks/fpn", width=32, first=2, last=5),
        width=32,
        shrink=0.6,  # lines of 14 to 40 pixels: at 0.4 what is left of the thinnest is one cell of the map
    ),
    data=create(
        "sources/rendered_scene",
        backgrounds=("data/photographs",),
        scenes=(4000, 100, 200),
        image_size=(256, 256),
        lines=(1, 5),
    ),
    augment=(create("augmentations/photometric/color_jitter"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, clip_norm=5.0),
    epochs=6,
    batch_size=16,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
