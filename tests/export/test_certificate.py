"""The certificate refuses: each fault is planted, named in one line, and nothing is written."""

import dataclasses
import errno
import json
import pathlib
import re
import shutil
import time

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget
from kerasvision.core.registry import create
from kerasvision.export.base import Exporter
from kerasvision.export.certificate import export
from kerasvision.export.placing import put_in_place
from kerasvision.train.run import Trained
from tests.export.conftest import Planted, on_image, tree

pytestmark = pytest.mark.usefixtures("floats_alone")
NIGHTLY = pytest.mark.nightly  # exports take seconds


@pytest.fixture(scope="module")
def first_export(photo_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    export(photo_model, [planted(photo_model), create("exporters/saved_model")], folder, verbose=False)
    return folder


@pytest.fixture
def out(first_export, tmp_path):
    """A folder of its own that holds an earlier export of version 1."""
    return pathlib.Path(shutil.copytree(first_export, tmp_path / "out"))


def planted(trained, **fields):
    return Planted(trained.served(), **fields)


def refusal(trained, exporters, out, **options):
    """The one line of a refused export that left the folder as it was."""
    before = tree(out) if out.exists() else None
    with pytest.raises(KerasVisionError) as caught:
        export(trained, exporters, out, verbose=False, **options)
    assert (tree(out) if out.exists() else None) == before, "a refused export changed the folder"
    message = str(caught.value)
    assert "\n" not in message
    return message


def budgeted(trained, **bounds):
    return trained.under(Budget(**bounds))


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=NIGHTLY) for n in (4, 8))])
def test_a_wrong_answer_is_refused_and_its_image_named_by_path(photo_model, judged, out, number):
    path, image = judged[number]
    spoil = on_image(image, lambda scores: scores + 1e-4)
    message = refusal(photo_model, [planted(photo_model, spoil=spoil)], out)
    assert message.startswith(f"nothing was exported: planted differs from the trained model by 0.0001 on {path}; ")
    assert pathlib.Path(path).is_file()


def test_the_worst_of_several_wrong_images_is_named(photo_model, judged, out):
    def spoil(inputs, prediction):
        for number, size in ((1, 0.01), (5, 0.03), (7, 0.02)):
            prediction = on_image(judged[number][1], lambda p, size=size: p + size)(inputs, prediction)
        return prediction

    assert f" by 0.03 on {judged[5][0]};" in refusal(photo_model, [planted(photo_model, spoil=spoil)], out)


@pytest.mark.parametrize(
    ("value", "bound"),
    [(np.nan, True), *(pytest.param(*v, marks=NIGHTLY) for v in ((np.nan, False), (np.inf, False), (np.inf, True)))],
)
def test_an_answer_that_is_no_number_is_refused(photo_model, judged, out, value, bound):
    path, image = judged[2]
    exporter = planted(photo_model, spoil=on_image(image, lambda p: p + value), bound=bound)
    message = refusal(photo_model, [exporter], out)
    assert message == f"nothing was exported: planted gives probabilities that are not finite on {path}"


def test_what_rounding_explains_passes(photo_model, tmp_path):
    def spoil(inputs, prediction):
        return {k: v + np.float32(1e-7) for k, v in prediction.items()}

    (artifact,), _ = export(photo_model, [planted(photo_model, spoil=spoil)], tmp_path, verbose=False)
    assert 0 < artifact.agreement["max_error"] < artifact.agreement["tolerance"] < 1e-4
    assert artifact.path.is_file(), "the path of an artifact is where it stands after the export"


@dataclasses.dataclass(frozen=True)
class FromOtherWeights(Exporter):
    """A real .tflite, converted from a graph that was not the trained one."""

    inner: Exporter
    served: object

    @property
    def spec(self):
        return self.inner.spec

    @property
    def home(self):
        return self.inner.home

    def package(self, job):
        return self.inner.package(job)

    def write(self, job):
        return self.inner.write(dataclasses.replace(job, served=self.served))

    def open(self, path, arch):
        return self.inner.open(path, arch)

    def ops(self, path):
        return self.inner.ops(path)

    def signature(self, path):
        return self.inner.signature(path)


def test_a_file_made_of_other_weights_is_refused(photo_model, out):
    graph = keras.models.clone_model(photo_model.graph)
    weights = [w.copy() for w in photo_model.graph.get_weights()]
    weights[0] += 1e-3  # a thousandth on the first kernel
    graph.set_weights(weights)
    other = Trained(photo_model.recipe, graph, photo_model.classes, {}).served()
    message = refusal(photo_model, [FromOtherWeights(create("exporters/tflite"), other)], out)
    assert message.startswith("nothing was exported: tflite:float32 differs from the trained model by ")
    assert ".png; its arithmetic explains " in message


def test_one_bad_artifact_holds_back_the_good_ones(photo_model, judged, out):
    wrong = planted(photo_model, folder="wrong", spoil=on_image(judged[0][1], lambda p: p + 0.5))
    message = refusal(photo_model, [planted(photo_model), wrong, create("exporters/saved_model")], out)
    assert message.startswith("nothing was exported: wrong differs") and "planted" not in message


def test_size_breaks_the_budget(photo_model, out):
    message = refusal(budgeted(photo_model, size_bytes=69), [planted(photo_model)], out)
    assert message == "nothing was exported: planted has 70 bytes; budget.size_bytes is 69"
    export(budgeted(photo_model, size_bytes=70), [planted(photo_model)], out / "fits", verbose=False)


def test_latency_breaks_the_budget(photo_model, out):
    def slow(inputs, prediction):
        time.sleep(0.02)
        return prediction

    message = refusal(budgeted(photo_model, latency_ms=15.0), [planted(photo_model, spoil=slow)], out)
    needed = re.fullmatch(r"nothing was exported: planted needs ([\d.]+) ms; budget.latency_ms is 15", message)
    assert float(needed[1]) >= 20


def test_every_broken_bound_is_named_at_once(photo_model, judged, out):
    exporter = planted(photo_model, spoil=on_image(judged[0][1], lambda p: p + 0.5))
    message = refusal(budgeted(photo_model, size_bytes=1, latency_ms=1e-6), [exporter], out)
    assert all(words in message for words in ("differs from", "bytes", " ms; "))


def test_a_version_that_exists_is_refused(photo_model, out):
    message = refusal(photo_model, [create("exporters/saved_model")], out, version=1)
    assert message == f"version 1 of photos exists in {out} and is never overwritten; the next free one is 2"


@NIGHTLY  # that one goes on from what stands there is told of every exporter by day: tests/contract/test_exporters.py
def test_an_export_without_a_saved_model_counts_on_from_the_file_it_replaces(photo_model, tmp_path):
    for version in (1, 2):
        _, contract = export(photo_model, [create("exporters/onnx")], tmp_path, verbose=False)
        held = json.loads((tmp_path / "onnx" / "photos" / "contract.json").read_text())
        assert contract["version"] == held["version"] == version


def package(folder, *files):
    folder.mkdir(parents=True)
    (folder / "contract.json").write_text(json.dumps({"artifacts": [{"path": name} for name in files]}))
    for name in files:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(("now", "gone"), [(("a.tflite", "b.tflite"), []), (("b.tflite", "c.tflite"), ["a.tflite"])])
def test_files_that_go_with_the_export_before_are_told(now, gone, tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    before = package(out / "tflite", "a.tflite", "b.tflite")
    found = put_in_place(root, [package(root / "tflite", *now)], out)
    assert found == [before / name for name in gone]
    assert sorted(p.name for p in before.glob("*.tflite")) == list(now)
    assert put_in_place(root / "again", [package(root / "again" / "onnx", "d.onnx")], out) == []


@pytest.mark.parametrize("text", ["[]", '{"artifacts": null}', '{"artifacts": [{}]}', "{"])
def test_what_else_lies_there_is_no_contract(text, tmp_path):
    before = package(tmp_path / "out" / "tflite", "a.tflite")
    (before / "contract.json").write_text(text)
    root = tmp_path / "root"
    assert put_in_place(root, [package(root / "tflite", "b.tflite")], tmp_path / "out") == []


def test_a_second_export_takes_the_next_version_and_replaces_what_has_none(photo_model, out):
    exporters = [planted(photo_model), planted(photo_model, folder="beside"), create("exporters/saved_model")]
    _, contract = export(photo_model, exporters, out, verbose=False)
    assert contract["version"] == 2
    assert sorted(p.name for p in (out / "saved_models" / "photos").iterdir()) == ["1", "2"]
    assert not list(out.glob(".export-*")), "the staging folder was left behind"


def test_a_folder_that_cannot_be_made_is_refused(photo_model, tmp_path):
    (tmp_path / "file").touch()
    message = refusal(photo_model, [planted(photo_model)], tmp_path / "file" / "out")
    assert message == f"cannot write to {tmp_path}/file/out: Not a directory; choose another --out"


@pytest.mark.parametrize("existing", [True, pytest.param(False, marks=NIGHTLY)])
def test_a_full_disk_leaves_nothing_half_written(photo_model, out, existing):
    full = planted(photo_model, folder="full", write_error=OSError(errno.ENOSPC, "No space left on device"))
    where = out if existing else out / "new" / "folder"
    message = refusal(photo_model, [planted(photo_model), full], where)
    assert message == f"cannot write to {where}: No space left on device; nothing was exported"
    assert existing or not (out / "new").exists()


def test_a_package_that_cannot_be_placed_takes_the_others_back(photo_model, out):
    (out / "blocked").touch()  # a file where a folder is wanted
    newer = planted(photo_model, spoil=lambda inputs, prediction: {k: v + 1e-8 for k, v in prediction.items()})
    before = tree(out)
    message = refusal(photo_model, [newer, planted(photo_model, folder="blocked")], out)
    assert message == f"cannot write to {out}: File exists; nothing was exported"
    assert tree(out) == before and (out / "blocked").is_file()


def test_a_converter_s_own_error_names_the_target(photo_model, out):
    broken = planted(photo_model, write_error=RuntimeError("no kernel for Foo\nand a long story"))
    message = refusal(photo_model, [broken], out)
    assert message == "planted could not convert classification/classifier: no kernel for Foo"
