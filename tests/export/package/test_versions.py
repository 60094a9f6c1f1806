"""Labels that name versions: what is refused, what can be taken back, and what a running server makes of it."""

import json
import shutil
import time

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.package import labels
from kerasvision.export.package.versions import differences, promote, rollback, version_of, versions_of


@pytest.fixture
def exported(digits_served):
    """The digits' SavedModel."""
    return digits_served / "digits" / "1"


@pytest.fixture
def folder(exported, tmp_path):
    """saved_models with versions 1, 2 and 3 of digits, all alike."""
    for number in (1, 2, 3):
        shutil.copytree(exported, tmp_path / "saved_models" / "digits" / str(number))
    return tmp_path / "saved_models"


def edit(folder, number, change):
    """Change a version's contract in place, and nothing else."""
    path = folder / "digits" / str(number) / "assets.extra" / "contract.json"
    contract = json.loads(path.read_text())
    change(contract)
    path.write_text(json.dumps(contract))


def lower(contract):
    contract["artifacts"][0]["metrics"]["accuracy"] -= 0.05


def served(folder):
    """{label: version} and versions of digits in models.config, as TensorFlow Serving reads it."""
    text = (folder / "models.config").read_text()
    (row,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return dict(row.version_labels), list(row.model_version_policy.specific.versions)


def test_a_label_names_a_version_and_goes_back(folder):
    assert promote(folder, "digits", 1) is None
    assert promote(folder, "digits", 2) == 1
    assert promote(folder, "digits", 3, "canary") is None
    assert served(folder) == ({"stable": 2, "canary": 3}, [2, 3])
    assert [(v.number, v.labels) for v in versions_of(folder)] == [(1, ()), (2, ("stable",)), (3, ("canary",))]
    assert rollback(folder, "digits") == (2, 1)
    assert served(folder) == ({"stable": 1, "canary": 3}, [1, 3])
    with pytest.raises(KerasVisionError, match="stable of digits has named no other version"):
        rollback(folder, "digits")


def test_an_export_keeps_the_labels(digits_run, folder):
    promote(folder, "digits", 2)
    export(digits_run, [from_spec("tf_serving")], folder.parent, limit=20, verbose=False)
    assert served(folder) == ({"stable": 2}, [2])
    assert versions_of(folder)[-1].number == 4


def test_a_lower_metric_is_refused_unless_allowed(folder):
    promote(folder, "digits", 1)
    edit(folder, 2, lower)
    with pytest.raises(KerasVisionError, match=r"digits 2 has accuracy .* and 1, which is stable, .*--accuracy-drop"):
        promote(folder, "digits", 2)
    assert served(folder) == ({"stable": 1}, [1])
    assert promote(folder, "digits", 2, drop=0.06) == 1


def judged_by(metric, **values):
    """A change of a contract: the metric that the file was judged by, and what it measured of the file."""

    def change(contract):
        row = contract["artifacts"][0]
        row["agreement"]["metric"] = metric
        row["metrics"] |= values

    return change


def test_promotion_compares_what_each_candidate_is_judged_by(folder):
    """Version 2 is better by accuracy and worse by balanced accuracy; 3 is the other way round."""
    edit(folder, 1, judged_by("accuracy", accuracy=0.90, balanced_accuracy=0.50))
    edit(folder, 2, judged_by("accuracy", accuracy=0.92, balanced_accuracy=0.45))
    edit(folder, 3, judged_by("accuracy", accuracy=0.85, balanced_accuracy=0.70))
    promote(folder, "digits", 1)
    with pytest.raises(KerasVisionError, match=r"digits 3 has accuracy 0\.8500 and 1, which is stable, 0\.9000"):
        promote(folder, "digits", 3)
    edit(folder, 2, judged_by("balanced_accuracy"))
    edit(folder, 3, judged_by("balanced_accuracy"))
    with pytest.raises(KerasVisionError, match=r"digits 2 has balanced_accuracy 0\.4500 and 1, .* 0\.5000"):
        promote(folder, "digits", 2)
    assert promote(folder, "digits", 3) == 1
    assert rollback(folder, "digits") == (3, 1)
    edit(folder, 2, judged_by("accuracy"))
    assert promote(folder, "digits", 2) == 1


def test_a_metric_that_less_is_better_of_and_one_that_was_not_measured(folder, capsys):
    edit(folder, 1, judged_by("accuracy", log_loss=0.5))
    edit(folder, 2, judged_by("log_loss", log_loss=0.6))
    edit(folder, 3, judged_by("log_loss", log_loss=0.4))
    promote(folder, "digits", 1)
    with pytest.raises(KerasVisionError, match=r"digits 2 has log_loss 0\.6000 and 1, which is stable, 0\.5000"):
        promote(folder, "digits", 2)
    assert main(["models", "diff", "digits", "1", "2", "--dir", str(folder)]) == 0
    assert "log_loss: 0.5 became 0.6" in capsys.readouterr().out
    assert promote(folder, "digits", 3) == 1
    edit(folder, 2, judged_by("fame", fame=1.0))
    said = "digits 2 is judged by fame, which was not measured of 3, which is stable; export 3 again, or promote 2"
    with pytest.raises(KerasVisionError, match=said):
        promote(folder, "digits", 2)


def test_another_interface_is_refused_and_shown(folder, capsys):
    promote(folder, "digits", 1)
    edit(folder, 2, lambda c: c["outputs"]["probabilities"].update(shape=[None, 11]))
    edit(folder, 2, lambda c: c["classes"].reverse())
    old, new = (version_of(folder, "digits", n) for n in (1, 2))
    assert [line.split(":")[0] for line in differences(old, new)] == ["outputs/probabilities", "classes"]
    with pytest.raises(KerasVisionError, match="has another interface than 1, which is stable: outputs/probabilities"):
        promote(folder, "digits", 2)
    assert promote(folder, "digits", 2, "canary") is None
    assert main(["models", "diff", "digits", "1", "2", "--dir", str(folder)]) == 1
    assert "interface: outputs/probabilities: {" in capsys.readouterr().out
    assert main(["models", "diff", "digits", "1", "3", "--dir", str(folder)]) == 0
    assert "the interface is the same" in capsys.readouterr().out


def test_files_that_were_changed_are_refused(folder):
    (folder / "digits" / "2" / "saved_model.pb").write_bytes(b"something else")
    with pytest.raises(KerasVisionError, match=r"is not what its contract\.json says"):
        promote(folder, "digits", 2)
    assert not (folder / labels.FILE).exists()


def test_the_command(folder, capsys):
    assert main(["models", "promote", "digits", "2", "--dir", str(folder)]) == 0
    assert capsys.readouterr().out == "stable of digits is version 2; it named none before\n"
    assert main(["models", "list", "--dir", str(folder)]) == 0
    assert "stable" in capsys.readouterr().out
    assert main(["models", "list", "--dir", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["version"], r["labels"]) for r in rows] == [(1, []), (2, ["stable"]), (3, [])]
    assert main(["models", "promote", "digits", "3", "--dir", str(folder)]) == 0
    assert main(["models", "rollback", "digits", "--dir", str(folder)]) == 0
    assert "stable of digits is version 2 again; it was 3" in capsys.readouterr().out


def test_of_two_targets_one_folder_is_listed_once(digits_exports, capsys):
    """README's first export writes `saved_model` and `tf_serving` into one folder, whose contract has two rows."""
    both = digits_exports[2] / "saved_models"
    (version,) = versions_of(both)
    assert [row["path"] for row in version.contract["artifacts"]] == [".", "."]
    assert main(["models", "list", "--dir", str(both), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["version"], row["metric"]) == ("digits", 1, "accuracy")
    assert main(["models", "list", "--dir", str(both)]) == 0
    assert main(["models", "diff", "digits", "1", "1", "--dir", str(both)]) == 0


def test_a_contract_that_says_nothing_of_its_folder_is_one_line(folder, capsys):
    edit(folder, 2, lambda c: c["artifacts"][0].update(path="model.tflite"))
    assert main(["models", "list", "--dir", str(folder)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "contract.json does not say what is in this folder" in said


def test_what_is_not_there_is_one_line(folder, tmp_path):
    for call, said in (
        (lambda: versions_of(tmp_path / "no"), "no folder"),
        (lambda: promote(folder, "digit", 1), "has no model 'digit'.*digits"),
        (lambda: promote(folder, "digits", 9), "digits has no version 9; it has 1, 2, 3"),
        (lambda: promote(folder, "digits", 1, "1st"), "--label 1st: allowed"),
    ):
        with pytest.raises(UsageError, match=said):
            call()
    (folder / labels.FILE).write_text("[")
    with pytest.raises(KerasVisionError, match=r"labels\.json is damaged"):
        promote(folder, "digits", 1)


def test_a_running_server_follows_the_label(folder):
    import functools

    from kerasvision.serve.models import configs_below
    from kerasvision.serve.server import Server
    from tests.serve.conftest import QUIET, Client

    promote(folder, "digits", 1)
    server = Server(functools.partial(configs_below, folder), QUIET, folder).start()
    try:
        client = Client(server.rest_port)

        def stable():
            status, answer = client.ask("GET", "/v1/models/digits/labels/stable")
            return answer["model_version_status"][0]["version"] if status == 200 else None

        assert stable() == "1" and client.ask("GET", "/v1/models/digits/versions/2")[0] == 404
        promote(folder, "digits", 2)
        end = time.monotonic() + 20
        while stable() != "2":
            assert time.monotonic() < end, "the label was not followed"
            time.sleep(0.05)
    finally:
        server.stop()
