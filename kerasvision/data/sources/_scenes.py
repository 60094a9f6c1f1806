"""One scene made of cut-outs over a background, on the host with Pillow and numpy. A function of its seed alone.

After D. Dwibedi, I. Misra and M. Hebert, Cut, Paste and Learn: Surprisingly Easy Synthesis for Instance Detection,
2017, arXiv:1708.01642: random place, size, turn and overlap, and edges blended in different ways, so that a detector
cannot learn the seams. Theirs also blends by Poisson's equation, and adds distractors of no class; ours does not.
"""

import dataclasses
import functools
import math

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from pycocotools import mask as coco_mask

from kerasvision.data.sources._things import Thing

GAMMA = 2.2  # of stored pixels: twice the light is 2 ** (1 / GAMMA) times the value
SOLID = 128  # alpha from which a pixel belongs to its object
_TRIES = 20  # places tried for an object before it is left out
_LEAST_SIDE_PX = 4  # of the visible part
_OWN_EV = 0.3  # an object's light may differ from its scene's by so much
ALLOWED = {  # values of the fields that say how scenes are made, in words
    "scenes": "three numbers, for train 1 or more, for validation and test 0 or more",
    "image_size": "(h, w), each 16 or more",
    "objects": "(fewest, most), 0 or more and 1 or more",
    "company": "0 to 1",
    "side": "(smallest, largest), above 0 and at most 2",
    "max_occlusion": "0 or more and below 1",
    "exposure_ev": "(lowest, highest)",
    "gradient_ev": "0 or more",
    "tint_ev": "0 or more",
    "rotation_deg": "0 to 180",
}


@dataclasses.dataclass(frozen=True)
class Studio:
    """What a split's scenes are made of. cutouts: class -> object -> its pictures; backgrounds: files.

    The other fields are those of `sources/cut_paste`.
    """

    cutouts: tuple[tuple[tuple[str, ...], ...], ...]
    backgrounds: tuple[str, ...]
    image_size: tuple[int, int]
    objects: tuple[int, int]
    company: float
    side: tuple[float, float]
    rotation_deg: float
    max_occlusion: float
    exposure_ev: tuple[float, float]
    gradient_ev: float
    tint_ev: float


@dataclasses.dataclass
class _Layers:
    """owner [H, W]: number of the topmost object at a pixel, from 1 on; sizes: solid pixels of each whole cut-out."""

    owner: np.ndarray
    sizes: list

    def hidden(self):
        """Part of each object that is not seen."""
        seen = np.bincount(self.owner.ravel(), minlength=len(self.sizes) + 1)[1:]
        return 1 - seen / np.array(self.sizes, float)


def render(studio, seed):
    """(uint8 [H, W, 3], things, illumination in EV) of a seed, a list of integers."""
    rng = np.random.default_rng(seed)
    h, w = studio.image_size
    canvas = window_of(studio.backgrounds, studio.image_size, rng)
    layers = _Layers(np.zeros((h, w), np.int32), [])
    labels = []
    for _ in range(rng.integers(studio.objects[0], studio.objects[1] + 1)):
        label, patch = _cutout(studio, rng, labels[-1] if labels else None)
        # drawn for every try at once: what one object needs does not move the next one's dice
        places = rng.uniform(0.0, 1.0, (_TRIES, 2)) * [h, w]
        placed = _place(layers, patch[..., 3] >= SOLID, places, studio.max_occlusion)
        if placed is not None:
            layers, corner = placed
            labels.append(label)
            paste(canvas, patch, corner)
    light, ev = _light(studio, rng)
    image = np.clip(canvas * light, 0, 255).round().astype(np.uint8)
    return image, _things(layers, labels), ev


def window_of(backgrounds, image_size, rng):
    """float32 [h, w, 3]: a window of the image's aspect out of one of the photographs, perhaps mirrored."""
    h, w = image_size
    photo = load_background(backgrounds[rng.integers(len(backgrounds))], 2 * max(h, w))
    step = min(photo.width / w, photo.height / h) * rng.uniform(0.5, 1.0)  # photograph's pixels a pixel
    left, top = rng.uniform(0, photo.width - step * w), rng.uniform(0, photo.height - step * h)
    box = (left, top, min(left + step * w, photo.width), min(top + step * h, photo.height))
    window = np.asarray(photo.resize((w, h), Image.Resampling.BILINEAR, box=box), np.float32)
    return window[:, ::-1].copy() if rng.integers(2) else window.copy()


@functools.lru_cache(maxsize=256)
def load_background(path, side_px):
    """The photograph, its shorter side not above `side_px`."""
    with Image.open(path) as image:
        image.draft("RGB", (side_px, side_px))
        photo = ImageOps.exif_transpose(image).convert("RGB")
    scale = side_px / min(photo.size)
    if scale < 1:
        photo = photo.resize([max(1, round(v * scale)) for v in photo.size], Image.Resampling.LANCZOS)
    return photo


@functools.lru_cache(maxsize=4096)
def load_cutout(path, side_px):
    """RGBA, cut to what is solid, its longer side not above `side_px`; None when nothing or everything is solid."""
    with Image.open(path) as image:
        cut = ImageOps.exif_transpose(image).convert("RGBA")
    solid = cut.getchannel("A").point(lambda a: 255 * (a >= SOLID))
    if solid.getbbox() is None or solid.getextrema()[0]:
        return None
    cut = cut.crop(solid.getbbox())
    scale = side_px / max(cut.size)
    if scale < 1:
        cut = cut.resize([max(1, round(v * scale)) for v in cut.size], Image.Resampling.LANCZOS)
    return cut


def longest_px(studio):
    """Of a cut-out in a scene, with room for a turn."""
    return math.ceil(1.5 * studio.side[1] * min(studio.image_size))


def _cutout(studio, rng, before):
    """(label, float32 [h, w, 4]): a picture of a random object of a random class, sized, turned, mirrored and lit.

    before: label of the object that was placed last, or None.
    """
    label = int(rng.integers(len(studio.cutouts)))
    if studio.company and before is not None and rng.random() < studio.company:
        label = (before + 1) % len(studio.cutouts)
    group = studio.cutouts[label][rng.integers(len(studio.cutouts[label]))]
    cut = load_cutout(group[rng.integers(len(group))], longest_px(studio))
    low, high = np.log(studio.side)
    side = np.exp(rng.uniform(low, high)) * min(studio.image_size)
    angle, mirrored = rng.uniform(-studio.rotation_deg, studio.rotation_deg), rng.integers(2)
    soft, own_ev = float(rng.choice([0.0, 0.7, 1.4])), rng.uniform(-_OWN_EV, _OWN_EV)
    scale = side / max(cut.size)
    cut = cut.resize([max(1, round(v * scale)) for v in cut.size], Image.Resampling.LANCZOS)
    cut = cut.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    if mirrored:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(cut, np.float32).copy()
    pixels[..., :3] *= 2 ** (own_ev / GAMMA)
    if soft:  # only inwards: outside of the object there are no colors
        blurred = cut.getchannel("A").filter(ImageFilter.GaussianBlur(soft))
        pixels[..., 3] = np.minimum(pixels[..., 3], np.asarray(blurred, np.float32))
    return label, np.clip(pixels, 0, 255)


def _place(layers, solid, places, most):
    """(layers with the object, its corner (y, x)) at the first center (y, x) that hides nobody too much, or None."""
    size = int(solid.sum())
    if not size:
        return None
    for center in places:
        corner = np.floor(center - np.array(solid.shape) / 2).astype(int)
        inside, part = overlap(layers.owner.shape, solid.shape, corner)
        owner = layers.owner.copy()
        owner[inside][solid[part]] = len(layers.sizes) + 1
        tried = _Layers(owner, [*layers.sizes, size])
        if (tried.hidden() <= most + 1e-9).all() and _all_seen(tried):
            return tried, corner
    return None


def _all_seen(layers):
    """Whether what is visible of every object is not too thin."""
    for number in range(1, len(layers.sizes) + 1):
        x1, y1, x2, y2 = box_of(layers.owner == number)
        if min(x2 - x1, y2 - y1) < _LEAST_SIDE_PX:
            return False
    return True


def overlap(canvas_hw, patch_hw, corner):
    """(slices of the canvas, slices of the patch) where the patch at a corner (y, x) lies on the canvas."""
    starts = [max(0, c) for c in corner]
    stops = [max(s, min(side, c + p)) for s, side, c, p in zip(starts, canvas_hw, corner, patch_hw, strict=True)]
    inside = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
    part = tuple(slice(a - c, b - c) for a, b, c in zip(starts, stops, corner, strict=True))
    return inside, part


def paste(canvas, patch, corner):
    """Blend a float32 [h, w, 4] patch into a float32 [H, W, 3] canvas, its corner at (y, x)."""
    inside, part = overlap(canvas.shape[:2], patch.shape[:2], corner)
    color, alpha = patch[part][..., :3], patch[part][..., 3:] / 255
    canvas[inside] += alpha * (color - canvas[inside])


def _light(studio, rng):
    """(factor of stored pixels, float32 [H, W, 3]; exposure in EV): exposure, a gradient over the scene, and a tint."""
    h, w = studio.image_size
    ev = rng.uniform(*studio.exposure_ev)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, studio.gradient_ev)
    y, x = np.linspace(-0.5, 0.5, h)[:, None], np.linspace(-0.5, 0.5, w)[None]
    tint = rng.uniform(-studio.tint_ev, studio.tint_ev, 3)
    field = ev + slope * (np.cos(angle) * x + np.sin(angle) * y)
    return np.float32(2) ** ((field[..., None] + tint - tint.mean()) / GAMMA), float(ev)


def _things(layers, labels):
    hidden = layers.hidden() if labels else []
    things = []
    for number, (label, part) in enumerate(zip(labels, hidden, strict=True), 1):
        mask = layers.owner == number
        packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        shape = {"size": list(mask.shape), "counts": packed["counts"].decode()}
        things.append(
            Thing(label, box_of(mask), segmentation=shape, area_px=float(mask.sum()), occlusion=round(float(part), 4))
        )
    return tuple(things)


def box_of(mask):
    """(x1, y1, x2, y2) around the pixels of a mask; of no area when there are none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
