"""PyTorch runs in a process and an environment of its own: in one process its thread pool and TensorFlow's halve each
other. `KERASVISION_TORCH_PYTHON` names the Python of that environment (pip install torch torchvision).
"""

import json
import os
import subprocess
import sys

import pytest


def torch_python():
    """The Python that has torch, or a skip that says how to get one."""
    python = os.environ.get("KERASVISION_TORCH_PYTHON")
    if not python:
        pytest.skip("set KERASVISION_TORCH_PYTHON to a Python with torch and torchvision installed")
    return python


def figures(script, *arguments, python=sys.executable):
    """The JSON that a script prints on its last line, run in a process of its own."""
    answer = subprocess.run([python, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.strip().splitlines()[-1])
