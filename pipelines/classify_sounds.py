"""Which of six drawn sounds is heard: a small network on log-mel pictures that are made within every file.

Shows: sound as an input, of three rates; noise, shifts and SpecAugment; one file that takes samples in every runtime.
Data: python pipelines/prepare_sounds.py --out data/sounds
Command: kerasvision train pipelines/classify_sounds.py --out runs/sounds
Measured on 2 cores (AVX-512, AMD EPYC, shared with other work), one seed, 90 test sounds: accuracy 1.000 of the run and
of every file; largest error of a score 5e-7 in the float files, 0.075 in int8. 78 s of processor time, with all
exports. A file has 1.3 MB (SavedModel 3.3 MB), of which 1 MB are the waves of the transform; a .tflite takes 0.4 ms.
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
