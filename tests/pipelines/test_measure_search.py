"""What `pipelines/measure_search.py` prints, at a size that is quickly measured."""

import runpy

import numpy as np
import pytest

from tests.pipelines.drawn import FOLDER

pytest.importorskip("faiss")


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(FOLDER / "measure_search.py"))


def test_each_kind_is_measured_and_finds_what_was_asked_for(script, tmp_path, capsys):
    script["main"](["--count", "2000", "--dimension", "16", "--out", str(tmp_path)])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["found", "query", "ms"] and [row.split()[0] for row in rows] == [
        "exact",
        "flat",
        "8bit",
    ]
    exact, flat, coded = (list(map(float, row.split()[1:])) for row in rows)
    assert exact[0] == 1.0 and flat[0] > 0.9 and coded[0] > 0.8 and all(len(row) == 9 for row in (exact, flat, coded))
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_points_are_of_length_one_around_shared_centers(script):
    vectors, queries, fresh = script["drawn"](2000, 16)
    assert [len(rows) for rows in (vectors, queries, fresh)] == [2000, script["QUERIES"], 1020]
    for rows in (vectors, queries, fresh):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.median((queries @ vectors.T).max(1)) > 0.75 > np.median(queries @ vectors.T) + 0.5


def test_a_size_without_room_for_the_changes_is_one_line(script):
    with pytest.raises(SystemExit, match="--count 1999 --dimension 128; allowed: 2000 vectors or more"):
        script["main"](["--count", "1999"])
