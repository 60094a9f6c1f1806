"""Which of six drawn sounds is heard: a small network on log-mel pictures that are made within every file.

Shows: sound as an input, of three rates; noise, shifts and SpecAugment; one file that takes samples in every runtime.
Data: python pipelines/prepare_sounds.py --out data/sounds
Command: kerasvision train pipelines/classify_sounds.py --out runs/sounds
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="sounds",
    model=create(
        "audio_classification/classifier",
        backbone=create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2),
        rate=16_000,
        hop=320,
        bands=40,
    ),
    data=create("sources/sounds", path="data/sounds"),
    augment=tuple(create(f"augmentations/audio/{name}") for name in ("shift", "noise", "spec_augment")),
    optimizer=create("optimizers/adamw", learning_rate=3e-3),
    epochs=10,
    batch_size=32,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
