"""Whether an image shows an object of some classes."""

import numpy as np
import pytest

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources._detect import detect
from tests.data.drawn import CLASSES, draw_coco

WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture
def coco(tmp_path):
    draw_coco(tmp_path, 15)
    return create("sources/coco", path=str(tmp_path), **WHOLE)


def samples(source):
    held = source.open().splits["train"]
    return list(held.records.map(held.read).as_numpy_iterator())


@pytest.mark.parametrize("objects", [(CLASSES[0],), CLASSES[1:], ()])
def test_an_image_is_told_by_its_objects(coco, objects):
    source = create("sources/contains", of=coco, objects=tuple(objects), name="thing")
    assert source.open().classes == ("no thing", "thing")
    wanted = [CLASSES.index(name) for name in objects or CLASSES]
    labels = [int(np.isin(sample["labels"], wanted).any()) for sample in samples(coco)]
    found = samples(source)
    assert [sample["label"] for sample in found] == labels and (len(set(labels)) == 2 or not objects)
    assert not {"boxes_xyxy", "labels", "is_crowd"} & set(found[0]) and found[0]["label"].dtype == np.int32


def test_what_is_wrong_is_one_line(coco):
    with pytest.raises(UsageError, match="contains of coco .*: no class 'anmal'"):
        create("sources/contains", of=coco, objects=("anmal",)).open()
    with pytest.raises(UsageError, match="contains of digits .*: its samples have .*; needed: boxes_xyxy with labels"):
        create("sources/contains", of=create("sources/digits")).open()
    with pytest.raises(UsageError, match="contains.name is empty"):
        create("sources/contains", of=coco, name=" ")


def test_a_path_alone_asks_for_any_object(coco):
    assert detect(f"contains:{coco.path}") == create("sources/contains", of=create("sources/coco", path=coco.path))
