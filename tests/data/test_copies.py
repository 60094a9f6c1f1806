"""`data duplicates`: photographs in known disguises are found again under the right name, and the right one is kept."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.data.inspect.facts import TURNS

data = pytest.importorskip("skimage.data")
NAMES = ("astronaut", "chelsea", "coffee")


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """A folder with three photographs, each in the turns below, smaller and recompressed, and once more as it is."""
    folder = tmp_path_factory.mktemp("copies") / "album"
    folder.mkdir()
    for name in NAMES:
        photo = Image.fromarray(getattr(data, name)())
        photo.save(folder / f"{name}.png")
        (folder / f"{name}_again.png").write_bytes((folder / f"{name}.png").read_bytes())
        small = photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS)
        for number, turn in enumerate(TURNS.values()):
            (small if turn is None else small.transpose(turn)).save(folder / f"{name}_{number}.jpg", quality=40)
    Image.fromarray(data.rocket()).save(folder / "alone.png")
    Image.new("RGB", (30, 30), (9, 90, 200)).save(folder / "plain.png")
    (folder / "broken.png").write_bytes((folder / "alone.png").read_bytes()[:400])
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "astronaut.png").write_bytes((folder / "astronaut.png").read_bytes())
    return folder


def report(capsys, *words):
    assert main(["data", "duplicates", *map(str, words), "--json"]) == 0
    said, told = capsys.readouterr()
    return json.loads(said), told


def test_every_copy_is_found_with_its_turn_and_the_largest_is_kept(album, capsys):
    found, told = report(capsys, album)
    assert found["pictures"] == 3 * 10 + 2 and found["unread"] == [str(album / "broken.png")]
    assert f"{album / 'broken.png'} cannot be decoded and was left out" in told
    assert [group["keep"] for group in found["groups"]] == [str(album / f"{name}.png") for name in NAMES]
    for name, group in zip(NAMES, found["groups"], strict=True):
        said = {row["file"]: row["is"] for row in group["copies"]}
        turned = {str(album / f"{name}_{number}.jpg"): turn for number, turn in enumerate(TURNS)}
        assert said == turned | {str(album / f"{name}_again.png"): "equal bytes"}


def test_the_names_of_turns_are_what_numpy_makes():
    """Against `np.rot90`, which turns counterclockwise, and flips."""
    picture = np.arange(24, dtype=np.uint8).reshape(4, 6)
    expected = {
        "mirrored": picture[:, ::-1],
        "upside down and mirrored": picture[::-1],
        "turned by 90 degrees": np.rot90(picture),
        "turned by 180 degrees": np.rot90(picture, 2),
        "turned by 270 degrees": np.rot90(picture, 3),
        "turned by 90 degrees and mirrored": np.rot90(picture)[::-1],
        "turned by 270 degrees and mirrored": np.rot90(picture, 3)[::-1],
    }
    assert set(expected) == set(TURNS) - {"nearly equal"}
    for name, wanted in expected.items():
        np.testing.assert_array_equal(np.asarray(Image.fromarray(picture).transpose(TURNS[name])), wanted, name)


def test_of_two_folders_only_what_lies_in_both_is_told(album, tmp_path, capsys):
    other = tmp_path / "test"
    other.mkdir()
    Image.fromarray(data.coffee()[:, ::-1]).save(other / "disguised.jpg", quality=60)
    Image.fromarray(data.rocket()).resize((100, 80)).save(other / "alone.png")
    found, _ = report(capsys, other, album)
    kept = {group["keep"]: group["copies"] for group in found["groups"]}
    assert set(kept) == {str(album / "alone.png"), str(album / "coffee.png")}
    assert {"file": str(other / "disguised.jpg"), "is": "mirrored"} in kept[str(album / "coffee.png")]


def test_table_csv_and_sheet(album, tmp_path, capsys):
    table, sheet = tmp_path / "copies.csv", tmp_path / "copies.png"
    assert main(["data", "duplicates", str(album), "--csv", str(table), "--draw", str(sheet)]) == 0
    said = capsys.readouterr().out
    assert "32 pictures, 27 of them copies, in 3 groups" in said
    assert "1 without any structure by their bytes alone" in said
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and [row["file"] for row in rows if row["keep"] == "1"] == [
        str(album / f"{name}.png") for name in NAMES
    ]
    with Image.open(sheet) as picture:
        assert picture.width > 5 * 200


@pytest.mark.parametrize(
    ("words", "message"),
    [(["nowhere"], "nowhere is no folder"), (["ALBUM", "--draw", "a.jpg"], "--draw a.jpg: this is written as .png")],
)
def test_bad_wishes_are_one_line(album, capsys, words, message):
    assert main(["data", "duplicates", *(str(album) if w == "ALBUM" else w for w in words)]) in (1, 2)
    assert message in capsys.readouterr().err
