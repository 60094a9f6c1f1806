"""What a recipe is decided by, and whether the data can say it: all refused before anything is trained."""

import dataclasses

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.data.pipeline import evaluation_data, with_validation
from kerasvision.inference.evaluation import Examples, evaluated, gallery_of
from kerasvision.inference.record import judged_split

BATCH = 32


def deciding(recipe, arch, classes, splits):
    """(name, `core.direction.Direction`) of the figure that `Recipe.metric` names, as `tasks.base.Task.chosen_by`.

    arch: the recipe's, for these classes. splits: name -> `Split`. Where the recipe names another figure than the
    main one, the labels of the validation split are read, and with exports those of the split that files are judged
    on: raises UsageError where not even ideal outputs have that figure there, as of a class without examples.
    """
    metric, direction = arch.chosen_by(recipe.metric, classes)
    if metric != arch.main_metric:
        asked = ["validation"] + [judged_split(splits)] * bool(recipe.exports)
        for name in dict.fromkeys(asked):
            if name in splits:
                _require(metric, arch, classes, splits, name)
    return metric, direction


def decided_by(recipe):
    """(what `deciding` gives, the splits) of a recipe whose data nobody has opened: before the first of many runs."""
    opened = recipe.data.open()
    splits = with_validation(opened, recipe.validation_fraction)
    arch = recipe.model.for_classes(opened.classes).for_data(splits["train"])
    return deciding(recipe, arch, opened.classes, splits), splits


def _require(metric, arch, classes, splits, name):
    gallery = gallery_of(arch.evaluator(classes), splits, name)
    options = {"batch_size": BATCH, "targets": True}
    data = [None if split is None else evaluation_data(split, arch, **options) for split in (splits[name], gallery)]
    evaluator = evaluated(_Ideal(arch, classes), Examples(splits[name], *data))
    if metric in evaluator.result(only=(metric,)):
        return
    figures, (figure, slash, of) = evaluator.figures(), metric.partition("/")
    if slash and any(key.startswith(f"{figure}/") for key in figures):
        raise UsageError(f"metric={metric!r}: the {name} split has no example of {of!r} to measure it on")
    single = {key.split("/")[0] for key in figures if "/" in key}
    allowed = {f"{key}/{of}" for key in single} if slash else {key for key in figures if "/" not in key}
    raise UsageError(
        f"metric={metric!r} is not measured of this model on the {name} split; {close_matches(metric, allowed)}"
    )


@dataclasses.dataclass(frozen=True)
class _Ideal:
    """What would be served, were every raw output the ideal one: takes targets in place of prepared inputs."""

    arch: object
    classes: tuple

    def predict(self, targets, geometry):
        return self.arch.decode(self.arch.ideal_raw(targets), geometry)
