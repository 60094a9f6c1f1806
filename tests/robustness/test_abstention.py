"""Who can withhold an answer, `predict --max-risk`, and what others are told that they can promise in place of that."""

import dataclasses
import json
import types

import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.robustness.abstention import abstention_of
from kerasvision.tasks.pixel_sets import PixelSets
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES

SEGMENTER, DETECTOR = "semantic_segmentation/unet", "detection/retinanet"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (SEGMENTER, "kerasvision calibrate RUN --set pixel_sets.coverage=0.98"),
        (DETECTOR, "kerasvision calibrate RUN --set outer_boxes.coverage=0.98"),
        ("regression/regressor", "kerasvision calibrate RUN --set interval.coverage=0.98"),
        ("classification/multi_label", "name a classifier of one class an example"),
        ("embedding/proxies", "name a classifier of one class an example"),
    ],
)
def test_what_has_no_label_to_withhold_is_told_what_it_can_promise(name, says):
    model = types.SimpleNamespace(arch=CASES[name].make(), recipe=None)
    with pytest.raises(UsageError) as error:
        abstention_of(model, 0.02)
    said = str(error.value)
    assert said.startswith(f"--max-risk withholds the one label of an example, and {name}") and "\n" not in said
    assert said.endswith(says)


def test_of_what_promises_already_the_line_says_that():
    arch = CASES[SEGMENTER].make()
    arch = dataclasses.replace(arch, pixel_sets=PixelSets(0.95, thresholds=(0.1,), examples=40))
    with pytest.raises(UsageError, match="what it promises stands in its answers: 0.95 of an image's foreground$"):
        abstention_of(types.SimpleNamespace(arch=arch, recipe=None), 0.02)


def test_the_command_says_so_and_a_classifier_abstains(digits_run, photographs, tmp_path, capsys):
    picture = str(tmp_path / "photograph.png")
    Image.fromarray(next(iter(photographs.values()))).save(picture)
    for name in (SEGMENTER, DETECTOR):
        arch, folder = CASES[name].make(), tmp_path / name.replace("/", "_")
        folder.mkdir()
        recipe = Recipe(name="fresh", model=arch, data=create("sources/digits"))
        save_run(Trained(recipe, contracts.built(arch), CASES[name].classes, {}, folder))
        assert main(["predict", str(folder), picture, "--max-risk", "0.02"]) == 2
        said = capsys.readouterr().err
        assert f"{name} gives none; have it promise how much of" in said and "Traceback" not in said
    for risk in ("0", "1"):
        assert main(["predict", str(digits_run.folder), picture, "--max-risk", risk]) == 2
        assert "allowed: above 0 and below 1, as in 0.02" in capsys.readouterr().err
    assert main(["predict", str(digits_run.folder), picture, "--max-risk", "0.2", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)["prediction"]["risk"]
    assert held["max_risk"] == 0.2 and held["bound"] <= 0.2 and isinstance(held["abstains"], bool)
