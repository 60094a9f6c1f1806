"""The manifest source on real small files."""

import collections

import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources


@pytest.fixture
def table(tmp_path, fill):
    """table(text, **fields): opens a manifest beside forty images images/00.png ... 39.png."""
    fill(tmp_path / "images", 40, 5)

    def make(text, **fields):
        (tmp_path / "list.csv").write_text(text, encoding="utf-8")
        return sources["manifest"](path=str(tmp_path / "list.csv"), **fields).open()

    return make


def rows(values, header="file,label"):
    return "\n".join([header, *(f"images/{i:02d}.png,{v}" for i, v in enumerate(values))]) + "\n"


def where(held):
    """Number of the file -> split."""
    return {
        int(tf.compat.as_text(r["path"])[-6:-4]): name
        for name, split in held.splits.items()
        for r in split.records.as_numpy_iterator()
    }


def test_one_label_a_file(table, tmp_path):
    held = table(rows(["ox", "ant"] * 20))
    assert held.classes == ("ant", "ox")
    found = where(held)
    assert sorted(found) == list(range(40))
    assert collections.Counter(found.values()) == {"train": 28, "validation": 6, "test": 6}
    for split in held.splits.values():
        for s in split.records.map(split.read).as_numpy_iterator():
            number = int(tf.compat.as_text(s["path"])[-6:-4])
            assert held.classes[s["label"]] == ("ox", "ant")[number % 2]
            assert s["image_bytes"] == (tmp_path / f"images/{number:02d}.png").read_bytes()
    assert where(table(rows(["ox", "ant"] * 20))) == found
    assert where(table(rows(["ox", "ant"] * 20), seed=1)) != found


def test_several_labels_a_file(table):
    held = table(rows(["sun; sea", "", "sea|sun|sand", "sand"] * 10, "file,labels"), classes=("sea", "sun", "sand"))
    want = ([0, 1], [], [0, 1, 2], [2])
    seen = 0
    for split in held.splits.values():
        for s in split.records.map(split.read).as_numpy_iterator():
            number = int(tf.compat.as_text(s["path"])[-6:-4])
            assert s["labels"].tolist() == want[number % 4]
            assert s["labels"].dtype == "int32"
            seen += 1
    assert seen == 40
    assert held.splits["train"].records.map(held.splits["train"].read).element_spec["labels"].shape.as_list() == [None]


@pytest.mark.parametrize("seed", range(4))
def test_groups_never_part(table, seed):
    groups = [(7 * i) % 11 for i in range(40)]
    held = table(rows([f"{'ab'[i % 2]},{g}" for i, g in enumerate(groups)], "file,label,group"), seed=seed)
    found, by_group = where(held), collections.defaultdict(set)
    for number, split in found.items():
        by_group[groups[number]].add(split)
    assert all(len(s) == 1 for s in by_group.values())
    assert set(found.values()) == {"train", "validation", "test"}


def test_the_split_column_is_obeyed(table):
    splits = ["train"] * 20 + ["val"] * 10 + ["TEST"] * 10
    found = where(table(rows([f"{'ab'[i % 2]},{s}" for i, s in enumerate(splits)], "file,label,split")))
    assert [found[i] for i in range(40)] == ["train"] * 20 + ["validation"] * 10 + ["test"] * 10


def test_undecided_rows_follow_their_group(table):
    values = [f"{'ab'[i % 2]},{'test' if i < 4 else ''},{i % 4 if i < 8 else ''}" for i in range(40)]
    found = where(table(rows(values, "file,label,split,group")))
    assert [found[i] for i in range(8)] == ["test"] * 8
    assert "validation" in found.values()
    assert "test" not in [found[i] for i in range(8, 40)]


def test_other_column_names_a_byte_order_mark_and_quotes(table):
    text = "\ufeffpicture,kind\n" + "\n".join(f'"images/{i:02d}.png", "{"a, b" if i % 2 else "c"}"' for i in range(40))
    held = table(text, file_column="picture", label_column="kind")
    assert held.classes == ("a, b", "c")


def test_declared_classes_keep_their_order_and_may_lack_images(table):
    assert table(rows(["b", "a"] * 20), classes=("b", "z", "a")).classes == ("b", "z", "a")


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        ("file,label\n", {}, "no rows"),
        ("", {}, "no rows"),
        (rows(["a", "b"], "name,label"), {}, "no column 'file'; it has name, label"),
        (rows(["a", "b"], "file,class"), {}, "either 'label'"),
        (rows(["a,a", "b,b"], "file,label,labels"), {}, "either 'label'"),
        (rows(["a", "", "b"]), {}, "line 3: no label"),
        (
            rows(["a", "b", "bee"]),
            {"classes": ("a", "b", "bees")},
            "line 4: label 'bee' is none of the classes; did you",
        ),
        (
            rows(["a,train", "b,trian"], "file,label,split"),
            {},
            "line 3: split 'trian'; allowed: train, validation, test",
        ),
        (rows(["a", "b"]) + "images/77.png,a\nimages/78.png,a\n", {}, "2 of 4 files do not exist: images/77.png"),
        (rows(["a", "b"]) + "images/00.png,b\n", {}, "1 files stand in several rows"),
        (rows(["a,train,p", "b,test,p"], "file,label,split,group"), {}, "groups in more than one split: p"),
        (rows(["a", "a", "a"]), {}, "one class only, 'a'"),
        (rows(["a,test", "b,test"], "file,label,split"), {}, "no image is left to train on"),
        (rows(["a,train", "a,train", "b,test"], "file,label,split"), {}, "no training image of 'b'"),
        (rows(["a", "b,c"]), {}, "line 3 has more values than the header"),
    ],
)
def test_refusals(table, text, fields, message):
    with pytest.raises(KerasVisionError) as error:
        table(text, **fields)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_manifest_and_one_that_is_no_text(tmp_path):
    with pytest.raises(KerasVisionError, match="no such file"):
        sources["manifest"](path=str(tmp_path / "gone.csv")).open()
    (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\xff\xe0\x00\x10")
    with pytest.raises(KerasVisionError, match="line 1 is no UTF-8"):
        sources["manifest"](path=str(tmp_path / "photo.csv")).open()


def test_unreadable_files(table, tmp_path):
    (tmp_path / "images" / "03.png").write_bytes(b"")
    with pytest.raises(KerasVisionError, match=r"1 of 40 files cannot be read: images/03.png \(0 bytes\)"):
        table(rows(["a", "b"] * 20))
    held = table(rows(["a", "b"] * 20), skip_unreadable=True)
    assert held.dropped == ("unreadable: images/03.png (0 bytes)",)
    assert 3 not in where(held)
