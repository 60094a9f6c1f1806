"""Drawn things found by words, and words by things: a picture encoder and a text encoder of one space.

Shows: `embedding/image_text` with three texts a picture in two languages, of which each step draws one; combinations of
size, color and thing that no picture or text of training has; `embed_image` and `embed_text` in every file.
Commands: python pipelines/prepare_captions.py --out data/captions
          kerasvision train pipelines/find_words.py --out runs/words
          kerasvision index build data/captions --model runs/words --out runs/words.index
          kerasvision index query runs/words.index --text "a large red ring" --draw runs/found.png
Measured of `recipe` on 2 cores, AVX-512 (AMD EPYC), shared with other work, one seed, 71 s of processor without
exports: of 24 texts that are unseen in training, each of five pictures, a picture finds its own among the first with
0.483, among the first five with 0.967 (by chance 0.042 and 0.208); a text finds one of its pictures among the first of
120 with 0.542, among five with 0.792; of all other texts 0.041 are preferred. Not measured: `sigmoid`, and what the
files reach.
"""

import dataclasses

from kerasvision import Recipe, create

recipe = Recipe(
    name="words",
    model=create(
        "embedding/image_text",
        image_size=(40, 40),
        dimension=32,
        pooling="average",
        backbone=create("backbones/convnet", width=24, blocks=(1, 1, 1)),
        encoder=create("text_encoders/kim_cnn", size=24, widths=(1, 2, 3), filters=32),
        length=64,
        words=12,
    ),
    data=create("sources/captions", path="data/captions/captions.csv", text_columns=("text", "short", "german")),
    augment=(
        create("augmentations/photometric/color_jitter", turns=0.0, brightness=0.1, contrast=0.1, saturation=0.1),
    ),
    optimizer=create("optimizers/adamw", learning_rate=3e-3),
    epochs=30,
    batch_size=64,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
    ),
)
sigmoid = dataclasses.replace(
    recipe, name="words_sigmoid", model=dataclasses.replace(recipe.model, objective="sigmoid", temperature=0.1)
)
