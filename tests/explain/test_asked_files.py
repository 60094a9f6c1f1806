"""An .onnx of a detector or a segmenter, which has no gradients, explained by its answers: by hand, in onnxruntime."""

import dataclasses

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.api import load, look_inside
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable, explainable
from kerasvision.explain.masks import drawn as drawn_masks
from kerasvision.export.asked import AskedFile
from kerasvision.export.base import Job
from kerasvision.export.targets.onnx import ONNX
from kerasvision.inference.served import Served
from kerasvision.ops.nms import Suppression
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.export.random_models import randomized
from tests.export.scene_promises import drawn, promising, written

FEW = {"masks": 48, "grid": 4, "seed": 3}


def exported(name, source, folder, **fields):
    model = dataclasses.replace(CASES[name].make(), num_classes=0, **fields)
    trained, _, paths, _ = written(promising(name.split("/")[1], model, source), ("onnx",), folder)
    return trained, paths["onnx"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """(the source of drawn shapes, one of its pictures)."""
    folder = tmp_path_factory.mktemp("shapes")
    source = drawn(folder)
    return source, sorted(folder.rglob("*.png"))[1]


@pytest.fixture(scope="module")
def detector(shapes, tmp_path_factory):
    fields = {"suppression": Suppression(score_threshold=0.0, max_detections=8)}
    return exported("detection/ssd", shapes[0], tmp_path_factory.mktemp("ssd"), **fields)


@pytest.fixture(scope="module")
def number(detector, shapes):
    """Of the first object with some place within the picture: weights at random see objects beyond it too."""
    boxes = load(detector[1]).predict(str(shapes[1])).values["boxes_xyxy"]
    return int(np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).min(1) > 6)[0])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def overlap(boxes, one):
    """[N, 4] and [4] -> IoU [N]."""
    low, high = np.maximum(boxes[:, :2], one[:2]), np.minimum(boxes[:, 2:], one[2:])
    both = np.prod(np.maximum(high - low, 0), 1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], 1) + np.prod(one[2:] - one[:2]) - both
    return both / np.maximum(areas, 1e-9)


@pytest.mark.nightly
def test_d_rise_of_a_detectors_file_is_that_of_its_detections(detector, shapes, number):
    """A mask counts by the largest IoU times score of a detection with the object's label: of a file nothing else is
    known of the other classes, so that the cosine of equation 4 is 1 or 0 (arXiv:2006.03204).
    """
    trained, path = detector
    model = explainable(look_inside(path, slopes=False))
    prepared, geometry, _ = model.prepared({"image": pixels(shapes[1])})
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]

    def found(images):
        rows = session.run(None, {"image": np.rint(images).astype(np.uint8)})
        return dict(zip(names, rows, strict=True))

    own = {key: value[0] for key, value in found(prepared[None]).items()}
    assert own["count"] > 1
    (target,) = model.targets(prepared, geometry, box=(number,))
    frame = geometry["offset_xy"][0].numpy()
    frame = np.concatenate([frame, frame + geometry["image_hw"][0].numpy()[::-1] * geometry["scale_xy"][0].numpy()])
    box = np.clip(own["boxes_xyxy"][number], np.tile(frame[:2], 2), np.tile(frame[2:], 2))
    np.testing.assert_allclose(target.box_xyxy, box, atol=1e-3)
    assert target.index == own["labels"][number]
    assert target.text.startswith(f"{number}: {trained.classes[target.index]} ")

    explainer, scores, every = create("explainers/d_rise", **FEW), [], []
    for masks in drawn_masks(prepared.shape[:2], explainer):
        answer = found(masks * prepared.astype(np.float32))
        for boxes, labels, sure in zip(*(answer[k] for k in ("boxes_xyxy", "labels", "scores")), strict=True):
            boxes = np.clip(boxes, np.tile(frame[:2], 2), np.tile(frame[2:], 2))
            scores.append(np.max(overlap(boxes, box) * sure * (labels == target.index)))
        every.append(masks[..., 0])
    every, scores = np.concatenate(every), np.array(scores)
    assert scores.std() > 0
    wanted = np.tensordot(scores - scores.mean(), every, 1) / (len(scores) * 0.5)
    heat = explainer.explain(model, prepared, target)
    np.testing.assert_allclose(heat, wanted, atol=1e-4 * np.abs(wanted).max() + 1e-6)
    same = (own["labels"] == target.index) & (overlap(own["boxes_xyxy"], box) >= 0.5)
    assert float(model.score(prepared[None], target)[0]) == pytest.approx(own["scores"][same].max(), abs=1e-6)


def test_the_command_explains_objects_of_a_file(detector, shapes, number, tmp_path, capsys):
    _, path = detector
    words = ["explain", str(path), str(shapes[1]), "--out", str(tmp_path / "heat.png")]
    words += ["--object", str(number)]
    assert main([*words, "--method", "d_rise", "--set", "masks=32"]) == 0
    assert f"{number}: " in capsys.readouterr().out and (tmp_path / "heat.png").exists()
    assert main([*words, "--method", "rise", "--set", "masks=32"]) == 0
    assert main([*words, "--method", "occlusion", "--set", "square=0.5", "stride=0.5"]) == 0
    capsys.readouterr()
    for given, says in (
        (["--method", "grad_cam"], "does not show its inner tensors; ask by scores alone: --method occlusion, rise"),
        (["--method", "saliency"], "has no slope by the input; ask by scores alone: occlusion, rise"),
        (["--object", "99", "--method", "d_rise"], "the objects that predict finds here are 0 to"),
        (["--label", "dragon", "--method", "rise"], "no class 'dragon'"),
    ):
        assert main([*words, *given]) == 2
        said = capsys.readouterr().err
        assert says in said and "Traceback" not in said


@pytest.mark.nightly
def test_a_segmenters_file_gives_the_trained_models_heat(shapes, tmp_path):
    trained, path = exported("semantic_segmentation/unet", create("sources/semantic", of=shapes[0]), tmp_path)
    asked, own = explainable(look_inside(path, slopes=False)), explainable(trained)
    prepared, geometry, _ = asked.prepared({"image": pixels(shapes[1])})
    (first, *_), (second, *_) = (model.targets(prepared, geometry) for model in (asked, own))
    assert first.text == second.text
    np.testing.assert_array_equal(first.region, second.region)
    explainer = create("explainers/occlusion", square=0.25, stride=0.25)
    heats = [explainer.explain(model, prepared, first.likely()) for model in (asked, own)]
    assert np.abs(heats[1]).max() > 1e-3
    np.testing.assert_allclose(*heats, atol=1e-4)


class Volumes:
    """A runner that keeps what it is asked."""

    def __init__(self, arch):
        self.arch, self.given = arch, None

    def infer(self, inputs):
        self.given = inputs
        size = len(inputs["volume"])
        return {"probabilities": np.full((size, self.arch.num_classes), 1 / self.arch.num_classes, np.float32)}


def test_values_of_volumes_are_not_rounded():
    arch = CASES["volume_classification/cnn3d"].make()
    graph, runner = arch.build(), Volumes(arch)
    model = Explainable(arch, graph, ("a", "b"), AskedFile("model.onnx", runner, graph))
    values = np.random.default_rng(0).normal(0, 400, (1, *arch.volume_size, 1)).astype(np.float32)
    model.raw(tf.constant(values))
    np.testing.assert_array_equal(runner.given["volume"], values)


NUMBERS = {
    "unbounded": {"objective": "huber", "center": (3.0, -1.0), "scale": (2.0, 0.5)},
    "bounded": {"objective": "mse", "low": -1.0, "high": 4.0},
    "quantile": {"objective": "quantile", "center": (3.0, -1.0), "scale": (2.0, 0.5)},
    "bounded quantiles": {"objective": "quantile", "low": -1.0, "high": 4.0},
    "heteroscedastic": {"objective": "heteroscedastic", "center": (3.0, -1.0), "scale": (2.0, 0.5)},
}


NEARLY = 6.0  # a raw output, beyond which float32 tells sigmoids apart by less than it takes here


class Answers:
    """A runner in whose file the trained graph and its decoding are."""

    def __init__(self, arch, graph):
        self.arch, self._graph = arch, graph

    def infer(self, inputs):
        raw = self._graph(self.arch.normalize(inputs), training=False)
        return {key: value.numpy() for key, value in self.arch.decode(raw, self.arch.no_geometry(inputs)).items()}


@pytest.mark.parametrize("name", NUMBERS)
def test_of_numbers_raw_outputs_are_those_that_make_the_answer(name):
    """Of each objective, so that a target of the file has the trained model's score; quantiles come sorted."""
    empty = {"num_outputs": 2, "center": (), "scale": (), "low": None, "high": None, "image_size": (16, 16)}
    arch = dataclasses.replace(CASES["regression/regressor"].make(), **(empty | NUMBERS[name]))
    graph = randomized(arch.build(), 5)
    image = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), np.uint8)
    own = Explainable(arch, graph, ("x", "y"))
    asked = Explainable(arch, graph, ("x", "y"), AskedFile("model.onnx", Answers(arch, graph), graph))
    wanted = own.raw(image)
    if "values" in wanted and wanted["values"].shape.rank == 3:
        wanted["values"] = tf.sort(wanted["values"], -1)
    for key, value in asked.raw(image).items():
        raw = wanted.pop(key).numpy()
        seen = (
            np.clip(raw, -NEARLY, NEARLY) if arch.bounded else raw
        )  # of what a sigmoid has made 0 or 1 no more is known
        np.testing.assert_allclose(
            np.clip(value, -NEARLY, NEARLY) if arch.bounded else value, seen, rtol=1e-3, atol=1e-3
        )
    assert not wanted
    targets = [model.targets(image[0], {}, label=("y",)) for model in (own, asked)]
    assert targets[0][0].text == targets[1][0].text
    np.testing.assert_allclose(*(m.scores(image, t[0]) for m, t in zip((own, asked), targets, strict=True)), rtol=1e-4)


def test_an_embedders_file_is_explained_by_its_unit_vectors(tmp_path):
    """An .onnx: likeness to another example as the graph has it; the whole is the cosine with its own vector."""
    case = CASES["embedding/pairs"]
    arch = case.make()
    graph = randomized(contracts.built(arch), 3)
    path = ONNX().write(Job(Served(arch, graph, case.classes), "pairs", 1, tmp_path, (), ()))
    own = Explainable(arch, graph, tuple(case.classes))
    asked = Explainable(arch, graph, tuple(case.classes), AskedFile(path, ONNX().open(path, arch), graph))
    rng = np.random.default_rng(0)
    image, other = rng.integers(0, 256, (2, *arch.image_size, 3), np.uint8)
    explainer = create("explainers/occlusion", square=0.5, stride=0.25)
    (whole,) = asked.targets(image, {})
    vectors = own.predicted(np.stack([image, other]))["embedding"].numpy()
    np.testing.assert_allclose(asked.scores(np.stack([image, other]), whole), vectors @ vectors[0], atol=1e-5)
    (like,), (trained,) = (model.targets(image, {}, like=other) for model in (asked, own))
    assert like.text == trained.text == f"likeness {vectors[0] @ vectors[1]:.3f}"
    heats = [explainer.explain(model, image, target) for model, target in ((asked, like), (own, trained))]
    assert np.abs(heats[1]).max() > 1e-4
    np.testing.assert_allclose(*heats, atol=1e-5)


def test_other_families_are_one_line():
    arch = CASES["text_recognition/crnn"].make()
    with pytest.raises(UsageError, match="regressors and embedders are explained; text_recognition/crnn is none"):
        AskedFile("model.onnx", Volumes(arch), arch.build())
