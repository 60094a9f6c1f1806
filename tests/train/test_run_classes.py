"""The class names of a run folder, and every file with class names, go through one pair of functions."""

import pathlib
import re
import types

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.train import run

PRODUCT = pathlib.Path(run.__file__).resolve().parents[1]


@pytest.mark.parametrize(("text", "fits"), [("apple\nbanana\ncherry\n", True), ("apple\nbig\nbanana\ncherry\n", False)])
def test_a_run_whose_names_are_not_its_models_is_refused(tmp_path, text, fits):
    """Such as of a time when a name could have two lines: every class from the second on would be called another."""
    (tmp_path / "classes.txt").write_text(text)
    recipe = types.SimpleNamespace(model=create("classification/classifier", num_classes=3))
    if fits:
        assert run._fitting(recipe, tmp_path) == ("apple", "banana", "cherry")
        return
    with pytest.raises(KerasVisionError, match=r"classes\.txt has 4 lines, and the model another number of classes"):
        run._fitting(recipe, tmp_path)


def test_no_other_place_writes_names_as_lines():
    """`class_names.as_lines` refuses what a reader of lines would part; a copy of it would not."""
    writes = re.compile(r'join\(f"\{\w+\}\\n" for \w+ in [\w.]*(classes|names)\)')
    found = [f.relative_to(PRODUCT).as_posix() for f in PRODUCT.rglob("*.py") if writes.search(f.read_text("utf-8"))]
    assert found == ["data/class_names.py"]
