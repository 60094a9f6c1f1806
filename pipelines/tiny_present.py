"""Is there an animal in the picture? A network for microcontrollers: 96 x 96 pixels, 8-bit integers in and out.

Shows: a presence detector of the size of MLPerf Tiny's (Banbury et al. 2021, arXiv:2106.07597; there persons, by a
MobileNet of 7.49 million multiplications, 208,112 weights and 333,288 bytes) from cut-out objects over photographs.
Birds, fish, mammals and ungulates are animals; flowers, fruit, tools, coins, planets, vegetables and vehicles are not,
and lie in the same pictures. No object and no background of a test scene is in a training scene. The file has
operators of TensorFlow Lite for Microcontrollers alone; --c-array makes C++ source of it.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/tiny_present.py --out runs/present
          kerasvision export runs/present --to tflite:int8:uint8 --c-array
          kerasvision inspect runs/present/tflite/models/present/model_int8_uint8.tflite
Not trained yet, so no accuracy is stated. Of the untrained network's file (`pytest tests/pipelines/test_tiny.py`):
6,690,944 multiplications, 75,955 weights and biases, 93 kB, and 55,296 bytes of activations at their peak.
"""

from kerasvision import Recipe, create

SIZE = (96, 96)
ANIMALS = ("bird", "fish", "mammal", "ungulate")

recipe = Recipe(
    name="present",
    model=create(
        "classification/classifier",
        image_size=SIZE,
        backbone=create("backbones/convnet", width=8, blocks=(0, 1, 1, 1), stem_stride=2),
        dropout=0.1,
    ),
    data=create(
        "sources/contains",
        of=create(
            "sources/cut_paste",
            path="data/stamps/cutouts.csv",
            backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
            scenes=(12000, 1000, 2000),
            image_size=SIZE,
            objects=(0, 3),  # four of eleven classes are animals, so that 43 of 100 pictures have one
            side=(0.35, 0.9),
            max_occlusion=0.5,
        ),
        objects=ANIMALS,
        name="animal",
    ),
    augment=(
        create("augmentations/geometric/horizontal_flip"),
        create("augmentations/geometric/affine", factor=(0.8, 1.25), degrees=10.0, fill=114),
        create("augmentations/photometric/color_jitter"),
    ),
    techniques=(create("techniques/ema", decay=0.999),),
    optimizer=create("optimizers/adamw", learning_rate=3e-3, weight_decay=2e-2),
    epochs=40,
    batch_size=64,
    exports=(create("exporters/tflite"), create("exporters/tflite", quantize="int8", io="uint8")),
)
