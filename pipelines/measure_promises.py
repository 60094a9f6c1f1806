"""Does what is promised hold, of a run and of its int8 file? Classes, boxes, pixels, over 20 splits of the test data.

Shows: `tasks.class_sets`, `tasks.outer_boxes` and `tasks.pixel_sets` on trained models. The test examples are halved at
random 20 times; a promise is fitted on one half and judged on the other, by the trained model's scores, by the file's
own, and by the file's scores with the trained model's threshold, which is what a file does that nobody has fitted.
Commands: python pipelines/measure_promises.py RUN FILE.tflite [--promise 0.9]     (a classifier, detector or segmenter)

Classes: kerasvision train pipelines/classify_digits.py --out runs/digits --set data.test_fraction=0.6
         python pipelines/measure_promises.py runs/digits runs/digits/tflite/models/digits/model_int8.tflite
Measured on 2 cores (AVX-512, shared with other work), 1,078 test images of digits, accuracy 0.974 of both, 90 %
promised: means over the splits, in brackets the least and the most of one of them:

    lac             run         coverage 0.9032 (0.8664 to 0.9314), weakest class 0.537, 0.90 classes a set
    lac             file        coverage 0.9031 (0.8683 to 0.9314), weakest class 0.547, 0.90 classes a set
    lac             unfitted    coverage 0.9062 (0.8683 to 0.9332), weakest class 0.553, 0.91 classes a set
    lac, by class   run         coverage 0.9132 (0.8887 to 0.9425), weakest class 0.818, 0.92 classes a set
    lac, by class   file        coverage 0.9127 (0.8887 to 0.9369), weakest class 0.815, 0.92 classes a set
    lac, by class   unfitted    coverage 0.9133 (0.8868 to 0.9443), weakest class 0.814, 0.92 classes a set
    aps and raps    each        coverage 0.9747 (0.9647 to 0.9833), weakest class 0.859, 1.00 classes a set

The likeliest class alone covers more than was promised here, so the sets of aps and raps, which are never empty, are
that class. A half has about 54 images of a class: by class the promise is 50 of 55, or 0.909.

Pixels and boxes of faint shapes, whose recipes are in pipelines/promise_shapes.py; FILE is model_int8.tflite below RUN:
         python pipelines/measure_promises.py runs/shapes-pixels FILE --promise 0.95
         python pipelines/measure_promises.py runs/shapes-boxes FILE --promise 0.8
Measured on 2 cores (AVX-512, shared with other work), a processor minute, 600 test pictures, mIoU 0.865, of the int8
file 0.866; of each class the coverage of the class that has least:

    foreground             run        coverage 0.9502 (0.9312 to 0.9657)
    foreground             file       coverage 0.9502 (0.9307 to 0.9656)
    foreground             unfitted   coverage 0.9499 (0.9305 to 0.9654)
    image                  run        coverage 0.9536 (0.9447 to 0.9590)
    image                  file       coverage 0.9538 (0.9449 to 0.9592)
    image                  unfitted   coverage 0.9537 (0.9449 to 0.9592)
    each_class             run        coverage 0.9422 (0.9073 to 0.9560)
    each_class             file       coverage 0.9422 (0.9069 to 0.9561)
    each_class             unfitted   coverage 0.9421 (0.9069 to 0.9559)

The boxes, AP 0.596 of the run and 0.597 of the int8 file, found with an IoU of 0.5 and 0.3:

    0.5                    run        coverage 0.8089 (0.7542 to 0.8528)
    0.5                    file       coverage 0.8069 (0.7620 to 0.8421)
    0.5                    unfitted   coverage 0.8078 (0.7620 to 0.8484)
    0.3                    run        coverage 0.8068 (0.7482 to 0.8571)
    0.3                    file       coverage 0.8084 (0.7640 to 0.8559)
    0.3                    unfitted   coverage 0.8055 (0.7440 to 0.8559)

Fashion-MNIST: python pipelines/measure_promises.py runs/fashion FILE, of pipelines/classify_fashion_mnist.py and its
int8 file. Measured on 2 cores (AVX-512, shared with other work), 10,000 test images, accuracy 0.9293 and 0.9278:

    lac             run         coverage 0.9014 (0.8900 to 0.9134), weakest class 0.698, 0.95 classes a set
    lac             file        coverage 0.9015 (0.8898 to 0.9140), weakest class 0.680, 0.95 classes a set
    lac             unfitted    coverage 0.9002 (0.8880 to 0.9120), weakest class 0.676, 0.95 classes a set
    lac, by class   run         coverage 0.8982 (0.8888 to 0.9078), weakest class 0.868, 0.99 classes a set
    lac, by class   file        coverage 0.8986 (0.8898 to 0.9086), weakest class 0.869, 0.99 classes a set
    lac, by class   unfitted    coverage 0.8948 (0.8856 to 0.9054), weakest class 0.855, 0.98 classes a set
    aps and raps    run         coverage 0.9298 (0.9252 to 0.9340), weakest class 0.777, 1.00 classes a set
    aps and raps    file        coverage 0.9284 (0.9240 to 0.9326), weakest class 0.751, 1.00 classes a set

The scenes: runs/segment-deeplab of pipelines/segment_stamps_deeplab.py and its int8 file, --promise 0.95. Measured on 2
cores (AVX-512, shared with other work), 3 processor minutes, 300 test scenes:

    foreground             run        coverage 0.9492 (0.9286 to 0.9665)
    foreground             file       coverage 0.9485 (0.9250 to 0.9640)
    foreground             unfitted   coverage 0.9496 (0.9277 to 0.9658)
    image                  run        coverage 0.9556 (0.9462 to 0.9624)
    image                  file       coverage 0.9556 (0.9467 to 0.9621)
    image                  unfitted   coverage 0.9556 (0.9465 to 0.9623)
    each_class             run        coverage 0.9362 (0.8847 to 0.9641)
    each_class             file       coverage 0.9365 (0.8949 to 0.9634)
    each_class             unfitted   coverage 0.9349 (0.8833 to 0.9629)

Not measured yet: the stamps (runs/retinanet of pipelines/detect_stamps_retinanet.py), by the same command.
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.api import ServedRunner, load, load_run
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.inference.evaluation import stacked
from kerasvision.inference.served import Served
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.outer_boxes import OuterBoxes
from kerasvision.tasks.pixel_sets import PixelSets

SPLITS = 20
ASKED = {
    "class_sets": (ClassSets(), ClassSets(method="aps"), ClassSets(method="raps"), ClassSets(by_class=True)),
    "outer_boxes": (OuterBoxes(), OuterBoxes(least_iou=0.3)),
    "pixel_sets": (PixelSets(), PixelSets(of="image"), PixelSets(of="each_class")),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of a classifier, detector or segmenter")
    parser.add_argument("file", metavar="FILE", help="what it was exported to: a .tflite, such as its int8 file")
    parser.add_argument("--promise", type=float, default=0.9, help="what is promised (default: %(default)s)")
    asked = parser.parse_args()
    run, file = load_run(asked.run), load(asked.file)
    field = next((name for name in ASKED if hasattr(run.arch, name)), None)
    if field is None or not file.runner.takes_prepared:
        raise SystemExit(f"measure_promises: needs a model with one of {', '.join(ASKED)}, and a .tflite or .onnx")
    for promise in ASKED[field]:
        promise = dataclasses.replace(promise, coverage=asked.promise)
        arch = dataclasses.replace(run.arch, **{field: promise}).asking()
        own = answers(ServedRunner(Served(arch, run.graph, run.classes)), arch, run)
        file.runner.arch = arch  # its answers with all that a promise is fitted on
        theirs = answers(file.runner, arch, run)
        for what, fitted_on, judged_on in (("run", own, own), ("file", theirs, theirs), ("unfitted", own, theirs)):
            print(f"{named(promise):22} {what:10} {line_of(measured(arch, fitted_on, judged_on))}", flush=True)


def named(promise):
    """What tells promises of one kind apart."""
    told = {k: getattr(promise, k) for k in ("method", "by_class", "of", "least_iou") if hasattr(promise, k)}
    return ", ".join("by class" if k == "by_class" else f"{v}" for k, v in told.items() if v is not False)


def answers(runner, arch, run):
    """(predictions, ground truths) of the test split, stacked: what promises are fitted on."""
    rows = raw_examples(splits_of(run.recipe, "test")["test"], run.arch)
    return stacked(arch.evidence(runner(inputs), truth) for inputs, truth, _ in rows)


def measured(arch, fitted_on, judged_on):
    """[`SPLITS`, ...]: of each split coverage, and for classes that of the weakest and the mean size of a set."""
    size, rows, rng = len(next(iter(fitted_on[0].values()))), [], np.random.default_rng(0)
    for _ in range(SPLITS):
        first, second = np.array_split(rng.permutation(size), 2)
        fitted, judged = part(fitted_on, first), part(judged_on, second)
        try:
            held = arch.with_promise(*fitted)
        except KerasVisionError as error:
            raise SystemExit(f"measure_promises: {error}") from None
        rows.append((held.kept(*judged), *of_sets(held, *judged)))
    return np.array(rows)


def part(every, which):
    """Predictions and ground truths of some examples."""
    return tuple({k: v[which] for k, v in held.items()} for held in every)


def of_sets(arch, predictions, ground_truths):
    """(coverage of the class it is least of, mean size of a set) where there are sets of classes, else ()."""
    if not hasattr(arch, "class_sets"):
        return ()
    inside, labels = arch.class_sets.members(tf.constant(predictions["probabilities"])).numpy(), ground_truths["label"]
    held = inside[np.arange(len(labels)), labels]
    return min(held[labels == k].mean() for k in np.unique(labels)), inside.sum(1).mean()


def line_of(rows):
    """Means over the splits, in words."""
    spread = f"{rows[:, 0].min():.4f} to {rows[:, 0].max():.4f}"
    line = f"coverage {rows[:, 0].mean():.4f} ({spread})"
    if rows.shape[1] == 1:
        return line
    return f"{line}, weakest class {rows[:, 1].mean():.3f}, {rows[:, 2].mean():.2f} classes a set"


if __name__ == "__main__":
    main()
