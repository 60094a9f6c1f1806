"""The file for MediaPipe Tasks: its metadata, and its answers in LiteRT and in MediaPipe, which is no dependency."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from flatbuffers.number_types import Int8Flags, Uint8Flags
from tensorflow.lite.python import schema_py_generated as schema

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.export import metadata as md
from kerasvision.export.base import Job, from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets.mediapipe import MediaPipe, task_of
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.nms import Suppression
from kerasvision.train.learner import Learner
from tests.export.mediapipe_python import mediapipe_answers
from tests.export.metadata_reader import metadata_of
from tests.export.traced import Traced

# what there is on four photographs: x1, y1, x2, y2 in their pixels
OBJECTS = {
    "astronaut": (170, 60, 280, 190),
    "chelsea": (140, 40, 340, 260),
    "coffee": (180, 80, 440, 310),
    "rocket": (290, 60, 360, 350),
}
HW = (96, 128)
SPECS = ("mediapipe:float32", "mediapipe:float16", "mediapipe:dynamic", "mediapipe:int8")
BY_DEFAULT = ("mediapipe:float32", "mediapipe:int8")
GRADED = [pytest.param(s, marks=() if s in BY_DEFAULT else pytest.mark.nightly) for s in SPECS]


@pytest.fixture(scope="module")
def photos(photographs):
    return {name: photographs[name] for name in OBJECTS}


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A tiny detector that knows the photographs by heart, so that it is sure of its boxes."""
    arch = create(
        "detection/retinanet",
        num_classes=4,
        image_size=HW,
        resize="stretch",
        backbone=create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2),
        neck=create("necks/fpn", width=16, first=3, last=4),
        anchors=Anchors(strides=(8, 16), sizes=((24.0,), (48.0,)), ratios=(0.5, 1.0)),
        head_width=16,
        head_depth=1,
        suppression=Suppression(score_threshold=0.3),
    )
    source = _coco(tmp_path_factory.mktemp("photos"), photos)
    flip = create("augmentations/geometric/horizontal_flip")
    held = {"validation_fraction": 0.0, "augment": (flip,), "budget": Budget(accuracy_drop=0.2)}
    recipe = Recipe(name="photos", model=arch, data=source, **held)
    keras.utils.set_random_seed(0)
    graph = arch.build()
    learner = Learner(graph, arch.loss)
    learner.compile(optimizer=keras.optimizers.AdamW(1e-2))
    data = training_data(source.open().splits["train"], arch, recipe, batch_size=4, seed=0, cache=True)
    learner.fit(data, steps_per_epoch=200, epochs=1, verbose=0)
    return Traced(recipe, graph, tuple(OBJECTS), {})


def _coco(root, photos):
    """COCO's JSON of the photographs to test on, and of their mirror images, which training flips, to train on."""
    from PIL import Image

    categories = [{"id": n + 1, "name": name} for n, name in enumerate(OBJECTS)]
    for split in ("train", "test"):
        (root / split).mkdir()
        images, boxes = [], []
        for number, (name, (x1, y1, x2, y2)) in enumerate(OBJECTS.items()):
            (h, w), mirrored = photos[name].shape[:2], split == "train"
            Image.fromarray(photos[name][:, :: -1 if mirrored else 1]).save(root / split / f"{name}.png")
            images.append({"id": number, "file_name": f"{name}.png", "height": h, "width": w})
            row = {"id": number + 1, "image_id": number, "category_id": number + 1, "iscrowd": 0}
            boxes.append(row | {"bbox": [w - x2 if mirrored else x1, y1, x2 - x1, y2 - y1]})
        held = {"images": images, "annotations": boxes, "categories": categories}
        (root / split / "_annotations.coco.json").write_text(json.dumps(held))
    return create("sources/coco", path=str(root), validation_fraction=0.0)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """spec -> `Artifact`, certified. Those of the day at once, and by night each other one when it is asked for."""

    class Exported(dict):
        def __missing__(self, spec):
            specs = BY_DEFAULT if spec in BY_DEFAULT else (spec,)
            artifacts, _ = export(trained, [from_spec(s) for s in specs], tmp_path_factory.mktemp("out"), verbose=False)
            self.update({a.kind: a for a in artifacts})
            return self[spec]

    return Exported()


def served(trained, image):
    return {k: v.numpy() for k, v in trained.served().serve({"image": image[None]}).items()}


def test_the_file_answers_as_the_trained_model(trained, exported, photos):
    runner = MediaPipe().open(exported["mediapipe:float32"].path, trained.arch)
    for label, image in enumerate(photos.values()):
        expected, found = served(trained, image), runner({"image": image[None]})
        assert expected["scores"][0, 0] > 0.5 and expected["labels"][0, 0] == label
        for key, value in expected.items():
            assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("spec", GRADED)
def test_every_precision_is_certified(exported, spec):
    artifact = exported[spec]
    assert artifact.path.name == f"model_{spec.replace(':', '_').replace('_float32', '')}.tflite"
    assert artifact.verdict != "FAIL" and artifact.agreement["examples"] == 4 and not artifact.agreement["flips"]
    error, tolerance = artifact.agreement["max_error"], artifact.agreement["tolerance"]
    assert error <= (tolerance or 0.15)
    assert artifact.ops["TFLite_Detection_PostProcess"] == 1 and not artifact.select_ops
    assert (artifact.path.parent / "labels.txt").read_text().split() == list(OBJECTS)
    assert {k: (row["dtype"], row["shape"]) for k, row in artifact.signature["outputs"].items()} == {
        "location": ("float32", [1, 100, 4]),
        "category": ("float32", [1, 100]),
        "score": ("float32", [1, 100]),
        "count": ("float32", [1]),
    }


def test_int8_stops_at_the_graph(exported):
    run = Interpreter(str(exported["mediapipe:int8"].path))
    types = {t["index"]: t["dtype"] for t in run.get_tensor_details()}
    (operator,) = (op for op in run._get_ops_details() if op["op_name"] == "TFLite_Detection_PostProcess")
    assert {types[i] for i in operator["inputs"]} == {np.float32}
    convolutions = [op for op in run._get_ops_details() if op["op_name"] == "CONV_2D"]
    assert convolutions and {types[op["inputs"][0]] for op in convolutions} == {np.int8}


@pytest.mark.parametrize("spec", ["mediapipe:float32", "mediapipe:int8"])
def test_metadata_name_the_tensors_where_they_stand(exported, spec):
    model, said = metadata_of(exported[spec].path)
    (image,), outputs = said.rows(md.SUBGRAPH_INPUTS), said.rows(md.SUBGRAPH_OUTPUTS)
    kinds = [t.inside(md.TENSOR_CONTENT).number(md.CONTENT_TYPE, Uint8Flags) for t in (image, *outputs)]
    assert kinds == [md.IMAGE_PROPERTIES, md.BOX_PROPERTIES, *[md.FEATURE_PROPERTIES] * 3]
    names = [t.text(md.TENSOR_NAME) for t in outputs]
    assert names == ["location", "category", "score", "number of detections"]
    files = [
        [(f.text(md.FILE_NAME), f.number(md.FILE_TYPE, Int8Flags)) for f in t.rows(md.TENSOR_FILES)] for t in outputs
    ]
    assert files == [[], [("labels.txt", md.VALUE_LABELS)], [], []]
    subgraph = model.subgraphs[0]
    keys = {row.tensorIndex: row.name.decode() for row in model.signatureDefs[0].outputs}
    assert [keys[i] for i in subgraph.outputs] == ["location", "category", "score", "count"]
    operator = subgraph.operators[-1]
    assert list(operator.outputs) == list(subgraph.outputs)


def test_labels_are_packed_behind_the_model(exported):
    with zipfile.ZipFile(exported["mediapipe:float32"].path) as archive:
        (entry,) = archive.infolist()
        assert archive.read("labels.txt").decode() == "".join(f"{name}\n" for name in OBJECTS)
        assert entry.compress_type == zipfile.ZIP_STORED, "MediaPipe reads it where it stands"


def test_buffers_keep_their_alignment(exported):
    model = schema.Model.GetRootAs(exported["mediapipe:float32"].path.read_bytes())
    tables = [model.Buffers(i)._tab for i in range(model.BuffersLength())]
    starts = [t.Vector(place) for t in tables if (place := t.Offset(4))]
    assert len(starts) > 20 and not [s for s in starts if s % 16]


def test_a_classifier_is_certified_and_labeled(digits_run, tmp_path):
    (artifact,), _ = export(digits_run, [MediaPipe("int8")], tmp_path, limit=60, verbose=False)
    assert artifact.verdict != "FAIL" and list(artifact.signature["outputs"]) == ["probabilities"]
    (scores,) = metadata_of(artifact.path)[1].rows(md.SUBGRAPH_OUTPUTS)
    (file,) = scores.rows(md.TENSOR_FILES)
    assert file.number(md.FILE_TYPE, Int8Flags) == md.AXIS_LABELS


def test_what_mediapipe_cannot_do_is_one_line(trained, tmp_path):
    with pytest.raises(KerasVisionError, match="regressor is neither .* takes text_bytes and gives values; export tfl"):
        task_of(create("text_regression/regressor", num_outputs=3))
    soft = dataclasses.replace(trained.arch, suppression=Suppression(soft_sigma=0.5))
    soft = dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, model=soft))
    with pytest.raises(UsageError, match="soft_sigma=0.5"):
        export(soft, [MediaPipe()], tmp_path, verbose=False)
    for spec in ("mediapipe:int16x8", "mediapipe:int8:uint8"):
        with pytest.raises(UsageError):
            from_spec(spec)


@pytest.mark.nightly
def test_a_file_says_that_mediapipe_does_not_letterbox(trained, photos, tmp_path):
    boxed = dataclasses.replace(trained.arch, resize="letterbox")
    boxed = dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, model=boxed))
    samples = tuple({"image": image[None]} for image in photos.values())
    path = MediaPipe().write(Job(boxed.served(), "boxed", 1, tmp_path, (), samples))
    (image,) = metadata_of(path)[1].rows(md.SUBGRAPH_INPUTS)
    assert "this model wants resize=letterbox: prepare them so, 128 x 96 pixels" in image.text(md.TENSOR_DESCRIPTION)


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_mediapipe_finds_what_predict_finds(trained, exported, photos, tmp_path, spec):
    """On twenty windows of photographs, as blocks of 8 x 8 pixels that any resampling reads alike."""
    arch, path = trained.arch, exported[spec].path
    small = {k: arch.geometry({"image": tf.constant(v[None])})[0]["image"][0].numpy() for k, v in windows(photos)}
    assert len(small) == 20
    blocks = {k: v.repeat(8, 0).repeat(8, 1) for k, v in small.items()}
    answers, runner = mediapipe_answers("ObjectDetector", path, blocks, tmp_path), MediaPipe().open(path, arch)
    compare(answers, {k: runner({"image": v[None]}) for k, v in blocks.items()}, score_error=1e-5)
    if spec == "mediapipe:float32":
        compare(answers, {k: served(trained, v) for k, v in blocks.items()}, score_error=1e-5)


def windows(photos):
    """(name, image): each photograph whole, and without a tenth on each of its four sides."""
    for name, image in photos.items():
        y, x = (side // 10 for side in image.shape[:2])
        yield from ((name, image), (f"{name} top", image[y:]), (f"{name} bottom", image[:-y]))
        yield from ((f"{name} left", image[:, x:]), (f"{name} right", image[:, :-x]))


@pytest.mark.slow
def test_mediapipe_stretches_from_the_corners_of_pixels(trained, exported, photos, tmp_path):
    """On the photographs as they are, none of them of the graph's shape, against its own resampling done by hand."""
    path = exported["mediapipe:float32"].path
    answers = mediapipe_answers("ObjectDetector", path, photos, tmp_path)
    runner, expected = MediaPipe().open(path, trained.arch), {}
    for name, image in photos.items():
        found, (h, w) = runner.infer({"image": from_corners(image, HW)[None]}), image.shape[:2]
        expected[name] = found | {"boxes_xyxy": found["boxes_xyxy"] * np.float32([w / HW[1], h / HW[0]] * 2)}
    compare(answers, expected, score_error=0.01)
    # the half pixel by which its resampling is off leaves what is found
    compare(answers, {k: served(trained, v) for k, v in photos.items()}, score_error=1.0, least_iou=0.85)


def from_corners(image, hw):
    """Linear resampling that reads pixel i of the answer at i * (length / length of the answer) of the image."""
    for axis, (length, size) in enumerate(zip(image.shape, hw, strict=False)):
        place = np.arange(size) * length / size
        low = np.floor(place).astype(int)
        part = np.expand_dims(place - low, [a for a in range(3) if a != axis])
        high = np.minimum(low + 1, length - 1)
        image = image.take(low, axis) * (1 - part) + image.take(high, axis) * part
    return np.round(image).astype(np.uint8)


def compare(answers, expected, score_error, least_iou=0.95):
    """MediaPipe's rows against predictions: all of them, in order. It cuts boxes to whole pixels."""
    assert sum(int(p["count"][0]) for p in expected.values()) >= len(expected), "too little was found to compare"
    for name, prediction in expected.items():
        (count,) = prediction["count"]
        assert len(answers[name]) == count, name
        for i, row in enumerate(answers[name]):
            assert row["label"] == list(OBJECTS)[prediction["labels"][0, i]], name
            assert abs(row["score"] - prediction["scores"][0, i]) <= score_error, name
            box = prediction["boxes_xyxy"][0, i]
            assert box_ops.iou(np.float32(row["box_xyxy"]), box) >= least_iou, (name, row["box_xyxy"], box)


@pytest.mark.slow
def test_mediapipe_classifies_as_predict_does(digits_run, tmp_path):
    (artifact,), _ = export(digits_run, [MediaPipe()], tmp_path, limit=60, verbose=False)
    split = digits_run.recipe.data.open().splits["test"]
    images = {str(i): split.read(r)["image"].numpy() for i, r in enumerate(split.records.take(20))}
    for name, rows in mediapipe_answers("ImageClassifier", artifact.path, images, tmp_path).items():
        expected = served(digits_run, images[name])["probabilities"][0]
        assert sorted(row["label"] for row in rows) == list("0123456789")
        for row in rows:
            assert abs(row["score"] - expected[int(row["label"])]) < 1e-5
