"""Sentences about scenes of cut-out objects: "a bird left of two coins".

Shows: `captioning/gru` over ImageNet's features, frozen for eight epochs and then fine-tuned; `transformer`, the same
with a transformer's decoder. Objects and backgrounds of the test scenes are in no training scene.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          python pipelines/prepare_scene_captions.py --out data/scene-captions
          kerasvision train pipelines/caption_scenes.py --out runs/captions
          kerasvision predict runs/captions data/scene-captions/scenes/*/test/00000*.jpg --draw runs/captions.png
Measured of `recipe` on 2 cores, AVX-512 (AMD EPYC), shared with other work, one seed, 50 minutes, 600 test scenes:
CIDEr-D 2.87, BLEU-4 0.317, ROUGE-L 0.568, exact captions 0.083, F1 of the objects' names 0.475, distinct captions
0.658, of which 0.373 stand in no text of training. With the captions of other scenes exact is 0 and F1 0.161; the most
frequent caption of training is right for 0.002. A beam of three: CIDEr-D 2.91, exact 0.090, F1 0.473. SavedModel, float
TFLite and ONNX say all 600 captions word for word as the run; int8 says 485 of them so, and its CIDEr-D is 2.871. What
is wrong are mostly the names of objects that no training scene shows. Not measured: `transformer`.
"""

import dataclasses

from kerasvision import Phase, Recipe, create

KINDS = ("bird", "coin", "fish", "flower", "fruit", "mammal", "planet", "tool", "ungulate", "vegetable", "vehicle")

fine_tuning = Phase(
    epochs=6,
    optimizer=create("optimizers/adamw", learning_rate=3e-4),
    techniques=(create("techniques/fine_tune", stages=-1),),
)
recipe = Recipe(
    name="captions",
    model=create(
        "captioning/gru",
        image_size=(192, 192),
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
        size=128,
        words=12,
        label_smoothing=0.05,
        key_words=(*KINDS, *(f"{kind}s" for kind in KINDS if kind != "fish")),
    ),
    data=create("sources/captions", path="data/scene-captions/captions.csv"),
    augment=(create("augmentations/photometric/color_jitter"),),
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=1e-3),
    epochs=8,
    batch_size=32,
    then=(fine_tuning,),
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
transformer = dataclasses.replace(
    recipe,
    name="captions_transformer",
    model=create(
        "captioning/transformer",
        **{f.name: getattr(recipe.model, f.name) for f in dataclasses.fields(recipe.model)},
    ),
)
