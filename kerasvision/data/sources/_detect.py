"""From what a person types after `--data` to a source."""

import pathlib

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources


def detect(path):
    """A folder -> `image_folder`, a .csv file -> `manifest`, "tfds:NAME" -> `tfds`, "digits" -> `digits`.

    path: text; a folder named digits is written ./digits.
    """
    text = str(path)
    if text == "digits":
        return sources["digits"]()
    if text.startswith("tfds:"):
        if not text[5:]:
            raise UsageError("tfds: needs a name, as in tfds:cifar10")
        return sources["tfds"](name=text[5:])
    place = pathlib.Path(text).expanduser()
    if place.is_dir():
        return sources["image_folder"](path=text)
    if place.is_file() and place.suffix.lower() == ".csv":
        return sources["manifest"](path=text)
    allowed = "allowed: a folder with a folder a class, a .csv manifest, tfds:NAME, or digits"
    seen = "a file that is no .csv" if place.exists() else "no such file or folder"
    raise UsageError(f"data {text!r}: {seen}; {allowed}")
