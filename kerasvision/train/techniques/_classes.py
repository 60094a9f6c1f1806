"""What techniques for classes of unequal size share: which architectures they fit, and whose loss it is."""

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.sampling import class_counts, class_name

ONE, SEVERAL = ("label",), ("labels",)


def require_classes(name, arch, several=False):
    """Refuse an architecture that does not give one class an image (or several, where that is allowed, each with a
    logit of its own).
    """
    if several and arch.label_keys == SEVERAL and "softmax" in arch.class_logits.values():
        raise UsageError(
            f"{name}: the logits of {arch.registered_name} are of combinations of classes, not of classes; use it with "
            "classification/multi_label"
        )
    if arch.label_keys == ONE or (several and arch.label_keys == SEVERAL):
        return
    kinds = "one class an example, or several" if several else "one class an example"
    raise UsageError(
        f"{name} is for architectures of {kinds}; {arch.registered_name} needs {', '.join(arch.label_keys)}"
    )


def per_example(values):
    """[B, ...] -> [B], the mean: the chains of a `classification/classifier_chain` have an axis of their own."""
    return tf.reduce_mean(values, tuple(range(1, values.shape.rank)))


def counted(name, arch, split, given=()):
    """int [K], the examples of each class in the training split, or those given; each class must have one."""
    if given and len(given) != arch.num_classes:
        raise UsageError(f"{name}.counts has {len(given)} values for {arch.num_classes} classes; () counts them")
    counts = tuple(given) or tuple(int(n) for n in class_counts(split, arch.num_classes))
    empty = [class_name(split, k) for k, n in enumerate(counts) if n < 1]
    if empty:
        raise KerasVisionError(f"{name}: no training example of class {', '.join(empty)}; add some, or leave it out")
    return counts


def require_own_loss(name, loss, arch):
    """Refuse a loss that is not the architecture's own: what takes its place must stand before what wraps it."""
    if loss != arch.loss:
        raise UsageError(
            f"{name} takes the place of the cross-entropy; put it first among the techniques of its phase, and keep "
            "only one that does so"
        )
