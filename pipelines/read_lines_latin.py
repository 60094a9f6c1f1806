"""Lines of English text in fonts and colors of all kinds, read by convolutions alone.

Shows: text recognition with a rendered training set, in fonts that matplotlib brings along, judged on other fonts and
other parts of the text; the decoding of characters is inside every file.
Command: kerasvision train pipelines/read_lines_latin.py --out runs/lines
"""

import string

from kerasvision import Recipe, create

ALPHABET = (*sorted(string.ascii_letters + string.digits + ".,:;!?()'-"), "\u2423")

recipe = Recipe(
    name="lines_latin",
    model=create("text_recognition/conv", image_size=(32, 288), width=24),
    data=create("sources/rendered_text", classes=ALPHABET, lines=(8000, 300, 500)),
    optimizer=create("optimizers/adamw", learning_rate=3e-3, clip_norm=5.0),
    epochs=6,
    batch_size=32,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
