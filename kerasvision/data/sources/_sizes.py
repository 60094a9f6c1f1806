"""Sizes of picture files as shown and as stored, and which of the two the labels' own sizes speak for."""

import concurrent.futures
import dataclasses
import os
import pathlib

import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.decode import look, on_host
from kerasvision.data.encoded import exif
from kerasvision.data.encoded.png import MAGIC
from kerasvision.data.sources._files import named

OTHER = {"upright": "stored", "stored": "upright"}


@dataclasses.dataclass(frozen=True)
class Size:
    """Of one file. upright_hw: (height, width) as shown. tag: its EXIF orientation, 1 to 8."""

    upright_hw: tuple[int, int]
    tag: int = exif.UPRIGHT

    def hw(self, orientation):
        """(height, width) of upright or stored pixels."""
        is_other = orientation == "stored" and exif.exchanges(self.tag)
        return self.upright_hw[::-1] if is_other else self.upright_hw

    @property
    def tells(self):
        """Whether upright and stored pixels differ in size, so that a size speaks for one of them."""
        return self.hw("upright") != self.hw("stored")


def measured(paths):
    """path -> `Size`, from the files' headers; None where there is no such image."""
    with concurrent.futures.ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        return dict(zip(paths, pool.map(_measured, paths), strict=True))


def sizes(paths, orientation="upright"):
    """path -> (height, width) of upright or stored pixels; None where there is no such image."""
    return {path: size and size.hw(orientation) for path, size in measured(paths).items()}


def _measured(path):
    try:
        if not _may_be_tagged(path):
            with Image.open(path) as image:
                return Size((image.height, image.width))
    except Exception:  # what Pillow refuses, such as a picture it finds too large, TensorFlow may still read
        pass
    try:
        seen = on_host(look)(tf.io.read_file(path))
    except tf.errors.OpError:
        return None
    hw = tuple(seen["hw"].numpy().tolist())
    return Size(hw, int(seen["orientation"])) if min(hw) > 0 else None


def _may_be_tagged(path):
    """Whether a file must be read as a whole: only a few bytes are read here, and no tag is overlooked."""
    with Image.open(path) as image:
        kind, tagged = image.format, "exif" in image.info
    if kind != "PNG" or tagged:
        return tagged or kind not in ("JPEG", "MPO", "WEBP")
    with pathlib.Path(path).open("rb") as file:  # a PNG's tag may stand behind its pixels, where Pillow has not looked
        file.seek(len(MAGIC))
        while len(front := file.read(8)) == 8 and front[4:] != b"IEND":
            if front[4:] == b"eXIf":
                return True
            file.seek(int.from_bytes(front[:4], "big") + 4, os.SEEK_CUR)
    return False


def refuse_other(what, names, orientation):
    """One clear error where labels state the size of the other pixels. names: of the images."""
    if names:
        other = OTHER[orientation]
        raise KerasVisionError(
            f"{what}: {len(names)} images have an EXIF orientation, and their labels state the size of {other} pixels, "
            f"not of {orientation} ones: {named(names)}; set orientation={other!r} in the source"
        )


def said_of(sized, orientation):
    """[a line of what was left out, for `data check`] about images with an EXIF orientation; [] where none has one.

    sized: (`Size`, whether the labels state the image's size) of each image, which then agrees with `orientation`.
    """
    tagged = [(size, states) for size, states in sized if size.tag != exif.UPRIGHT]
    if not tagged:
        return []
    told = sum(states and size.tells for size, states in tagged)
    rest = f"; {len(tagged) - told} say nothing of it" if told < len(tagged) else ""
    says = (
        f"{told} labels state a size, which is that of {orientation} pixels{rest}" if told else "no label's size says"
    )
    hint = (
        ""
        if told
        else f" whether labels are of {orientation} pixels: draw some; if not, orientation={OTHER[orientation]!r}"
    )
    return [f"turned: {len(tagged)} images with an EXIF orientation; {says}{hint}"]
