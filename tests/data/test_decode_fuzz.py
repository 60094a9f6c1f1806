"""Mutated pictures in processes of their own: nothing dies, hangs or leaks, and what is decoded equals Pillow.

`KERASVISION_FUZZ=200000 pytest -n 0 -s -m slow tests/data/test_decode_fuzz.py` runs as many, in four processes one
after the other, and prints seeds and counts.

Memory: 47,500 undamaged files grew it by 0.1 MB; it steps where a file lies about its size (the three that were decoded
again grew it once).
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FEW = 1_000
MOST_GROWN = 16 * 2**20  # bytes of memory while the last eighth is decoded once more


def run(seed, count, folder):
    """The JSON of one process. Prints the seed and what became of the pictures."""
    current = folder / f"{seed}.bin"
    command = [sys.executable, "-m", "tests.data.fuzzing", str(seed), str(count), str(current)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    died = f"seed {seed}: exit code {done.returncode} on {current.read_bytes().hex() if current.exists() else 'start'}"
    assert done.returncode == 0, f"{died}\n{done.stderr[-2000:].decode(errors='replace')}"
    report = json.loads(done.stdout)
    print(f"seed {seed}: {report['counts']}, a second time memory grew by {report['grown'] / 2**20:.1f} MB")
    return report


def faults(report):
    """What is wrong with a process's pictures."""
    neither = [f"none was {word}" for word in ("equal", "refused") if not report["counts"].get(word)]
    grown = [f"memory grew by {report['grown']} bytes"] if report["grown"] >= MOST_GROWN else []
    return report["odd"][:5] + grown + neither


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_few_mutated_pictures(tmp_path):
    assert faults(run(1, FEW, tmp_path)) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_many_mutated_pictures(tmp_path):
    count = int(os.environ.get("KERASVISION_FUZZ", "20000"))
    for seed in range(2, 2 + 4):
        assert faults(run(seed, count // 4, tmp_path)) == []
