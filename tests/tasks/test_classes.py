"""What all that give classes probabilities refuse, whatever goes in."""

import dataclasses

import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures, create

SMOOTHED = [
    name
    for name in architectures.names()
    if "label_smoothing" in {field.name for field in dataclasses.fields(architectures[name])}
]


def test_families_of_classes_are_among_them():
    assert {name.split("/")[0] for name in SMOOTHED} >= {
        "classification", "text_classification", "volume_classification", "multi_modal", "audio_classification",
    }  # fmt: skip


@pytest.mark.parametrize("name", SMOOTHED)
def test_label_smoothing_leaves_something_of_the_label(name):
    assert create(f"architectures/{name}", label_smoothing=0.99).label_smoothing == 0.99
    for value in (-0.01, 1.0):
        with pytest.raises(UsageError, match=rf"model\.label_smoothing={value:g}; allowed: 0 to less than 1"):
            create(f"architectures/{name}", label_smoothing=value)


@pytest.mark.parametrize("name", [name for name in SMOOTHED if not name.startswith("captioning/")])  # which has words
def test_a_graph_has_two_classes_or_more(name):
    with pytest.raises(KerasVisionError, match=f"{name} needs at least two classes and has num_classes=1; set model"):
        create(f"architectures/{name}", num_classes=1).build()
