"""`--set`: strict changes of a recipe's fields."""

import dataclasses

import pytest

from kerasvision.core.errors import UsageError
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create

RECIPE = Recipe(name="a", model=create("classification/classifier"), data=create("sources/digits"))


def changed(part="", **fields):
    """RECIPE with fields of itself or of one of its parts changed."""
    if not part:
        return dataclasses.replace(RECIPE, **fields)
    return dataclasses.replace(RECIPE, **{part: dataclasses.replace(getattr(RECIPE, part), **fields)})


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("epochs=1", changed(epochs=1)),
        ("name=123", changed(name="123")),
        ("cache=true", changed(cache=True)),
        ("cache=False", changed(cache=False)),
        ("validation_fraction=0", changed(validation_fraction=0.0)),
        ("model.num_classes=3", changed("model", num_classes=3)),
        ("num_classes=3", changed("model", num_classes=3)),
        ("image_size=(32, 48)", changed("model", image_size=(32, 48))),
        ("image_size=32,48", changed("model", image_size=(32, 48))),
        ("image_size=[32, 48]", changed("model", image_size=(32, 48))),
        ("backbone=resnet", changed("model", backbone=create("backbones/resnet"))),
        ("backbone.width=16", changed("model", backbone=create("backbones/convnet", width=16))),
        ("backbone.weights=a/b=c.h5", changed("model", backbone=create("backbones/convnet", weights="a/b=c.h5"))),
        ("optimizer=sgd", changed(optimizer=create("optimizers/sgd"))),
        ("optimizer.learning_rate=1e-5", changed("optimizer", learning_rate=1e-5)),
        ("optimizer.clip_norm=1", changed("optimizer", clip_norm=1.0)),
        ("data.seed=3", changed("data", seed=3)),
        ("budget.size_bytes=None", changed(budget=Budget())),
        ("budget.latency_ms=2", changed(budget=Budget(latency_ms=2.0))),
        ("augment=()", changed(augment=())),
        ('augment=("geometric/affine",)', changed(augment=(create("augmentations/geometric/affine"),))),
        ("model=classification/multi_label", changed(model=create("classification/multi_label"))),
        ('model={"@": "classification/multi_label"}', changed(model=create("classification/multi_label"))),
    ],
)
def test_a_setting_changes_that_field_alone(setting, expected):
    assert override(RECIPE, [setting]) == expected


def test_settings_apply_in_order():
    seen = override(RECIPE, ["optimizer=sgd", "optimizer.momentum=0.5", "epochs=3", "epochs=4"])
    assert seen == dataclasses.replace(RECIPE, optimizer=create("optimizers/sgd", momentum=0.5), epochs=4)
    assert override(RECIPE, []) is RECIPE


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("epoch=1", "--set epoch: no such field; did you mean epochs"),
        ("widht=1", "--set widht: no such field; "),
        ("model.backbone.widht=1", "ConvNet has no field 'widht'; did you mean width"),
        ("epochs", "write KEY=VALUE, as in --set epochs=1"),
        ("=3", "write KEY=VALUE"),
        ("epochs=1.5", "Recipe.epochs: got 1.5 .float.; allowed: int"),
        ("epochs=many", "Recipe.epochs: got 'many' .str.; allowed: int"),
        ("epochs=-1", "Recipe.epochs: got -1; allowed: 1 or more"),
        ("cache=1", "Recipe.cache: got 1 .int.; allowed: bool"),
        ("optimizer=sgdd", "no optimizers named 'sgdd'; did you mean sgd"),
        ("optimizer.learning_rate=fast", "AdamW.learning_rate: got 'fast' .str.; allowed: float"),
        ("optimizer.warmup=1", "optimizer.warmup: got 1.0; allowed: 0 <= warmup < 1"),
        ("model=3", "Recipe.model: got 3 .int.; allowed: one of .*classification/classifier"),
        ("model=digits", "no architectures named 'digits'"),
        ("pooling=median", "Classifier.pooling: got 'median' .str.; allowed: 'average', 'max'"),
        ("image_size=64", r"allowed: \(int, int\), as in --set 'model.image_size=\(64, 64\)'"),
        ("image_size=(64, 64, 3)", r"got \(64, 64, 3\) .tuple.; allowed: \(int, int\)"),
        ("augment=geometric/affine", r"as in --set 'augment=\(\"[a-z_/]+\",\)'"),
        ("then=3", r"allowed: \(Phase, ...\)"),
        ("epochs.x=3", "--set epochs.x: 10 has no fields"),
        ("model={", "not JSON"),
        ('model={"@": "classification/classifier", "size": 3}', "classification/classifier has no field 'size'"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting, says):
    with pytest.raises(UsageError, match=says) as caught:
        override(RECIPE, [setting])
    assert "\n" not in str(caught.value)
