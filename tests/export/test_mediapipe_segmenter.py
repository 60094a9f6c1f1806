"""The file for MediaPipe's ImageSegmenter: its metadata, and its masks in MediaPipe, which is no dependency."""

import dataclasses
import json
import subprocess
import types
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from flatbuffers.number_types import Int8Flags, Int32Flags, Uint8Flags

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import architectures, create, sources
from kerasvision.export import metadata as md
from kerasvision.export.base import Job
from kerasvision.export.targets.mediapipe import SEGMENTER, MediaPipe, task_of
from kerasvision.inference.served import Served
from kerasvision.train.run import load_run
from tests import store
from tests.contract import contracts, segmentation_cases
from tests.contract.cases import CASES, CaseSamples
from tests.export.mediapipe_python import mediapipe_python
from tests.export.metadata_reader import Fields, metadata_of
from tests.export.test_mediapipe import BY_DEFAULT, GRADED, from_corners
from tests.export.traced import traced

pytestmark = pytest.mark.nightly  # by day: classifiers and detectors in test_mediapipe.py

NAME, HW = "semantic_segmentation/fpn", (segmentation_cases.SIDE,) * 2
SEGMENTERS = [name for name in architectures.names() if name.startswith("semantic_segmentation/")]

PROGRAM = """
import json, sys
import mediapipe as mp
import numpy as np

model, images, masks = sys.argv[1:]
vision = mp.tasks.vision
options = vision.ImageSegmenterOptions(
    base_options=mp.tasks.BaseOptions(model_asset_path=model), output_category_mask=True, output_confidence_masks=True
)
found = {}
with vision.ImageSegmenter.create_from_options(options) as run:
    for name, pixels in np.load(images).items():
        answer = run.segment(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels)))
        shape = pixels.shape[:2]  # some versions give a mask [H, W], others [H, W, 1]
        found[name + "/category"] = answer.category_mask.numpy_view().reshape(shape).copy()
        held = [mask.numpy_view().reshape(shape) for mask in answer.confidence_masks]
        found[name + "/confidence"] = np.stack(held, -1)
    np.savez(masks, **found)
    print(json.dumps(list(run.labels)))
"""


def segmented(model, images, folder):
    """(labels, name -> category mask [H, W], name -> confidence masks [H, W, K]) that MediaPipe gives."""
    python = mediapipe_python()
    np.savez(folder / "images.npz", **images)
    call = [python, "-c", PROGRAM, str(model), str(folder / "images.npz"), str(folder / "masks.npz")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    masks = np.load(folder / "masks.npz")
    labels = json.loads(done.stdout.strip().splitlines()[-1])
    return labels, *({n: masks[f"{n}/{kind}"] for n in images} for kind in ("category", "confidence"))


@pytest.fixture(scope="module")
def trained():
    """A tiny segmenter that knows the pages of its case by heart, in a run folder. Tests must not change it."""
    sources.register("contract_case")(CaseSamples)
    yield traced(load_run(store.trained(contracts.recipe_of(NAME, CASES[NAME].make(), epochs=10, copies=15))))
    sources._parts.pop("contract_case")


class Exported:
    """spec -> `Artifact`, certified. Those of the day at once, and by night each other one when it is asked for."""

    def __getitem__(self, spec):
        recipe = contracts.recipe_of(NAME, CASES[NAME].make(), epochs=10, copies=15)
        return store.exported(recipe, BY_DEFAULT if spec in BY_DEFAULT else (spec,), None)[0][spec]


@pytest.fixture(scope="module")
def exported(trained):
    return Exported()


def predicted(trained, image):
    """The class map of the trained model."""
    return trained.served().serve({"image": image[None]})["mask"][0].numpy()


def agreeing(masks, others):
    """name -> the part of the pixels that have the same class in both."""
    return {name: float((mask == others[name]).mean()) for name, mask in masks.items()}


@pytest.mark.parametrize("spec", GRADED)
def test_every_precision_is_certified(exported, spec):
    artifact = exported[spec]
    assert artifact.path.name == f"model_{spec.replace(':', '_').replace('_float32', '')}.tflite"
    assert artifact.verdict == "pass" and artifact.agreement["examples"] == 4 and not artifact.select_ops
    assert artifact.metrics["miou"] > 0.95, "classes are not told apart"
    assert {k: (row["dtype"], row["shape"]) for k, row in artifact.signature["inputs"].items()} == {
        "image": ("uint8", [1, *HW, 3])
    }
    assert {k: (row["dtype"], row["shape"]) for k, row in artifact.signature["outputs"].items()} == {
        "probabilities": ("float32", [1, *HW, len(segmentation_cases.CLASSES)])
    }


@pytest.mark.parametrize("spec", ["mediapipe:float32", "mediapipe:int8"])
def test_metadata_say_what_the_masks_are(exported, spec):
    _, said = metadata_of(exported[spec].path)
    (image,), (masks,) = said.rows(md.SUBGRAPH_INPUTS), said.rows(md.SUBGRAPH_OUTPUTS)
    for tensor, color in ((image, md.COLOR_RGB), (masks, md.COLOR_GRAYSCALE)):
        content = tensor.inside(md.TENSOR_CONTENT)
        assert content.number(md.CONTENT_TYPE, Uint8Flags) == md.IMAGE_PROPERTIES
        assert content.inside(md.CONTENT).number(md.IMAGE_COLOR_SPACE, Int8Flags) == color
    axes = masks.inside(md.TENSOR_CONTENT).inside(md.CONTENT_RANGE)
    assert [axes.number(slot, Int32Flags) for slot in (md.RANGE_MIN, md.RANGE_MAX)] == [1, 2]
    assert masks.text(md.TENSOR_NAME) == "segmentation_masks"
    files = [(f.text(md.FILE_NAME), f.number(md.FILE_TYPE, Int8Flags)) for f in masks.rows(md.TENSOR_FILES)]
    assert files == [("labels.txt", md.AXIS_LABELS)]
    assert not said.rows(md.SUBGRAPH_OUTPUT_GROUPS)


def test_metadata_ask_for_no_activation(exported):
    model, said = metadata_of(exported["mediapipe:int8"].path)
    (custom,) = said.rows(md.SUBGRAPH_CUSTOM)
    assert custom.text(md.CUSTOM_NAME) == "SEGMENTER_METADATA"
    place = custom.table.Offset(4 + 2 * md.CUSTOM_DATA)
    start, length = custom.table.Vector(place), custom.table.VectorLen(place)
    assert start % 16 == 0, "metadata_schema.fbs aligns it"
    held = custom.table.Bytes[start : start + length]
    assert bytes(held[4:8]) == b"V001"
    options = Fields.root(held)
    assert options.number(md.ACTIVATION, Int8Flags) == 0
    assert options.text(md.SEGMENTER_PARSER_VERSION) == "1.0.0"
    root = next(model.buffers[m.buffer].data.tobytes() for m in model.metadata if m.name == b"TFLITE_METADATA")
    assert Fields.root(root).text(md.MODEL_PARSER_VERSION) == "1.5.0"


def test_a_file_that_is_opened_by_its_path_has_the_architecture_of_the_run(trained, exported):
    assert api.load(exported["mediapipe:int8"].path).arch == trained.arch


def test_labels_are_packed_behind_the_model(exported):
    with zipfile.ZipFile(exported["mediapipe:float32"].path) as archive:
        assert archive.read("labels.txt").decode().split() == list(segmentation_cases.CLASSES)


@pytest.mark.nightly
def test_the_command_line_exports_a_run(trained, tmp_path, capsys):
    command = ["export", str(trained.folder), "--to", "mediapipe:int8", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert row["verdict"] == "pass" and row["path"] == "model_mediapipe_int8.tflite"
    folder = tmp_path / "tflite" / "models" / trained.recipe.name
    assert (folder / row["path"]).stat().st_size == row["size_bytes"]
    assert (folder / "labels.txt").read_text().split() == list(segmentation_cases.CLASSES)
    assert api.load(folder / row["path"]).arch == trained.arch


@pytest.mark.parametrize("name", SEGMENTERS)
def test_every_segmenter_of_photos_is_one_of_mediapipe(name):
    assert task_of(create(name, num_classes=2)) == SEGMENTER


def test_what_is_no_segmenter_of_photos_is_one_line():
    with pytest.raises(KerasVisionError, match="mask_rcnn is neither .*a segmenter.* of photos: it takes image and"):
        task_of(create("instance_segmentation/mask_rcnn", num_classes=3))
    volume = {"volume": tf.TensorSpec([None, 8, 8, 8, 1], tf.float32)}
    gives = {"mask": None, "confidence": None}
    arch = types.SimpleNamespace(registered_name="volumes", outputs=gives, prepared_inputs=lambda: volume)
    with pytest.raises(KerasVisionError, match="it takes volume and gives mask, confidence; export tflite"):
        task_of(arch)


def untrained(arch, folder):
    """The file of an architecture whose weights are random, with as many classes as it says, and what answers as it."""
    served = Served(arch, contracts.built(arch), segmentation_cases.CLASSES[: arch.num_classes])
    samples = tuple({"image": sample["image"][None]} for sample in segmentation_cases.mask_samples())
    return MediaPipe().write(Job(served, "untrained", 1, folder, (), samples)), served


def test_a_file_says_what_mediapipe_does_not_do(tmp_path):
    arch = dataclasses.replace(CASES[NAME].make(), resize="windows", flips=(1,))
    (image,) = metadata_of(untrained(arch, tmp_path)[0])[1].rows(md.SUBGRAPH_INPUTS)
    said = image.text(md.TENSOR_DESCRIPTION)
    assert "windows of 64 x 64 pixels at the photo's own scale; MediaPipe shrinks photos" in said
    assert "does not average over mirrored images; this model wants flips=(1,)" in said


def windows(photographs):
    """Ten windows of photographs, of as many sizes, from 30 x 40 to 640 x 427 pixels; none of the graph's."""
    cuts = {"astronaut": (512, 512), "chelsea": (300, 451), "coffee": (400, 600), "rocket": (427, 640)}
    cuts = [(name, 0, 0, *hw) for name, hw in cuts.items()] + [
        ("astronaut", 40, 100, 128, 128),
        ("astronaut", 60, 90, 40, 30),
        ("chelsea", 60, 90, 100, 150),
        ("chelsea", 20, 150, 240, 90),
        ("coffee", 40, 100, 90, 96),
        ("rocket", 60, 250, 350, 200),
    ]
    return {f"{name} {h}x{w}": photographs[name][y : y + h, x : x + w] for name, y, x, h, w in cuts}


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["mediapipe:float32", "mediapipe:int8"])
def test_mediapipe_segments_what_predict_segments(trained, exported, photographs, tmp_path, spec):
    """Ten windows of photographs, stretched to the graph's size before: so that MediaPipe has nothing to resample.

    Measured: the category mask equals that of the same file in LiteRT, and with float32 that of the trained model, in
    every pixel; with int8 it equals the trained model's in 96.4 to 99.6 % of the pixels.
    """
    arch, path = trained.arch, exported[spec].path
    images = {k: arch.geometry({"image": v[None]})[0]["image"][0].numpy() for k, v in windows(photographs).items()}
    labels, category, confidence = segmented(path, images, tmp_path)
    assert labels == list(segmentation_cases.CLASSES)
    runner = MediaPipe().open(path, arch)
    ours = {k: runner({"image": v[None]}) for k, v in images.items()}
    masks = {k: v["mask"][0] for k, v in ours.items()}
    assert all(len(np.unique(m)) > 1 for m in masks.values()) and len(np.unique([*masks.values()])) == len(labels)
    for name in images:
        assert (category[name].dtype, category[name].shape) == (np.uint8, HW)
        assert (confidence[name].dtype, confidence[name].shape) == (np.float32, (*HW, len(labels)))
        # an activation of MediaPipe's own would leave the classes, but not these
        np.testing.assert_allclose(confidence[name].max(-1), ours[name]["confidence"][0], atol=1e-5)
    assert len(images) == 10 and min(agreeing(category, masks).values()) >= 0.99
    true = agreeing(category, {k: predicted(trained, v) for k, v in images.items()})
    assert min(true.values()) >= (0.99 if spec == "mediapipe:float32" else 0.94)


@pytest.mark.slow
def test_mediapipe_resamples_photos_and_masks(trained, exported, photographs, tmp_path):
    """Images as they are, none of the graph's size: against MediaPipe's own resampling done by hand, and against
    `predict`, whose classes are the same in these parts of the pixels (measured, least and most of an image):

    of                                                  category mask     likeliest of the confidence masks
    the four training images, enlarged to four sizes    98.7 to 99.9 %    98.9 to 99.9 %
    ten windows of photographs, never seen              88.4 to 98.9 %    88.9 to 99.5 %
    """
    path, photos = exported["mediapipe:float32"].path, windows(photographs)
    pages = {
        f"page {number}, {hw}": np.uint8(np.round(tf.image.resize(sample["image"], hw)))
        for number, sample in enumerate(segmentation_cases.mask_samples())
        for hw in ((256, 256), (200, 150), (480, 640), (100, 72))
    }
    _, category, confidence = segmented(path, photos | pages, tmp_path)
    runner = MediaPipe().open(path, trained.arch)
    for name, image in (photos | pages).items():
        inside, hw = runner.infer({"image": from_corners(image, HW)[None]})["probabilities"][0], image.shape[:2]
        # it rounds pixels that lie between others a little differently
        np.testing.assert_allclose(confidence[name], tf.image.resize(inside, hw), atol=0.03)
        assert (category[name] == corner_to_corner(inside, hw).argmax(-1)).mean() >= 0.99, name
    likeliest = {k: v.argmax(-1) for k, v in confidence.items()}
    for images, least in ((pages, 0.98), (photos, 0.85)):
        for masks in (category, likeliest):
            found = agreeing({k: masks[k] for k in images}, {k: predicted(trained, v) for k, v in images.items()})
            assert min(found.values()) >= least, found


def corner_to_corner(pixels, hw):
    """Linear resampling that puts the first and the last pixel of each axis on the first and last of the answer's."""
    for axis, (length, size) in enumerate(zip(pixels.shape, hw, strict=False)):
        place = np.arange(size) * (length - 1) / (size - 1)
        low = np.floor(place).astype(int)
        part = np.expand_dims(place - low, [a for a in range(3) if a != axis])
        pixels = pixels.take(low, axis) * (1 - part) + pixels.take(np.minimum(low + 1, length - 1), axis) * part
    return pixels


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [(NAME, 2), *((name, 5) for name in SEGMENTERS)])
def test_mediapipe_loads_every_segmenter(name, count, photographs, tmp_path):
    path, served = untrained(dataclasses.replace(CASES[name].make(), num_classes=count), tmp_path)
    images = {k: v[50:114, 100:164] for k, v in photographs.items()}
    labels, category, confidence = segmented(path, images, tmp_path)
    assert labels == list(segmentation_cases.CLASSES[:count])
    for key, image in images.items():
        expected = served.fixed()({"image": image[None]})["probabilities"][0].numpy()
        np.testing.assert_allclose(confidence[key], expected, atol=1e-5)
        assert (category[key] == expected.argmax(-1)).mean() >= 0.99
