"""Every registered exporter on the run of the digits: what it says of itself, and what it writes."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kerasvision import api
from kerasvision.core.registry import exporters
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.placing import artifact_at, next_version
from tests import store
from tests.export.conftest import SPECS
from tests.export.page_browser import litertjs

LIMIT = 120  # examples that a certificate looks at
each = pytest.mark.parametrize("name", exporters.names())


@dataclasses.dataclass(frozen=True)
class Written:
    """The run of the digits, and what one exporter has made of it below `out`."""

    run: pathlib.Path
    out: pathlib.Path
    artifact: object

    def home(self, name, version):
        """The package of an exporter."""
        return self.out / exporters[name].home.format(name="digits", version=version)

    def contract(self, name, version):
        return json.loads((self.home(name, version) / exporters[name].contract_path).read_text(encoding="utf-8"))


@pytest.fixture
def written(digits_recipe, digits_run, name):
    """By the tests' one export of the digits where the exporter is among its, else by an export of its own."""
    spec = from_spec(name).spec
    if name == "web":
        litertjs()  # skips where it is not
    artifacts, _, out = store.exported(digits_recipe, SPECS if spec in SPECS else (spec,), LIMIT)
    return Written(digits_run.folder, out, artifacts[spec])


@each
def test_it_declares_where_its_package_stands_and_how_its_artifact_is_known(name):
    part = exporters[name]
    assert "{name}" in part.home, "models of two names would replace one another"
    assert not pathlib.PurePath(part.home).is_absolute()
    assert pathlib.PurePath(part.contract_path).name == "contract.json", "what `compare` looks for"
    assert bool(part.suffixes) != bool(part.inside), "an artifact is a file of a suffix, or a folder with a file in it"
    assert all(suffix.startswith(".") for suffix in part.suffixes)
    assert from_spec(name).spec.split(":")[0] == name


@each
def test_it_writes_what_it_declares(written, name):
    part, artifact = exporters[name], written.artifact
    home = written.home(name, 1)
    assert artifact.path.is_relative_to(home)
    assert artifact.path.is_dir() if part.inside else artifact.path.name.endswith(part.suffixes)
    assert not part.inside or (artifact.path / part.inside).is_file()
    rows = [row for row in written.contract(name, 1)["artifacts"] if row["kind"] == artifact.kind]
    assert [row["sha256"] for row in rows] == [artifact.sha256]
    assert artifact.size_bytes > 0 and artifact.ops
    assert artifact.agreement["examples"] == LIMIT


@each
def test_what_it_writes_is_loaded_and_agrees_with_the_run(written, name):
    run, model = api.load(written.run), api.load(written.artifact.path)
    assert (model.arch, model.classes) == (run.arch, run.classes)
    gray = load_digits().images[:10, ..., None].repeat(3, -1)
    for image in np.round(gray * (255 / 16)).astype(np.uint8):
        expected, answer = (m({"image": image[None]})["probabilities"] for m in (run, model))
        assert answer.shape == (1, 10) and answer.dtype == np.float32
        if from_spec(name).precision == "float32":
            assert np.abs(answer - expected).max() <= written.artifact.agreement["tolerance"]
        assert answer.argmax() == expected.argmax()


@each
def test_after_its_first_version_comes_the_second(written, name, tmp_path):
    """Of this exporter's package alone, moved to where nothing else is."""
    home = written.home(name, 1)
    shutil.copytree(home, tmp_path / home.relative_to(written.out))
    assert next_version(tmp_path, "digits", ()) == 2


@pytest.mark.nightly
@each
def test_a_second_export_has_version_2_and_keeps_the_first_where_its_home_has_room(written, digits_run, name, tmp_path):
    out, home = tmp_path / "out", written.home(name, 1)
    shutil.copytree(home, out / home.relative_to(written.out))
    (artifact,), contract = export(digits_run, [from_spec(name)], out, limit=20, verbose=False)
    again = Written(written.run, out, artifact)
    assert contract["version"] == again.contract(name, 2)["version"] == 2
    assert artifact.path.exists() and api.load(artifact.path)
    if "{version}" in exporters[name].home:
        assert again.contract(name, 1)["version"] == 1
        assert artifact_at(again.home(name, 2).parent) == again.home(name, 2)
    else:
        assert again.home(name, 1) == again.home(name, 2)
