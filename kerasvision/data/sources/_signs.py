"""Lines of text over photographs or plain grounds, by Pillow and numpy. A scene is a function of its seed.

After A. Gupta, A. Vedaldi and A. Zisserman, Synthetic Data for Text Localisation in Natural Images, 2016,
arXiv:1604.06646: text of any font, color and turn over photographs. Theirs lies on surfaces by their estimated depth
and within regions of one texture; ours lies anywhere, in the plane of the picture.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFilter

from kerasvision.data.sources._lines import font_of, packed
from kerasvision.data.sources._scenes import window_of
from kerasvision.data.sources._shaping import direction_of, layout_of
from kerasvision.data.sources.base import Split
from kerasvision.ops import polygons

_TRIES = 12  # places tried for a line before it is left out
_GAP = 0.4  # of a line's height, that stays free around it
_MARGIN = 0.08  # of a line's height, between its ink and its quad


@dataclasses.dataclass(frozen=True)
class Wall:
    """What a split's scenes are made of. fonts, backgrounds: paths; without backgrounds grounds are plain or go from
    one color to another. The other fields are those of `sources/rendered_scene`.
    """

    fonts: tuple[str, ...]
    backgrounds: tuple[str, ...]
    image_size: tuple[int, int]
    size: tuple[int, int]
    rotation_deg: float
    contrast: int
    blur: float
    noise: float
    quality: int


def render(wall, lines, seed):
    """(uint8 [h, w, 3], quads float32 [N, 4, 2], texts: a list of N) of `lines`, a list of strings, N of which have
    found a place. A quad's first corner is the text's own upper left one, and they go clockwise.
    """
    rng = np.random.default_rng(seed)
    h, w = wall.image_size
    canvas = window_of(wall.backgrounds, wall.image_size, rng) if wall.backgrounds else _plain(h, w, rng)
    kept, quads, texts = [], [], []
    for text in lines:
        path, em = wall.fonts[rng.integers(len(wall.fonts))], int(rng.integers(wall.size[0], wall.size[1] + 1))
        patch, size = _patch(text, font_of(path, em, layout_of(text)))
        angle = math.radians(rng.uniform(-wall.rotation_deg, wall.rotation_deg))
        # drawn for every try at once: what one line needs does not move the next one's dice
        places, own = rng.uniform(0.0, 1.0, (_TRIES, 2)), rng.integers(0, 2**31)
        quad = _placed(size, angle, places, kept, (w, h))
        if quad is not None:
            kept.append(_corners(size * 1.0 + 2 * _GAP * size[1], angle, quad.mean(0)))
            quads.append(quad)
            texts.append(text)
            _write(canvas, patch, angle, quad, wall.contrast, np.random.default_rng(own))
    return taken(wall, canvas, rng), np.float32(quads).reshape(-1, 4, 2), texts


def _patch(text, font):
    """(an L picture of the text with room around it, float64 [2], the sides of its quad), which are centered on it."""
    direction = direction_of(text)
    left, top, right, bottom = font.getbbox(text, direction=direction)
    drawn = Image.new("L", (max(1, right - left) + 4, max(1, bottom - top) + 4), 0)
    ImageDraw.Draw(drawn).text((2 - left, 2 - top), text, 255, font, direction=direction)
    # Pillow's box has the room that a font keeps free beside letters as well
    x0, y0, x1, y1 = drawn.getbbox() or (0, 0, 1, 1)
    ink = np.array([x1 - x0, y1 - y0])
    room = 2 + math.ceil(_MARGIN * ink[1])
    return drawn.crop((x0 - room, y0 - room, x1 + room, y1 + room)), ink + 2 * _MARGIN * ink[1]


def _corners(size, angle, center):
    """float64 [4, 2]. angle: above 0 counter-clockwise as seen."""
    cos, sin = math.cos(angle), math.sin(angle)
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    return half @ np.array([[cos, -sin], [sin, cos]]) + center


def _placed(size, angle, places, kept, image_wh):
    """The quad at the first place that is inside of the picture and apart from the others, or None."""
    around = _corners(size, angle, np.zeros(2))
    low, high = -around.min(0), np.array(image_wh) - around.max(0)
    if (high <= low).any():
        return None
    for place in places:
        quad = around + low + place * (high - low)
        if not any(len(polygons.clipped(quad, other)) for other in kept):
            return quad
    return None


def _write(canvas, patch, angle, quad, contrast, rng):
    """Blend a line into a float32 [h, w, 3] canvas, in a color that differs from what is below it."""
    cos, sin = math.cos(angle), math.sin(angle)
    (x, y), (px, py) = quad.mean(0), np.array(patch.size) / 2
    # from the scene to the patch, both measured from the outer corner of the first pixel, as Pillow does it
    affine = (cos, -sin, px - cos * x + sin * y, sin, cos, py - sin * x - cos * y)
    alpha = patch.transform(canvas.shape[1::-1], Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    alpha = np.asarray(alpha, np.float32)[..., None] / 255
    below = (canvas * alpha).sum((0, 1)).mean() / max(float(alpha.sum()), 1.0)
    canvas += rng.uniform(0.8, 1.0) * alpha * (_ink(below, contrast, rng) - canvas)


def _ink(below, contrast, rng):
    """A color whose mean differs from `below` by `contrast` or more."""
    while True:
        color = rng.integers(0, 256, 3)
        if abs(color.mean() - below) >= contrast:
            return np.float32(color)
        if rng.random() < 0.1:  # few colors are very dark or very light
            return np.full(3, 0 if below >= 128 else 255, np.float32)


def _plain(h, w, rng):
    """float32 [h, w, 3]: one color that becomes another, or the same, in some direction."""
    first, last = rng.integers(0, 256, (2, 3))
    last = first if rng.random() < 0.3 else last
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.linspace(-0.5, 0.5, h)[:, None], np.linspace(-0.5, 0.5, w)[None]
    part = np.clip(0.5 + np.cos(angle) * x + np.sin(angle) * y, 0, 1)[..., None]
    return (first + part * (last - first)).astype(np.float32)


def taken(wall, canvas, rng):
    """uint8 [h, w, 3]: what a camera would take of a float32 canvas. wall: has `blur`, `noise` and `quality`."""
    blur, noise, quality = rng.uniform(0, wall.blur), rng.uniform(0, wall.noise), int(rng.integers(wall.quality, 101))
    pixels = Image.fromarray(np.clip(np.round(canvas), 0, 255).astype(np.uint8))
    pixels = np.asarray(pixels.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    pixels = pixels + rng.normal(0, 1, pixels.shape).astype(np.float32) * noise
    pixels = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    return pixels if quality == 100 else packed(pixels, quality)


def drawn_split(count, image_size, drawn):
    """A `Split` of `count` pictures that are drawn when they are read.

    image_size: (h, w). drawn: the number of a record -> (uint8 [h, w, 3], quads float32 [N, 4, 2], their texts).
    """

    def encoded(number):
        image, quads, texts = drawn(number)
        return image, quads, np.array([text.encode() for text in texts], object)

    def read(record):
        image, quads, texts = tf.numpy_function(encoded, [record], (tf.uint8, tf.float32, tf.string))
        return {
            "image": tf.ensure_shape(image, [*image_size, 3]),
            "quads_xy": tf.ensure_shape(quads, [None, 4, 2]),
            "texts": tf.ensure_shape(texts, [None]),
        }

    return Split(tf.data.Dataset.range(count), read, count)
