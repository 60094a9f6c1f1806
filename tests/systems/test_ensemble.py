"""Ensembles: equal to the mean of their members in this process and in every file, and what cannot be joined."""

import contextlib
import dataclasses
import json
import shutil

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from kerasvision.api import evaluate, load
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase, Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.certificate import export
from kerasvision.layers.mixture import LogMixture
from kerasvision.systems.ensemble import Ensemble
from kerasvision.systems.joining import best_shares, disagreement, join, merged, stacking_layer
from kerasvision.train.run import load_run
from tests import store
from tests.train import tiny
from tests.undrawn import train

RNG = np.random.default_rng(4)


@pytest.fixture(scope="module")
def runs():
    """Folders of three runs of different networks: widths 8, 4 and 8 with another seed. Tests must not change them."""
    narrow = tiny.classifier(backbone=create("backbones/convnet", width=4, blocks=(1, 1)))
    return [store.trained(tiny.recipe(**f)) for f in ({}, {"model": narrow}, {"seed": 2, "epochs": 2})]


@pytest.fixture(scope="module")
def joined(runs, tmp_path_factory):
    """Combination -> folder of the ensemble's run; one of them is joined at the command line."""
    folder = tmp_path_factory.mktemp("joined")
    for combine in ("mean", "stacking"):
        join(runs, folder / combine, combine, "joined")
    words = ["ensemble", *map(str, runs), "--out", str(folder / "weighted"), "--combine", "weighted"]
    with (folder / "said.txt").open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        assert main(words) == 0
    return folder


@pytest.fixture(scope="module")
def images():
    return RNG.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def members_say(runs, images):
    """[members, images, classes], the probabilities of each."""
    return np.array([load(run)({"image": images})["probabilities"] for run in runs])


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_log_mixture_is_the_logit_of_the_mean(form):
    """Also where single precision would round a probability to 0 or 1."""
    logits = [RNG.normal(size=(5, 3)) * scale for scale in (1, 5, 100)]
    shares = (0.5, 0.3, 0.2)
    mixed = LogMixture(form, shares, dtype="float64")([tf.constant(z) for z in logits]).numpy()
    if form == "softmax":
        expected = sum(s * scipy.special.softmax(z, -1) for s, z in zip(shares, logits, strict=True))
        np.testing.assert_allclose(scipy.special.softmax(mixed, -1), expected, atol=1e-12)
    else:
        expected = sum(s * scipy.special.expit(z) for s, z in zip(shares, logits, strict=True))
        np.testing.assert_allclose(scipy.special.expit(mixed), expected, atol=1e-12)
    single = LogMixture(form, shares)([tf.constant(z, tf.float32) for z in logits])
    np.testing.assert_allclose(single, mixed, rtol=1e-4, atol=1e-5)


def test_one_flat_graph_answers_the_mean(members_say, joined, images):
    trained = load_run(joined / "mean")
    assert not [layer.name for layer in trained.graph.layers if hasattr(layer, "layers")]
    assert list(trained.graph.output) == ["logits"]
    answer = load(joined / "mean")({"image": images})["probabilities"]
    np.testing.assert_allclose(answer, members_say.mean(0), atol=1e-6)


def test_weighted_and_stacked_are_what_was_fitted(members_say, joined, images):
    every = members_say
    shares = load_run(joined / "weighted").arch.shares
    answer = load(joined / "weighted")({"image": images})["probabilities"]
    np.testing.assert_allclose(answer, np.einsum("m,mnk->nk", shares, every), atol=1e-6)
    kernel, bias = load_run(joined / "stacking").graph.get_layer("logits").get_weights()
    answer = load(joined / "stacking")({"image": images})["probabilities"]
    expected = scipy.special.softmax(np.concatenate(every, -1) @ kernel + bias, -1)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_the_run_folder_is_as_any_other(runs, joined):
    trained = load_run(joined / "mean")
    assert Recipe.loads(trained.recipe.dumps()) == trained.recipe
    assert evaluate(joined / "mean")["test/accuracy"] == pytest.approx(trained.metrics["test/accuracy"])
    alone = [load_run(run).metrics["test/accuracy"] for run in runs]
    assert trained.metrics["test/accuracy"] >= np.mean(alone)
    assert 0 < trained.metrics["test/disagreement"] < 1
    assert trained.metrics["test/divergence"] > 0


# one flat graph of common layers, so each exporter writes it as any other
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("tflite", "tflite/models/joined/model.tflite"),
        pytest.param("saved_model", "saved_models/joined", marks=pytest.mark.nightly),
        pytest.param("onnx", "onnx/joined/model.onnx", marks=pytest.mark.nightly),
    ],
)
def test_exported_it_is_one_file_that_answers_the_mean(members_say, joined, images, tmp_path, kind, file):
    export(load_run(joined / "mean"), [create(f"exporters/{kind}")], tmp_path, limit=32)
    model = load(tmp_path / file)
    answer = np.concatenate([model({"image": images[i : i + 1]})["probabilities"] for i in range(len(images))])
    np.testing.assert_allclose(answer, members_say.mean(0), atol=1e-5)


def test_best_shares_minimize_the_loss():
    """On a grid of the simplex no shares are better, for one class an example and for independent ones."""
    labels = RNG.integers(0, 4, 60)
    one_hot = np.eye(4)[labels]
    softmaxed = np.array([scipy.special.softmax(RNG.normal(size=(60, 4)) + s * one_hot, -1) for s in (2.0, 1.0, 0.0)])
    several = (RNG.random((60, 4)) < 0.4).astype(float)
    independent = np.array([scipy.special.expit(RNG.normal(size=(60, 4)) + s * (several - 0.5)) for s in (3.0, 1.0, 0)])
    for probabilities, ground_truths in ((softmaxed, one_hot), (independent, several)):

        def loss(shares, p=probabilities, t=ground_truths):
            mixed = np.einsum("m,mnk->nk", shares, p)
            each = t * np.log(mixed) + ((1 - t) * np.log(1 - mixed) if t is several else 0)
            return -each.sum()

        best = best_shares(probabilities, ground_truths, ground_truths is several)
        grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 21) for b in np.linspace(0, 1 - a, 21)]
        assert sum(best) == pytest.approx(1.0)
        assert loss(best) <= min(loss(np.array(s)) for s in grid) + 1e-4


@pytest.mark.parametrize("present", [(0, 1, 2, 3), (0, 2, 3), (1, 3)])
def test_stacking_layer_is_the_logistic_regression(present):
    probabilities = scipy.special.softmax(RNG.normal(size=(2, 80, 4)), -1)
    labels = np.array(present)[RNG.integers(0, len(present), 80)]
    kernel, bias = stacking_layer(probabilities, labels, 4)
    inputs = np.concatenate(probabilities, -1)
    ours = scipy.special.softmax(inputs @ kernel + bias, -1)
    theirs = LogisticRegression(max_iter=1000).fit(inputs, labels).predict_proba(inputs)
    np.testing.assert_allclose(ours[:, list(present)], theirs, atol=1e-6)


def test_disagreement_by_hand():
    p = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.8, 0.2], [0.7, 0.3]]])
    found = disagreement(p)
    assert found["disagreement"] == 0.5

    def kl(a, b):
        return (a * np.log(a / b)).sum(-1).mean()

    assert found["divergence"] == pytest.approx((kl(p[0], p[1]) + kl(p[1], p[0])) / 2)
    assert disagreement(np.array([p[0], p[0]])) == {"disagreement": 0.0, "divergence": 0.0}


# of pixels by day too, from run folders: test_segmenter_ensemble.py
@pytest.mark.parametrize(
    "name", ["classification/multi_label", pytest.param("semantic_segmentation/unet", marks=pytest.mark.nightly)]
)
def test_other_tasks_answer_the_mean_too(name):
    side = 32 if "seg" in name else 8
    arch = create(
        name,
        num_classes=3,
        image_size=(side, side),
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        **({"width": 4} if "seg" in name else {}),
    )
    ensemble = Ensemble((arch, arch))
    graphs = [arch.build(), arch.build()]
    x = {"image": RNG.normal(size=(2, side, side, 3)).astype(np.float32)}
    raw = merged(ensemble, graphs)(x)["logits"].numpy()
    squash = scipy.special.expit if "multi" in name else lambda z: scipy.special.softmax(z, -1)
    expected = np.mean([squash(g(x)["logits"].numpy()) for g in graphs], 0)
    np.testing.assert_allclose(squash(raw), expected, atol=1e-6)


def test_what_cannot_be_joined_is_one_line(runs, tmp_path):
    with pytest.raises(UsageError, match="two runs or more; seen: 1"):
        join(runs[:1], tmp_path / "one")
    with pytest.raises(UsageError, match="--combine vote: allowed: mean, weighted, stacking"):
        join(runs, tmp_path / "vote", "vote")
    with pytest.raises(KerasVisionError, match="is not empty; choose another --out"):
        join(runs, runs[0])
    arch = tiny.classifier(num_classes=10)
    for fields, message in (
        ({"num_classes": 7}, "member 2 has 7 classes and the first 10"),
        ({"image_size": (16, 16)}, r"size_hw \[16, 16\] and not \[8, 8\]"),
        ({"resize": "letterbox"}, "other preprocessing than the first: resize letterbox and not stretch"),
    ):
        with pytest.raises(KerasVisionError, match=message):
            Ensemble((arch, dataclasses.replace(arch, **fields)))
    labels = create("classification/multi_label", num_classes=10, image_size=(8, 8), backbone=arch.backbone)
    with pytest.raises(KerasVisionError, match="member 2 does multi_label_classification and the first classification"):
        Ensemble((arch, labels))
    with pytest.raises(UsageError, match="stacking is for models of one class an example"):
        Ensemble((labels, labels), stacked=True)
    first, second, more = (
        create(
            "classification/label_powerset", num_classes=10, image_size=(8, 8), backbone=arch.backbone, label_sets=held
        )
        for held in (((0,), (1,)), ((1,), (2,)), ((0,), (1,), (2,)))
    )
    for other in (second, more):
        with pytest.raises(KerasVisionError, match="member 2 answers with other combinations of labels"):
            Ensemble((first, other))
    with pytest.raises(UsageError, match="stacking is for models of one class an example"):
        Ensemble((first, first), stacked=True)
    chain = create("classification/classifier_chain", num_classes=10, image_size=(8, 8), backbone=arch.backbone)
    with pytest.raises(KerasVisionError, match=r"member 2 gives \{'logits': \[1, 10\]\} and the first"):
        Ensemble((labels, chain)).build()
    with pytest.raises(UsageError, match=r"ensemble.shares=\(0.7, 0.7\); allowed"):
        Ensemble((arch, arch), shares=(0.7, 0.7))
    boxes = create("detection/yolo", num_classes=3)
    with pytest.raises(KerasVisionError, match="detection/yolo has other outputs"):
        Ensemble((boxes, boxes))


def with_factors(run, folder):
    """A copy of a run, with a factor for each class as `tune_for` leaves them."""
    shutil.copytree(run, folder)
    recipe = Recipe.loads((folder / "recipe.json").read_text())
    model = dataclasses.replace(recipe.model, tune_for="accuracy", class_factors=(0.5, *[1.0] * 9))
    (folder / "recipe.json").write_text(dataclasses.replace(recipe, model=model).dumps())
    return load_run(folder)


def test_factors_of_classes_act_once_on_what_the_members_make_together(runs, tmp_path, images):
    """Members with factors that training chose are combined without them, and factors are chosen anew."""
    tuned = [with_factors(run, tmp_path / f"member{number}") for number, run in enumerate((runs[0], runs[2]))]
    assert all(t.arch.class_factors for t in tuned)
    joined = join([t.folder for t in tuned], tmp_path / "stacked", "stacking")
    assert joined.arch.members[1].class_factors == ()
    kernel, bias = joined.graph.get_layer("logits").get_weights()

    def each(pictures):
        inputs, _ = joined.arch.preprocess({"image": tf.constant(pictures)})
        return [scipy.special.softmax(t.graph(inputs)["logits"].numpy(), -1) for t in tuned]

    scores = scipy.special.softmax(np.concatenate(each(images), -1) @ kernel + bias, -1)
    scores = scores * joined.arch.members[0].class_factors
    answer = load(tmp_path / "stacked")({"image": images})["probabilities"]
    np.testing.assert_allclose(answer, scores / scores.sum(-1, keepdims=True), atol=1e-5)
    held_out = list(raw_examples(joined.recipe.data.open().splits["validation"], joined.arch))
    pictures = np.concatenate([inputs["image"] for inputs, _, _ in held_out])
    labels = np.concatenate([ground_truth["label"] for _, ground_truth, _ in held_out])
    fitted = stacking_layer(np.array(each(pictures), np.float64), labels, 10)
    np.testing.assert_allclose(kernel, fitted[0], atol=1e-3)


def test_members_of_other_data_are_refused_where_the_combination_is_fitted(runs, tmp_path, capsys):
    shutil.copytree(runs[0], tmp_path / "other")
    data = create("sources/digits", validation_fraction=0.1, test_fraction=0.875)
    recipe = dataclasses.replace(load_run(runs[0]).recipe, data=data)
    (tmp_path / "other" / "recipe.json").write_text(recipe.dumps())
    with pytest.raises(KerasVisionError, match="was trained on other data.*--combine weighted is fitted; take mean"):
        join([runs[0], tmp_path / "other"], tmp_path / "weighted", "weighted")
    join([runs[0], tmp_path / "other"], tmp_path / "mean")
    assert "may be of examples it was trained on" in capsys.readouterr().err


def test_other_class_names_are_refused(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "other")
    (other / "classes.txt").write_text("".join(f"{c}\n" for c in "jihgfedcba"))
    with pytest.raises(KerasVisionError, match="has the classes j, i, h, .* share their classes and their order"):
        join([runs[0], other], tmp_path / "out")


def test_command_line(runs, joined, tmp_path, capsys):
    said = (joined / "said.txt").read_text()
    assert "test/disagreement" in said and "shares:" in said
    assert main(["evaluate", str(joined / "weighted"), "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["test/accuracy"] <= 1
    assert main(["ensemble", str(runs[0]), "--out", str(tmp_path / "none")]) == 2


@pytest.mark.nightly
@pytest.mark.parametrize("more", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_snapshots_of_one_run_are_members(tmp_path, images, more):
    """A phase's rate rises again, so each phase leaves a model of its own; joined by night."""
    trained = train(tiny.recipe(then=(Phase(1, tiny.sgd()),) * more), tmp_path / "run")
    folders = [tmp_path / "run" / f"phase-{n}" for n in range(1, more + 2)]
    answers = np.array([load_run(f).served().serve({"image": images})["probabilities"] for f in folders])
    last = load(trained.folder)({"image": images})["probabilities"]
    np.testing.assert_allclose(answers[-1], last, atol=1e-6)
    assert np.abs(answers[0] - answers[-1]).max() > 1e-3
    if more > 1:
        join(folders, tmp_path / "joined")
        joined = load(tmp_path / "joined")({"image": images})["probabilities"]
        np.testing.assert_allclose(joined, answers.mean(0), atol=1e-6)
