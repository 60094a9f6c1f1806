"""`train` without its pictures, which are a quarter of what the smallest run costs. What training draws is looked at
where it is typed at the command line: tests/cli/test_draw.py, test_predict_masks.py and test_bad_input.py.
"""

import contextlib
from unittest import mock

from kerasvision.train import fit


@contextlib.contextmanager
def nothing_is_drawn():
    """While it lasts, neither curves.png nor pictures of the evaluation come into run folders."""
    with mock.patch.multiple(fit, draw_curves=mock.DEFAULT, draw_evaluation=mock.DEFAULT):
        yield


def train(*given, **options):
    """As `kerasvision.train.fit.train`."""
    with nothing_is_drawn():
        return fit.train(*given, **options)
