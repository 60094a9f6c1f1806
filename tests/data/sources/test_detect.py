"""From what a person types to a source."""

import pytest

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._detect import detect


def test_every_kind(tmp_path):
    (tmp_path / "list.CSV").touch()
    assert detect(str(tmp_path)) == sources["image_folder"](path=str(tmp_path))
    assert detect(tmp_path) == sources["image_folder"](path=str(tmp_path))
    assert detect(f"{tmp_path}/list.CSV") == sources["manifest"](path=f"{tmp_path}/list.CSV")
    assert detect("tfds:cifar10") == sources["tfds"](name="cifar10")
    assert detect("tfds:oxford_flowers102:2.1.1") == sources["tfds"](name="oxford_flowers102:2.1.1")
    assert detect("digits") == sources["digits"]()


def test_a_folder_named_digits(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert detect("./digits") == sources["image_folder"](path="./digits")


def test_anything_else_is_one_clear_line(tmp_path):
    (tmp_path / "photo.jpg").touch()
    for text, seen in ((f"{tmp_path}/photo.jpg", "no .csv"), ("gone", "no such file or folder"), ("tfds:", "a name")):
        with pytest.raises(UsageError, match=seen) as error:
            detect(text)
        assert "\n" not in str(error.value)
