"""Medical volumes with a mask or a class each: NIfTI files and DICOM series."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.dicom import files_of
from kerasvision.data.grid import Grid, UnreadableError
from kerasvision.data.readable import FULL_BYTES, FULL_FILES
from kerasvision.data.sources import _files
from kerasvision.data.sources._files import Entry, Plan, named
from kerasvision.data.sources._volume_masks import check_masks
from kerasvision.data.sources._volumes import find, holds_volumes, is_volume_csv
from kerasvision.data.sources.base import Opened, Source, Split
from kerasvision.data.text import read_class_names
from kerasvision.data.volumes import read_grid, read_labels, read_volume
from kerasvision.ops.dense import IGNORE


@sources.register("volumes")
@dataclasses.dataclass(frozen=True)
class Volumes(Source):
    """Samples: `volume` float32 [D, H, W, 1], `spacing_mm` float32 [3], `path`, and either `mask` uint8 [D, H, W] of
    class ids, 255 where no class is to be learned, or `label` int32. D, H, W go towards Superior, Anterior and Right.

    path: a folder with images/ and masks/ (or labels/; nnU-Net's imagesTr and labelsTr), paired by the names of their
    files, case_01.nii.gz in both, or case_01_0000.nii.gz and case_01.nii.gz; both may hold folders train, validation
    and test, or lie in such folders. Or a folder with a folder a class, in such folders or not. Or a CSV with the
    columns file and mask, or file and label (paths relative to it), and where wanted split and group (a patient: never
    in two splits). A volume is .nii, .nii.gz, .mgz or a folder that holds one DICOM series; a mask is a file. See
    `data/volumes.py` for what is refused, and for the axes.

    classes: names in order, of masks the background's first; empty takes the lines of classes.txt in the folder, else
    of masks class_0, class_1 and so on, up to the largest value seen, else the labels or folders, sorted. values: of a
    mask, values[i] is that of class i; without, a value is its own class. 255 is `mask`'s 255 unless values names it.
    A mask of another size or place than its volume's, and a value that is no class, are errors.

    A split without any volume is cut out of training, stratified (by each mask's rarest class); validation_fraction,
    test_fraction, seed and skip_unreadable are as in `image_folder`. All masks are read when the source is opened, and
    volumes too up to 1 GiB of files; beyond that, their headers.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("mask", "label")
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv",)
    opens: typing.ClassVar[str] = "a folder or a .csv of NIfTI volumes"

    path: str
    classes: tuple[str, ...] = ()
    values: tuple[int, ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        return is_volume_csv(path) if path.is_file() else holds_volumes(path)

    def open(self):
        what = f"volumes {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        found = find(self.path, what, self.classes)
        names = self._names(found, what)
        looks, dropped = self._look(found, what)
        if found.has_masks:
            names, said = check_masks(looks, names, self.values, what)
            dropped += said
        labels = [look.ids(self.values) if found.has_masks else (names.index(look.case.label),) for look in looks]
        entries = [
            Entry(look.case.path, look.case.name, ids, look.case.split, look.case.group)
            for look, ids in zip(looks, labels, strict=True)
        ]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, found.has_masks, bool(self.classes))
        dropped += [f"inverted: {look.case.name}" for look in looks if look.grid.inverted]
        by_split, copies = _arrange(entries, looks, names, plan)
        cases = {look.case.path: look.case for look in looks}
        table = {v: i for i, v in enumerate(self.values or range(len(names)))} if found.has_masks else None
        opened = {n: _split([cases[e.path] for e in held], held, table) for n, held in by_split.items()}
        opened = {n: _files.grouped(split, by_split[n]) for n, split in opened.items()}
        return Opened(tuple(names), opened, (*dropped, *copies, *found.lines))

    def _names(self, found, what):
        """Names of the classes; () where only the values of masks can tell."""
        if self.values and not found.has_masks:
            raise UsageError(f"{what}: values with a class a volume; allowed where there are masks")
        for name, held in (("classes", self.classes), ("values", self.values)):
            if len(set(held)) < len(held):
                raise UsageError(f"{what}: {name}: one stands there twice; each class has its own")
        names = self.classes or _listed(found, what) or tuple(f"class_{i}" for i in range(len(self.values)))
        if self.values and len(self.values) != len(names):
            seen = f"{len(self.values)} values for {len(names)} classes ({named(names)})"
            raise UsageError(f"{what}: {seen}; give one each")
        if found.has_masks:
            if names and not 2 <= len(names) <= IGNORE:
                hint = "; name the background too, as the first" if len(names) == 1 else ""
                raise KerasVisionError(f"{what}: {len(names)} classes; allowed: 2 to {IGNORE}{hint}")
            return names
        names = names or tuple(sorted({case.label for case in found.cases}))
        for case in found.cases:
            if case.label not in names:
                hint = close_matches(case.label, names)
                raise KerasVisionError(f"{what}: {case.name}: {case.label!r} is none of the classes; {hint}")
        return names

    def _look(self, found, what):
        """([`_Look`] of all that can be read, one line for each that was left out)."""
        size = sum(_bytes(case.path) for case in found.cases)
        in_full = len(found.cases) <= FULL_FILES and size <= FULL_BYTES
        with concurrent.futures.ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
            seen = list(pool.map(lambda case: _look(case, in_full), found.cases))
        bad = [line for line in seen if isinstance(line, str)]
        if bad and not self.skip_unreadable:
            raise KerasVisionError(
                f"{what}: {len(bad)} of {len(seen)} volumes cannot be read: {named(bad)}; mend or remove them, or "
                "leave them out with skip_unreadable=True (--skip-unreadable)"
            )
        looks = [look for look in seen if isinstance(look, _Look)]
        if not looks:
            raise KerasVisionError(f"{what}: none of the {len(seen)} volumes can be read: {named(bad)}")
        return looks, [f"unreadable: {line}" for line in bad]


@dataclasses.dataclass(frozen=True)
class _Look:
    """What a case holds. difference: how its mask lies elsewhere, or None. held: the values of its mask, sorted."""

    case: object
    grid: Grid
    difference: str | None = None
    held: tuple[int, ...] = ()

    def ids(self, values):
        """Classes of the mask, sorted."""
        number = {v: i for i, v in enumerate(values)}
        return tuple(sorted(number[v] if values else v for v in self.held if v in number or v != IGNORE))


def _look(case, in_full):
    """`_Look`, or one line that says why a file cannot be read."""
    name = case.name
    try:
        grid = read_volume(case.path).grid if in_full else read_grid(case.path)
        if case.mask is None:
            return _Look(case, grid)
        name = case.mask_name
        labels = read_labels(case.mask)
    except UnreadableError as error:
        return f"{name} ({error.reason})"
    return _Look(case, grid, grid.difference(labels.grid), _values(labels.array))


def _values(array):
    """The values of an integer array, sorted; plane by plane, to need little memory."""
    return tuple(sorted({int(v) for plane in array for v in np.unique(plane)}))


def _arrange(entries, looks, names, plan):
    """({split: its entries}, one line for each that was left out): `_files.arrange`, for what no picture's decoder
    reads. What comes of one DICOM series stays in one split.
    """
    _files.check_classes(entries, names, plan)
    series = {look.case.path: look.grid.series for look in looks}
    entries, contents, copies = _files.without_leaks(entries, _contents([e.path for e in entries], series))
    groups = splits.linked(contents, [e.group for e in entries], [series[e.path] for e in entries])
    return _files.shared_out(entries, groups, names, plan), copies


def _contents(paths, series):
    """A key a volume, equal for equal bytes; None for one without an equal. Only series of one UID can be equal."""
    files = [p for p in paths if not pathlib.Path(p).is_dir()]
    keys = dict(zip(files, _files.content_keys(files), strict=True))
    count = collections.Counter(series[p] for p in paths if p not in keys)
    return [keys[p] if p in keys else _hash(p) if count[series[p]] > 1 else None for p in paths]


def _hash(folder):
    """Of a DICOM series, whatever its files are called."""
    each = sorted(hashlib.sha256(file.read_bytes()).digest() for file in files_of(pathlib.Path(folder)))
    return hashlib.sha256(b"".join(each)).hexdigest()


def _listed(found, what):
    """The lines of classes.txt; () when there is none."""
    file = next((p / "classes.txt" for p in found.places if (p / "classes.txt").is_file()), None)
    if file is None:
        return ()
    return read_class_names(file, f"{what}: {file.name}")


def _bytes(path):
    place = pathlib.Path(path)
    return sum(f.stat().st_size for f in (place.iterdir() if place.is_dir() else [place]) if f.is_file())


def _split(cases, entries, table):
    """table: value of a mask -> class; None for labels."""
    records = {"path": [case.path for case in cases]}
    if table is None:
        records["label"] = np.array([e.labels[0] for e in entries], np.int32)
    else:
        records["mask"] = [case.mask for case in cases]

    load = _loading(table)

    def read(record):
        paths, kinds = [record["path"]], [tf.float32, tf.float32]
        if table is not None:
            paths, kinds = [*paths, record["mask"]], [*kinds, tf.uint8]
        volume, spacing, *mask = tf.numpy_function(load, paths, kinds, stateful=False)
        labels = {"label": record["label"]} if table is None else {"mask": tf.ensure_shape(mask[0], [None] * 3)}
        sample = {"volume": tf.ensure_shape(volume, [None, None, None, 1]), "spacing_mm": tf.ensure_shape(spacing, [3])}
        return sample | labels | {"path": record["path"]}

    return Split(tf.data.Dataset.from_tensor_slices(records), read, len(cases))


def _loading(table):
    """Paths, as bytes -> what a sample has of them. Files may have changed since the source was opened."""

    def load(path, mask=None):
        try:
            volume = read_volume(_decoded(path))
            ids = () if mask is None else (_ids(_decoded(mask), volume, table),)
        except KerasVisionError as error:
            line = str(error).translate({ord("["): "(", ord("]"): ")"})  # a bracket would end what is said
            raise ValueError(f"[{SAYS} volumes:] [{line}]") from None
        return volume.array, volume.spacing_mm, *ids

    return load


def _decoded(path):
    """The str of what `tf.numpy_function` hands over: bytes in a graph, an array with them outside of one."""
    return os.fsdecode(np.asarray(path).item())


def _ids(path, volume, table):
    """uint8 [D, H, W]."""
    labels = read_labels(path)
    if difference := volume.grid.difference(labels.grid):
        raise UnreadableError(path, f"a mask of another size or grid than its image: {difference}")
    table = {IGNORE: IGNORE} | table
    held = _values(labels.array)
    strange = [str(v) for v in held if v not in table]
    if strange:
        raise UnreadableError(path, f"a mask with what is no class: value {named(strange)}")
    return np.array([table[v] for v in held], np.uint8)[np.searchsorted(held, labels.array)]
