"""An embedder from pictures to every file: trained, judged against a gallery, exported, asked and served."""

import json

import numpy as np
import onnx
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.serve.client import Client
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from tests.undrawn import train

DIMENSION, CLASSES = 16, 10
SPECS = ("tf_serving", "tflite:float32", "tflite:int8", "onnx")


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """(run, spec -> path of its file, spec -> `Artifact`, contract)."""
    folder = tmp_path_factory.mktemp("embedding")
    recipe = Recipe(
        name="digits",
        model=create(
            "embedding/proxies",
            dimension=DIMENSION,
            image_size=(8, 8),
            backbone=create("backbones/convnet", width=16, blocks=(1, 1)),
            gallery="train",
        ),
        data=create("sources/digits", validation_fraction=0.05, test_fraction=0.2),
        optimizer=create("optimizers/adamw", learning_rate=3e-3),
        techniques=(create("techniques/pk_batches", pictures=8),),
        epochs=2,
        batch_size=64,
        cache=True,
        budget=Budget(accuracy_drop=0.02),
    )
    run = train(recipe, folder / "run")
    artifacts, contract = export(run, [from_spec(s) for s in SPECS], folder, verbose=False)
    return run, {a.kind: a.path for a in artifacts}, {a.kind: a for a in artifacts}, contract


def embedded(model, split):
    """(embeddings [N, D], labels [N]) of a split."""
    rows = [(model(inputs)["embedding"], truth["label"]) for inputs, truth, _ in raw_examples(split, model.arch)]
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))


@pytest.fixture(scope="module")
def searched(line):
    """Of run and int8 file: (embeddings of the test split, class of the nearest in its own gallery, own class)."""
    run, paths, _, _ = line
    splits, found = run.recipe.data.open().splits, {}
    for spec, path in (("run", run.folder), ("tflite:int8", paths["tflite:int8"])):
        model = api.load(path)
        gallery, (queries, labels) = embedded(model, splits["train"]), embedded(model, splits["test"])
        found[spec] = queries, KNeighborsClassifier(1).fit(*gallery).predict(queries), labels
    return found


def test_recall_is_that_of_scikit_learn_over_the_gallery_of_the_same_model(line, searched):
    run, _, artifacts, _ = line
    by_run = {k.removeprefix("test/"): v for k, v in run.metrics.items() if k.startswith("test/")}
    for metrics, spec in ((by_run, "run"), (artifacts["tflite:int8"].metrics, "tflite:int8")):
        queries, classes, labels = searched[spec]
        right = (classes == labels).mean()
        assert metrics["recall@1"] == pytest.approx(right, abs=1.5 / len(labels))  # but for equal distances
        chance = np.bincount(labels).max() / len(labels)
        assert right > 4 * chance and metrics["map@r"] > 2 * chance and metrics["eer"] < 0.4, "nothing was learned"
        assert metrics["map@r"] <= metrics["recall@1"] <= metrics["recall@10"]
        np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)


def test_the_certificate_is_of_recall_and_counts_other_nearest_classes(line, searched):
    run, _, artifacts, contract = line
    for spec, artifact in artifacts.items():
        agreement = artifact.agreement
        assert (agreement["metric"], agreement["direction"]) == ("recall@1", "max")
        assert artifact.metrics["recall@1"] - run.metrics["test/recall@1"] == pytest.approx(agreement["metric_change"])
        if spec != "tflite:int8":
            assert agreement["max_error"] <= agreement["tolerance"] < 1e-3 and not agreement["flips"]
    agreement, (whole, classes, _), (integer, others, _) = artifacts["tflite:int8"].agreement, *searched.values()
    assert agreement["flips"] == pytest.approx((classes != others).sum(), abs=1)  # but for equal distances
    assert agreement["max_error"] == pytest.approx(np.linalg.norm(whole - integer, axis=1).max(), abs=1e-5)
    assert 1e-3 < agreement["max_error"] < 0.3
    assert contract["outputs"]["embedding"]["shape"] == [None, DIMENSION]


def test_class_vectors_are_in_the_run_and_in_no_file(line):
    run, paths, _, _ = line
    vectors = {(DIMENSION, CLASSES), (CLASSES, DIMENSION)}
    assert tuple(run.graph.get_layer("cosines").kernel.shape) in vectors
    saved = str(paths["tf_serving"] / "variables" / "variables")
    held = {
        "tf_serving": [tuple(shape) for _, shape in tf.train.list_variables(saved)],
        "onnx": [tuple(i.dims) for i in onnx.load(paths["onnx"]).graph.initializer],
        **{
            spec: [tuple(t["shape"]) for t in Interpreter(str(paths[spec])).get_tensor_details()]
            for spec in ("tflite:float32", "tflite:int8")
        },
    }
    for spec, shapes in held.items():
        assert len(shapes) > 4 and not vectors & set(shapes), spec


def first_answers(line, searched):
    """(pixels of four pictures of the test split, what the run says of them)."""
    run = line[0]
    pixels = next(raw_examples(run.recipe.data.open().splits["test"], run.arch, limit=4))[0]["image"]
    return pixels, searched["run"][0][:4]


def test_files_answer_as_the_run_does_on_the_command_line_too(line, searched, tmp_path, capsys):
    _, paths, artifacts, _ = line
    pixels, expected = first_answers(line, searched)
    for spec in ("tf_serving", "onnx"):
        found = api.load(paths[spec])({"image": pixels})["embedding"]
        assert np.linalg.norm(found - expected, axis=1).max() <= artifacts[spec].agreement["max_error"] + 1e-6, spec
    Image.fromarray(pixels[0]).save(tmp_path / "digit.png")
    capsys.readouterr()
    assert main(["predict", str(paths["tflite:float32"]), str(tmp_path / "digit.png"), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["prediction"]["embedding"]
    np.testing.assert_allclose(row, expected[0], atol=1e-5)


def test_a_server_answers_as_the_run_does(line, searched):
    _, paths, _, _ = line
    pixels, expected = first_answers(line, searched)
    folder = paths["tf_serving"].parents[1]
    server = Server(configs_below(folder), Options(rest_port=0, grpc_port=0), folder).start()
    try:
        answer = Client(f"http://127.0.0.1:{server.rest_port}", deadline=60.0).predict("digits", {"image": pixels})
    finally:
        server.stop()
    np.testing.assert_allclose(next(iter(answer.values())), expected, atol=1e-5)


def test_a_gallery_that_is_the_judged_split_leaves_each_query_out(line, searched):
    run, _, _, _ = line
    found = api.evaluate(api.load(run.folder, ["gallery=test"]), "test")
    queries, _, labels = searched["run"]
    second = KNeighborsClassifier(2).fit(queries, labels).kneighbors(queries, return_distance=False)
    others = np.where(second[:, 0] == np.arange(len(labels)), second[:, 1], second[:, 0])
    assert found["test/recall@1"] == pytest.approx((labels[others] == labels).mean(), abs=1.5 / len(labels))
