"""The page's modules under node, for tests: functions called with numpy arrays."""

import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import kerasvision
from kerasvision.edge.tensors import packed, unpacked

SITE = pathlib.Path(kerasvision.__file__).parent / "export" / "web" / "site"
DRIVER = pathlib.Path(__file__).with_name("page_driver.mjs")
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(not NODE, reason="no node on PATH, which runs the page's modules without a browser")


def called(*calls):
    """What functions of the modules give. calls: (module, function, *arguments); arrays become typed ones, flat. A
    function that throws gives {"error": its line}.
    """
    given = json.dumps([[module, name, [_given(a) for a in args]] for module, name, *args in calls])
    done = subprocess.run([NODE, DRIVER, SITE], input=given, capture_output=True, text=True, check=True)
    return [_told(held) for held in json.loads(done.stdout)]


def picture(pixels):
    """A picture as the modules have it, of an array [H, W, C]."""
    height, width, channels = pixels.shape
    return {"height": height, "width": width, "channels": channels, "values": pixels}


def pixels_of(held):
    return held["values"].reshape(held["height"], held["width"], held["channels"])


def tensor(values):
    """{shape, values} of an array."""
    return {"shape": list(np.shape(values)), "values": np.asarray(values)}


def _given(value):
    if isinstance(value, np.ndarray):
        return packed(value)
    if isinstance(value, dict):
        return {key: _given(held) for key, held in value.items()}
    return [_given(held) for held in value] if isinstance(value, list | tuple) else value


def _told(value):
    if isinstance(value, dict) and {"dtype", "data"} <= set(value):
        return unpacked(value)
    if isinstance(value, dict):
        return {key: _told(held) for key, held in value.items()}
    return [_told(held) for held in value] if isinstance(value, list) else value
