"""The ladder: int8 files that are broken on purpose, and what is found that repairs them."""

import dataclasses
import json
import types

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import splits_of
from kerasvision.export.base import Job
from kerasvision.export.blame import blame, draw
from kerasvision.export.certificate import export
from kerasvision.export.layers import Layer
from kerasvision.export.repair.ladder import Attempt, Ladder, Target, repair
from kerasvision.export.repair.workshop import Plan
from kerasvision.export.targets.tflite import TFLite, TFLiteRunner
from kerasvision.export.trials import Trial, Trials
from tests.export.stretched import AROUND

DROP = 0.03  # 179 validation examples can tell


def test_channels_that_equalization_can_mend_need_nothing_else(inside, calibration, tmp_path):
    said = []
    found = repair(inside, Target(DROP), tell=said.append)
    first, last = found.record["attempts"][0], found.record["attempts"][-1]
    assert first["steps"] == [] and first["change"] < -0.3 and not first["kept"]  # the plain file is ruined
    assert last["steps"] == list(found.exporter.repair) == ["equalize"] and last["kept"] and last["front"]
    assert len(said) == len(found.record["attempts"]) == 2
    artifacts, contract = export(inside, [found.exporter], tmp_path, limit=60, verbose=False, repaired=found)
    assert artifacts[0].sha256 == found.sha256 and contract["artifacts"][0]["repair"] == found.record
    written = json.loads((tmp_path / "tflite" / "models" / "digits" / "contract.json").read_text())
    steps = tuple(written["artifacts"][0]["repair"]["steps"])
    job = Job(inside.served(), "again", 1, tmp_path / "again", calibration, ())
    (tmp_path / "again" / "tflite" / "models" / "again").mkdir(parents=True)
    assert TFLite("int8", repair=steps).content(job) == artifacts[0].path.read_bytes()


def test_channels_with_a_shortcut_need_layers_in_float(around):
    found = repair(around, Target(DROP))
    rows = found.record["attempts"]
    whole = [row for row in rows[:-1] if not any(step.startswith("float=") for step in row["steps"])]
    assert rows[0]["change"] < -0.3 and len(whole) >= 4 and not any(row["kept"] for row in whole)
    kept = sorted((row for row in rows if row["kept"]), key=lambda row: row["size_bytes"])
    assert rows[-1]["kind"] == "tflite:float16" and rows[-1]["kept"]
    assert (kept[0]["kind"], kept[0]["steps"]) == (found.exporter.spec, list(found.exporter.repair))
    steps = next(row["steps"] for row in kept if row["steps"])  # of the least set of layers in float
    (floats,) = (step for step in steps if step.startswith("float="))
    names = floats.removeprefix("float=").split(",")
    touched = {name.replace("_bn", "_conv") for part in AROUND for name in part} | {"backbone_c0_block0_add"}
    assert len(set(names) & touched) >= 2  # those on both sides of the tensor


def trial(low, change, size=10, ms=1.0):
    held = {"metric_change": change, "metric_change_interval": [low, 2 * change - low], "direction": "max"}
    return Trial(held | {"examples": 179, "flips": 3, "tolerance": None}, 0.0, size, ms)


def ladder_of(target, *trials):
    """A ladder that has been climbed."""
    about = types.SimpleNamespace(size=179, metric="accuracy", split_name="validation")
    ladder = Ladder(None, None, target, about)
    plans = (Plan(), Plan(bias=True), Plan(floats=("a",)))
    ladder.attempts = [Attempt("tflite:int8", p, "every", t, "0") for p, t in zip(plans, trials, strict=False)]
    return ladder


def test_a_target_that_no_file_reaches_says_what_was_found():
    about = r"changes accuracy by -0.4000 \(-0.5000 to -0.3000\), with 10 bytes and 1.00 ms"
    with pytest.raises(KerasVisionError, match=f"none of 1 files keeps the target; the best: tflite:int8 {about}"):
        ladder_of(Target(0.01), trial(-0.5, -0.4)).chosen()
    with pytest.raises(KerasVisionError, match="none of 2 files keeps the target; the best: tflite:int8 bias"):
        ladder_of(Target(0.01, size_bytes=9), trial(-0.5, -0.4), trial(0, 0)).chosen()


def test_a_file_that_may_keep_it_says_how_many_examples_would_tell():
    """The interval reaches three times as far as the bound, so nine times as many."""
    line = r"179 validation examples are too few to tell whether a file keeps --max-drop 0.01, about 161\d would"
    with pytest.raises(KerasVisionError, match=line):
        ladder_of(Target(0.01), trial(-0.5, -0.4), trial(-0.03, 0.0)).chosen()


def test_the_smallest_file_that_keeps_the_target_is_chosen():
    trials = trial(-0.5, -0.4, size=5), trial(-0.001, 0.0, size=20), trial(-0.001, 0.0, size=12)
    found = ladder_of(Target(0.01), *trials).chosen()
    assert found.exporter.repair == ("float=a",) and found.calibration == "every"
    assert [row["front"] for row in found.record["attempts"]] == [True, False, True]
    assert [row["kept"] for row in found.record["attempts"]] == [False, True, True]


def test_too_few_examples_say_how_many_are_needed(inside):
    with pytest.raises(UsageError, match="179 validation examples are too few to tell a fall of 0.005: 601 are needed"):
        repair(inside, Target(0.005))


def test_a_bound_is_kept_by_the_whole_interval():
    target = Target(0.01, size_bytes=10, latency_ms=1.0)
    assert target.keeps(trial(-0.0099, 0.0)) and not target.keeps(trial(-0.0101, 0.0))
    assert target.may_keep(trial(-0.0101, 0.0)) and not target.may_keep(trial(-0.02, -0.0101))
    assert not target.keeps(trial(0, 0, size=11)) and not target.keeps(trial(0, 0, ms=1.1))
    with pytest.raises(UsageError, match="--max-drop 0; allowed: above 0"):
        Target(0.0)


def test_trials_measure_what_the_certificate_does(digits_exports, digits_run):
    artifacts, _, out = digits_exports
    path = out / "tflite" / "models" / "digits" / "model_int8.tflite"
    served = digits_run.served()
    answer = lambda inputs: {k: v.numpy() for k, v in served.judge(inputs).items()}  # noqa: E731
    splits = splits_of(digits_run.recipe, "test")
    trials = Trials(served.arch, served.classes, splits, "test", answer, limit=120)
    held, known = trials.of(path.read_bytes()), artifacts["tflite:int8"].agreement
    for key in ("metric_change", "metric_change_interval", "flips", "examples"):
        assert held.agreement[key] == known[key], key
    assert 0 < held.error <= known["max_error"] and held.size_bytes == path.stat().st_size
    assert trials.of_runner(TFLiteRunner(path, served.arch), 5).agreement == held.agreement


def test_a_layer_that_is_broken_is_blamed(inside, shop, tmp_path):
    (tmp_path / "model.tflite").write_bytes(shop.content)
    (tmp_path / "model_int8.tflite").write_bytes(shop.made(Plan()))
    runner = TFLiteRunner(tmp_path / "model.tflite", inside.arch)
    model = Known(inside.arch, inside.classes, inside.recipe, runner)
    paths = tmp_path / "model_int8.tflite", tmp_path / "model.tflite"
    names = ("backbone_c0_block0_2_conv", "logits")
    rows = [Layer(name, name, "CONV_2D", number, number, 0, 0, 0) for number, name in enumerate(names)]
    found = blame(model, paths, rows, 2, limit=100)
    broken, whole = found["layers"]
    assert (broken.layer, whole.layer) == names and found["all_change"] < -0.3
    assert broken.only_change < -0.3 and whole.only_change > -0.05 and broken.only_error > 10 * whole.only_error
    draw(rows, found, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(UsageError, match="--worst 0; allowed: 1 and above"):
        blame(model, paths, rows, 0)


@dataclasses.dataclass(frozen=True)
class Known:
    arch: object
    classes: tuple
    recipe: object
    runner: object

    def __call__(self, inputs):
        return self.runner(inputs)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--max-bytes", "5"], "--max-bytes and --max-ms go with --max-drop X"),
        (["--max-drop", "0.1", "--repair", "bias"], "--max-drop looks for steps and calibration itself"),
        (["--qat", "q"], "--qat goes with --max-drop X, which it is to keep"),
        (["--qat-epochs", "2"], "--qat-epochs goes with --qat FOLDER"),
        (["--max-drop", "0.1", "--qat", "."], "--qat .: it is there already; name a new folder"),
        (["--max-drop", "0.1", "--qat", "q", "--appearance", "colors"], "--qat and --appearance do not go together"),
        (["--max-drop", "0.1", "--qat", "q", "--qat-epochs", "0"], "--qat-epochs 0; allowed: 1 or more"),
        (["--max-drop", "0.1", "--to", "onnx"], "--max-drop and --repair are for tflite:int8; seen: --to onnx"),
    ],
)
def test_words_that_do_not_go_together_are_one_line(words, line, capsys, digits_run):
    to = [] if "--to" in words else ["--to", "tflite:int8"]
    assert main(["export", str(digits_run.folder), *to, *words]) == 2
    assert line in capsys.readouterr().err
