"""`pytest --changed` selects the test files that reach a change, on a drawn package and a drawn history."""

import subprocess
import types

import pytest

from tests.changed import Changed, changed_since

FILES = {
    "kerasvision/__init__.py": '_VERBS = {"train": "kerasvision.train.fit"}',
    "kerasvision/__main__.py": "from kerasvision.cli.main import main",
    "kerasvision/core/__init__.py": "",
    "kerasvision/core/registry.py": "architectures = backbones = {}",
    "kerasvision/cli/__init__.py": "",
    "kerasvision/cli/main.py": "def main(verb):\n    load(f'kerasvision.cli.{verb}')",
    "kerasvision/cli/serve.py": "def run():\n    from kerasvision.serve import page",
    "kerasvision/cli/train.py": "def run():\n    from kerasvision.train import fit",
    "kerasvision/ops/__init__.py": "",
    "kerasvision/ops/nms.py": "",
    "kerasvision/serve/__init__.py": "",
    "kerasvision/serve/page.py": "PAGE = 'page.html'",
    "kerasvision/serve/page.html": "",
    "kerasvision/tasks/__init__.py": "",
    "kerasvision/tasks/ssd.py": "@architectures.register('detection/ssd')\nclass SSD: ...",
    "kerasvision/tasks/yolo.py": "import kerasvision.ops.nms\n@architectures.register('detection/yolo')\nclass Y: 1",
    "kerasvision/backbones/__init__.py": "",
    "kerasvision/backbones/resnet.py": "@backbones.register('resnet')\nclass R: ...",
    "kerasvision/train/__init__.py": "",
    "kerasvision/train/fit.py": '"""Trains detection/ssd."""',
    "docs/serving.md": "",
    "setup.cfg": "",
    "tests/__init__.py": "",
    "tests/conftest.py": "from kerasvision.train import fit\ndef run():\n    return fit\ndef number():\n    return 1",
    "tests/test_nms.py": "from kerasvision.ops import nms",
    "tests/test_named.py": "make('detection/yolo')",
    "tests/test_one_kind.py": "from kerasvision.core.registry import backbones\nlist(backbones)",
    "tests/test_by_key.py": "from kerasvision.core.registry import architectures\narchitectures['detection/ssd']",
    "tests/test_every.py": "from kerasvision.core.registry import names\nnames()",
    "tests/test_family.py": "[f'detection/{name}' for name in x]",
    "tests/test_registers.py": "import x\n@backbones.register('own')\nclass Own: 1",
    "tests/test_uses_own.py": "make('backbones/own')",
    "tests/test_facade.py": "import kerasvision as kv",
    "tests/test_command.py": "run('-m', 'kerasvision', 'serve')",
    "tests/test_in_process.py": "from kerasvision.cli.main import main\nmain('train runs/a')",
    "tests/test_program.py": "run('-c', 'import sys; from kerasvision.ops import nms')",
    "tests/test_fixture.py": "def test(run): ...",
    "tests/test_other_fixture.py": "def test(number): ...",
    "tests/test_docs.py": "open(ROOT / 'docs' / 'serving.md')",
    "tests/test_sources.py": "ROOT.rglob('*.py')",
    "tests/sub/__init__.py": "",
    "tests/sub/conftest.py": "from kerasvision.serve import page\n@fixture(autouse=True)\ndef opened():\n    page.PAGE",
    "tests/sub/test_nothing.py": "",
}


def git(root, *words):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    return tmp_path


def selected(root, ref="HEAD"):
    return Changed(types.SimpleNamespace(rootpath=root), ref)


def change(root, path):
    with (root / path).open("a") as file:
        file.write("\n# changed\n")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("kerasvision/ops/nms.py", "nms named every family program"),
        ("kerasvision/tasks/ssd.py", "by_key every family"),  # and no one who reaches fit.py's docstring
        ("kerasvision/backbones/resnet.py", "one_kind every"),
        ("kerasvision/train/fit.py", "facade in_process fixture"),
        ("kerasvision/serve/page.py", "command sub/nothing"),
        ("kerasvision/serve/page.html", "command sub/nothing"),
        ("kerasvision/cli/main.py", "command in_process"),
        ("kerasvision/cli/train.py", "command in_process"),  # all verbs are read to know one
        ("docs/serving.md", "docs"),
        ("tests/test_registers.py", "registers uses_own"),
        ("tests/test_docs.py", "docs"),
        ("tests/sub/conftest.py", "sub/nothing"),
    ],
)
def test_a_change_selects_who_reaches_it(root, path, expected):
    change(root, path)
    names = {p.removeprefix("tests/").removesuffix(".py").replace("test_", "") for p in selected(root).why}
    assert names - {"sources"} == set(expected.split())
    assert ("sources" in names) == path.endswith(".py")


@pytest.mark.parametrize("path", ["setup.cfg", "tests/conftest.py", "kerasvision/__init__.py"])
def test_what_all_tests_need_selects_them(root, path):
    change(root, path)
    every = {p for p in FILES if p.startswith("tests/") and "/test_" in p}
    importing = {p for p in every if "kerasvision" in FILES[p] or "'detection/" in FILES[p]}
    assert set(selected(root).why) >= (importing if path == "kerasvision/__init__.py" else every)


def test_changes_are_edits_new_files_and_commits_since_the_common_one(root):
    git(root, "checkout", "-b", "mine")
    change(root, "kerasvision/ops/nms.py")
    git(root, "commit", "-am", "mine")
    (root / "tests" / "test_new.py").write_text("")
    (root / "docs" / "serving.md").unlink()
    assert changed_since("HEAD", root) == {"tests/test_new.py", "docs/serving.md"}
    git(root, "stash", "-u")
    git(root, "checkout", "main")
    change(root, "setup.cfg")
    git(root, "commit", "-am", "theirs")
    git(root, "checkout", "mine")
    assert changed_since("main", root) == {"kerasvision/ops/nms.py"}


def test_nothing_changed_selects_nothing(root):
    assert list(selected(root).lines()) == [f"--changed HEAD: 0 of {selected(root)._every} test files reach 0 changes"]


def test_each_file_is_told_with_its_reason(root):
    change(root, "kerasvision/ops/nms.py")
    change(root, "tests/test_docs.py")
    (root / "notes.txt").write_text("")
    lines = list(selected(root).lines())
    assert lines[0].startswith("--changed HEAD: 7 of")
    assert "  tests/test_docs.py: changed itself" in lines
    assert "  tests/test_named.py: kerasvision/ops/nms.py <- kerasvision/tasks/yolo.py" in lines
    assert lines[-1] == "  nearest to no test file: notes.txt"


def test_only_test_files_that_reach_nothing_are_ignored(root):
    change(root, "kerasvision/ops/nms.py")
    plugin = selected(root)
    ignored = {path: plugin.pytest_ignore_collect(root / path) for path in FILES}
    assert ignored["tests/test_docs.py"] is True
    assert ignored["tests/test_nms.py"] is None and ignored["tests/conftest.py"] is None


def test_an_unknown_commit_is_one_line(root):
    with pytest.raises(pytest.UsageError, match="tests/test_nms.py: git knows no such commit; write --changed=REF"):
        changed_since("tests/test_nms.py", root)
