"""Masks and pictures as files, whose pixels are what was predicted."""

import pathlib

from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.drawing.pictures import color_of, save
from kerasvision.drawing.showing.filled import bytes_of


def write_picture(pixels, path):
    """A picture float32 [h, w, 3] in 0..255 as PNG."""
    _make_folder(pathlib.Path(path).parent)
    save(Image.fromarray(bytes_of(pixels)), path)


def write_mask(mask, path):
    """A mask uint8 [H, W] of class ids as PNG, with a color a class: only for looking at, pixels are the ids."""
    _make_folder(pathlib.Path(path).parent)
    picture = Image.fromarray(mask)
    picture.putpalette(sum(((0, 0, 0), *(color_of(i) for i in range(1, 255)), (255, 255, 255)), ()))
    save(picture, path)


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None
