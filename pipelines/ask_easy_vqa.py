"""Answers to questions about a picture: which shape is in it, of which color, and whether one is.

Shows: a model of two senses in which the question conditions what is seen of the picture (`fusions/film`), with the
tokenizer inside every file; and whether it has learned to combine: `combinations` never sees a red circle, a teal
triangle, a blue rectangle or a gray circle before it is asked about them.
Data: python pipelines/prepare_easy_vqa.py --out data/easy-vqa
Commands: kerasvision train pipelines/ask_easy_vqa.py --out runs/vqa
          kerasvision train pipelines/ask_easy_vqa.py:combinations --out runs/vqa-combinations
          kerasvision modalities runs/vqa
"""

import dataclasses

from kerasvision import Recipe, create

recipe = Recipe(
    name="easy_vqa",
    model=create(
        "multi_modal/classifier",
        senses=("image", "text"),
        fusion=create("fusions/film", by="text"),
        sense_dropout=0.05,
        backbone=create("backbones/convnet", width=16, blocks=(1, 1, 1)),
        encoder=create("text_encoders/kim_cnn", size=32, filters=32),
        length=64,
        words=12,
    ),
    data=create(
        "sources/senses",
        path="data/easy-vqa/questions.csv",
        image_column="image",
        text_column="text",
        validation_fraction=0.1,
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=12,
    batch_size=128,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
combinations = dataclasses.replace(
    recipe,
    name="easy_vqa_combinations",
    data=dataclasses.replace(recipe.data, path="data/easy-vqa/combinations.csv"),
)
