"""Fashion-MNIST through TensorFlow Datasets: float training with int8 after it, then quantization-aware training.

Shows: a TFDS builder as source, augmentation, an int8 export calibrated on training images, and the same network
after further epochs of quantization-aware training that start from the first run's weights.
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision train pipelines/classify_fashion_mnist.py --out runs/fashion
          kerasvision train pipelines/classify_fashion_mnist.py:qat --out runs/fashion-qat
Measured on 2 cores (AVX-512, shared with other work), all 10,000 test images, one run:

    file                    accuracy   size        training and export
    float, trained          0.9293                 24 min
    tflite:float32, onnx    0.9293     1.2 MB
    tflite:int8             0.9278     314 kB
    qat, trained            0.9279                 7 min more
    qat, tflite:int8        0.9270     316 kB
"""

import dataclasses

from kerasvision import Recipe, create

recipe = Recipe(
    name="fashion_mnist",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=32, blocks=(0, 1, 1)),
        dropout=0.2,
    ),
    data=create("sources/tfds", name="fashion_mnist"),
    augment=(
        create("augmentations/geometric/horizontal_flip"),
        create("augmentations/occlusion/random_erasing", area=(0.02, 0.2)),
    ),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2),
    epochs=14,
    batch_size=64,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)

qat = dataclasses.replace(
    recipe,
    name="fashion_mnist_qat",
    techniques=(create("techniques/warm_start", run="runs/fashion"), create("techniques/qat")),
    optimizer=create("optimizers/adamw", learning_rate=2e-4, weight_decay=2e-2),
    epochs=2,
    exports=(create("exporters/tflite", quantize="int8"),),
)
