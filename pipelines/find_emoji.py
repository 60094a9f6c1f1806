"""An emoji found again in another style, and by its name in three languages, among emoji that training has not seen.

Shows: `embedding/pairs` with `pk_batches`, judged by queries of one style in a gallery of the other (`gallery`);
`embedding/pretrained` beside it, which is not trained; `embedding/image_text` with names and keywords.
Commands: python pipelines/prepare_emoji.py ...                          (its docstring says how to get the pictures)
          kerasvision train pipelines/find_emoji.py --out runs/emoji
          kerasvision train pipelines/find_emoji.py:frozen --out runs/emoji-frozen
          kerasvision train pipelines/find_emoji.py:words --out runs/emoji-words
For another seed: --set seed=1 and another folder. Needs the extra `weights`. The gallery has 382 unseen emoji, and 152
others in both styles, which make it somewhat harder than 382 alone. Not measured yet:

                recall@1    recall@5    map@r
    frozen      not measured yet
    recipe      not measured yet
    words       not measured yet (text_recall@10)
"""

from kerasvision import Recipe, create

LITE = create("backbones/efficientnet_lite", weights="imagenet")
SIZE = (96, 96)
DATA = create("sources/manifest", path="data/emoji/emoji.csv", split_by="class")

frozen = Recipe(
    name="emoji_frozen",
    model=create("embedding/pretrained", image_size=SIZE, gallery="validation"),
    data=DATA,
    epochs=0,
    cache=True,
)
recipe = Recipe(
    name="emoji",
    model=create("embedding/pairs", backbone=LITE, image_size=SIZE, dimension=128, gallery="validation"),
    data=DATA,
    augment=(
        create("augmentations/geometric/random_resized_crop", scale=(0.7, 1.0)),
        create("augmentations/photometric/color_jitter"),
    ),
    techniques=(create("techniques/pk_batches", pictures=2),),
    optimizer=create("optimizers/adamw", learning_rate=3e-4, weight_decay=1e-2),
    epochs=20,
    batch_size=64,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
    ),
)
words = Recipe(
    name="emoji_words",
    model=create(
        "embedding/image_text",
        backbone=LITE,
        image_size=SIZE,
        dimension=128,
        encoder=create("text_encoders/fast", size=128, ngrams=(3, 4)),
        length=96,
        words=16,
    ),
    data=create("sources/captions", path="data/emoji/words.csv", text_columns=("en", "de", "hi")),
    techniques=(create("techniques/freeze"),),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=1e-2),
    epochs=40,
    batch_size=64,
    cache=True,
    exports=(create("exporters/saved_model"), create("exporters/tflite", quantize="int8")),
)
