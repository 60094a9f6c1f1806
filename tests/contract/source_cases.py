"""What the contract tests know of every source: small data that they draw, and what a source must make of them. One
that is not in DRAWERS fails `test_sources.py`.
"""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.registry import create
from kerasvision.data.inspect.convert import convert
from tests.contract import audio_cases, rendered_cases
from tests.contract.rendered_cases import Drawn, picture
from tests.data.drawn import CLASSES, draw_coco
from tests.data.drawn_volumes import lay, pairs

DIGITS = 1797  # images in scikit-learn's package
NEVER = {"validation_fraction": 0.0, "test_fraction": 0.0}


def _pictures(root, names, first=0):
    for number, name in enumerate(names, first):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(root / name)


def _folders(root, train=8, test=2):
    """Three classes with as many pictures each."""
    held = [f"{s}/{c}/{i}.png" for s, n in (("train", train), ("test", test)) for c in "abc" for i in range(n)]
    _pictures(root, held)
    return create("sources/image_folder", path=str(root), **NEVER)


def _image_folder(root):
    _pictures(root / "flat", [f"{c}/{i}.png" for c in ("ant", "bee") for i in range(8)])
    cut = create("sources/image_folder", path=str(root / "flat"))
    apart = _folders(root / "split")
    return [Drawn(cut, {"": 16}, 2, (root / "flat",)), Drawn(apart, {"train": 24, "test": 6}, 3, (root / "split",))]


def _manifest(root):
    _pictures(root, [f"{i}.png" for i in range(16)])
    splits, drawn = ["train", "train", "val", "test"] * 4, []
    for name, cell, classes, fields in (
        ("label", lambda i: "ant" if i % 3 else "bee", 2, {}),
        ("labels", lambda i: ("", "ant", "ant;bee", "cow")[i // 4], 3, {}),
        ("length", lambda i: i / 8, 1, {"target_columns": ("length",)}),
    ):
        file = root / f"{name}.csv"
        file.write_text(f"file,split,{name}\n" + "".join(f"{i}.png,{splits[i]},{cell(i)}\n" for i in range(16)))
        source = create("sources/manifest", path=str(file), **fields)
        drawn.append(Drawn(source, {"train": 8, "validation": 4, "test": 4}, classes, (file,)))
    return drawn


def _objects(root):
    """The path of drawn objects in COCO's JSON; all is known of them that a sample may hold."""
    document = draw_coco(root, 15)
    for row in document["images"]:
        row["illumination"] = row["id"] / 8
    for row in document["annotations"]:
        row |= {"difficult": row["id"] % 2, "truncated": 1, "occlusion": 0.25}
    (root / "annotations" / "train.json").write_text(json.dumps(document))
    return str(root)


def _coco(root):
    path = _objects(root / "objects")
    places = (root / "objects", root / "objects" / "annotations" / "train.json")
    held = [Drawn(create("sources/coco", path=path, masks=True), {"": 15}, len(CLASSES), places)]
    for split in ("train", "val"):
        draw_coco(root / split, 4, seed=len(split))
        _pictures(root / "both" / split, [], 0)
        (root / "both").mkdir(exist_ok=True)
        (root / split / "train").rename(root / "both" / split)
        (root / split / "annotations" / "train.json").rename(root / "both" / split / "_annotations.coco.json")
    apart = create("sources/coco", path=str(root / "both"), test_fraction=0.0)
    return [*held, Drawn(apart, {"train": 4, "validation": 4}, len(CLASSES), (root / "both",))]


def _converted(kind, *places):
    def draw(root):
        source = create("sources/coco", path=_objects(root / "objects"), **NEVER)
        convert(source, kind, root / kind)
        source = create(f"sources/{kind}", path=str(root / kind), masks=True)
        return [Drawn(source, {"": 15}, len(CLASSES), tuple(root / kind / place for place in places))]

    return draw


def _image_mask(root):
    rows = ["file,mask,split"]
    for i in range(12):
        _pictures(root, [f"images/{i}.png"], i)
        mask = np.zeros((12, 10), np.uint8)
        mask[2:5, : 2 + i % 4], mask[8:, 3:], mask[0] = 1, 2, 255
        (root / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(root / "masks" / f"{i}.png")
        rows.append(f"images/{i}.png,masks/{i}.png,{('train', 'train', 'val')[i % 3]}")
    (root / "list.csv").write_text("\n".join(rows))
    return [
        Drawn(create("sources/image_mask", path=str(root)), {"": 12}, 3, (root,)),
        Drawn(
            create("sources/image_mask", path=str(root / "list.csv"), test_fraction=0.0),
            {"train": 8, "validation": 4},
            3,
            (root / "list.csv",),
        ),
    ]


def _volumes(root):
    lay(root / "masked", *pairs(8))
    lay(root / "sorted", *((f"{'sick' if i % 2 else 'well'}/{i}.nii.gz", "", i) for i in range(8)))
    file = root / "list.csv"
    file.write_text(
        "file,label\n" + "".join(f"sorted/{'sick' if i % 2 else 'well'}/{i}.nii.gz,{i % 2}\n" for i in range(8))
    )
    return [
        Drawn(create("sources/volumes", path=str(root / "masked")), {"": 8}, 3, (root / "masked",)),
        Drawn(create("sources/volumes", path=str(root / "sorted")), {"": 8}, 2, (root / "sorted",)),
        Drawn(create("sources/volumes", path=str(file)), {"": 8}, 2, (file,)),
    ]


def _tfds(root):
    """One set with a class, several classes, a mask, an object and a number an image, prepared by TFDS without a
    network.
    """
    datasets = pytest.importorskip("tensorflow_datasets")
    image, label = datasets.features.Image, datasets.features.ClassLabel(names=["ant", "bee"])
    flags = ("is_crowd", "is_difficult", "is_truncated")
    features = {
        "image": image(shape=(12, 10, 3), encoding_format="png"),
        "label": label,
        "several": datasets.features.Sequence(label),
        "seen": image(shape=(12, 10, 1), encoding_format="png"),
        "objects": datasets.features.Sequence(
            {"bbox": datasets.features.BBoxFeature(), "label": label, **dict.fromkeys(flags, tf.bool)}
        ),
        "age": tf.float32,
    }

    def examples(first, count):
        for i in range(first, first + count):
            mask = np.full((12, 10, 1), i % 2, np.uint8)
            thing = {"bbox": [[0.1, 0.2, 0.6, 0.9]], "label": [i % 2], **dict.fromkeys(flags, [False])}
            about = {"label": i % 2, "several": [i % 2], "objects": thing, "age": float(i)}
            yield {"image": np.asarray(picture(i)), "seen": mask} | about

    spec = {
        "image": tf.TensorSpec([12, 10, 3], tf.uint8),
        "label": tf.TensorSpec([], tf.int64),
        "several": tf.TensorSpec([None], tf.int64),
        "seen": tf.TensorSpec([12, 10, 1], tf.uint8),
        "objects": {"bbox": tf.TensorSpec([None, 4], tf.float32), "label": tf.TensorSpec([None], tf.int64)}
        | dict.fromkeys(flags, tf.TensorSpec([None], tf.bool)),
        "age": tf.TensorSpec([], tf.float32),
    }
    sizes = {"train": 9, "test": 4}
    datasets.dataset_builders.store_as_tfds_dataset(
        name="drawn",
        version="1.0.0",
        features=datasets.features.FeaturesDict(features),
        split_datasets={
            name: tf.data.Dataset.from_generator(lambda n=name: examples(100 * len(n), sizes[n]), output_signature=spec)
            for name in sizes
        },
        data_dir=str(root),
        disable_shuffling=True,
    )
    held = {"name": "drawn", "data_dir": str(root), "download": False}
    fields = ({}, {"label_key": "several"}, {"label_key": "seen", "classes": ("ground", "thing")})
    numbers = Drawn(create("sources/tfds", **held, target_keys=("age",)), sizes, 1)
    return [
        *(Drawn(create("sources/tfds", **held, **m), sizes, 2) for m in (*fields, {"label_key": "objects"})),
        numbers,
    ]


def _of_objects(name, classes):
    return lambda root: [Drawn(create(name, of=create("sources/coco", path=_objects(root))), {"": 15}, classes)]


def _incomplete(root):
    folder, digits = _folders(root, train=4), create("sources/digits")
    return [
        Drawn(create("sources/incomplete", of=folder), {"train": 12, "test": 6}, 3),
        Drawn(create("sources/incomplete", of=digits, missing="patches", patches=(2, 2)), {"": DIGITS}, 10),
    ]


def _of_folders(name, sizes, fields):
    """A source around one of three classes."""
    return lambda root: [Drawn(create(f"sources/{name}", of=_folders(root), **fields), sizes, 3)]


def _table(root):
    root.mkdir(parents=True)
    words = ("one", "two", "three", "four") * 3
    rows = [(f"{w} {n}", ("odd", "even")[n % 2], ("train", "train", "test")[n % 3]) for n, w in enumerate(words)]
    drawn = []
    for name, separator in (("rows.csv", ","), ("rows.tsv", "\t")):
        (root / name).write_text("\n".join(map(separator.join, [("text", "label", "split"), *rows])))
        source = create("sources/table", path=str(root / name), validation_fraction=0.0)
        drawn.append(Drawn(source, {"train": 8, "test": 4}, 2, (root / name,)))
    (root / "rows.jsonl").write_text("\n".join(json.dumps({"text": t, "labels": [k]}) for t, k, _ in rows))
    (root / "numbers.csv").write_text("\n".join(["text,target", *(f"{t},{len(t) / 4}" for t, *_ in rows)]))
    numbers = create("sources/table", path=str(root / "numbers.csv"), target_columns=("target",), **NEVER)
    several = Drawn(create("sources/table", path=str(root / "rows.jsonl")), {"": 12}, 2, (root / "rows.jsonl",))
    return [*drawn, several, Drawn(numbers, {"train": 12}, 1)]


def _senses(root):
    rows = ["photo,title,grams,label,split"]
    for i, word in enumerate(("one", "two", "three", "four") * 3):
        _pictures(root, [f"{i}.png"], i)
        photo, title, grams = (
            ("" if i == 2 else f"{i}.png"),
            ("" if i == 5 else f"{word} {i}"),
            ("" if i == 7 else 2.5 * i),
        )
        rows.append(f"{photo},{title},{grams},{('odd', 'even')[i % 2]},{('train', 'train', 'test')[i % 3]}")
    (root / "things.csv").write_text("\n".join(rows))
    columns = {"image_column": "photo", "text_column": "title"}
    source = create(
        "sources/senses",
        path=str(root / "things.csv"),
        **columns,
        number_columns=("grams",),
        validation_fraction=0.0,
    )
    several = create("sources/senses", path=str(root / "things.csv"), **columns, labels_column="label", **NEVER)
    numbers = create("sources/senses", path=str(root / "things.csv"), **columns, target_columns=("grams",), **NEVER)
    found = Drawn(source, {"train": 8, "test": 4}, 2)
    return [found, Drawn(several, {"train": 8, "test": 4}, 2), Drawn(numbers, {"train": 7, "test": 4}, 1)]


def _captions(root):
    """Twelve pictures, of which every third has a second text in a row of its own, and every fourth a German one."""
    rows = ["file,text,german,split"]
    for i in range(12):
        _pictures(root, [f"{i}.png"], i)
        split = ("train", "train", "val", "test")[i % 4]
        rows.append(f"{i}.png,thing {i},{f'Ding {i}' if i % 4 == 0 else ''},{split}")
        rows += [f"{i}.png,another {i},,{split}"] if i % 3 == 0 else []
    (root / "captions.csv").write_text("\n".join(rows))
    source = create("sources/captions", path=str(root / "captions.csv"), text_columns=("text", "german"))
    return [Drawn(source, {"train": 6, "validation": 3, "test": 3}, 0)]


def _pictures_alone(root):
    _pictures(root / "flat", [f"{name}/{i}.png" for name in ("one", "two") for i in range(5)])
    _pictures(root / "split", [f"{s}/{i}.png" for s, n in (("train", 4), ("val", 2)) for i in range(n)])
    several = create("sources/pictures", path=(str(root / "flat" / "one"), str(root / "flat" / "two")))
    apart = create("sources/pictures", path=str(root / "split"))
    return [Drawn(several, {"train": 9, "validation": 1}, 0), Drawn(apart, {"train": 4, "validation": 2}, 0)]


DRAWERS = {
    "image_folder": _image_folder,
    "manifest": _manifest,
    "coco": _coco,
    "voc": _converted("voc", ""),
    "yolo": _converted("yolo", "", "data.yaml"),
    "image_mask": _image_mask,
    "volumes": _volumes,
    "sounds": audio_cases.drawn,
    "digits": lambda root: [Drawn(create("sources/digits"), {"": DIGITS}, 10)],
    "tfds": _tfds,
    "semantic": _of_objects("sources/semantic", 1 + len(CLASSES)),
    "contains": _of_objects("sources/contains", 2),
    "incomplete": _incomplete,
    # Cui et al.'s n * ratio ** (-i / (K - 1)): 8, 4 and 2 of 8 each
    "long_tail": _of_folders("long_tail", {"train": 14, "test": 6}, {"ratio": 4.0}),
    "noisy_labels": _of_folders("noisy_labels", {"train": 24, "test": 6}, {"rate": 0.5}),
    "unseen_classes": _of_folders("unseen_classes", {"train": 16, "test": 2}, {"names": ("b",)}),
    "table": _table,
    **rendered_cases.DRAWERS,
    "pictures": _pictures_alone,
    "captions": _captions,
    "senses": _senses,
}
