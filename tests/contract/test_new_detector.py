"""A detector is one file: written into a copy of the project, it passes every contract, trains and is exported."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRATCH = pathlib.Path(__file__).with_name("center_point.py")


@pytest.mark.slow
def test_a_new_detector_touches_one_file(tmp_path):
    assert len(SCRATCH.read_text().splitlines()) < 120
    for folder in ("kerasvision", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    shutil.copy(SCRATCH, tmp_path / "kerasvision" / "tasks" / "detection")
    # the run that `test_exports` exports is a training by the Learner, on the samples of the family's default case
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-k", "center_point", "tests/contract"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    last = done.stdout.strip().splitlines()[-1]
    assert "passed" in last and int(last.split(" passed")[0].split()[-1]) >= 15, last
