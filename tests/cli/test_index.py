"""`index build` and `index query` at the command line, against cosines by hand; and what is refused."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.systems import index_folder
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
    assert [item["path"] for item in index_folder.load(tmp_path / "new").items] == words[1:]


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


@pytest.fixture
def shop(built, photos, tmp_path):
    """(own folder of pictures, its index)."""
    own, out = tmp_path / "own", tmp_path / "own.index"
    shutil.copytree(photos, own)
    assert main(["index", "build", str(own), "--model", built[0], "--out", str(out)]) == 0
    return own, out


def held(out):
    return {pathlib.Path(i["path"]).name: i["number"] for i in index_folder.load(out).items if i is not None}


def test_sync_takes_over_what_changed_and_nothing_else(shop, capsys):
    own, out = shop
    before = held(out)
    (own / "red_0.png").unlink()
    shutil.copy(own / "blue_0.png", own / "sea.png")
    shutil.copy(own / "gray_0.png", own / "green_1.png")
    capsys.readouterr()
    assert main(["index", "sync", str(out), str(own)]) == 0
    assert "1 added, 1 taken again, 1 removed" in capsys.readouterr().err
    after = held(out)
    assert after.keys() == before.keys() - {"red_0.png"} | {"sea.png"}
    assert {after["sea.png"], after["green_1.png"]} == {8, 9}, "numbers are given once"
    assert all(after[name] == before[name] for name in before.keys() - {"red_0.png", "green_1.png"})
    assert main(["index", "sync", str(out), str(own)]) == 0
    assert "0 added, 0 taken again, 0 removed" in capsys.readouterr().err


def test_a_sync_that_is_refused_takes_nothing_away(shop, capsys):
    own, out = shop
    before = held(out)
    shutil.copy(own / "gray_0.png", own / "green_1.png")
    assert main(["index", "sync", str(out), str(own), "--model", "runs/moved"]) != 0
    assert held(out) == before
    (own / "green_1.png").write_bytes(b"no picture any more")
    capsys.readouterr()
    assert main(["index", "sync", str(out), str(own)]) == 1
    assert "0 added, 0 taken again, 1 removed" in capsys.readouterr().err
    assert held(out).keys() == before.keys() - {"green_1.png"}


def test_what_is_removed_is_not_found_and_what_is_added_is(shop, photos, capsys):
    own, out = shop
    asked = str(photos / "blue_1.png")

    def first():
        capsys.readouterr()
        assert main(["index", "query", str(out), asked, "--top", "1", "--json"]) == 0
        return pathlib.Path(json.loads(capsys.readouterr().out)["nearest"][0]["path"])

    assert first() == own / "blue_1.png"
    assert main(["index", "remove", str(out), str(own / "blue_1.png")]) == 0
    assert first() == own / "blue_0.png"
    assert main(["index", "add", str(out), asked]) == 0
    assert first() == photos / "blue_1.png"
    assert main(["index", "add", str(out), asked]) == 1
    assert f"{asked} is in the index already" in capsys.readouterr().err
    assert main(["index", "remove", str(out), "gone.png"]) == 2
    assert "gone.png is not in the index" in capsys.readouterr().err


def test_neighbors_are_drawn_and_one_that_is_gone_is_gray(shop, tmp_path, capsys):
    own, out = shop
    asked, drawn = str(own / "red_0.png"), tmp_path / "found.png"
    words = ["index", "query", str(out), asked, "--top", "2", "--label", "own"]
    assert main([*words, "--draw", str(drawn)]) == 0
    before = np.asarray(Image.open(drawn).convert("RGB"), float)
    red = (before[..., 0] > 180) & (before[..., 1] < 90)
    spans = np.flatnonzero(np.diff(np.pad(red.any(0), 1).astype(int)))
    assert len(spans) == 6, "three red pictures side by side"
    (own / "red_1.png").unlink()
    assert main([*words, "--draw", str(drawn)]) == 0
    after = np.asarray(Image.open(drawn).convert("RGB"), float)
    third = slice(spans[4], spans[5])
    gray = [(np.abs(pixels[:, third] - 128) < 3).all(-1).sum() for pixels in (before, after)]
    assert gray[1] - gray[0] > 0.5 * red[:, third].sum()
    assert main([*words, "--draw", "found.jpg"]) == 2
    assert "--draw found.jpg: a picture is written as .png" in capsys.readouterr().err


def test_clusters_are_found_kept_and_tell_new_pictures(built, photos, tmp_path, capsys):
    """Two pictures of each of four colors, and a third of each that the index has not seen."""
    _, out = built
    kept, labels, sheet = (tmp_path / name for name in ("colors.json", "labels.csv", "sheet.png"))
    words = ["index", "clusters", str(out), "--number", "4", "--json"]
    assert main([*words, "--out", str(kept), "--labels", str(labels), "--draw", str(sheet)]) == 0
    said, told = capsys.readouterr()
    rows = [json.loads(line) for line in said.splitlines()]
    colors = [{pathlib.Path(p).stem.partition("_")[0] for p in row["nearest"]} for row in rows]
    assert [len(c) for c in colors] == [1, 1, 1, 1] and set().union(*colors) == set(COLORS)
    assert "4 clusters; 0 of 8 are of none" in told
    with Image.open(sheet) as picture:
        assert picture.width < picture.height, "four rows of two"
    source = create("sources/manifest", path=str(labels), validation_fraction=0.0, test_fraction=0.0).open()
    assert source.splits["train"].size == 8 and len(source.classes) == 4
    by_color = {next(iter(c)): row["cluster"] for c, row in zip(colors, rows, strict=True)}
    for color, value in COLORS.items():
        Image.fromarray(np.full((22, 22, 3), value, np.uint8)).save(tmp_path / f"{color}.png")
    files = [str(tmp_path / f"{color}.png") for color in COLORS]
    assert main(["index", "assign", str(kept), *files, "--json"]) == 0
    for color, line in zip(COLORS, capsys.readouterr().out.splitlines(), strict=True):
        row = json.loads(line)
        assert row["input"].endswith(f"{color}.png") and row["cosine"] > 0.9
        assert row["cluster"] in (by_color[color], None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clusters", "INDEX", "--draw", "a.jpg"], "--draw a.jpg: this is written as .png"),
        (["clusters", "INDEX", "--number", "9"], "--number 9; allowed: 2 to 8"),
        (["assign", "PHOTO", "PHOTO"], "holds no clusters; write it with kerasvision index clusters --out"),
    ],
)
def test_what_cannot_be_clustered_is_one_line(built, photos, capsys, words, message):
    held = {"INDEX": str(built[1]), "PHOTO": str(photos / "red_0.png")}
    assert main(["index", *(held.get(w, w) for w in words)]) in (1, 2)
    assert message in capsys.readouterr().err
