"""CSV files as spreadsheets, pandas and people write them: how a table is read, and what is no label."""

import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._table import columns_of, first_row

COUNT = 12
ROWS = [f"img/{i}.png,{('cat', 'dog')[i % 2]}" for i in range(COUNT)]
WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve pictures that differ."""
    root = tmp_path_factory.mktemp("table")
    (root / "img").mkdir()
    for i in range(COUNT):
        Image.new("RGB", (8, 8), (20 * i, 255 - 20 * i, 7)).save(root / "img" / f"{i}.png")
    return root


@pytest.fixture
def source(folder):
    """source(text, **fields): a manifest of that text, or of those bytes."""

    def make(text, **fields):
        (folder / "list.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return sources["manifest"](path=str(folder / "list.csv"), **WHOLE | fields)

    return make


def lines(rows=ROWS, header="file,label"):
    return "\n".join([header, *rows]) + "\n"


def labels(held):
    """Number of a picture -> names of its classes."""
    found = {}
    for split in held.splits.values():
        for s in split.records.map(split.read).as_numpy_iterator():
            ids = s["labels"].tolist() if "labels" in s else [int(s["label"])]
            found[int(s["path"].decode().rsplit("/", 1)[-1].removesuffix(".png"))] = [held.classes[i] for i in ids]
    return found


EXPECTED = {i: [("cat", "dog")[i % 2]] for i in range(COUNT)}
READ = {
    "plain": lines(),
    "byte-order mark and CR LF": ("\ufeff" + lines()).replace("\n", "\r\n"),
    "UTF-16": lines().encode("utf-16"),
    "CR": lines().replace("\n", "\r"),
    "semicolons": lines().replace(",", ";"),
    "tabs": lines().replace(",", "\t"),
    "bars": lines().replace(",", "|"),
    "blanks": lines([r.replace(",", " , ") for r in ROWS], " file , label "),
    "other case": lines(header="File,LABEL"),
    "quotes": lines(['"{}","{}"'.format(*r.split(",")) for r in ROWS], '"file","label"'),
    "an index": lines([f"{i},{r}" for i, r in enumerate(ROWS)], ",file,label"),
    "trailing separators": lines([r + ",," for r in ROWS]),
    "blank lines": lines([r + "\n\n" for r in ROWS], "\n\nfile,label\n"),
    "rows of separators": lines([*ROWS, ",", " , "]),
    "comments": lines(header="# made by hand\n# twice\nfile,label"),
    "absolute paths": None,
    "other columns": lines([f"{r},3.5,é" for r in ROWS], "file,label,size,note"),
}


@pytest.mark.parametrize("name", READ)
def test_ways_to_write_one_table(source, folder, name):
    text = READ[name] or lines([f"{folder}/{r}" for r in ROWS])
    held = source(text).open()
    assert held.classes == ("cat", "dog")
    assert labels(held) == EXPECTED
    assert held.dropped == ()
    assert {"file", "label"} <= set(columns_of(folder / "list.csv"))
    assert first_row(folder / "list.csv")["label"] == "cat"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lines([r.replace("/", "\\") for r in ROWS]), "paths: 12 rows write \\ between folders"),
        (lines(header="file,label,split"), "short: 12 rows, the first in line 2, have fewer values than the header"),
        (lines([f"{r},{'dev' if i < 4 else ''}" for i, r in enumerate(ROWS)], "file,label,split"), "splits: 'dev' is"),
        (
            lines([*ROWS[:-1], 'img/11.png,"cat,dog"']),
            "joined: 1 rows (line 13) have 'cat,dog', read as one class; for several labels name the column labels",
        ),
    ],
)
def test_what_is_read_as_a_guess_is_said(source, text, said):
    held = source(text).open()
    assert len(held.dropped) == 1 and held.dropped[0].startswith(said)


@pytest.mark.parametrize("word", ["TRAIN", "Val", "valid", "dev", "Testing", " test "])
def test_words_for_splits(source, word):
    from kerasvision.data.splits import ALIASES

    held = source(lines([f"{r},{word if i > 5 else 'train'}" for i, r in enumerate(ROWS)], "file,label,split")).open()
    assert held.splits[ALIASES[word.strip().lower()]].size in (6, 12)


def many(*values):
    """Rows of `labels`; the others have cat or dog alone."""
    return lines([*(f'img/{i}.png,"{v}"' for i, v in enumerate(values)), *ROWS[len(values) :]], "file,labels")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *(
            (
                lines([f"img/0.png,{word}", *ROWS[1:]]),
                f"1 rows (line 2) have {word!r} for a label, which says that none",
            )
            for word in ("nan", "NaN", "None", "null", "NA", "N/A", "<NA>", "''")
        ),
        (lines(["img/0.png,", *ROWS[1:]]), "line 2: no label"),
        (lines(["img/0.png, ", *ROWS[1:]]), "line 2: no label"),
        (many("nan"), "1 rows (line 2) have 'nan' for a label"),
        (many("['cat', 'dog']", "['dog']"), "2 rows (line 2, 3) have a list for a label"),
        (many("cat,dog", "cat"), "1 rows (line 2) have 'cat,dog', which looks like several labels; separate them by ;"),
        (many("cat,bird", "dog"), "1 rows (line 2) have 'cat,bird', which looks like several"),
        (many("cat dog", "dog/cat"), "2 rows (line 2, 3) have 'cat dog', 'dog/cat', which looks like several"),
        (lines([f"img/{i}.png,{(0, 1, '0.0', 1.0)[i % 4]}" for i in range(COUNT)]), "'0' and '0.0' are one number"),
        (lines([f"img/{i}.png,{('1', '01', '2')[i % 3]}" for i in range(COUNT)]), "'1' and '01' are one number"),
        (
            lines([*ROWS, "./img/0.png,dog"]),
            "1 files stand in several rows, 1 of them with other labels: img/0.png = ./",
        ),
        (lines([*ROWS, "img/../img/1.png,dog"]), "1 files stand in several rows: img/1.png = img/../img/1.png"),
        (lines([*ROWS[:-1], "img/11.png,dog,small"]), "line 13 has more values than the header"),
        (lines(header="file,label,label"), "the header names 'label' twice"),
        ("\n".join(ROWS), "it has img/0.png, cat; its first line names a file: write a header above it"),
        (lines([f"img/{i}.png,{('Käse', 'dog')[i % 2]}" for i in range(COUNT)]).encode("cp1252"), "line 2 is no UTF-8"),
        (lines([f'img/{i}.png,"{("a", "b" + chr(10) + "c")[i % 2]}"' for i in range(COUNT)]), "class 1 is 'b\\nc'"),
        (lines([r.replace("cat", "c\u2028t") for r in ROWS]), "class 0 is 'c\\u2028t'"),
    ],
)
def test_refusals(source, text, said):
    with pytest.raises(KerasVisionError) as error:
        source(text).open()
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_what_classes_names_is_a_class(source):
    text = lines([f"img/{i}.png,{('None', 'crack')[i % 2]}" for i in range(COUNT)])
    assert labels(source(text, classes=("crack", "None")).open())[0] == ["None"]
    held = source(many("cat, dog", "cat;dog"), classes=("cat", "dog", "cat, dog")).open()
    assert labels(held)[0] == ["cat, dog"] and labels(held)[1] == ["cat", "dog"]


def test_names_that_differ_in_case_are_said(source):
    from kerasvision.data.inspect.check import check

    report = check(source(lines([r.replace("cat", "Cat") if i % 4 else r for i, r in enumerate(ROWS)])))
    found = {f["kind"]: f["examples"] for f in report["findings"]}
    assert found["names"] == ["'Cat' and 'cat' differ only in case or white space"]


def test_masks_and_volumes_read_tables_alike(folder, tmp_path):
    for name, header in (("masks", "File;Mask"), ("volumes", "File;Mask")):
        rows = [f"a\\{i}.nii.gz;b\\{i}.nii.gz" for i in range(2)]
        (tmp_path / f"{name}.csv").write_bytes(("\ufeff" + lines(rows, header)).encode())
    from kerasvision.data.sources._detect import detect

    assert type(detect(tmp_path / "masks.csv")).registered_name == "sources/volumes"
    (tmp_path / "masks.csv").write_text(lines(["a/1.png;b/1.png"], "File;Mask"))
    assert type(detect(tmp_path / "masks.csv")).registered_name == "sources/image_mask"
    for kind in ("image_mask", "volumes"):
        with pytest.raises(KerasVisionError, match="files do not exist"):
            sources[kind](path=str(tmp_path / f"{'masks' if kind == 'image_mask' else kind}.csv")).open()
