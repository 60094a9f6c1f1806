"""`index build` and `index query` at the command line, against cosines by hand; and what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.systems import index
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230), "gray": (120, 120, 120)}


def embedder(folder, seed, dimension=12):
    """A run folder of an embedder that has learned nothing: colors are apart all the same."""
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("embedding/pairs", dimension=dimension, image_size=(16, 16), backbone=backbone)
    folder.mkdir()
    recipe = Recipe(name="colors", model=arch, data=create("sources/digits"))
    save_run(Trained(recipe, contracts.built(arch, seed), ("a", "b"), {}, folder))
    return str(folder)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with a picture of each color and size, and one that cannot be decoded."""
    folder = tmp_path_factory.mktemp("index") / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, (name, color) in enumerate(COLORS.items()):
        for copy in range(2):
            noise = rng.integers(-15, 16, (20 + number, 24 + copy, 3))
            Image.fromarray(np.uint8(np.clip(np.array(color) + noise, 0, 255))).save(folder / f"{name}_{copy}.png")
    return folder


@pytest.fixture(scope="module")
def built(photos):
    """(run of the embedder, folder of its index)."""
    run, out = embedder(photos.parent / "run", 0), photos.parent / "shop.index"
    assert main(["index", "build", str(photos), "--model", run, "--out", str(out)]) == 0
    return run, out


def test_the_nearest_are_those_of_the_largest_dot_products(built, photos, capsys):
    run, out = built
    files = sorted(photos.iterdir())
    vectors = np.stack([api.load(run).predict(str(file))["embedding"] for file in files])
    assert main(["index", "query", str(out), str(photos / "blue_1.png"), "--top", "3", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    cosines = vectors @ vectors[[f.name for f in files].index("blue_1.png")]
    order = np.argsort(-cosines, kind="stable")[:3]
    assert [n["path"] for n in row["nearest"]] == [str(files[i]) for i in order]
    np.testing.assert_allclose([n["cosine"] for n in row["nearest"]], cosines[order], atol=1e-5)
    assert [n["path"].rsplit("/", 1)[-1] for n in row["nearest"]][:2] == ["blue_1.png", "blue_0.png"]
    assert main(["index", "query", str(out), str(photos / "red_0.png"), "--top", "1"]) == 0
    assert "1.000" in capsys.readouterr().out


def test_what_cannot_be_read_is_said_and_the_rest_is_found(built, photos, tmp_path, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    words = [str(broken), str(photos / "red_0.png")]
    assert main(["index", "query", str(built[1]), *words, "--json"]) == 1
    told = capsys.readouterr()
    assert "broken.png" in told.err and len(told.out.splitlines()) == 1
    assert main(["index", "build", *words, "--model", built[0], "--out", str(tmp_path / "new")]) == 1
    assert [item["path"] for item in index.load(tmp_path / "new").items] == words[1:]


def test_another_embedder_is_refused_by_name(built, photos, tmp_path, capsys):
    query = ["index", "query", str(built[1]), str(photos / "red_0.png"), "--model"]
    assert main([*query, built[0]]) == 0
    for name, options, says in (
        ("unlike", {"seed": 1}, "it gives other vectors (a mean cosine of"),
        ("longer", {"seed": 0, "dimension": 13}, "it gives vectors of 13 numbers, and the index holds 12"),
    ):
        other = embedder(tmp_path / name, **options)
        assert main([*query, other]) == 1
        assert f"{other} is another embedder than {built[0]}, which made the index: {says}" in capsys.readouterr().err


def test_damage_and_wrong_wishes_are_one_line(built, photos, tmp_path, capsys):
    run, out = built

    def refused(words, code, says):
        assert main(["index", *map(str, words)]) == code
        assert says in capsys.readouterr().err

    refused(["query", out, photos / "red_0.png", "--top", "9"], 2, "the 9 nearest of 8 items; allowed: 1 to 8")
    refused(["query", photos, photos / "red_0.png"], 2, "has no index.json; name a folder that")
    refused(["build", photos, "--model", run, "--out", photos], 2, "is not empty; choose another folder")
    for name, cut in (("vectors.npy", 40), ("items.jsonl", 30), ("index.json", 9)):
        folder = tmp_path / name
        shutil.copytree(out, folder)
        (folder / name).write_bytes((folder / name).read_bytes()[:-cut])
        refused(["query", folder, photos / "red_0.png"], 1, f"the index {folder} is damaged; build it again")
