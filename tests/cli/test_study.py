"""`study` trains what is not trained yet and reports it; `compare` reads any runs."""

import json

import pytest

from kerasvision import Study
from kerasvision.cli.main import main
from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from tests.undrawn import nothing_is_drawn

PIPELINE = '''
"""Two widths."""
import dataclasses

from kerasvision import Recipe, Study, create


def recipe(width):
    backbone = create("backbones/convnet", width=width, blocks=(1,))
    model = create("classification/classifier", image_size=(8, 8), backbone=backbone)
    return Recipe(name=f"width_{width}", model=model, data="digits", epochs=1, batch_size=64)


study = Study(name="widths", recipes=(recipe(2), recipe(4)), seeds=(0, 1), metrics=("test/accuracy",))
'''


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study that has been run."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "widths.py").write_text(PIPELINE)
    with nothing_is_drawn():
        assert main(["study", str(folder / "widths.py"), "--out", str(folder / "out")]) == 0
    return folder


def test_every_recipe_and_seed_has_a_run_and_the_report_names_them(done):
    for name in ("width_2", "width_4"):
        for seed in (0, 1):
            held = json.loads((done / "out" / name / f"seed-{seed}" / "recipe.json").read_text())
            assert (held["name"], held["seed"]) == (name, seed)
    text = (done / "out" / "report.md").read_text()
    assert "| width_2 |" in text and "| width_4 |" in text and (done / "out" / "report.png").exists()


def test_what_is_finished_is_not_trained_again(done, capsys):
    before = {p: p.stat().st_mtime_ns for p in done.glob("out/*/*/model.weights.h5")}
    assert main(["study", str(done / "widths.py"), "--out", str(done / "out")]) == 0
    assert len(before) == 4 and before == {p: p.stat().st_mtime_ns for p in before}
    assert "width_4 is the best of 1" in " ".join(capsys.readouterr().out.split())


def test_the_baseline_can_be_asked_for_alone(done, capsys):
    words = ["study", str(done / "widths.py"), "--only", "width_2", "--seeds", "0", "--out", str(done / "out")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "width_2" in out and "width_4" not in out


def test_compare_prints_json_of_any_runs(done, capsys):
    runs = sorted(str(p.parent) for p in done.glob("out/*/*/metrics.json"))
    assert main(["compare", *runs, "--metrics", "test/accuracy", "--json", "--out", str(done / "again")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in found["rows"]] == ["width_2", "width_4"]
    assert found["rows"][1]["change"] == pytest.approx(found["rows"][1]["mean"] - found["rows"][0]["mean"])
    assert (done / "again" / "report.md").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study", "none.py"], "no study at none.py"),
        (["study", "FILE:nothing"], "defines no `nothing`"),
        (["study", "FILE", "--only", "width_9"], "--only width_9"),
        (["study", "FILE", "--seeds", "1", "1"], "each once"),
        (["compare", "nowhere"], "no finished run"),
    ],
)
def test_bad_input_is_one_line(done, words, said, capsys):
    assert main([w.replace("FILE", str(done / "widths.py")) for w in words]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error and error.count("kerasvision: ") == 1 and "Traceback" not in error


def test_a_study_saves_itself_and_refuses_what_cannot_be_compared(digits_recipe):
    study = Study(name="one", recipes=(digits_recipe,))
    assert from_json(to_json(study)) == study
    with pytest.raises(UsageError, match=r"Study\.recipes"):
        Study(name="twice", recipes=(digits_recipe, digits_recipe))
    with pytest.raises(UsageError, match=r"Study\.seeds"):
        Study(name="none", recipes=(digits_recipe,), seeds=())
