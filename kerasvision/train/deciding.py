"""What a recipe is decided by, and whether the data can say it: all refused before anything is trained."""

import tensorflow as tf

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.data.augmenting import decoded
from kerasvision.inference.evaluation import evaluator_of, gallery_of
from kerasvision.inference.record import judged_split


def deciding(recipe, arch, classes, splits):
    """(name, `core.direction.Direction`) of the figure that `Recipe.metric` names, as `tasks.base.Task.chosen_by`.

    arch: the recipe's, for these classes. splits: name -> `Split`. Where the recipe names another figure than the
    main one, the labels of the validation split are read, and with exports those of the split that files are judged
    on: raises UsageError where not even a perfect model would have that figure there, as of a class without examples.
    """
    metric, direction = arch.chosen_by(recipe.metric, classes)
    if metric != arch.main_metric:
        asked = ["validation"] + [judged_split(splits)] * bool(recipe.exports)
        for name in dict.fromkeys(asked):
            if name in splits:
                _require(metric, arch, classes, splits, name)
    return metric, direction


def _require(metric, arch, classes, splits, name):
    evaluator = evaluator_of(arch, classes, splits[name])
    gallery = gallery_of(evaluator, splits)
    for answer, ground_truth in _perfect(gallery, arch) if gallery else ():
        evaluator.see_gallery(answer, ground_truth)
    for number, (answer, ground_truth) in enumerate(_perfect(splits[name], arch), start=1):
        evaluator.update(answer, ground_truth)
        if number & (number - 1) == 0 and metric in evaluator.figures():  # most are there after a few examples
            break
    if metric in (held := evaluator.figures()) and evaluator.result(only=(metric,)):
        return
    figure, slash, of = metric.partition("/")
    if slash and any(key.startswith(f"{figure}/") for key in held):
        raise UsageError(f"metric={metric!r}: the {name} split has no example of {of!r} to measure it on")
    single = {key.split("/")[0] for key in held if "/" in key}
    allowed = {f"{key}/{of}" for key in single} if slash else {key for key in held if "/" not in key}
    raise UsageError(f"metric={metric!r} is not measured of this model; {close_matches(metric, allowed)}")


def _perfect(split, arch):
    """Yields (the prediction that gives the ground truth back, ground truth) of each example, numpy [1, ...]."""

    @tf.autograph.experimental.do_not_convert
    def example(record):
        sample = decoded(split.read(record))
        _, geometry, moved = arch.prepare_sample(sample)
        targets, geometry = tf.nest.map_structure(lambda v: v[None], (arch.encode(moved), geometry))
        truth = {k: tf.convert_to_tensor(v)[None] for k, v in arch.ground_truth(sample).items()}
        return arch.decode(arch.ideal_raw(targets), geometry), truth

    return split.records.map(example, tf.data.AUTOTUNE, deterministic=True).as_numpy_iterator()
