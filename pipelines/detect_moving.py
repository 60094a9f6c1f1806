"""RetinaNet finds objects of any kind in films of cut-outs over photographs, for a tracker to follow.

Shows: `detection/retinanet` with ImageNet weights on frames of `sources/moving`, all of one class (`one_class`), since
190 cut-outs teach how objects stand out and not what they are; `track_moving.py --detector` follows what it finds.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/detect_moving.py --out runs/detect-moving
          python pipelines/track_moving.py --stamps data/stamps --detector runs/detect-moving
It has not been trained yet, so no figure stands here. 7,200 frames of 240 x 320 should take about 13 minutes, going by
detect_stamps_retinanet.py (18,000 scenes of 320 x 320 in 42 minutes of 2 cores).
"""

from kerasvision import Phase, Recipe, create

SIZE = (240, 320)  # of the films of track_moving.py
FLIP = create("augmentations/geometric/horizontal_flip")
JITTER = create("augmentations/photometric/color_jitter")

recipe = Recipe(
    name="detect_moving",
    model=create(
        "detection/retinanet",
        image_size=SIZE,
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
    ),
    data=create(
        "sources/moving",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
        films=(600, 40, 40),
        frames=3,
        image_size=SIZE,
        objects=(2, 8),
        max_occlusion=0.7,
        one_class="object",
    ),
    augment=(FLIP, JITTER),
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=1,
    batch_size=16,
    then=(
        Phase(
            epochs=3,
            optimizer=create("optimizers/adamw", learning_rate=1e-3),
            augment=(FLIP, JITTER),
            techniques=(create("techniques/fine_tune", stages=-1),),
        ),
    ),
    exports=(create("exporters/saved_model"), create("exporters/tflite")),
)
