"""Cut-outs and photographs that scenes are made of, shared among splits so that none shows what another shows."""

import collections
import dataclasses
import hashlib
import pathlib
import re

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data import readable, splits
from kerasvision.data.sources import _labels
from kerasvision.data.sources._files import named
from kerasvision.data.sources._scenes import load_cutout
from kerasvision.data.sources._table import placed, read_table
from kerasvision.data.sources._walk import below

NUMBERED = r"([ _\-]*(mirror|\d+x\d+|\d+))+$"  # what does not count at the end of a picture's name


@dataclasses.dataclass(frozen=True)
class Picture:
    """A cut-out or a background. digest: of its bytes."""

    path: str
    label: int
    group: str
    digest: str


@dataclasses.dataclass(frozen=True)
class Material:
    """Final. Where pictures lie, and how they are shared among splits; fields as of `sources/cut_paste`.

    counts: of what is made for train, validation and test: a split without any needs no picture. what: begins messages.
    """

    path: str
    backgrounds: tuple[str, ...]
    group: str
    validation_fraction: float
    test_fraction: float
    seed: int
    counts: tuple[int, int, int]
    what: str

    def __post_init__(self):
        try:
            re.compile(self.group)
        except re.error as error:
            raise UsageError(f"{self.what}: group={self.group!r} is no regular expression: {error}") from None

    def cutouts(self):
        """(class names, {split: pictures})."""
        root = pathlib.Path(self.path).expanduser()
        if root.is_dir():
            rows = [(f, f.relative_to(root).parts[0], "") for f in _pictures(root) if f.parent != root]
        elif root.suffix.lower() == ".csv" and root.is_file():
            rows = _csv_rows(root, self.what)
        else:
            raise KerasVisionError(f"{self.what}: no such folder or .csv file")
        classes = tuple(sorted({label for _, label, _ in rows}))
        if not classes:
            raise KerasVisionError(f"{self.what}: no pictures; put PNG files with transparency into a folder a class")
        pictures = [_picture(f, classes.index(label), f"{label}/{group or self._group(f)}") for f, label, group in rows]
        return classes, self._split(pictures, classes)

    def grounds(self):
        """{split: pictures} of the backgrounds."""
        folders = [pathlib.Path(b).expanduser() for b in self.backgrounds]
        missing = [str(f) for f in folders if not f.is_dir()]
        if missing or not folders:
            raise UsageError(f"{self.what}: backgrounds: {named(missing) or 'none'}; allowed: folders of photographs")
        files = list(dict.fromkeys(f for folder in folders for f in _pictures(folder)))
        if not files:
            raise KerasVisionError(f"{self.what}: no photographs in {named(self.backgrounds)}")
        return self._split([_picture(f, 0, self._group(f)) for f in files], ("background",))

    def _group(self, path):
        stem = path.stem.lower()
        return re.sub(self.group, "", stem) or stem

    def _split(self, pictures, classes):
        """{split: pictures}; every class is in every split that something is made for."""
        fractions = splits.check_fractions(self.what, self.validation_fraction, self.test_fraction)
        groups = splits.linked([p.digest for p in pictures], [p.group for p in pictures])
        names = splits.stratified([p.label for p in pictures], fractions, self.seed, groups)
        by_split = {n: [p for p, name in zip(pictures, names, strict=True) if name == n] for n in splits.NAMES}
        for name, count in zip(splits.NAMES, self.counts, strict=True):
            absent = [c for i, c in enumerate(classes) if i not in {p.label for p in by_split[name]}]
            if count and absent:
                raise KerasVisionError(
                    f"{self.what}: no {named(absent)} for {name}: bring three or more different ones, one for each "
                    "split (validation_fraction, test_fraction and group share them out), or ask for no scenes for "
                    f"{name}"
                )
        return by_split


def by_class(count, cutouts):
    """Class -> object -> its files, of the pictures of a split. count: of classes."""
    objects = [collections.defaultdict(list) for _ in range(count)]
    for picture in cutouts:
        objects[picture.label][picture.group].append(picture.path)
    return tuple(tuple(tuple(paths) for paths in groups.values()) for groups in objects)


def check_pictures(cutouts, grounds, what):
    """Raises where pictures of any split, {split: pictures}, cannot be read, or cut-outs are not cut out."""
    cutouts, grounds = ([p for held in by_split.values() for p in held] for by_split in (cutouts, grounds))
    bad = readable.unreadable([p.path for p in (*cutouts, *grounds)])
    if bad:
        listed = named(f"{pathlib.Path(path).name} ({reason})" for path, reason in bad.items())
        raise KerasVisionError(f"{what}: {len(bad)} files cannot be read: {listed}; mend or remove them")
    flat = [pathlib.Path(p.path).name for p in cutouts if load_cutout(p.path, 64) is None]
    if flat:
        raise KerasVisionError(
            f"{what}: {len(flat)} cut-outs are transparent nowhere or everywhere: {named(flat)}; cut them out"
        )


def _pictures(folder):
    """Image files below a folder, sorted by their path in it."""
    found = [f for f in below(folder).files if f.suffix.lower() in readable.SUFFIXES]
    return sorted(found, key=lambda f: f.relative_to(folder).as_posix())


def _csv_rows(file, what):
    """[(picture, label, group or "")]."""
    form = "write a header file,label,group and a row a file"
    table = read_table(file, what, ("file", "label", "group"), form)
    if not {"file", "label"} <= set(table.columns):
        raise KerasVisionError(f"{what}: no rows with file and label; {form}")
    _labels.check([(line, [row["label"]]) for line, row in table.rows], (), False, what)
    places = (placed(file.parent, row["file"])[0] for _, row in table.rows)
    return [(pathlib.Path(p), r["label"], r.get("group", "")) for p, (_, r) in zip(places, table.rows, strict=True)]


def _picture(path, label, group):
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        digest = ""  # a file that is not there is found out before anything is rendered
    return Picture(str(path), label, group, digest or str(path))
