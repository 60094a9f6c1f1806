"""What compression costs: one network on 20,000 images of Fashion-MNIST, trained once more with each technique that
makes it smaller.

Shows: quantization-aware training, pruning to 80 % zeros, 16 values a kernel, and zeros that stay zero through
quantization-aware training, each as the second phase of the same recipe, over three seeds, against the same number of
epochs without them. Zeros and equal values do not shrink a file, its compressed copy does (gzip_bytes).
Commands: python pipelines/seed_fashion_mnist.py    (only without a network; needs Debian's dataset-fashion-mnist)
          kerasvision study pipelines/compress_fashion.py --out runs/compress
Measured on 2 cores (AVX2), 7 minutes a run on one of them. Accuracy on 10,000 test images, mean and deviation over
three seeds, of the trained graph and of its .tflite; zeros are a share of the file's weights; ms are LiteRT's for one
image, of seed 0 with nothing else running:

                               graph           file              bytes    gzipped   zeros     ms
    float                      0.900  0.004    0.900  0.004  1,164,740  1,075,770    0.00   0.24
    float, dynamic                             0.900  0.004    307,968    276,087    0.01   0.21
    float, int8                                0.901  0.004    313,944    277,078    0.01   0.25
    qat, int8                  0.903  0.001    0.902  0.002    316,040    276,433    0.01   0.25
    pruned to 80 %, int8       0.900  0.001    0.900  0.002    313,944    110,167    0.80   0.23
    16 values, int8            0.893  0.002    0.892  0.002    313,944    178,847    0.01   0.24
    pruned, then qat, int8     0.899  0.001    0.898  0.001    316,040    110,565    0.80   0.24

No difference of accuracy is beyond what three seeds explain; that of 16 values (-0.008, -0.022 to +0.006) has the
same sign with each. Pruning costs 0.1 points and pays where files are sent compressed, 40 % of the bytes; nothing here
makes time of zeros, nor of int8. It needs room: a network with a quarter of the weights (width 16, stem_stride 1),
whose second phase had 4 epochs at a quarter of the rate, lost 3.6 points.
"""

import dataclasses

from kerasvision import Phase, Recipe, Study, create

OPTIMIZER = create("optimizers/adamw", learning_rate=2e-3, weight_decay=2e-2)  # pruned weights need its full rate
AUGMENT = (
    create("augmentations/geometric/horizontal_flip"),
    create("augmentations/occlusion/random_erasing", area=(0.02, 0.2)),
)
PRUNE = create("techniques/prune", sparsity=0.8, end=0.5)
FLOAT = create("exporters/tflite")
DYNAMIC = create("exporters/tflite", quantize="dynamic")
FIGURES = ("accuracy", "size_bytes", "gzip_bytes", "zeros", "latency_ms")
INT8 = create("exporters/tflite", quantize="int8")

float_baseline = Recipe(
    name="fashion_float",
    model=create(
        "classification/classifier",
        image_size=(28, 28),
        backbone=create("backbones/convnet", width=32, blocks=(0, 1, 1), stem_stride=2),
        dropout=0.1,
    ),
    data=create("sources/tfds", name="fashion_mnist", train="train[:20000]"),
    augment=AUGMENT,
    optimizer=OPTIMIZER,
    epochs=6,
    batch_size=64,
    then=(Phase(9, OPTIMIZER, AUGMENT),),
    cache=True,
    exports=(FLOAT, DYNAMIC, INT8),
)


def compressed(name, *phases, exports=(FLOAT, INT8)):
    """The baseline with other phases after its first: (epochs, technique) each."""
    then = tuple(Phase(epochs, OPTIMIZER, AUGMENT, (technique,)) for epochs, technique in phases)
    return dataclasses.replace(float_baseline, name=f"fashion_{name}", then=then, exports=exports)


qat = compressed("qat", (9, create("techniques/qat")), exports=(INT8,))
pruned = compressed("pruned", (9, PRUNE))
clustered = compressed("clustered", (9, create("techniques/cluster", number=16)))
pruned_qat = compressed("pruned_qat", (6, PRUNE), (3, create("techniques/qat", preserve="sparsity")), exports=(INT8,))

study = Study(
    name="compress_fashion",
    recipes=(float_baseline, qat, pruned, clustered, pruned_qat),
    seeds=(0, 1, 2),
    metrics=("test/accuracy", *(f"tflite:int8/{name}" for name in FIGURES)),
)
