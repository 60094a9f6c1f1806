"""Attacks on detectors and segmenters: each goal moves answers where it says, on models that have learned a page."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.export.twin.graph import TwinGraph
from kerasvision.export.twin.twin import Twin
from kerasvision.inference.served import Served
from kerasvision.robustness.attacks import goals, scenes
from kerasvision.robustness.attacks.keeping import KeptBatches
from kerasvision.robustness.attacks.pgd import PGD
from kerasvision.robustness.attacks.scenes import Aim, AskedScenes, Scenes, attacked, ways
from tests.contract.cases import CASES
from tests.export.twins import prepared_of
from tests.robustness.held import recipe_of

SIDE, CLASSES, OFF = 16, ("dark", "bright"), 15  # OFF: how far a pixel is from what parts the two, of 255


@pytest.fixture(scope="module")
def pages():
    """(a segmenter that says what is brighter than the middle, a recipe of pages whose left half is)."""
    fields = {"num_classes": 2, "image_size": (SIDE, SIDE)}
    arch = create("semantic_segmentation/unet", backbone=create("backbones/convnet"), **fields)
    image = keras.Input((SIDE, SIDE, 3), name="image")
    graph = keras.Model({"image": image}, {"logits": keras.layers.Conv2D(2, 1, name="logits")(image)})
    gray = np.full((1, SIDE, SIDE, 3), 127.5, np.float32)
    middle = arch.normalize({"image": tf.constant(gray)})["image"].numpy().mean()
    weights = np.broadcast_to(np.array([-1.0, 1.0], np.float32) / 3, (1, 1, 3, 2))
    graph.get_layer("logits").set_weights([weights, np.array([middle, -middle], np.float32)])
    left = np.arange(SIDE) < SIDE // 2
    page = np.broadcast_to(np.where(left, 127 + OFF, 128 - OFF)[None, :, None], (SIDE, SIDE, 3)).astype(np.uint8)
    mask = np.broadcast_to(left, (SIDE, SIDE)).astype(np.uint8)
    model = Scenes(arch, Explainable(arch, graph, CLASSES))
    return model, recipe_of(arch, [{"image": page, "mask": mask}] * 3, CLASSES)


@pytest.mark.parametrize(
    "name", ["pgd", "seg_pgd", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("fgsm", "bim"))]
)
@pytest.mark.parametrize(("radius", "left"), [(OFF - 1, 1.0), (OFF + 1, 0.0)])
def test_a_mask_holds_as_long_as_no_pixel_gets_across(name, radius, left, pages):
    model, recipe = pages
    found, arrays = attacked(model, recipe, CLASSES, create(f"attacks/{name}", radius=radius / 255), Aim())
    assert found["metric"] == "miou" and found["clean"] == 1.0 and found["attacked"] == left
    assert found["examples"] == 3 and arrays["images"].shape == (3, SIDE, SIDE, 3)
    assert found["moved"] == pytest.approx(radius / 255)


def test_one_class_is_hidden_and_the_other_left(pages):
    model, recipe = pages
    attack = create("attacks/pgd", radius=(OFF + 1) / 255, random_start=False)
    found, arrays = attacked(model, recipe, CLASSES, attack, Aim("hide", "bright"))
    page = recipe.data.samples[0]["image"].astype(int)
    assert found["clean"] == 1.0 and found["attacked"] == pytest.approx(0.25)  # all are dark: half of them rightly
    np.testing.assert_array_equal(arrays["images"][0] - page, np.where(page > 127, -OFF - 1, 0))


def test_an_attack_of_scenes_goes_on_where_it_was_stopped(pages, monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "_AT_ONCE", 1)
    attack, own, made = create("attacks/pgd", radius=(OFF + 1) / 255), PGD.made, []

    def stopping(self, model, *words, **named):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(model)
        return own(self, model, *words, **named)

    whole, arrays = attacked(*pages, CLASSES, attack, Aim())
    monkeypatch.setattr(PGD, "made", stopping)
    kept = KeptBatches(tmp_path, {"model": "a"})
    with pytest.raises(KeyboardInterrupt):
        attacked(*pages, CLASSES, attack, Aim(), kept=kept)
    del made[:]
    found, again = attacked(*pages, CLASSES, attack, Aim(), kept=kept)
    assert found == whole and len(made) == 1
    np.testing.assert_array_equal(again["images"], arrays["images"])
    with pytest.raises(UsageError, match="they differ in goal, target"):
        attacked(*pages, CLASSES, attack, Aim("hide", "dark"), kept=kept)


def test_the_command_says_what_is_left_of_a_scene(pages, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("kerasvision.cli.attack._opened", lambda what, with_slopes: (*pages, CLASSES))
    monkeypatch.setattr("kerasvision.cli.known.kind_and_sum", lambda what: ("run", what))
    words = ["attack", "run", "--set", f"radius={OFF + 1}/255", "random_start=false", "--goal", "hide"]
    assert main([*words, "--target", "bright", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "scenes: pgd (radius=0.06275" in said and "): hide bright" in said
    assert "3 examples of test: miou 1.0000, under attack 0.2500; changes have a median norm of 0.06275" in said
    with np.load(tmp_path / "attacked.npz") as held:
        assert held["images"].shape == (3, SIDE, SIDE, 3)
    assert main(words) == 2
    assert "--target CLASS" in capsys.readouterr().err


def test_the_command_shows_the_ways_into_a_scene(pages, monkeypatch, capsys):
    model, _ = pages

    def infer(prepared):
        return model.predicted(prepared["image"], model.arch.no_geometry({"image": tf.constant(prepared["image"])}))

    opened = types.SimpleNamespace(arch=model.arch, runner=types.SimpleNamespace(takes_prepared=True, infer=infer))
    monkeypatch.setattr("kerasvision.cli.attack._opened", lambda what, with_slopes: (*pages, CLASSES))
    monkeypatch.setattr("kerasvision.api.load", lambda what: opened)
    monkeypatch.setattr("kerasvision.cli.attack._run_of", lambda what: "run")
    words = ["attack", "run/model.tflite", "--set", f"radius={OFF + 1}/255", "random_start=false", "--ways"]
    assert main([*words, "--goal", "hide", "--target", "bright"]) == 0
    said = capsys.readouterr().out
    for way in ("transfer (made on the trained model)", "white box (by its own gradients)"):
        assert f"{way}: miou 0.2500, 1.0000 before" in said
    assert "asked alone (by scores alone): cannot be gone" in said
    opened.runner.takes_prepared = False
    assert main(words) == 2
    assert "an exported .tflite or .onnx, and this is neither" in capsys.readouterr().err


def test_pixels_weigh_as_in_the_paper():
    """Equation 4 of arXiv:2207.12391 by hand: of a right, a wrong and an uncounted pixel."""
    logits = tf.constant([[[[2.0, 0.0], [2.0, 0.0], [5.0, 0.0]]]])
    goal = goals.PixelGoal(tf.constant([[[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]]))
    right, wrong = np.log1p(np.exp(-2.0)), np.log1p(np.exp(2.0))
    for share in (0.0, 0.2, 0.5):
        found = goal.weighed({"logits": logits}, share)
        np.testing.assert_allclose(found, [((1 - share) * right + share * wrong) / 2], rtol=1e-5)
    np.testing.assert_allclose(goal.loss({"logits": logits}), [(right + wrong) / 2], rtol=1e-5)
    assert not goal.reached({"logits": logits})[0]
    assert goal.reached({"logits": tf.constant([[[[0.0, 2.0], [2.0, 0.0], [5.0, 0.0]]]])})[0]


@pytest.fixture(scope="module")
def knowing():
    """(the graph of a RetinaNet that knows a few pages by heart, their recipe, classes)."""
    case = CASES["detection/retinanet"]
    keras.utils.set_random_seed(1)
    arch, samples = case.make(), case.samples()
    recipe = recipe_of(arch, samples, case.classes)
    examples = [arch.example(tf.nest.map_structure(tf.constant, sample)) for sample in samples]
    prepared, targets = tf.nest.map_structure(lambda *rows: tf.stack(rows), *examples)
    graph, inputs = arch.build(), arch.normalize(prepared)
    adam = keras.optimizers.Adam(1e-2)
    adam.build(graph.trainable_variables)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            raw = graph(inputs, training=True)
            loss = tf.add_n([tf.reduce_mean(v) for v in arch.loss(targets, raw).values()])
        adam.apply_gradients(
            zip(tape.gradient(loss, graph.trainable_variables), graph.trainable_variables, strict=True)
        )

    for _ in range(120):
        step()
    return graph, recipe, case.classes


@pytest.fixture(scope="module")
def objects(knowing):
    """(the RetinaNet, as attacks see it, its recipe, classes)."""
    graph, recipe, classes = knowing
    return Scenes(recipe.model, Explainable(recipe.model, graph, classes)), recipe, classes


def found_in(model, images, least=0.3):
    """How many objects are found with a score, in pictures of the graph's size."""
    raw = model.logits(np.asarray(images, np.float32) / np.float32(255))
    geometry = model.arch.no_geometry({"image": tf.constant(np.asarray(images, np.uint8))})
    return int((model.arch.decode(raw, geometry)["scores"].numpy() >= least).sum())


def best_scores(model, image):
    """The highest score of each class in a picture of the graph's size, [K]."""
    _, scores = model.arch.candidates(model.logits(image[None] / np.float32(255)))
    return scores.numpy()[0].max(0)


@pytest.mark.nightly
def test_goals_of_a_detector_move_what_it_finds(objects):
    """AP may stay where objects are invented that stand behind the true ones, so those are counted."""
    model, recipe, classes = objects
    attack = create("attacks/pgd", radius=16 / 255, steps=10)
    counts, images = {}, {}
    for goal in ("harm", "vanish", "mislabel", "invent"):
        found, arrays = attacked(model, recipe, classes, attack, Aim(goal))
        assert found["metric"] == "ap" and found["clean"] > 0.5
        assert goal == "invent" or found["attacked"] < found["clean"]
        images[goal], counts[goal] = arrays["images"], found_in(model, arrays["images"])
    assert counts["vanish"] < sum(len(sample["labels"]) for sample in recipe.data.samples) < counts["invent"]
    sample = tf.nest.map_structure(tf.constant, recipe.data.samples[0])  # of one object
    before = best_scores(model, model.arch.prepare_sample(sample)[0]["image"].numpy())
    after, label = best_scores(model, images["mislabel"][0]), int(sample["labels"][0])
    other = (label + 1) % len(classes)
    assert before.argmax() == label and after[label] < before[label] and after[other] > before[other]


@pytest.fixture(scope="module")
def int8(knowing, tmp_path_factory):
    """(its int8 file as it answers in LiteRT, the same as attacks see it, by its twin)."""
    graph, recipe, classes = knowing
    arch, path = recipe.model, tmp_path_factory.mktemp("int8") / "model.tflite"
    rows = prepared_of(CASES["detection/retinanet"], arch)
    path.write_bytes(convert(Served(arch, graph, classes), "int8", "mixed", rows))
    inside = Explainable(arch, graph, classes, TwinGraph(Twin(path), graph))
    return AskedScenes(arch, TFLiteRunner(path, arch).infer), Scenes(arch, inside)


@pytest.mark.nightly
def test_objects_vanish_from_what_an_int8_file_finds(int8, objects):
    """LiteRT itself judges; on the trained model's gradients and on the file's own."""
    trained, recipe, classes = objects
    file, white = int8
    attack, settings = create("attacks/pgd", radius=16 / 255, steps=3), {"split": "test", "examples": 2}
    found = ways(file, white, trained, recipe, classes, attack, Aim("vanish"), settings)
    assert found["asked_alone"] is None and found["transfer"]["clean"] == found["white_box"]["clean"] > 0.5
    for way in ("transfer", "white_box"):
        assert found[way]["examples"] == 2 and found[way]["attacked"] < found[way]["clean"] - 0.2
    assert ways(file, white, None, recipe, classes, attack, Aim(), settings | {"examples": 1})["transfer"] is None


def test_what_the_file_finds_is_what_counts(objects):
    """Pictures made on one model and judged by a file that finds nothing."""
    trained, recipe, classes = objects

    def blind(prepared):
        nothing = trained.predicted(np.zeros_like(prepared["image"]), trained.arch.no_geometry(prepared))
        return nothing | {"count": np.zeros_like(nothing["count"]), "scores": np.zeros_like(nothing["scores"])}

    found, _ = attacked(
        *(trained, recipe, classes, create("attacks/fgsm"), Aim()), examples=2, judge=AskedScenes(trained.arch, blind)
    )
    assert found["clean"] == found["attacked"] == 0


@pytest.mark.nightly  # of classifiers by day: test_smallest_changes.py
def test_a_patch_is_learned_from_other_pages_and_harms(objects):
    model, recipe, classes = objects
    attack = create("attacks/patch", share=0.1, steps=20, step_size=0.1)
    found, arrays = attacked(model, recipe, classes, attack, Aim("vanish"))
    assert found["attacked"] < found["clean"] and "pattern" in found["attack"] and found["attack"]["pattern"] is None
    assert arrays["images"].dtype == np.uint8


@pytest.mark.parametrize(
    "name", ["detection/yolo", pytest.param("instance_segmentation/mask_rcnn", marks=pytest.mark.nightly)]
)
def test_goals_are_of_every_detectors_own_loss(name):
    """Of an untrained one each goal's loss moves further than by noise of the same size."""
    case = CASES[name]
    keras.utils.set_random_seed(2)
    arch, samples = case.make(), [tf.nest.map_structure(tf.constant, s) for s in case.samples()]
    model = Scenes(arch, Explainable(arch, arch.build(), case.classes))
    pixels = np.stack([arch.prepare_sample(sample)[0]["image"].numpy() for sample in samples])
    for aim in ("harm", "vanish", "invent"):
        rows = [arch.encode(arch.prepare_sample(goals.changed(s, aim, arch))[2]) for s in samples]
        goal = goals.goal_of(arch, aim, tf.nest.map_structure(lambda *r: tf.stack(r), *rows))
        made, _ = create("attacks/pgd", radius=16 / 255, steps=5).made(model, pixels, goal)
        noisy = np.clip(pixels + np.random.default_rng(0).choice([-16, 16], pixels.shape), 0, 255)
        after, beside = (float(tf.reduce_sum(goal.loss(model.logits(p / np.float32(255))))) for p in (made, noisy))
        assert after > beside


@pytest.mark.parametrize(
    ("name", "aim", "target", "says"),
    [
        ("detection/retinanet", "hide", None, "no goal 'hide' of detection/retinanet"),
        ("semantic_segmentation/unet", "vanish", None, "no goal 'vanish' of semantic_segmentation/unet"),
        ("semantic_segmentation/unet", "hide", None, "needs the class whose pixels"),
        ("detection/retinanet", "vanish", 1, "goal vanish takes no target"),
        ("volume_segmentation/unet3d", "harm", None, "is no classifier, detector or segmenter of one image"),
    ],
)
def test_goals_that_there_are_not_are_one_line(name, aim, target, says):
    with pytest.raises(UsageError, match=says):
        goals.check(create(name, num_classes=2), aim, target)


def test_what_does_not_go_with_a_scene_is_one_line(pages):
    model, recipe = pages
    with pytest.raises(UsageError, match="attacks/fab needs the logits of one class.*bim, fgsm, mi_fgsm, patch, pgd"):
        attacked(model, recipe, CLASSES, create("attacks/fab"), Aim())
    with pytest.raises(UsageError, match="no class 'brigt'; did you mean bright"):
        attacked(model, recipe, CLASSES, create("attacks/pgd"), Aim("hide", "brigt"))
    with pytest.raises(UsageError, match="goal mislabel needs 2 classes"):
        goals.check(create("detection/retinanet", num_classes=1), "mislabel", None)
