"""Fashion-MNIST through TensorFlow Datasets: int8 after training, and quantization-aware training.

Shows: a TFDS builder as source, augmentation, an int8 export of a model trained in float, and the same network after
one more phase of quantization-aware training.
Commands: python pipelines/seed_fashion_mnist.py   (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision train pipelines/classify_fashion_mnist.py --out runs/fashion
          kerasvision train pipelines/classify_fashion_mnist_qat.py --out runs/fashion-qat
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="fashion_mnist",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=24, blocks=(1, 1, 1), dropout=0.05),
        dropout=0.2,
        label_smoothing=0.05,
    ),
    data=create("sources/tfds", name="fashion_mnist"),
    augment=(
        create("augmentations/geometric/horizontal_flip"),
        create("augmentations/geometric/translation"),
        create("augmentations/occlusion/random_erasing"),
    ),
    optimizer=create("optimizers/adamw", learning_rate=4e-3, weight_decay=5e-3),
    epochs=12,
    batch_size=128,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite", quantize="float32"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
