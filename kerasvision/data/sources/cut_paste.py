"""Scenes of cut-out objects over photographs, with boxes, masks and hidden parts that are known exactly."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import sys
import tempfile
import typing

from PIL import Image
from rich import progress as bars
from rich.console import Console

from kerasvision.core.component import to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._boxes import ALWAYS, Picture
from kerasvision.data.sources._coco_document import coco_document
from kerasvision.data.sources._material import NUMBERED, Material, by_class, check_pictures
from kerasvision.data.sources._scenes import ALLOWED, Studio, render
from kerasvision.data.sources.base import Source
from kerasvision.data.sources.coco import Coco

VERSION = 1  # of what is rendered from equal fields and files: a change renders anew
_READING = ("path", "backgrounds", "cache", "masks", "max_objects")  # fields that change no pixel
_STUDIO = tuple(f.name for f in dataclasses.fields(Studio) if f.name not in ("cutouts", "backgrounds"))
_QUALITY = 92


@sources.register("cut_paste")
@dataclasses.dataclass(frozen=True)
class CutPaste(Source):
    """Samples: those of `sources/coco` (`boxes_xyxy` of the visible part, `labels`, ..., `instance_masks` with
    masks=True), `occlusion` float32 [N], the part of an object that others or the image's border hide, and
    `illumination` float32, the change of the scene's exposure in EV: -1 is half the light.

    path: a folder with a folder a class of pictures with transparency, or a CSV with the columns file (relative to it),
    label and, where wanted, group. backgrounds: folders of photographs. Pictures of one group show one object, or one
    place, and never come into two splits, nor do equal files. A group is the CSV's, or the name up to what `group`
    matches: by default numbers, sizes (as in 1920x1080) and "mirror" at its end do not count.
    validation_fraction, test_fraction: parts of the objects and of the backgrounds. scenes: of train, validation, test.

    image_size: (h, w). objects: fewest and most in a scene; one for which no place is found is left out. company:
    probability that an object is of the class that follows, in their order, the one placed before it (the first follows
    the last), and not of any class: labels that go together. side: longer side of a cut-out, in parts of the image's
    shorter one, even in the logarithm. rotation_deg: largest turn. max_occlusion: largest hidden part. exposure_ev:
    range. gradient_ev: largest difference of light across the scene. tint_ev: largest of a color channel. Scene i of a
    split is a function of (seed, split, i) and of the files alone.

    The scenes are rendered once, as JPEG with COCO's JSON, into a folder below cache (empty: kerasvision/cut_paste in
    the user's cache folder) that is named by a hash of the fields and the files, and are read from there; about 30 kB a
    scene of 320 x 320. max_objects: a scene with more is an error; 0 allows any number.
    """

    labels: typing.ClassVar[tuple[str, ...]] = (*ALWAYS, "instance_masks", "occlusion", "illumination")
    form: typing.ClassVar[str] = "CUTOUTS,BACKGROUNDS"

    path: str
    backgrounds: tuple[str, ...]
    scenes: tuple[int, int, int] = (2000, 300, 300)
    image_size: tuple[int, int] = (320, 320)
    objects: tuple[int, int] = (1, 6)
    company: float = 0.0
    side: tuple[float, float] = (0.15, 0.6)
    rotation_deg: float = 15.0
    max_occlusion: float = 0.7
    exposure_ev: tuple[float, float] = (-2.0, 1.0)
    gradient_ev: float = 1.0
    tint_ev: float = 0.15
    group: str = NUMBERED
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    masks: bool = False
    max_objects: int = 0
    cache: str = ""

    @classmethod
    def from_text(cls, text):
        cutouts, *backgrounds = text.split(",")
        if not all([cutouts, *backgrounds]) or not backgrounds:
            raise UsageError(f"data 'cut_paste:{text}': write cut_paste:{cls.form}, further folders after commas")
        return cls(path=cutouts, backgrounds=tuple(backgrounds))

    def open(self):
        opened = self.rendered().open()
        if self.scenes[1]:
            return opened
        line = "kin: no scenes for validation, and scenes of train show the same objects; ask for some with scenes"
        return dataclasses.replace(opened, dropped=(*opened.dropped, line))

    def arranged(self):
        """The labels of the rendered scenes, for `data/inspect/convert.py`."""
        return self.rendered().arranged()

    def rendered(self):
        """`sources/coco` over the scenes, which are rendered when they are not there yet."""
        what = f"cut_paste {self.path!r}"
        self._check(what)
        shared = (self.group, self.validation_fraction, self.test_fraction, self.seed, self.scenes, what)
        material = Material(self.path, self.backgrounds, *shared)
        (classes, cutouts), grounds = material.cutouts(), material.grounds()
        folder = self._cache() / _digest(self, classes, cutouts, grounds)
        if not folder.is_dir():
            check_pictures(cutouts, grounds, what)
            counts = {name: n for name, n in zip(splits.NAMES, self.scenes, strict=True) if n}
            studios = {n: self._studio(len(classes), cutouts[n], grounds[n]) for n in counts}
            _render_all(folder, classes, studios, counts, self.seed)
        whole = {"validation_fraction": 0.0, "test_fraction": 0.0}
        return Coco(path=str(folder), masks=self.masks, max_objects=self.max_objects, **whole)

    def _cache(self):
        if self.cache:
            return pathlib.Path(self.cache).expanduser()
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return pathlib.Path(base).expanduser() / "kerasvision" / "cut_paste"

    def _check(self, what):
        low, high = self.side
        wrong = {
            "scenes": self.scenes[0] < 1 or min(self.scenes) < 0,
            "image_size": min(self.image_size) < 16,
            "objects": not 0 <= self.objects[0] <= self.objects[1] or not self.objects[1],
            "company": not 0 <= self.company <= 1,
            "side": not 0 < low <= high <= 2,
            "max_occlusion": not 0 <= self.max_occlusion < 1,
            "exposure_ev": self.exposure_ev[0] > self.exposure_ev[1],
            "gradient_ev": self.gradient_ev < 0,
            "tint_ev": self.tint_ev < 0,
            "rotation_deg": not 0 <= self.rotation_deg <= 180,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{what}: {name}={getattr(self, name)}; allowed: {ALLOWED[name]}")

    def _studio(self, count, cutouts, grounds):
        held = by_class(count, cutouts)
        return Studio(held, tuple(p.path for p in grounds), *(getattr(self, name) for name in _STUDIO))


def _digest(source, classes, cutouts, grounds):
    """A name for what is rendered: of the fields, and of the content and place of every file."""
    fields = {k: v for k, v in to_json(source).items() if k not in _READING}
    files = [
        [(split, p.label, p.group, p.digest) for split, held in by_split.items() for p in held]
        for by_split in (cutouts, grounds)
    ]
    text = json.dumps([VERSION, fields, classes, files])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _render_all(folder, classes, studios, counts, seed):
    """COCO's layout with the scenes, written beside and renamed. Another process may be first with the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    columns = (bars.TextColumn("rendering scenes"), bars.BarColumn(), bars.MofNCompleteColumn())
    left = (bars.TextColumn("left"), bars.TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        bars.Progress(*columns, *left, console=Console(file=sys.stderr), transient=True) as shown,
    ):
        task = shown.add_task("", total=sum(counts.values()))
        out = pathlib.Path(beside) / folder.name
        (out / "annotations").mkdir(parents=True)
        for split, studio in studios.items():
            (out / split).mkdir()
            scene = functools.partial(_write_scene, out / split, studio, (seed, splits.NAMES.index(split)))
            pictures = []
            for picture in pool.map(scene, range(counts[split])):
                pictures.append(picture)
                shown.advance(task)
            document = coco_document(classes, pictures)
            (out / "annotations" / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
        try:
            out.replace(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _write_scene(folder, studio, seed, index):
    image, things, ev = render(studio, [*seed, index])
    name = f"{index:06d}.jpg"
    Image.fromarray(image).save(folder / name, quality=_QUALITY)
    return Picture(str(folder / name), name, things, None, studio.image_size, index, round(ev, 4))
