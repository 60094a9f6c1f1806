"""Films made of cut-outs on paths over a photograph that a camera moves across. Any frame is a function of the seed.

Every path is a sine in each coordinate, so that a moment needs no moment before it. World pixels are those of a frame
before the camera moves. On the host, with Pillow and numpy.
"""

import dataclasses
import functools
import math

import numpy as np
from PIL import Image, ImageFilter

from kerasvision.data.sources._scenes import GAMMA, SOLID, box_of, load_background, load_cutout, overlap, paste

_SHAKE = 7  # between the seed of a film and the number of a frame, for what is drawn frame by frame
_ASIDE = 0.3  # largest distance of a path's middle from the frame's, of one that stays inside, in parts of the frame


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a split's films are made of. cutouts: class -> object -> its pictures; backgrounds: files.

    The other fields are those of `sources/moving`.
    """

    cutouts: tuple[tuple[tuple[str, ...], ...], ...]
    backgrounds: tuple[str, ...]
    image_size: tuple[int, int]
    objects: tuple[int, int]
    side: tuple[float, float]
    speed: tuple[float, float]
    exits: float
    twins: float
    occluders: tuple[int, int]
    growth: float
    turn_deg: float
    pan: float
    zoom: float
    shake: float
    swing_ev: float
    blur_px: float
    rate: float


@dataclasses.dataclass(frozen=True)
class _Wave:
    """middle + reach * sin(turns a second * t + start), a number or one for each axis."""

    middle: np.ndarray
    reach: np.ndarray
    pace: np.ndarray
    start: np.ndarray

    def at(self, seconds):
        return self.middle + self.reach * np.sin(self.pace * seconds + self.start)


@dataclasses.dataclass(frozen=True)
class _Look:
    label: int
    file: str
    is_mirrored: bool
    side: float


@dataclasses.dataclass(frozen=True)
class _Actor:
    """place: (y, x) of its center in world pixels; size: logarithm of a factor; turn: degrees; light: EV."""

    look: _Look
    place: _Wave
    size: _Wave
    turn: _Wave
    light: _Wave


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a frame shows, objects in the order of their ids, hidden ones as well. owner: int [H, W], the id of the
    topmost object at a pixel, 0: none, -1: an occluder. boxes_xyxy: [N, 4], of whole objects, within the frame or not.
    occlusion: [N], the part of each that others, occluders or the frame's border hide.
    """

    ids: np.ndarray
    labels: np.ndarray
    boxes_xyxy: np.ndarray
    occlusion: np.ndarray
    owner: np.ndarray


class Film:
    """Final. stage: a `Stage`. seed: a sequence of integers. Object i of a film has the id i + 1 throughout."""

    def __init__(self, stage, seed):
        self._stage, self._seed = stage, tuple(seed)
        rng = np.random.default_rng(self._seed)
        self._hw = np.array(stage.image_size, float)
        self._short = float(self._hw.min())
        self._camera(rng)
        looks = []
        for _ in range(rng.integers(stage.objects[0], stage.objects[1] + 1)):
            look = self._look(rng)
            looks.append(looks[-1] if looks and rng.random() < stage.twins else look)
        self._actors = [self._actor(rng, look) for look in looks]
        self._walls = [self._wall(rng) for _ in range(rng.integers(stage.occluders[0], stage.occluders[1] + 1))]
        self.count = len(self._actors)

    def _wave(self, rng, middle, reach, pace):
        """A wave of a random phase. Each a number, or one for each axis."""
        middle, reach, pace = np.broadcast_arrays(*map(np.float64, (middle, reach, pace)))
        return _Wave(middle, reach, pace, rng.uniform(0, 2 * np.pi, middle.shape))

    def _camera(self, rng):
        stage = self._stage
        self._pan = self._wave(rng, [0.0, 0.0], stage.pan * self._short, rng.uniform(0.4, 1.5, 2))
        self._zoom = self._wave(rng, 0.0, math.log1p(stage.zoom), rng.uniform(0.4, 1.5))
        self._exposure = self._wave(rng, 0.0, stage.swing_ev, rng.uniform(0.4, 2.0))
        self._focus = self._wave(rng, 0.0, stage.blur_px, rng.uniform(0.4, 2.0))
        self._ground = stage.backgrounds[rng.integers(len(stage.backgrounds))]
        self._part, self._ground_at = rng.uniform(0.6, 1.0), rng.uniform(0, 1, 2)

    def _look(self, rng):
        stage = self._stage
        label = int(rng.integers(len(stage.cutouts)))
        group = stage.cutouts[label][rng.integers(len(stage.cutouts[label]))]
        side = float(np.exp(rng.uniform(*np.log(stage.side)))) * self._short
        return _Look(label, group[rng.integers(len(group))], bool(rng.integers(2)), side)

    def _actor(self, rng, look):
        stage = self._stage
        leaves = rng.random() < stage.exits
        if leaves:
            middle = self._hw * 0.5
            reach = np.where(np.arange(2) == rng.integers(2), 0.5 * self._hw + look.side, 0.25 * self._hw)
        else:
            middle = self._hw * rng.uniform(0.5 - _ASIDE, 0.5 + _ASIDE, 2)
            room = np.minimum(middle, self._hw - middle) - 0.4 * look.side
            reach = np.maximum(room, 0.0) * rng.uniform(0.3, 1.0, 2)
        fastest = rng.uniform(*stage.speed) * self._short
        pace = fastest / np.maximum(reach, 1.0) * rng.uniform(0.6, 1.0, 2)
        return _Actor(
            look,
            self._wave(rng, middle, reach, np.minimum(pace, np.pi)),
            self._wave(rng, 0.0, math.log1p(stage.growth), rng.uniform(0.4, 2.0)),
            self._wave(rng, 0.0, stage.turn_deg, rng.uniform(0.4, 2.0)),
            self._wave(rng, 0.0, stage.swing_ev / 2, rng.uniform(0.4, 2.0)),
        )

    def _wall(self, rng):
        """((y, x) of its center, (h, w), file, (y, x) of its texture in 0..1)."""
        hw = self._hw * np.array([rng.uniform(0.4, 1.2), rng.uniform(0.08, 0.22)])
        place = self._hw * rng.uniform(0.2, 0.8, 2)
        file = self._stage.backgrounds[rng.integers(len(self._stage.backgrounds))]
        return place, hw, file, rng.uniform(0, 1, 2)

    def _view(self, seconds):
        """((y, x) in the world of the frame's origin, frame pixels a world pixel)."""
        zoom = float(np.exp(self._zoom.at(seconds)))
        noise = np.random.default_rng([*self._seed, _SHAKE, round(seconds * self._stage.rate)]).normal(size=2)
        shaken = np.clip(noise, -2, 2) * self._stage.shake * self._short
        middle = self._hw / 2 + self._pan.at(seconds) + shaken
        return middle - self._hw / (2 * zoom), zoom

    def _layers(self, seconds, without):
        """[(id, patch float32 [h, w, 4], corner)], the lowest first, id -1 of occluders."""
        origin, zoom = self._view(seconds)
        layers = []
        for number, actor in enumerate(self._actors, 1):
            if number != without:
                patch = _patch(actor, seconds, zoom)
                layers.append((number, patch, _corner(actor.place.at(seconds), origin, zoom, patch)))
        for place, hw, file, at in self._walls:
            patch = _texture(file, tuple(np.maximum(1, np.round(hw * zoom)).astype(int).tolist()), tuple(at.tolist()))
            layers.append((-1, patch, _corner(place, origin, zoom, patch)))
        return layers

    def seen(self, number, without=0):
        """What frame `number` shows, a `Seen`. without: id of an object that is left out, of this moment alone."""
        return self._seen(self._layers(number / self._stage.rate, without))

    def _seen(self, layers):
        owner = np.zeros(self._stage.image_size, np.int32)
        sizes, boxes = {}, {}
        for number, patch, corner in layers:
            solid = patch[..., 3] >= SOLID
            inside, part = overlap(owner.shape, solid.shape, corner)
            owner[inside][solid[part]] = number
            if number > 0:
                sizes[number] = max(1, int(solid.sum()))
                boxes[number] = np.array(box_of(solid)) + np.tile(corner[::-1], 2)
        ids = np.array(sorted(sizes), np.int64)
        visible = np.array([(owner == i).sum() / sizes[i] for i in ids.tolist()])
        labels = np.array([self._actors[i - 1].look.label for i in ids.tolist()], np.int32)
        whole = np.array([boxes[i] for i in ids.tolist()]).reshape(-1, 4)
        return Seen(ids, labels, whole.astype(np.float32), np.float32(1 - visible), owner)

    def frame(self, number, without=0):
        """(uint8 [H, W, 3], a `Seen`) of frame `number`."""
        seconds = number / self._stage.rate
        layers = self._layers(seconds, without)
        canvas = self._background(seconds)
        for _, patch, corner in layers:
            paste(canvas, patch, corner)
        canvas *= np.float32(2 ** (float(self._exposure.at(seconds)) / GAMMA))
        image = Image.fromarray(np.clip(canvas, 0, 255).round().astype(np.uint8))
        sigma = abs(float(self._focus.at(seconds)))
        if sigma > 0.3:
            image = image.filter(ImageFilter.GaussianBlur(sigma))
        return np.asarray(image), self._seen(layers)

    def _background(self, seconds):
        """float32 [H, W, 3]: what the camera sees of its photograph."""
        stage = self._stage
        margin = (stage.pan + 2 * stage.shake) * self._short + stage.zoom * self._hw / 2  # of the world, each side
        world = self._hw + 2 * margin
        photo = load_background(self._ground, 2 * max(stage.image_size))
        size = np.array([photo.height, photo.width], float)
        step = float((size / world).min()) * self._part  # photograph's pixels a world pixel
        origin, zoom = self._view(seconds)
        start = (size - step * world) * self._ground_at + step * (origin + margin)
        start = np.clip(start, 0, size - 1)
        stop = np.minimum(start + step * self._hw / zoom, size)
        box = (start[1], start[0], stop[1], stop[0])
        window = photo.resize(stage.image_size[::-1], Image.Resampling.BILINEAR, box=box)
        return np.asarray(window, np.float32).copy()


@functools.lru_cache(maxsize=64)
def film(stage, seed):
    """The `Film` of a stage and a tuple of integers, kept for the frames that follow."""
    return Film(stage, seed)


def _corner(place, origin, zoom, patch):
    """(y, x) of a patch whose center is at a place of the world."""
    return np.floor((place - origin) * zoom - np.array(patch.shape[:2]) / 2 + 0.5).astype(int)


def _patch(actor, seconds, zoom):
    """float32 [h, w, 4] of an object at a moment."""
    look = actor.look
    side = look.side * float(np.exp(actor.size.at(seconds))) * zoom
    cut = load_cutout(look.file, math.ceil(3 * look.side))
    scale = side / max(cut.size)
    cut = cut.resize([max(1, round(v * scale)) for v in cut.size], Image.Resampling.BILINEAR)
    if look.is_mirrored:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cut = cut.rotate(float(actor.turn.at(seconds)), Image.Resampling.BICUBIC, expand=True)
    pixels = np.asarray(cut, np.float32).copy()
    pixels[..., :3] *= 2 ** (float(actor.light.at(seconds)) / GAMMA)
    return np.clip(pixels, 0, 255)


@functools.lru_cache(maxsize=64)
def _texture(file, hw, at):
    """float32 [h, w, 4]: a part of a photograph, solid throughout."""
    photo = load_background(file, 2 * max(hw))
    step = min(photo.height / hw[0], photo.width / hw[1], 1.0)
    y, x = (max(0.0, at[0] * (photo.height - step * hw[0])), max(0.0, at[1] * (photo.width - step * hw[1])))
    # rounded, a strip as long as its photograph may begin before it or end behind it, by 1e-14
    box = (x, y, min(x + step * hw[1], photo.width), min(y + step * hw[0], photo.height))
    window = photo.resize(hw[::-1], Image.Resampling.BILINEAR, box=box)
    return np.dstack([np.asarray(window, np.float32), np.full(hw, 255, np.float32)])
