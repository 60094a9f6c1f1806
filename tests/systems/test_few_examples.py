"""Classes from a few pictures: built, added to and exported at the command line; what changes, and what does not."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.layers.rows import BLOCK
from kerasvision.systems import few_examples
from kerasvision.train.run import Trained, load_run, save_run
from tests.contract import contracts

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}
SHOTS = 3


def pictures(folder, color, count, seed):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        noise = rng.integers(-25, 26, (20, 24 + number, 3))
        Image.fromarray(np.uint8(np.clip(np.array(color) + noise, 0, 255))).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """(folder, run of three classes, answers of run and .tflite to probes before, and after a fourth was added)."""
    root = tmp_path_factory.mktemp("few")
    for seed, (name, color) in enumerate(COLORS.items()):
        pictures(root / "shop" / name, color, SHOTS, seed)
    pictures(root / "yellow", (230, 220, 40), 2, 9)
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("embedding/pairs", dimension=12, image_size=(16, 16), backbone=backbone)
    (root / "embedder").mkdir()
    recipe = Recipe(name="colors", model=arch, data=create("sources/digits"))
    save_run(Trained(recipe, contracts.built(arch, 0), ("a", "b"), {}, root / "embedder"))
    run = root / "run"
    settings = ['exports=("tflite",)', "budget.accuracy_drop=1.0", "model.false_accept=0.2"]
    build = ["classes", "build", str(root / "shop"), "--model", str(root / "embedder"), "--out", str(run)]
    assert main([*build, "--set", *settings]) == 0
    before = answers(run)
    assert main(["classes", "add", str(run), str(root / "yellow")]) == 0
    return root, run, before, answers(run)


PROBES = np.random.default_rng(2).integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)


def answers(run):
    found = {}
    for name, path in (("run", run), ("file", next(run.rglob("*.tflite")))):
        model = api.load(path)
        found[name] = {k: np.copy(v) for k, v in model({"image": PROBES}).items()}, model.classes
    return found


def test_a_class_more_changes_no_bit_of_the_others(line):
    _, _, before, after = line
    for name in ("run", "file"):
        (old, classes), (new, more) = before[name], after[name]
        assert classes == ("blue", "green", "red") and more == (*classes, "yellow")
        assert np.array_equal(new["scores"][:, :3], old["scores"]), name
        # a runtime takes some of a row's numbers four at a time, and others one by one, with another last bit
        np.testing.assert_allclose(new["probabilities"][:, :3], old["probabilities"], rtol=0, atol=2e-7)
        moved = new["label"] != old["label"]
        assert set(new["label"][moved]) <= {3}, "an answer changes to the new class or not at all"
    np.testing.assert_allclose(after["file"][0]["scores"], after["run"][0]["scores"], atol=1e-5)


def test_the_rows_are_means_of_the_embedders_own_vectors(line):
    root, run, _, _ = line
    rows = load_run(run).graph.get_layer("products").rows()
    embedder = api.load(root / "embedder")
    for row, folder in zip(
        rows, [*(root / "shop" / n for n in ("blue", "green", "red")), root / "yellow"], strict=True
    ):
        mean = np.mean([embedder.predict(str(p))["embedding"] for p in sorted(folder.iterdir())], 0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-4)


def test_a_picture_of_a_new_class_is_named_by_the_file(line, capsys):
    root, run, _, _ = line
    pictures(root / "asked", (230, 220, 40), 1, 77)
    capsys.readouterr()
    assert main(["predict", str(next(run.rglob("*.tflite"))), str(root / "asked" / "0.png"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["prediction"]
    assert said["top"][0]["label"] == "yellow" and said["label"] in ("yellow", "unknown")
    high = api.load(run, ["threshold=1.0"]).predict(str(root / "asked" / "0.png"))
    assert high.in_words().startswith("unknown; nearest are yellow")


def test_more_classes_than_a_block_holds_keep_the_bits_of_the_first(line):
    """Across the border of a block, where another product is added."""
    _, run, _, _ = line
    trained = load_run(run)
    rng, arch, rows = np.random.default_rng(0), trained.arch, trained.graph.get_layer("products").rows()
    wide = np.float32(rng.normal(size=(BLOCK + 1, rows.shape[1])))
    raws = []
    for count in (BLOCK, BLOCK + 1):
        own = dataclasses.replace(arch, num_classes=count, rows=(1,) * count)
        graph = own.build()
        for layer in graph.layers:
            if layer.name != "products" and layer.weights:
                layer.set_weights(trained.graph.get_layer(layer.name).get_weights())
        graph.get_layer("products").set_rows(wide[:count])
        raws.append(graph(own.normalize({"image": PROBES.astype(np.uint8)}), training=False)["products"].numpy())
    assert np.array_equal(raws[0], raws[1][:, :BLOCK])


def test_episodes_are_counted_at_the_command_line(line, capsys):
    root, _, _, _ = line
    words = ["classes", "episodes", str(root / "shop"), "--model", str(root / "embedder")]
    assert main([*words, "--ways", "3", "--shots", "2", "--episodes", "10"]) == 0
    assert "3 ways, 2 shots: " in (said := capsys.readouterr().out) and "10 episodes" in said
    assert main([*words, "--ways", "4"]) == 1
    assert "3 classes have more than 1 pictures each; an episode needs 4" in capsys.readouterr().err


def test_what_cannot_be_added_is_one_line(line, capsys):
    root, run, _, _ = line

    def refused(words, says):
        assert main(["classes", *map(str, words)]) in (1, 2)
        assert says in capsys.readouterr().err

    refused(["add", run, root / "shop" / "red"], "has a class 'red'; give the new one another name")
    refused(["add", root / "embedder", root / "yellow"], "is a run of embedding/pairs; classes are added to one of")
    (root / "empty").mkdir(exist_ok=True)
    refused(["add", run, root / "empty"], "no ")
    refused(["build", root / "shop", "--model", run, "--out", root / "new"], "gives no embedding; name a run of")


@pytest.mark.nightly
def test_a_ridge_is_a_row_a_class_in_run_and_file_and_takes_no_class_more(line, tmp_path, capsys):
    root, _, _, _ = line
    settings = ["model.head=ridge", "model.penalty=0.1", 'exports=("tflite",)', "budget.accuracy_drop=1.0"]
    build = ["classes", "build", str(root / "shop"), "--model", str(root / "embedder"), "--out", str(tmp_path / "run")]
    assert main([*build, "--set", *settings, "model.false_accept=0.2"]) == 0
    found, embedder = answers(tmp_path / "run"), api.load(root / "embedder")
    rows = load_run(tmp_path / "run").graph.get_layer("products").rows()
    expected = embedder({"image": PROBES})["embedding"] @ rows.T
    np.testing.assert_allclose(found["run"][0]["scores"], expected, atol=1e-5)
    np.testing.assert_allclose(found["file"][0]["scores"], expected, atol=1e-5)
    for place, name in enumerate(("blue", "green", "red")):
        own = np.stack([embedder.predict(str(p))["embedding"] for p in sorted((root / "shop" / name).iterdir())])
        assert ((own @ rows.T).argmax(1) == place).all()
    capsys.readouterr()
    assert main(["classes", "add", str(tmp_path / "run"), str(root / "yellow")]) == 2
    assert "with head=ridge each class depends on all others; build it again" in capsys.readouterr().err


@pytest.mark.parametrize(("pictures", "share"), [(25, 0.05), (24, 0.05), (23, 5 / 4 / 24), (5, 5 / 4 / 6)])
def test_too_few_pictures_vouch_for_no_small_share(pictures, share):
    """By hand: of N pictures of K classes K / (K - 1) / (N + 1) is the least, 0.05 at N = 24 of 5 classes."""
    arch = create("classification/nearest_class", num_classes=5, false_accept=0.05)
    assert few_examples.accepted(arch, pictures) == pytest.approx(share)
