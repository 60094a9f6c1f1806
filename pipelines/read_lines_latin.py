"""Lines of English text in fonts and colors of all kinds, read by convolutions alone.

Shows: text recognition with a rendered training set, in fonts that matplotlib brings along, judged on other fonts and
other parts of the text; the decoding of characters is inside every file.
Command: kerasvision train pipelines/read_lines_latin.py --out runs/lines
Measured on one of 2 busy cores (AVX-512, VNNI), 500 blurred, noisy, turned lines of unseen text in unseen fonts: CER
0.019, WER 0.073, exact lines 0.840, after 48,000 examples in 14 minutes; the same CER from the SavedModel, the float
.tflite, ONNX (no line differs) and the int8 .tflite (7 of 500 lines differ; 366 kB, 0.7 ms a line on one thread).
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
