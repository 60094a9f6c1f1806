"""What is measured stays in a file until all of it is, so that the same command goes on where it was stopped."""

import json
import pathlib

import numpy as np

from kerasvision.core.files import write_text

_FILE = "robustness.partial.json"
_SAME = 1e-6  # how far figures of the same model on the same examples may be apart


class Kept:
    """Final. Cells (`asking.Asked.cell`) by name, in a file of a folder.

    They count only for a model that has the same figures on the same clean examples, whatever its name: those of any
    other are forgotten.
    """

    def __init__(self, folder):
        self._path = pathlib.Path(folder) / _FILE

    def cells(self, clean):
        """Name -> cell of what has been measured of a model with these figures of clean examples."""
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return held["cells"] if _alike(held["clean"], clean) else {}

    def write(self, clean, cells):
        """Keep what has been measured so far."""
        write_text(self._path, json.dumps({"clean": clean, "cells": cells}))

    def forget(self):
        """Remove the file, once all is measured; also where there is none."""
        self._path.unlink(missing_ok=True)


def _alike(one, other):
    """Whether two cells have the same figures."""
    first, second = ({**cell["extra"], **cell["classes"], "": cell["value"]} for cell in (one, other))
    folds = [[np.nan if f is None else f for f in cell["folds"]] for cell in (one, other)]
    return (
        first.keys() == second.keys()
        and len(folds[0]) == len(folds[1])
        and np.allclose(folds[0], folds[1], rtol=0, atol=_SAME, equal_nan=True)
        and all(abs(first[key] - second[key]) <= _SAME for key in first)
    )
