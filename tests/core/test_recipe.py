"""A recipe is its fields: JSON and Python text make an equal one; what does not fit is named."""

import dataclasses
import json
import sys

import pytest

from kerasvision.cli.recipes import load_recipe
from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Budget, Phase, Recipe
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.nms import Suppression

EVERYTHING = Recipe(
    name="every_thing-1.0",
    model=create(
        "classification/multi_label",
        num_classes=3,
        backbone=create("backbones/convnet", width=8, blocks=(1, 0, 2), weights='a "quoted"\n path'),
        image_size=(96, 64),
        resize="letterbox",
        thresholds=(0.25, 0.5, 1e-7),
    ),
    data=create("sources/digits", validation_fraction=0.2, seed=3),
    augment=(create("augmentations/geometric/affine", factor=(0.5, 2.0)), create("augmentations/batch/mixup")),
    techniques=(create("techniques/freeze"), create("techniques/warm_start", run="runs/a b")),
    optimizer=create("optimizers/sgd", learning_rate=0.3, clip_norm=1.0),
    epochs=7,
    batch_size=48,
    then=(
        Phase(2, create("optimizers/adamw"), (), (create("techniques/qat"),)),
        Phase(1, create("optimizers/sgd"), (create("augmentations/photometric/gamma"),)),
    ),
    exports=(create("exporters/tflite", quantize="int8"), create("exporters/onnx")),
    budget=Budget(accuracy_drop=0.0, size_bytes=10_000, latency_ms=2.5),
    validation_fraction=0.25,
    patience=4,
    metric="macro_f1",
    cache=True,
    seed=11,
)
SMALLEST = Recipe(name="small", model=create("classification/classifier"), data=create("sources/digits"))


@pytest.mark.parametrize("recipe", [EVERYTHING, SMALLEST], ids=["everything", "smallest"])
def test_json_makes_an_equal_recipe(recipe):
    again = Recipe.loads(recipe.dumps())
    assert again == recipe
    assert again.dumps() == recipe.dumps()
    assert again.model.image_size == recipe.model.image_size  # a tuple again, not a list
    assert isinstance(again.then, tuple)


@pytest.mark.parametrize("recipe", [EVERYTHING, SMALLEST], ids=["everything", "smallest"])
def test_the_python_text_makes_an_equal_recipe(recipe):
    held = {}
    exec(recipe_source(recipe), held)
    assert held["recipe"] == recipe


def test_the_python_text_leaves_defaults_out():
    body = recipe_source(SMALLEST).partition("recipe = ")[2]
    assert body.split() == [
        "Recipe(",
        'name="small",',
        'model=create("classification/classifier"),',
        'data=create("sources/digits"),',
        ")",
    ]


def test_every_field_changes_the_json():
    """Two recipes that differ anywhere have different JSON."""
    for field in dataclasses.fields(Recipe):
        other = dataclasses.replace(SMALLEST, **{field.name: getattr(EVERYTHING, field.name)})
        assert other != SMALLEST
        assert other.dumps() != SMALLEST.dumps()
        assert Recipe.loads(other.dumps()) == other


def test_a_recipe_of_before_there_was_a_metric_is_read():
    held = json.loads(SMALLEST.dumps())
    assert held.pop("metric") == ""
    assert Recipe.loads(json.dumps(held)) == SMALLEST


def test_names_stand_for_parts_with_their_defaults():
    short = Recipe(
        name="small", model="classification/classifier", data="digits", augment=["geometric/affine"], optimizer="sgd"
    )
    assert short == dataclasses.replace(
        SMALLEST, augment=(create("augmentations/geometric/affine"),), optimizer=create("optimizers/sgd")
    )


WRONG = {
    "name": ("../up", "letters, digits"),
    "model": (create("sources/digits"), "one of .*classification/classifier"),
    "data": (create("classification/classifier"), "one of .*digits"),
    "augment": (create("techniques/qat"), r"\(one of .*batch/cutmix"),
    "techniques": ((create("optimizers/sgd"),), r"\(one of accumulate, .* in all\)"),
    "optimizer": (1e-3, "one of adamw, lars, sgd"),
    "epochs": (0, "1 or more"),
    "batch_size": (-4, "1 or more"),
    "then": ((3,), r"\(Phase, ...\)"),
    "exports": (("tflite:int8",), "no exporters named 'tflite:int8'"),
    "budget": (0.01, "Budget"),
    "validation_fraction": (1.0, "0 <= validation_fraction < 1"),
    "patience": (0, "1 or more epochs, or None"),
    "cache": (1, "bool"),
    "metric": (None, "str"),
    "seed": (2**40, "0 to 2000000000"),
}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Recipe)])
def test_a_value_that_does_not_fit_is_refused_with_what_is_allowed(field):
    value, allowed = WRONG[field]
    with pytest.raises(UsageError, match=f"(Recipe.{field}: got .*allowed: )?.*{allowed}"):
        dataclasses.replace(SMALLEST, **{field: value})


def test_a_phase_is_checked_too():
    with pytest.raises(UsageError, match="Phase.epochs: got 0; allowed: 1 or more"):
        dataclasses.replace(SMALLEST, then=(Phase(0, create("optimizers/sgd")),))
    with pytest.raises(UsageError, match="Phase.epochs: got -1; allowed: 1 or more"):
        Phase(-1, create("optimizers/sgd"))
    with pytest.raises(UsageError, match="Phase.optimizer: got 'fast'|no optimizers named 'fast'"):
        Phase(1, "fast")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read: Expecting property name"),
        ("[]", 'begins with {"@": "recipe"; seen: \'\\[\\]\''),
        ('{"@": "budget"}', 'begins with {"@": "recipe"'),
        ('{"name": "a"}', "needs \"@\", its name; seen: \\['name'\\]"),
        ('{"@": "recipe", "name": "a"}', "recipe needs model, data"),
        ('{"@": "recipe", "nome": "a"}', "recipe has no field 'nome'; did you mean name"),
        ('{"@": "detektion/retinanet"}', "no part named 'detektion/retinanet'"),
        ('{"@": "techniques/frieze"}', "no techniques named 'frieze'; did you mean freeze"),
        ('{"@": "techniques/freeze", "prefix": 3}', "Freeze.prefix: got 3 .int.; allowed: str"),
    ],
)
def test_a_json_that_is_no_recipe_is_one_clear_error(text, says):
    with pytest.raises(KerasVisionError, match=says) as caught:
        Recipe.loads(text)
    assert "\n" not in str(caught.value)


def test_what_has_no_name_cannot_be_written():
    @dataclasses.dataclass(frozen=True)
    class Nameless:
        size: int = 1

    with pytest.raises(KerasVisionError, match="Nameless is not registered"):
        to_json(Nameless())
    with pytest.raises(KerasVisionError, match="cannot be written in a recipe"):
        to_json({"a": {1, 2}})


def test_plain_values_pass_through_json():
    for value in (None, True, 3, 0.5, "text", (1, (2.5, "x"), ())):
        assert from_json(json.loads(json.dumps(to_json(value)))) == value


def test_source_code_imports_what_no_registry_holds(tmp_path):
    """Anchors and the like have no name that `create` knows."""
    model = create(
        "detection/retinanet", anchors=Anchors(ratios=(1.0,)), suppression=Suppression(soft_sigma=0.5), num_classes=3
    )
    recipe = Recipe(name="scenes", model=model, data="digits")
    path = tmp_path / "recipe.py"
    path.write_text(recipe_source(recipe))
    assert load_recipe(path) == recipe
    assert "Matcher" not in path.read_text(), "a field at its default is left out"


def _with_neighbor(folder, neighbor, text):
    """A recipe file that takes its name out of a module beside it."""
    folder.mkdir()
    (folder / f"{neighbor}.py").write_text(text)
    (folder / "recipe.py").write_text(
        f"from {neighbor} import NAME\nfrom kerasvision import Recipe, create\n"
        'recipe = Recipe(NAME, create("classification/classifier"), create("sources/digits"))\n'
    )
    return folder / "recipe.py"


def test_a_recipe_imports_what_stands_beside_it(tmp_path):
    """Two folders have a module of one name; nothing of either is left behind."""
    paths = [_with_neighbor(tmp_path / name, "beside_a_recipe", f"NAME = {name!r}") for name in ("one", "two")]
    before = list(sys.path)
    assert [load_recipe(path).name for path in paths] == ["one", "two"]
    assert sys.path == before
    assert "beside_a_recipe" not in sys.modules


def test_what_is_installed_comes_before_what_stands_beside_a_recipe(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)  # so that it is looked for
    path = _with_neighbor(tmp_path / "one", "colorsys", "NAME = 'beside'")
    with pytest.raises(KerasVisionError, match=r"recipe.py cannot be read as Python: cannot import name 'NAME'"):
        load_recipe(path)


def test_a_bad_module_beside_a_recipe_is_one_line(tmp_path):
    path, before = _with_neighbor(tmp_path / "one", "beside_a_recipe", "NAME = ("), list(sys.path)
    with pytest.raises(
        KerasVisionError, match=r"^\S+recipe.py cannot be read as Python: .*\(beside_a_recipe.py, line 1"
    ):
        load_recipe(path)
    assert sys.path == before
