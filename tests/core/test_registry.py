"""Names come from file names and text, nothing is imported before it is asked for, nothing is registered twice."""

import dataclasses

import pytest

from kerasvision.core import registry
from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import Registry, create, find, full_names

PART = '@things.register("{name}")\nclass {cls}:\n    pass\n'


@pytest.fixture
def things(tmp_path, monkeypatch):
    """An empty registry of a package of its own: (registry, its folder)."""
    root = tmp_path / "kerasvision"
    (root / "things").mkdir(parents=True)
    monkeypatch.setattr(registry, "_ROOT", root)
    return Registry("things", "things"), root / "things"


def test_names_are_read_from_the_files_and_a_new_file_is_seen_at_once(things):
    held, folder = things
    assert held.names() == []
    (folder / "one.py").write_text(PART.format(name="one", cls="One"))
    (folder / "group.py").write_text(
        PART.format(name="group/b", cls="B")
        + PART.format(name="group/a", cls="A")
        + '# @things.register("commented")\n'
    )
    (folder / "_private.py").write_text(PART.format(name="private", cls="Private"))
    assert held.names() == list(held) == ["group/a", "group/b", "one"]
    assert held.names("group/*") == ["group/a", "group/b"]
    assert "one" in held
    assert "two" not in held
    assert len(held) == 3


def test_a_name_in_two_files_is_an_error_that_names_both(things):
    held, folder = things
    for file in ("first", "second"):
        (folder / f"{file}.py").write_text(PART.format(name="same", cls="Same"))
    with pytest.raises(KerasVisionError) as caught:
        held.names()
    assert str(caught.value) == (
        "things/same is registered twice: by kerasvision.things.first and by kerasvision.things.second; rename one"
    )


def test_a_name_registered_by_two_classes_is_an_error_that_names_both(things):
    held, _ = things

    class First:
        pass

    class Second:
        pass

    held.register("same")(First)
    held.register("same")(First)  # a module that is loaded again
    with pytest.raises(KerasVisionError, match=r"by tests\S+First and by tests\S+Second; rename one"):
        held.register("same")(Second)
    assert held["same"] is First


def test_the_class_knows_its_full_name(things):
    held, _ = things
    assert held.register("thing")(type("Thing", (), {})).registered_name == "things/thing"


def test_a_part_knows_its_full_name():
    assert create("classification/classifier").registered_name == "classification/classifier"
    assert create("techniques/freeze").registered_name == "techniques/freeze"


def test_a_field_that_hides_a_hook_is_refused(things):
    class Hooked(Component):
        def batch(self, inputs):
            return inputs

    @dataclasses.dataclass(frozen=True)
    class Clumsy(Hooked):
        batch: int = 3

    with pytest.raises(KerasVisionError, match=r"Clumsy: the field 'batch' hides Hooked.batch\(\); rename it"):
        things[0].register("clumsy")(Clumsy)


@pytest.mark.parametrize("name", ["backbones/convnet", "classification/classifier", "exporters/tflite"])
def test_every_kind_is_found_by_its_full_name(name):
    assert name in full_names()
    assert find(name)().registered_name == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("classification/clasifier", "no part named .*did you mean classification/classifier"),
        (
            "clasifier",
            "did you mean audio_classification/classifier, classification/classifier, multi_modal/classifier, "
            "text_classification/classifier",
        ),
        ("backbones/resnett", "no backbones named 'resnett'; did you mean resnet"),
        ("techniqes/freeze", "did you mean techniques/freeze"),
        ("optimizers/zzzz", "no optimizers named 'zzzz'; allowed: adamw, lars, sgd"),
    ],
)
def test_an_unknown_name_lists_close_ones(name, says):
    with pytest.raises(UsageError, match=says):
        find(name)


def test_fields_are_checked_by_create():
    with pytest.raises(UsageError, match="techniques/freeze has no field 'prefixx'; did you mean prefix"):
        create("techniques/freeze", prefixx="a")
    with pytest.raises(UsageError, match="techniques/warm_start needs run"):
        create("techniques/warm_start")


def test_close_matches_say_how_many_there_are():
    assert close_matches("zz", [f"name{i}" for i in range(12)]) == (
        "allowed: name0, name1, name10, name11, name2, name3, name4, name5, ... (12 in all)"
    )
    assert close_matches("lerning_rate", ["learning_rate", "epochs"]) == "did you mean learning_rate?"
