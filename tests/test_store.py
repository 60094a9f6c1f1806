"""What tests share is made once, made anew when what makes it has changed, and never half-finished."""

import dataclasses
import shutil

import pytest

from tests import store
from tests.train import tiny


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASVISION_TEST_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def test_a_folder_is_made_once(root):
    made = []
    folders = [store._kept("run", ["a recipe"], made.append) for _ in range(2)]
    assert folders[0] == folders[1] and made == folders[:1]
    assert store._kept("run", ["another"], made.append) != folders[0] and len(made) == 2


def test_what_was_not_finished_is_made_anew(root):
    def end(folder):
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store._kept("run", ["a recipe"], end)
    folder = store._kept("run", ["a recipe"], lambda folder: (folder / "whole").touch())
    assert sorted(p.name for p in folder.iterdir()) == [store.FINISHED, "whole"]


def test_the_sum_is_of_the_sources_that_make_it(tmp_path, monkeypatch):
    def sums():
        runs = list(store._sources(lambda place: place[0] != "export"))
        return runs, list(store._sources(lambda place: True))

    shutil.copytree(store.SOURCES, tmp_path / "kerasvision", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store, "SOURCES", tmp_path / "kerasvision")
    before = sums()
    for place, run_changes, export_changes in (
        ("serve/server.py", False, False),
        ("cli/main.py", False, False),
        ("export/package/card.py", False, True),
        ("inference/served.py", True, True),
        ("ops/nms.py", True, True),
    ):
        with (tmp_path / "kerasvision" / place).open("a") as file:
            file.write("# changed\n")
        after = sums()
        assert [a != b for a, b in zip(after, before, strict=True)] == [run_changes, export_changes], place
        before = after


def test_what_stands_beside_a_part_of_tests_is_in_the_sum(digits_recipe):
    assert not list(store._beside(digits_recipe))
    smooth = dataclasses.replace(digits_recipe, model=tiny.smooth_classifier())
    names = [line.split()[0] for line in store._beside(smooth)]
    assert "tests/train/tiny.py" in names and not [n for n in names if "/test_" in n or "/contract/" in n]


def test_what_nobody_asked_for_in_a_week_is_removed(root, monkeypatch):
    folder = store._kept("run", ["a recipe"], lambda folder: None)
    store.remove_old()
    assert folder.exists()
    monkeypatch.setattr(store, "KEPT_DAYS", -1)
    store.remove_old()
    assert not folder.exists()


@pytest.mark.nightly
def test_what_was_kept_is_what_would_be_made_today(digits_recipe, digits_run, root):
    from kerasvision.train.run import load_run

    fresh = load_run(store.trained(digits_recipe))
    assert fresh.folder != digits_run.folder
    assert fresh.metrics["test/accuracy"] == pytest.approx(digits_run.metrics["test/accuracy"], abs=0.02)
