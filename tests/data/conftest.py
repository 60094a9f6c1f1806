"""Real images of every kind that a data set may hold, written by Pillow."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photo():
    """A photograph of odd size: 101 high, 77 wide."""
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(np.ascontiguousarray(data.astronaut()[:101, 100:177]))


@pytest.fixture(scope="session")
def zoo(photo, tmp_path_factory):
    """Name -> path: one image a kind."""
    root = tmp_path_factory.mktemp("zoo")
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, photo.width).astype(np.uint8), (photo.height, 1)))
    rgba, la = photo.convert("RGBA"), photo.convert("LA")
    rgba.putalpha(ramp)
    la.putalpha(ramp)
    palette = photo.convert("P", palette=Image.Palette.ADAPTIVE)
    frames = {"save_all": True, "append_images": [photo.rotate(9), photo.rotate(33)]}
    deep = Image.fromarray(np.asarray(photo)[..., 0].astype(np.uint16) * 251 + 99)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate a quarter turn to show
    written = {
        "rgb.jpg": (photo, {"quality": 92}),
        "progressive.jpg": (photo, {"progressive": True}),
        "gray.jpg": (photo.convert("L"), {}),
        "cmyk.jpg": (photo.convert("CMYK"), {}),
        "rotated.jpg": (photo, {"exif": exif}),
        "rgb.png": (photo, {}),
        "gray.png": (photo.convert("L"), {}),
        "one_bit.png": (photo.convert("1"), {}),
        "palette.png": (palette, {}),
        "palette_clear.png": (palette, {"transparency": 3}),
        "rgba.png": (rgba, {}),
        "la.png": (la, {}),
        "deep.png": (deep, {}),
        "color_key.png": (photo, {"transparency": photo.getpixel((3, 3))}),
        "rgb.bmp": (photo, {}),
        "gray.bmp": (photo.convert("L"), {}),
        "palette.bmp": (palette, {}),
        "rgba.bmp": (rgba, {}),
        "one_bit.bmp": (photo.convert("1"), {}),
        "rgb.gif": (photo, {}),
        "animated.gif": (photo, frames),
        "clear.gif": (palette, {"transparency": 3}),
        "rgb.webp": (photo, {"lossless": True}),
        "lossy.webp": (photo, {"quality": 70}),
        "rgba.webp": (rgba, {"lossless": True}),
        "animated.webp": (photo, frames | {"lossless": True}),
    }
    for name, (image, options) in written.items():
        image.save(root / name, **options)
    return {name: root / name for name in written}


@pytest.fixture
def noise():
    """noise(seed): a small image unlike that of any other seed."""

    def make(seed, size=(24, 20)):
        pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    return make


@pytest.fixture
def fill(noise):
    """fill(folder, count, seed): writes that many different PNG files, 00.png on."""

    def write(folder, count, seed):
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            noise(1000 * seed + i).save(folder / f"{i:02d}.png")

    return write
