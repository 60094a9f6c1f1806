"""A box that begins left of the picture is no option, and what is an option stays one."""

import pytest

from kerasvision.edge.arguments import with_boxes
from kerasvision.edge.main import main


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--box", "-3,2,8,9"], ["--box=-3,2,8,9"]),
        (["--box", "-.5,2,8,9"], ["--box", "-.5,2,8,9"]),  # no digit behind the minus: argparse's own business
        (["--box", "3,2,8,9"], ["--box", "3,2,8,9"]),
        (["--box", "-h"], ["--box", "-h"]),
        (["--box", "--json"], ["--box", "--json"]),
        (["--box", "-3"], ["--box", "-3"]),  # the number of an object
        (["--at", "-3,2"], ["--at", "-3,2"]),
    ],
)
def test_a_box_below_zero_is_a_box(words, expected):
    assert with_boxes(["follow", *words, "x.png"]) == ["follow", *expected, "x.png"]


def test_the_command_reads_it(tmp_path, capsys):
    """What is refused is that there is no file, and no longer the box."""
    assert main(["follow", str(tmp_path / "no.tflite"), "x.png", "--box", "-3,2,8,9"]) == 2
    assert "no.tflite" in capsys.readouterr().err
