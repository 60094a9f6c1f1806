"""The prediction for one example as an object: as JSON, rows, a text, a picture or a file."""

import dataclasses
import io
import json
import pathlib
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.drawing.files import write_mask, write_picture
from kerasvision.drawing.pictures import save, warmed
from kerasvision.drawing.showing.base import picture_of


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Of one example. arch: who answered. classes: their names. values: {key: numpy array without batch axis}, as
    `arch.outputs` says, in pixels of the original input; `prediction["probabilities"]` gives one. name: of what was
    read, for captions. read: what it is drawn on, as `data.kinds.example.read_example` gives it. In a notebook it shows
    itself as its picture.
    """

    arch: typing.Any
    classes: tuple[str, ...]
    values: dict
    name: str = ""
    read: typing.Any = None

    def __getitem__(self, key):
        if key not in self.values:
            raise KeyError(f"{key!r}; this prediction has {', '.join(self.values)}")
        return self.values[key]

    def to_json(self):
        """A dict of strings, numbers and lists: what `kerasvision predict --json` prints."""
        return self.arch.describe(self.values, self.classes)

    def in_words(self):
        """One short text."""
        return self.arch.showing.in_words(self.to_json())

    def view(self):
        """Its `drawing.showing.base.View`: a tile of a sheet; in gray under its `heat`, of a file that gives one."""
        view = self.arch.showing.view(self.read, self.name, self.values, self.to_json(), self.classes)
        if "heat" not in self.values or view.image is None:
            return view
        return dataclasses.replace(view, image=warmed(view.image, self.values["heat"]))

    def plot(self):
        """A Pillow image: what was read, with what was found."""
        return picture_of([self.view()])

    def to_rows(self):
        """A list of dicts with equal keys, such as one an object."""
        return self.arch.showing.rows(self.to_json())

    def to_pandas(self):
        """The same as a pandas.DataFrame. Raises KerasVisionError where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise KerasVisionError("to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.to_rows())

    def save(self, path):
        """Write it to a file, as its suffix says; returns the path.

        .json: `to_json`. .png: of a segmenter the mask of class ids with a palette, of what fills pictures in the
        picture, of all others `plot`. .nii.gz and .nii: of a segmenter of volumes the mask on the volume's own grid.
        Raises UsageError of a suffix that this prediction cannot be written as.
        """
        path = pathlib.Path(path)
        pixels = next((self.values[k] for k in ("mask", "picture") if k in self.values), None)
        is_volume = pixels is not None and hasattr(self.read, "grid")
        if path.name.endswith((".nii", ".nii.gz")) and is_volume:
            from kerasvision.data.volumes import write_labels

            write_labels(pixels, self.read, path)
        elif path.suffix == ".json":
            write_text(path, json.dumps(self.to_json(), indent=2) + "\n")
        elif path.suffix == ".png" and (pixels is None or is_volume):
            save(self.plot(), path)
        elif path.suffix == ".png":
            (write_picture if np.ndim(pixels) == 3 else write_mask)(pixels, path)
        else:
            allowed = ".json, .png" + (", .nii.gz" if is_volume else "")
            raise UsageError(f"{path}: a prediction of {self.arch.registered_name} is written as {allowed}")
        return path

    def _repr_png_(self):
        held = io.BytesIO()
        self.plot().save(held, format="PNG")
        return held.getvalue()

    def __repr__(self):
        return f"<Prediction of {self.name or 'an example'}: {self.in_words()}>"
