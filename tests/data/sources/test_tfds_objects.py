"""The tfds source with boxes and numbers, of data sets that the test itself prepares with TFDS from drawn pictures."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError, said
from kerasvision.core.registry import create, sources
from kerasvision.data.decode import decode
from kerasvision.data.pipeline import check_split, evaluation_data

tfds = pytest.importorskip("tensorflow_datasets")
SIZES = ((20, 40), (32, 16), (24, 24), (10, 10))
# of each picture [(y1, x1, y2, x2) in pixels, class, whether it is a crowd]; the last picture has none
OBJECTS = (
    [((2, 4, 12, 30), 1, False), ((0, 0, 20, 40), 0, True)],
    [((8, 2, 24, 14), 0, False)],
    [((0, 0, 12, 24), 1, False), ((6, 6, 18, 18), 2, False), ((12, 0, 24, 6), 0, False)],
    [],
)
POSES = ((0.5, -2.0), (1.5, 3.0), (2.5, 0.25), (-1.0, 8.0))


def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in SIZES]


def placed(folder, name, features, examples):
    """Prepared by TFDS: a data set of one split, train."""

    class Drawn(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = folder  # else looked for beside the class, in a package

        def _info(self):
            held = tfds.features.FeaturesDict(features)
            return tfds.core.DatasetInfo(builder=self, features=held, disable_shuffling=True)

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield from enumerate(examples)

    Drawn.name = name
    Drawn(data_dir=str(folder)).download_and_prepare(file_format="tfrecord")


def objects_feature(**more):
    return {
        "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=["disk", "box", "star"]),
                "is_crowd": tf.bool,
                **more,
            }
        ),
    }


def object_rows(rows, hw):
    boxes = [(np.array(box) / (hw * 2), label, crowd) for box, label, crowd in rows]
    return [
        {"bbox": tfds.features.BBox(*map(float, box)), "label": label, "is_crowd": crowd} for box, label, crowd in boxes
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    examples = [
        {"image": image, "objects": object_rows(rows, hw)}
        for image, rows, hw in zip(pictures(), OBJECTS, SIZES, strict=True)
    ]
    placed(root, "drawn_objects", objects_feature(), examples)
    flat = [
        *examples[:1],
        {"image": examples[1]["image"], "objects": object_rows([((8, 2, 8, 14), 0, False)], SIZES[1])},
    ]
    placed(root, "flat_objects", objects_feature(), flat)
    features = {
        "image": objects_feature()["image"],
        "age": tf.int64,
        "pose": tfds.features.Tensor(shape=(2,), dtype=tf.float32),
        "name": tfds.features.Text(),
        "points": tfds.features.Tensor(shape=(None, 2), dtype=tf.float32),
    }
    rows = [
        {
            "image": image,
            "age": 10 * number,
            "pose": np.float32(pose),
            "name": "x",
            "points": np.zeros((1, 2), np.float32),
        }
        for number, (image, pose) in enumerate(zip(pictures(), POSES, strict=True))
    ]
    placed(root, "drawn_numbers", features, rows)
    rows[2] |= {"pose": np.float32([np.nan, 0])}
    placed(root, "broken_numbers", features, rows)
    return str(root)


def opened(folder, name="drawn_objects", **fields):
    return sources["tfds"](name=name, data_dir=folder, **fields).open()


def read(split):
    return list(split.records.map(split.read).as_numpy_iterator())


def test_boxes_are_those_that_were_stored_in_pixels(folder):
    held = opened(folder, label_key="objects")
    assert held.classes == ("disk", "box", "star") and held.splits["train"].size == 4
    samples = read(held.splits["train"])
    for sample, image, rows in zip(samples, pictures(), OBJECTS, strict=True):
        np.testing.assert_array_equal(decode(tf.constant(sample["image_bytes"])), image)
        wanted = np.array([(x1, y1, x2, y2) for (y1, x1, y2, x2), _, _ in rows], np.float32).reshape(-1, 4)
        np.testing.assert_allclose(sample["boxes_xyxy"], wanted, atol=1e-4)
        assert sample["labels"].tolist() == [label for _, label, _ in rows] and sample["labels"].dtype == np.int32
        assert sample["is_crowd"].tolist() == [crowd for _, _, crowd in rows]
    assert samples[3]["boxes_xyxy"].shape == (0, 4)


LAYOUTS = ("YXYX", "XYXY", "XYWH", "REL_XYXY", None)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """A folder of one data set, with the same boxes once in each layout, under its name."""
    features, examples = {"image": objects_feature()["image"]}, []
    for layout in LAYOUTS:
        box = tfds.features.BBoxFeature(bbox_format=layout)
        features[str(layout)] = objects_feature(bbox=box)["objects"]
    for image, rows, hw in zip(pictures(), OBJECTS, SIZES, strict=True):
        examples.append({"image": image} | {str(layout): laid(rows, hw, layout) for layout in LAYOUTS})
    placed(root := tmp_path_factory.mktemp("layouts"), "other_layout", features, examples)
    return str(root)


def laid(rows, hw, layout):
    held = []
    for (y1, x1, y2, x2), label, crowd in rows:
        scale = (hw[1], hw[0], hw[1], hw[0]) if layout == "REL_XYXY" else (1,) * 4
        box = {"YXYX": (y1, x1, y2, x2), "XYWH": (x1, y1, x2 - x1, y2 - y1)}.get(layout, (x1, y1, x2, y2))
        held.append({"bbox": np.divide(box, scale), "label": label, "is_crowd": crowd})
    return held


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_of_every_layout_are_the_same_boxes(layout, layouts):
    if layout is None:
        with pytest.raises(KerasVisionError, match="boxes of 'None' have bbox_format=None; allowed: REL_YXYX"):
            opened(layouts, "other_layout", label_key="None")
        return
    for sample, rows in zip(
        read(opened(layouts, "other_layout", label_key=layout).splits["train"]), OBJECTS, strict=True
    ):
        wanted = np.array([(x1, y1, x2, y2) for (y1, x1, y2, x2), _, _ in rows], np.float32).reshape(-1, 4)
        np.testing.assert_allclose(sample["boxes_xyxy"], wanted, atol=1e-4)


def test_a_detector_takes_them(folder):
    """Through the pipeline: the truth of each picture, in its own pixels."""
    split = opened(folder, label_key="objects").splits["train"]
    arch = create("detection/retinanet", num_classes=3, image_size=(32, 32))
    check_split(arch, split)
    truths = [truth for _, _, truth in evaluation_data(split, arch, batch_size=1)]
    boxes = [np.asarray(truth["boxes_xyxy"][0]) for truth in truths]
    assert [len(held) for held in boxes] == [2, 1, 3, 0]
    np.testing.assert_allclose(boxes[1], [[2, 8, 14, 24]], atol=1e-4)


def test_a_box_without_area_is_refused_or_left_out(folder):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(opened(folder, "flat_objects", label_key="objects").splits["train"])
    assert "a box is reversed, without area" in said(caught.value) and "skip_bad_boxes=true" in said(caught.value)
    kept = read(opened(folder, "flat_objects", label_key="objects", skip_bad_boxes=True).splits["train"])
    assert [len(sample["boxes_xyxy"]) for sample in kept] == [2, 0] == [len(sample["is_crowd"]) for sample in kept]


def test_numbers_are_those_that_were_stored(folder):
    held = opened(folder, "drawn_numbers", target_keys=("age", "pose"))
    assert held.classes == ("age", "pose_0", "pose_1")
    samples = read(held.splits["train"])
    for number, (sample, image, pose) in enumerate(zip(samples, pictures(), POSES, strict=True)):
        np.testing.assert_array_equal(decode(tf.constant(sample["image_bytes"])), image)
        assert sample["targets"].tolist() == [10 * number, *pose] and sample["targets"].dtype == np.float32
    named = opened(folder, "drawn_numbers", target_keys=("pose",), classes=("left", "right"))
    assert named.classes == ("left", "right")
    check_split(create("regression/regressor", num_outputs=2, image_size=(16, 16)), named.splits["train"])


def test_a_number_that_is_not_finite_is_said(folder):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(opened(folder, "broken_numbers", target_keys=("pose",)).splits["train"])
    assert "a number of pose is not finite" in said(caught.value)


@pytest.mark.parametrize(
    ("fields", "error", "line"),
    [
        ({"target_keys": ("pse",)}, UsageError, "no feature 'pse'; it has age, image, name, points, pose"),
        ({"target_keys": ("name",)}, KerasVisionError, "feature 'name' is .*, neither a number nor a vector"),
        ({"target_keys": ("points",)}, KerasVisionError, "feature 'points' is .*, neither a number nor a vector"),
        ({"target_keys": ("pose",), "classes": ("a",)}, UsageError, "1 names in classes for 2 numbers"),
        ({"label_key": "age"}, KerasVisionError, "not a ClassLabel; set label_key, or target_keys for numbers"),
    ],
)
def test_numbers_that_cannot_be_read_as_asked(folder, fields, error, line):
    with pytest.raises(error, match=line) as caught:
        opened(folder, "drawn_numbers", **fields)
    assert "\n" not in str(caught.value)
