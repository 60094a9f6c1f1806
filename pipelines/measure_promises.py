"""Do sets of classes hold what they promise, of a run and of its int8 file? Over 20 splits of the test images.

Shows: `tasks.class_sets` on trained models. The test images are halved at random 20 times; sets are fitted on one half
and judged on the other, by the trained model's scores, by the int8 file's own, and by the int8 file's scores with the
trained model's threshold, which is what a file does that nobody has fitted.
Commands: kerasvision train pipelines/classify_digits.py --out runs/digits --set data.test_fraction=0.6
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
"""

import argparse

import numpy as np
import tensorflow as tf

from kerasvision.api import load
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.tasks.class_sets import ClassSets

SPLITS = 20
ASKED = (ClassSets(0.9), ClassSets(0.9, "aps"), ClassSets(0.9, "raps"), ClassSets(0.9, by_class=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of a classifier")
    parser.add_argument("file", metavar="FILE", help="what it was exported to, such as its int8 .tflite")
    parser.add_argument("--promise", type=float, default=0.9, help="of the sets (default: %(default)s)")
    asked = parser.parse_args()
    trained, file = load(asked.run), load(asked.file)
    labels, scores = [], ([], [])
    for inputs, ground_truth, _ in raw_examples(splits_of(trained.recipe, "test")["test"], trained.arch):
        labels.append(ground_truth["label"])
        for held, model in zip(scores, (trained, file), strict=True):
            held.append(model(inputs)["probabilities"])
    labels, (own, theirs) = np.concatenate(labels), map(np.concatenate, scores)
    print(f"{len(labels)} images; accuracy {np.mean(own.argmax(1) == labels):.4f}", end="")
    print(f", of the file {np.mean(theirs.argmax(1) == labels):.4f}; promised {asked.promise:g}")
    for sets in ASKED:
        name = sets.method + (", by class" if sets.by_class else "")
        held = ClassSets(asked.promise, sets.method, sets.by_class)
        for what, fitted_on, judged_on in (("run", own, own), ("file", theirs, theirs), ("unfitted", own, theirs)):
            print(f"{name:14} {what:10} {line_of(measured(held, fitted_on, judged_on, labels))}")


def measured(sets, fitted_on, judged_on, labels):
    """[`SPLITS`, 3]: of each split coverage, that of the class it is least of, and the mean size of a set."""
    rows, rng = [], np.random.default_rng(0)
    for _ in range(SPLITS):
        first, second = np.array_split(rng.permutation(len(labels)), 2)
        inside = sets.fitted(fitted_on[first], labels[first]).members(tf.constant(judged_on[second])).numpy()
        held = inside[np.arange(len(second)), labels[second]]
        of_classes = [held[labels[second] == k].mean() for k in np.unique(labels[second])]
        rows.append((held.mean(), min(of_classes), inside.sum(1).mean()))
    return np.array(rows)


def line_of(rows):
    """Means over the splits, in words."""
    coverage, weakest, size = rows.mean(0)
    spread = f"{rows[:, 0].min():.4f} to {rows[:, 0].max():.4f}"
    return f"coverage {coverage:.4f} ({spread}), weakest class {weakest:.3f}, {size:.2f} classes a set"


if __name__ == "__main__":
    main()
