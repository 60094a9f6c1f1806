"""From what a person types to a source."""

import json

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
    (tmp_path / "numbers.json").write_text("[1, 2]")
    for text, seen in (
        (f"{tmp_path}/photo.jpg", "none of the files that are data by themselves: .csv, .json, .jsonl, .ndjson, .tsv"),
        (f"{tmp_path}/numbers.json", "not what coco would read; allowed: .*a folder with a folder of images a class"),
        (
            "gone",
            "no such file or folder; allowed: .*coco:PATH, contains:DATA, cut_paste:CUTOUTS,BACKGROUNDS, digits, ",
        ),
        ("tfds:", "write tfds:NAME"),
        ("coco:", "nothing behind the colon; write coco:PATH"),
        ("semantic:", "write semantic:DATA"),
        ("semantic:gone", "no such file or folder"),
        ("cut_paste:cutouts", "cut_paste:CUTOUTS,BACKGROUNDS"),
    ):
        with pytest.raises(UsageError, match=seen) as error:
            detect(text)
        assert "\n" not in str(error.value)


COCO = json.dumps({"info": {}, "images": [], "annotations": [], "categories": []})
LAYOUTS = {
    "coco": [{"annotations/instances_train2017.json": COCO}, {"train/_annotations.coco.json": COCO}, {"a.json": COCO}],
    "voc": [
        {"Annotations/1.xml": "<annotation/>", "JPEGImages/1.jpg": "", "classes.txt": "cat"},
        {"train/1.xml": "<annotation>", "train/1.jpg": ""},
        {"1.xml": "<annotation>", "1.jpg": ""},
    ],
    "yolo": [
        {"data.yaml": "", "train/images/1.jpg": ""},
        {"images/train/1.jpg": "", "labels/train/1.txt": ""},
        {"classes.txt": "cat", "images/1.jpg": "", "images/1.txt": ""},
        {"classes.txt": "cat", "1.jpg": "", "1.txt": ""},
    ],
    "image_mask": [
        {"images/1.jpg": "", "masks/1.png": "", "classes.txt": "sky", "README.txt": ""},
        {"images/train/1.jpg": "", "labels/train/1.png": ""},
        {"train/img/1.jpg": "", "train/Mask/cat/1.PNG": "", "val/img/2.jpg": "", "val/Mask/cat/2.PNG": ""},
        {"images/1.jpg": "", "annotations/1.png": "", "annotations/about.json": json.dumps({"by": "me"})},
        {"images/1.jpg": "", "masks/1.jpg": ""},  # to be told that JPEGs are no masks
    ],
    "volumes": [
        {"images/1.nii.gz": "", "masks/1.nii.gz": "", "classes.txt": "sky"},
        {"images/train/1.nii": "", "labels/train/1.nii": "", "README.txt": ""},
        {"test/images/1/0001.dcm": "", "test/masks/1.mgz": ""},
        {"imagesTr/a_0000.nii.gz": "", "labelsTr/a.nii.gz": "", "dataset.json": json.dumps({"labels": {"bone": 1}})},
        {"sick/1.nii.gz": "", "well/2.NII.GZ": ""},
    ],
    "image_folder": [
        {"cat/1.jpg": "", "dog/1.jpg": "", "about.json": json.dumps({"images": 2, "by": "me"})},
        {"train/cat/1.jpg": "", "test/cat/1.jpg": "", "classes.txt": "cat", "settings.xml": "<project/>"},
        {"images/1.jpg": "", "photos/1.jpg": ""},
    ],
}


def lay(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root)


@pytest.mark.parametrize(("kind", "files"), [(k, f) for k, every in LAYOUTS.items() for f in every])
def test_folders_by_their_layout(tmp_path, kind, files):
    root = lay(tmp_path, files)
    assert detect(root) == sources[kind](path=root)


def test_files_and_words(tmp_path):
    lay(tmp_path, {"long.json": COCO[:-1] + " " * 70000 + "}", "data.yaml": "", "Data.YML": ""})
    assert detect(tmp_path / "long.json") == sources["coco"](path=str(tmp_path / "long.json"))
    assert detect(tmp_path / "data.yaml") == sources["yolo"](path=str(tmp_path / "data.yaml"))
    assert detect(tmp_path / "Data.YML") == sources["yolo"](path=str(tmp_path / "Data.YML"))
    for kind in ("coco", "voc", "yolo", "image_folder", "image_mask", "manifest", "volumes"):
        assert detect(f"{kind}:some/place") == sources[kind](path="some/place")
    wanted = sources["cut_paste"](path="cutouts.csv", backgrounds=("a", "b"))
    assert detect("cut_paste:cutouts.csv,a,b") == wanted


def test_a_csv_with_masks(tmp_path):
    for text, kind in (
        ("file, mask,split\n1.jpg,1.png,train", "image_mask"),
        ("file,label,mask\n1.jpg,cat,1.png", "manifest"),
        ("file,masks\n1.jpg,1.png", "manifest"),
        ("file, mask\n1.nii.gz,2.nii.gz", "volumes"),
        ("label,file\nsick,a/1.nii", "volumes"),
        ("file,label\na/series,sick", "manifest"),
    ):
        (tmp_path / "list.csv").write_text(text)
        assert detect(tmp_path / "list.csv") == sources[kind](path=str(tmp_path / "list.csv"))


def test_objects_as_a_mask(tmp_path):
    root = lay(tmp_path, LAYOUTS["coco"][0])
    wanted = sources["semantic"](of=sources["coco"](path=root))
    assert detect(f"semantic:{root}") == detect(f"semantic:coco:{root}") == wanted
    scenes = sources["cut_paste"](path="cutouts", backgrounds=("a", "b"))
    assert detect("semantic:cut_paste:cutouts,a,b") == sources["semantic"](of=scenes)
    assert detect("long_tail:noisy_labels:digits") == sources["long_tail"](of=sources["noisy_labels"](of="digits"))


def test_a_folder_of_two_kinds_asks_which(tmp_path):
    root = lay(tmp_path, LAYOUTS["coco"][0] | LAYOUTS["yolo"][0])
    with pytest.raises(UsageError, match=f"looks like coco and yolo; say which, type coco:{root} or yolo:{root}$"):
        detect(root)
    root = lay(tmp_path / "scans", LAYOUTS["image_mask"][0] | {"more/1.nii": ""})
    with pytest.raises(UsageError, match="looks like image_mask and volumes; say which, type image_mask:"):
        detect(root)
    root = lay(tmp_path / "both", {"images/1.jpg": "", "labels/1.txt": "", "masks/1.png": ""})
    with pytest.raises(UsageError, match="looks like image_mask and yolo; say which, type image_mask:"):
        detect(root)
