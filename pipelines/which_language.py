"""Which of 61 languages a caption is written in, from its bytes alone.

Shows: convolutions over bytes, which need no vocabulary and no tokenizer on any device, judged on captions of stamps
that are unseen in every language.
Data: python pipelines/prepare_captions.py --out data/captions
Command: kerasvision train pipelines/which_language.py --out runs/language
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="language",
    model=create(
        "text_classification/classifier",
        length=96,
        words=48,
        encoder=create("text_encoders/char_cnn", size=16, filters=96, kernel=5, levels=3, dropout=0.3),
    ),
    data=create("sources/table", path="data/captions/languages.csv", validation_fraction=0.1, test_fraction=0.25),
    optimizer=create("optimizers/adamw", learning_rate=2e-3),
    epochs=15,
    batch_size=128,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
