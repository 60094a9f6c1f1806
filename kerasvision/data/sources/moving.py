"""Films of cut-out objects on paths over photographs: boxes and identities that are known exactly, frame by frame."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._films import Stage, film
from kerasvision.data.sources._material import NUMBERED, Material, by_class, check_pictures
from kerasvision.data.sources.base import Opened, Source, Split

_STAGE = tuple(f.name for f in dataclasses.fields(Stage) if f.name not in ("cutouts", "backgrounds"))
_TRIES = 8  # moments that are looked at for one that shows an object well
_WELL = 0.35  # largest hidden part of an object that is to be remembered
_PAIR = 11  # between the seed of a film and the number of a pair
ALLOWED = {
    "films": "three numbers, for train 1 or more, for validation and test 0 or more",
    "frames": "1 or more",
    "image_size": "(h, w), each 16 or more",
    "objects": "(fewest, most), 1 or more",
    "side": "(smallest, largest), above 0 and at most 1",
    "speed": "(slowest, fastest), 0 or more",
    "exits": "0 to 1",
    "twins": "0 to 1",
    "occluders": "(fewest, most), 0 or more",
    "growth": "0 to 1",
    "turn_deg": "0 to 180",
    "pan": "0 to 1",
    "zoom": "0 to 1",
    "shake": "0 to 0.2",
    "swing_ev": "0 to 3",
    "blur_px": "0 to 8",
    "rate": "above 0",
    "max_occlusion": "0 or more and below 1",
    "absent": "0 to 1",
    "span_s": "above 0",
}


@sources.register("moving")
@dataclasses.dataclass(frozen=True)
class Moving(Source):
    """Samples of give="frames": `image` uint8 [H, W, 3] and of the objects that it shows `boxes_xyxy` float32 [N, 4],
    of the whole object as far as it is within the frame, `labels` and `ids` int32 [N], `occlusion` float32 [N], the
    part of each that occluders, others or the frame's border hide; with masks=True `instance_masks` uint8 [N, H, W] of
    what is seen. An object of which more than max_occlusion is hidden is not listed. `sequence`: the number of its
    film. Frames of a film follow one another, `rate` a second.

    Of give="pairs": one object at two moments at most span_s apart. `exemplar` and `search`, samples with an `image`
    each; `exemplar_box`, `box_xyxy` and `search_box` float32 [4]: where it is in the first and in the second, and where
    it was up to three frames before the second; `present` int32: 0 where it is not to be seen there, which is so of
    `absent` of the pairs at least: the object is then left out of the picture, and `search_box` is of another object
    in half of them.

    one_class: the name of the one class that all objects are then of, whatever their cut-outs are; "": those.

    path, backgrounds, group, validation_fraction, test_fraction: as of `sources/cut_paste`; no object and no photograph
    is in two splits. films: of train, validation, test. frames: examples of each film. Example i of film f of a split
    is a function of (seed, split, f, i) and of the files alone.

    image_size: (h, w). objects: fewest and most in a film. side: longer side of a cut-out, in parts of the frame's
    shorter one. speed: of an object at its fastest, in shorter sides a second. exits: probability that an object leaves
    the frame and returns. twins: that it has the picture of the one before it. occluders: fewest and most strips of
    other photographs in front of everything. growth: largest change of size (0.2: from 1 / 1.2 to 1.2). turn_deg:
    largest turn. pan: how far the camera looks to each side, zoom: largest change of its scale, shake: deviation of its
    place from frame to frame, in parts of the shorter side. swing_ev: largest change of light. blur_px: largest sigma.
    """

    labels: typing.ClassVar[tuple[str, ...]] = (
        *("boxes_xyxy", "labels", "ids", "occlusion", "sequence", "instance_masks"),
        *("exemplar", "exemplar_box", "search", "search_box", "box_xyxy", "present"),
    )
    form: typing.ClassVar[str] = "CUTOUTS,BACKGROUNDS"

    path: str
    backgrounds: tuple[str, ...]
    films: tuple[int, int, int] = (200, 30, 30)
    frames: int = 10
    give: typing.Literal["frames", "pairs"] = "frames"
    image_size: tuple[int, int] = (240, 320)
    objects: tuple[int, int] = (2, 5)
    side: tuple[float, float] = (0.15, 0.4)
    speed: tuple[float, float] = (0.1, 0.6)
    exits: float = 0.2
    twins: float = 0.2
    occluders: tuple[int, int] = (0, 2)
    growth: float = 0.3
    turn_deg: float = 20.0
    pan: float = 0.2
    zoom: float = 0.15
    shake: float = 0.005
    swing_ev: float = 0.5
    blur_px: float = 1.0
    rate: float = 25.0
    max_occlusion: float = 0.9
    masks: bool = False
    one_class: str = ""
    absent: float = 0.25
    span_s: float = 4.0
    group: str = NUMBERED
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0

    @classmethod
    def from_text(cls, text):
        cutouts, *backgrounds = text.split(",")
        if not all([cutouts, *backgrounds]) or not backgrounds:
            raise UsageError(f"data 'moving:{text}': write moving:{cls.form}, further folders after commas")
        return cls(path=cutouts, backgrounds=tuple(backgrounds))

    def open(self):
        classes, stages = self.stages()
        made = {name: self._split(number, stages[name]) for number, name in enumerate(splits.NAMES) if name in stages}
        return Opened((self.one_class,) if self.one_class else classes, made)

    def stages(self):
        """(class names, {split: what its films are made of})."""
        what = f"moving {self.path!r}"
        self._check(what)
        shared = (self.group, self.validation_fraction, self.test_fraction, self.seed, self.films, what)
        material = Material(self.path, self.backgrounds, *shared)
        (classes, cutouts), grounds = material.cutouts(), material.grounds()
        check_pictures(cutouts, grounds, what)
        counts = dict(zip(splits.NAMES, self.films, strict=True))
        own = [getattr(self, name) for name in _STAGE]
        return classes, {
            name: Stage(by_class(len(classes), cutouts[name]), tuple(p.path for p in grounds[name]), *own)
            for name in splits.NAMES
            if counts[name]
        }

    def film(self, split, number):
        """A film of a split by its number, `_films.Film`: its frames, one by one, as many as are asked for."""
        return film(self.stages()[1][split], self._seed(splits.NAMES.index(split), number))

    def _seed(self, split, number):
        return (self.seed, split, number)

    def _check(self, what):
        parts = ("exits", "twins", "growth", "pan", "zoom", "absent")
        wrong = {name: not 0 <= getattr(self, name) <= 1 for name in parts} | {
            "films": self.films[0] < 1 or min(self.films) < 0,
            "frames": self.frames < 1,
            "image_size": min(self.image_size) < 16,
            "objects": not 1 <= self.objects[0] <= self.objects[1],
            "side": not 0 < self.side[0] <= self.side[1] <= 1,
            "speed": not 0 <= self.speed[0] <= self.speed[1],
            "occluders": not 0 <= self.occluders[0] <= self.occluders[1],
            "turn_deg": not 0 <= self.turn_deg <= 180,
            "shake": not 0 <= self.shake <= 0.2,
            "swing_ev": not 0 <= self.swing_ev <= 3,
            "blur_px": not 0 <= self.blur_px <= 8,
            "rate": self.rate <= 0,
            "max_occlusion": not 0 <= self.max_occlusion < 1,
            "span_s": self.span_s <= 0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{what}: {name}={getattr(self, name)}; allowed: {ALLOWED[name]}")

    def _split(self, number, stage):
        films = self.films[number]
        of_film = np.repeat(np.arange(films), self.frames)
        records = {"film": tf.constant(of_film), "frame": tf.constant(np.tile(np.arange(self.frames), films))}
        form = self._frame_form() if self.give == "frames" else self._pair_form()
        make = self.frame_of if self.give == "frames" else self.pair_of

        def drawn(at, index):
            held = make(
                film(stage, self._seed(number, int(at))), int(index), (*self._seed(number, int(at)), int(index))
            )
            return [held[key] for key in form]

        def read(record):
            values = tf.numpy_function(drawn, [record["film"], record["frame"]], [s.dtype for s in form.values()])
            values = [tf.ensure_shape(v, s.shape) for v, s in zip(values, form.values(), strict=True)]
            sample = dict(zip(form, values, strict=True))
            if self.give == "frames":
                return sample | {"sequence": tf.cast(record["film"], tf.int32)}
            return sample | {key: {"image": sample[key]} for key in ("exemplar", "search")}

        data = tf.data.Dataset.from_tensor_slices(records)
        return Split(data, read, films * self.frames, groups=tuple(of_film.tolist()))

    def _frame_form(self):
        many = {"boxes_xyxy": ([4], tf.float32), "labels": ([], tf.int32), "ids": ([], tf.int32)}
        many |= {"occlusion": ([], tf.float32)}
        many |= {"instance_masks": (list(self.image_size), tf.uint8)} if self.masks else {}
        image = {"image": tf.TensorSpec([*self.image_size, 3], tf.uint8)}
        return image | {k: tf.TensorSpec([None, *shape], dtype) for k, (shape, dtype) in many.items()}

    def _pair_form(self):
        pictures = {k: tf.TensorSpec([*self.image_size, 3], tf.uint8) for k in ("exemplar", "search")}
        boxes = {k: tf.TensorSpec([4], tf.float32) for k in ("exemplar_box", "box_xyxy", "search_box")}
        return pictures | boxes | {"present": tf.TensorSpec([], tf.int32)}

    def frame_of(self, shown, number, _=()):
        """The sample of frame `number` of a film, numpy, without `sequence`."""
        image, seen = shown.frame(number)
        boxes = self._within(seen.boxes_xyxy)
        listed = (seen.occlusion <= self.max_occlusion) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        labels = np.zeros_like(seen.labels) if self.one_class else seen.labels
        held = {"image": image, "boxes_xyxy": boxes[listed], "labels": labels[listed]}
        held |= {"ids": seen.ids[listed].astype(np.int32), "occlusion": seen.occlusion[listed]}
        masks = seen.owner[None] == seen.ids[listed][:, None, None]
        return held | ({"instance_masks": masks.astype(np.uint8)} if self.masks else {})

    def _within(self, boxes):
        h, w = self.image_size
        return np.clip(boxes, 0, np.array([w, h, w, h])).astype(np.float32)

    def pair_of(self, shown, _, seed):
        """A sample of give="pairs" of a film, numpy. seed: integers."""
        rng = np.random.default_rng([*seed, _PAIR])
        target, first = self._shown_well(shown, rng)
        apart = max(1, round(self.span_s * self.rate))
        second = max(3, first + int(rng.integers(-apart, apart + 1)))
        before = second - int(rng.integers(1, 4))
        is_left_out = rng.random() < self.absent
        exemplar, at_first = shown.frame(first)
        search, at_second = shown.frame(second, target if is_left_out else 0)
        near = shown.seen(before).boxes_xyxy
        others = np.delete(np.arange(shown.count), target - 1)
        aside = is_left_out and len(others) and rng.random() < 0.5
        box = self._near(near[rng.choice(others) if aside else target - 1])
        present = not is_left_out and at_second.occlusion[target - 1] <= self.max_occlusion
        true = self._within(at_second.boxes_xyxy[target - 1]) if present else box
        held = {"exemplar": exemplar, "search": search, "exemplar_box": self._within(at_first.boxes_xyxy[target - 1])}
        return held | {"search_box": box, "box_xyxy": true, "present": np.int32(present)}

    def _shown_well(self, shown, rng):
        """(id, number of a frame) of an object that is hardly hidden there, or the least hidden of those looked at."""
        best = (2.0, 1, 0)
        for _ in range(_TRIES):
            number = int(rng.integers(0, round(20 * self.rate)))
            seen = shown.seen(number)
            i = int(rng.integers(shown.count))
            best = min(best, (float(seen.occlusion[i]), i + 1, number))
            if best[0] <= _WELL:
                break
        return best[1:]

    def _near(self, box):
        """A box whose center is within the frame."""
        h, w = self.image_size
        center = (box[:2] + box[2:]) / 2
        return (box + np.tile(np.clip(center, 0, [w, h]) - center, 2)).astype(np.float32)
