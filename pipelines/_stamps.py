"""What the recipes on cut-out objects share: ImageNet's features, frozen for two epochs and then fine-tuned.

Data: python pipelines/prepare_stamps.py --out data/stamps
"""

import dataclasses

from kerasvision import Phase, Recipe, create

FLIP = create("augmentations/geometric/horizontal_flip")
JITTER = create("augmentations/photometric/color_jitter")
SIZE = (256, 256)  # of the segmenters


def detector(name, architecture, epochs, stages=3, moved=True, int8=True, masks=False, **fields):
    """A recipe that finds objects at 320 px.

    epochs, stages: of fine-tuning, and of the backbone that it changes. moved: whether augmentation enlarges, shrinks
    and shifts as well. int8: whether such a file is exported too. masks: whether the scenes have outlines. fields: of
    the architecture.
    """
    moves = create(
        "augmentations/geometric/affine", factor=(0.75, 1.33), degrees=0.0, x_degrees=0.0, y_degrees=0.0, fill=114
    )
    return fine_tuned(
        name,
        model=create(
            architecture,
            image_size=(320, 320),
            backbone=create("backbones/efficientnet_lite", weights="imagenet"),
            **fields,
        ),
        data=create(
            "sources/cut_paste",
            path="data/stamps/cutouts.csv",
            backgrounds=("data/stamps/backgrounds",),
            scenes=(2000, 200, 300),
            masks=masks,
        ),
        augment=(FLIP, moves, JITTER) if moved else (FLIP, JITTER),
        techniques=(create("techniques/fine_tune", stages=stages),),
        learning_rate=2e-3,
        epochs=epochs,
        batch_size=16,
        int8=int8,
    )


def segmenter(name, architecture, epochs, **fields):
    """A recipe that names each pixel at 256 px. epochs: of fine-tuning. fields: of the architecture."""
    scenes = create(
        "sources/cut_paste",
        path="data/stamps/cutouts.csv",
        backgrounds=("data/stamps/backgrounds", "data/stamps/scenery"),
        scenes=(3000, 200, 300),
        image_size=SIZE,
        objects=(1, 4),
        side=(0.25, 0.75),
        max_occlusion=0.5,
        validation_fraction=0.1,
    )
    moves = create("augmentations/geometric/affine", factor=(0.75, 1.33), degrees=10.0, fill=114, mask_fill=255)
    return fine_tuned(
        name,
        model=create(
            architecture,
            image_size=SIZE,
            backbone=create("backbones/efficientnet_lite", size="2", weights="imagenet"),
            flips=(1,),
            **fields,
        ),
        data=create("sources/semantic", of=scenes),
        augment=(FLIP, moves, JITTER),
        techniques=(create("techniques/fine_tune"), create("techniques/ema", decay=0.99)),
        learning_rate=1e-3,
        epochs=epochs,
        batch_size=8,
        int8=True,
    )


def fine_tuned(name, model, data, augment, techniques, learning_rate, epochs, batch_size, int8):
    """Two epochs with a frozen backbone, then `epochs` with `techniques` and half of the rate."""
    fine_tuning = Phase(
        epochs=epochs,
        optimizer=create("optimizers/adamw", learning_rate=learning_rate / 2),
        augment=augment,
        techniques=techniques,
    )
    integer = (create("exporters/tflite", quantize="int8"),) if int8 else ()
    return Recipe(
        name=name,
        model=model,
        data=data,
        augment=augment,
        techniques=(create("techniques/freeze"),),
        optimizer=create("optimizers/adamw", learning_rate=learning_rate),
        epochs=2,
        batch_size=batch_size,
        then=(fine_tuning,),
        exports=(create("exporters/saved_model"), create("exporters/tflite"), *integer, create("exporters/onnx")),
    )


def quantization_aware(recipe, run, learning_rate):
    """One epoch more with int8 rounding in the graph, from the weights of a finished run of `recipe`."""
    return dataclasses.replace(
        recipe,
        name=f"{recipe.name}_qat",
        techniques=(
            create("techniques/warm_start", run=run),
            create("techniques/freeze"),
            create("techniques/qat"),
        ),
        optimizer=create("optimizers/adamw", learning_rate=learning_rate),
        epochs=1,
        then=(),
        exports=(create("exporters/tflite", quantize="int8"),),
    )


def hardened(recipe, run, learning_rate):
    """Two epochs more on 1,000 scenes that one step of ascent has moved by up to 8/255, from a finished run of
    `recipe`.
    """
    scenes = getattr(recipe.data, "of", recipe.data)
    fewer = dataclasses.replace(scenes, scenes=(1000, *scenes.scenes[1:]))
    return dataclasses.replace(
        recipe,
        name=f"{recipe.name}_adversarial",
        data=fewer if scenes is recipe.data else dataclasses.replace(recipe.data, of=fewer),
        techniques=(
            create("techniques/warm_start", run=run),
            create("techniques/fine_tune", stages=-1),
            create("techniques/fast_adversarial", radius=8 / 255),
        ),
        optimizer=create("optimizers/adamw", learning_rate=learning_rate),
        epochs=2,
        then=(),
        exports=(),
    )
