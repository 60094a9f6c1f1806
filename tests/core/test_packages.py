"""What is installed, against what pip finds in the same folders."""

import json
import subprocess
import sys

from kerasvision.core.packages import plain


def test_all_that_pip_lists_is_listed():
    """In one process, one after the other: something else may install packages while tests run."""
    program = """
import contextlib, io, json
from pip._internal.cli.main import main
from kerasvision.core.packages import installed
written = io.StringIO()
with contextlib.redirect_stdout(written):
    main(["--disable-pip-version-check", "--no-python-version-warning", "list", "--format", "json"])
print(json.dumps([installed(), written.getvalue()]))
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    ours, listed = json.loads(output)
    theirs = {plain(row["name"]): row["version"] for row in json.loads(listed)}
    assert {plain(name): version for name, version in ours.items()} == theirs and len(theirs) > 50
