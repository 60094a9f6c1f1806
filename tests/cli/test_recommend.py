"""`index recommend` and `index judge` at the command line, on an index of drawn vectors."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.systems import index, index_folder
from tests.cli.test_index import embedder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """(folder of an index of twelve pictures of three colors, their paths)."""
    folder = tmp_path_factory.mktemp("recommend")
    rng, items, vectors = np.random.default_rng(0), [], []
    for n in range(12):
        path = folder / f"{n:02}.png"
        Image.fromarray(np.full((16, 16, 3), np.eye(3)[n % 3] * 200 + n, np.uint8)).save(path)
        items.append({"number": n, "path": str(path), "label": "rgb"[n % 3]})
        vector = np.eye(6)[n % 3] + rng.normal(0, 0.05, 6)
        vectors.append(vector / np.linalg.norm(vector))
    vectors = np.float32(vectors)
    index_folder.save(index.Index(vectors, tuple(items), "runs/none", vectors[:4]), folder / "shop.index")
    return str(folder / "shop.index"), [item["path"] for item in items]


def test_liked_pictures_of_the_index_need_no_model(shop, tmp_path, capsys):
    held, paths = shop
    words = ["index", "recommend", held, paths[0], paths[3], "--dislike", paths[1], "--diversity", "0"]
    assert main([*words, "--top", "2", "--json", "--draw", str(tmp_path / "found.png")]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["liked"] == [paths[0], paths[3]] and row["disliked"] == [paths[1]]
    assert {found["path"] for found in row["recommended"]} == {paths[6], paths[9]}
    assert Image.open(tmp_path / "found.png").width > 3 * 200  # three were named
    words[3] = words[3].replace("/00.png", "/./00.png")  # the same picture, written otherwise
    assert main([*words, "--top", "2", "--json"]) == 0
    assert {f["path"] for f in json.loads(capsys.readouterr().out)["recommended"]} == {paths[6], paths[9]}
    assert main([*words, "--top", "3", "--label", "g"]) == 0
    told = capsys.readouterr().out
    assert all(paths[n].rsplit("/", 1)[-1] in told.replace("\n", "") for n in (4, 7, 10))


def test_other_pictures_are_embedded_by_the_index_s_model(tmp_path, capsys):
    run, photos = embedder(tmp_path / "run", 0), tmp_path / "photos"
    photos.mkdir()
    for n in range(4):
        Image.fromarray(np.full((16, 16, 3), np.eye(3)[n % 2] * 200 + n, np.uint8)).save(photos / f"{n}.png")
    Image.fromarray(np.full((16, 16, 3), (205, 5, 5), np.uint8)).save(tmp_path / "new.png")
    assert main(["index", "build", str(photos), "--model", run, "--out", str(tmp_path / "i")]) == 0
    capsys.readouterr()
    asked = ["index", "recommend", str(tmp_path / "i"), str(tmp_path / "new.png"), str(tmp_path / "gone.png")]
    assert main([*asked, "--top", "2", "--diversity", "0", "--json"]) == 1
    told = capsys.readouterr()
    assert {f["path"] for f in json.loads(told.out)["recommended"]} == {str(photos / "0.png"), str(photos / "2.png")}
    assert "gone.png" in told.err


def test_people_judge(shop, tmp_path, capsys):
    held, paths = shop
    rows = [f"{user},{paths[n]},{n}" for n in range(12) for user in ("ann", "bob") if n % 3 == (user == "bob")]
    rows.append("ann,gone.png,3")
    (tmp_path / "touches.csv").write_text("\n".join(["user,item,time", *rows]))
    words = ["index", "judge", held, str(tmp_path / "touches.csv"), "--at", "6", "--top", "2", "--diversity", "0"]
    assert main([*words, "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["users"], found["strangers"], found["content"]) == (2, 0, 0)
    assert found["taste"] == {"hit@2": 1.0, "ndcg@2": 1.0, "coverage@2": 4 / 12, "untouched@2": 1.0}
    assert found["popularity"]["ndcg@2"] == 0.0 < found["chance"]["ndcg@2"] < 1.0
    assert "1 rows name items that the index does not have, such as gone.png" in told.err
    assert main(words) == 0
    assert "2 users judged by what was new to them" in capsys.readouterr().err


def test_wrong_wishes_are_one_line(shop, tmp_path, capsys):
    held, paths = shop

    def refused(words, code, says):
        assert main(["index", *words]) == code
        assert says in capsys.readouterr().err

    refused(["recommend", held, paths[0], "--top", "12"], 2, "12 recommendations of 11 items that are left")
    refused(["recommend", held, paths[0], "--diversity", "2"], 2, "a diversity of 2; allowed: 0, the nearest")
    refused(["recommend", held, paths[0], "--draw", "found.jpg"], 2, "a picture is written as .png")
    refused(["judge", held, str(tmp_path / "none.csv")], 2, "cannot read")
    (tmp_path / "touches.csv").write_text(f"user,item,time\nann,{paths[0]},1\nann,{paths[3]},2\n")
    refused(["judge", held, str(tmp_path / "touches.csv"), "--at", "soon"], 2, "--at soon: allowed: a number, or")
    refused(["judge", held, str(tmp_path / "touches.csv"), "--at", "2", "--top", "12"], 2, "--top 12: a user has 11")
    refused(["judge", held, str(tmp_path / "touches.csv"), "--at", "0"], 1, "name another time by --at")
