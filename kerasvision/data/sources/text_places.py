"""Pictures with the places of their texts: what detectors of text learn from, and what pages are judged by."""

import collections
import dataclasses
import itertools
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.characters import normalized
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.readable import SUFFIXES
from kerasvision.data.sources import _text_places as forms
from kerasvision.data.sources._files import Entry, Plan, arrange, grouped, named
from kerasvision.data.sources._sizes import OTHER, measured, refuse_other, said_of
from kerasvision.data.sources._walk import below
from kerasvision.data.sources._xml import root_of
from kerasvision.data.sources.base import Opened, Pictures, Split
from kerasvision.data.text import lines, read_head, read_text

_LOOKED_AT = 20  # files of ground truth that tell what a folder is
_HEAD = 4096  # bytes of an XML file that tell what it is


@sources.register("text_places")
@dataclasses.dataclass(frozen=True)
class TextPlaces(Pictures):
    """Samples: `image_bytes`, `path`, `quads_xy` float32 [N, 4, 2], the first corner at the text's own upper left and
    the others clockwise, and `texts` string [N], in the order of the file.

    path: a folder with a file of ground truth for each picture, of its name, anywhere in it: gt_NAME.txt or NAME.txt as
    ICDAR has it (x1,y1,x2,y2,x3,y3,x4,y4,text or left,top,right,bottom,text a row), or NAME.xml, PAGE or ALTO (in
    pixels). Of several the nearest one is a picture's, then the one of which more folders have the names of the
    picture's; one of another split never is. Where two are equally near, or two pictures have the same one, that is
    refused. A polygon of another number of corners than four becomes the smallest rectangle around it in an XML file,
    and is refused in a .txt. unit: what a quad is around in an XML file; ICDAR's are what they are. A first folder
    called train, val or test is a split; one that is not there is cut out of training. validation_fraction,
    test_fraction, seed and skip_unreadable: as in `image_folder`.

    What nobody could read (### in ICDAR) is left out, which is said; with keep_unreadable=True it is a place of text
    all the same, whose text is "". A quad that is not finite, has no area, crosses itself, is not convex or lies
    outside of its picture is refused, or left out with skip_bad_quads=True, which is said. A file that states another
    size than its picture has is refused. A picture without any text is one: N = 0.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("quads_xy", "texts")
    opens: typing.ClassVar[str] = "pictures with the places of their texts (ICDAR, PAGE, ALTO)"

    path: str
    unit: typing.Literal["line", "word"] = "line"
    keep_unreadable: bool = False
    skip_bad_quads: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        if not path.is_dir():
            return False
        files = below(path).files
        by_name = _by_name(files)
        near = (file for picture in filter(_is_picture, files) for file in _nearest(picture, by_name, path)[:1])
        ground_truths = list(itertools.islice((file for file in near if file.stat().st_size), _LOOKED_AT))
        return bool(ground_truths) and all(_is_ground_truth(file) for file in ground_truths)

    def open(self):
        what = f"text_places {self.path!r}"
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        base = pathlib.Path(self.path).expanduser()
        if not base.is_dir():
            raise KerasVisionError(f"{what}: {'not a folder' if base.exists() else 'no such folder'}")
        pairs, bare, alone = _pairs(base, what)
        if bare or not pairs:
            raise KerasVisionError(_lacking(what, base, bare, len(pairs)))
        stated = {str(picture): self._stated(file, f"{what}: {file.name}") for file, picture in pairs}
        entries = [_entry(picture.relative_to(base), picture, stated[str(picture)]) for _, picture in pairs]
        plan = Plan(what, fractions, self.seed, self.skip_unreadable, several=True, thing="picture")
        by_split, dropped = arrange(entries, ("text",), plan)
        kept = [entry for held in by_split.values() for entry in held]
        places, said = self._checked(kept, stated, what)
        opened = {name: grouped(_split(held, places), held) for name, held in by_split.items()}
        lonely = sorted(str(file.relative_to(base)) for file in alone if _is_ground_truth(file))
        said += [f"unlisted: {len(lonely)} files of ground truth without a picture: {named(lonely)}"] if lonely else []
        return self.as_labeled(Opened(("text",), opened, (*dropped, *said)))

    def _stated(self, file, where):
        if file.suffix.lower() == ".txt":
            return forms.icdar(read_text(file, where), where)
        return forms.of_xml(root_of(file, where), self.unit, where)

    def _checked(self, entries, stated, what):
        """({path: its `Place`s}, lines about what was left out)."""
        sized = measured([entry.path for entry in entries])
        self._check_sizes(entries, stated, sized, what)
        places, bad, lost = {}, [], collections.Counter()
        for entry in entries:
            hw, held = sized[entry.path].hw(self.orientation), []
            for number, place in enumerate(stated[entry.path].places, 1):
                if place.text is None and not self.keep_unreadable:
                    lost[entry.name] += 1
                elif reason := forms.problem(place.quad, hw):
                    bad.append(f"{entry.name} (quad {number} {reason})")
                else:
                    held.append(place)
            places[entry.path] = held
        if bad and not self.skip_bad_quads:
            raise KerasVisionError(
                f"{what}: {len(bad)} quads cannot be used: {named(bad)}; mend them, or leave them out with "
                "skip_bad_quads=True"
            )
        said = [f"quads: {line} was left out" for line in bad]
        said += [f"illegible: {name}, {count} marked {forms.UNREADABLE}" for name, count in lost.items()]
        states = [(sized[entry.path], stated[entry.path].image_hw is not None) for entry in entries]
        return places, said + said_of(states, self.orientation)

    def _check_sizes(self, entries, stated, sized, what):
        told = [(e, stated[e.path].image_hw, sized[e.path]) for e in entries if stated[e.path].image_hw]
        other = OTHER[self.orientation]
        turned = [e.name for e, hw, size in told if size.tells and hw == size.hw(other)]
        refuse_other(what, turned, self.orientation)
        wrong = []
        for entry, said, size in told:
            real = size.hw(self.orientation)
            if any(a is not None and a != b for a, b in zip(said, real, strict=True)):
                wrong.append(f"{entry.name} has {real[1]} x {real[0]} pixels and its file says {said[1]} x {said[0]}")
        if wrong:
            raise KerasVisionError(
                f"{what}: {len(wrong)} pictures of another size than their files say, whose quads would not fit: "
                f"{named(wrong)}; mend the files"
            )


def _pairs(base, what):
    """([(file of ground truth, its picture)], pictures that have none, files that may be of no picture). Raises
    KerasVisionError where it cannot be told which file is whose.
    """
    files = below(base).files
    by_name, pairs, bare, several = _by_name(files), [], [], []
    for picture in filter(_is_picture, files):
        near = _nearest(picture, by_name, base)
        if len(near) > 1:
            several.append(_beside(picture, near, base))
        elif near:
            pairs.append((near[0], picture))
        else:
            bare.append(picture)
    if several:
        raise KerasVisionError(
            f"{what}: {len(several)} pictures have several files of ground truth that are equally near: "
            f"{named(several)}; leave one, or put it beside its picture"
        )
    users = {}
    for file, picture in pairs:
        users.setdefault(file, []).append(picture)
    if shared := [_beside(file, held, base) for file, held in users.items() if len(held) > 1]:
        raise KerasVisionError(
            f"{what}: {len(shared)} files of ground truth would each be that of several pictures: {named(shared)}; "
            "give each picture its own, beside it"
        )
    return pairs, bare, {file for held in by_name.values() for file in held} - users.keys()


def _is_picture(file):
    return file.suffix.lower() in SUFFIXES


def _by_name(files):
    """{(folder, or None for anywhere, name of a picture): files that may be its ground truth}."""
    held = {}
    for file in files:
        if file.suffix.lower() in (".txt", ".xml"):
            for name in {file.stem, file.stem.removeprefix("gt_")}:
                for folder in (file.parent, None):
                    held.setdefault((folder, name), []).append(file)
    return held


def _nearest(picture, by_name, base):
    """The files that may be the ground truth of a picture: one, or as many as are equally near."""
    if own := by_name.get((picture.parent, picture.stem)):
        return own
    ranked = [(_apart(file, picture, base), file) for file in by_name.get((None, picture.stem), ())]
    ranked = [row for row in ranked if row[0] is not None]
    least = min((rank for rank, _ in ranked), default=None)
    return [file for rank, file in ranked if rank == least]


def _apart(file, picture, base):
    """(folders that two files have not in common, less the names that their folders share), None of different splits.
    The path from one to the other says who is nearer, then a folder of the same name on both ways.
    """
    ours, theirs = (
        [splits.ALIASES.get(name.lower(), name) for name in f.relative_to(base).parts[:-1]] for f in (file, picture)
    )
    one, other = ({name for name in parts if name in splits.ALIASES.values()} for parts in (ours, theirs))
    if one and other and one.isdisjoint(other):
        return None
    same = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return len(ours) + len(theirs) - 2 * same, -len(set(ours) & set(theirs))


def _beside(file, others, base):
    """Text: a file and, in parentheses, those that it was to be paired with."""
    first, *more = (str(f.relative_to(base)) for f in (file, *sorted(others)))
    return f"{first} ({' or '.join(more)})"


def _is_ground_truth(file):
    head = read_head(file, _HEAD)
    if file.suffix.lower() == ".xml":
        return "<PcGts" in head or "<alto" in head or ":PcGts" in head or ":alto" in head
    return forms.is_icdar(head if file.stat().st_size <= _HEAD else "\n".join(lines(head)[:-1]))


def _lacking(what, base, bare, count):
    if not bare:
        return f"{what}: no picture ({', '.join(SUFFIXES)})"
    listed = named(str(picture.relative_to(base)) for picture in bare)
    return (
        f"{what}: {len(bare)} of {count + len(bare)} pictures have no gt_NAME.txt, NAME.txt or NAME.xml: {listed}; add "
        "them (empty where there is no text), or remove the pictures"
    )


def _entry(relative, picture, stated):
    """Its first folder may name a split."""
    split = splits.ALIASES.get(relative.parts[0].lower()) if len(relative.parts) > 1 else None
    return Entry(str(picture), str(relative), (0,) if stated.places else (), split)


def _split(entries, places):
    held = [places[entry.path] for entry in entries]
    lengths = [len(rows) for rows in held]
    quads = np.array([place.quad for rows in held for place in rows], np.float32).reshape(-1, 4, 2)
    texts = [normalized(place.text or "") for rows in held for place in rows]
    records = {
        "path": [entry.path for entry in entries],
        "quads_xy": tf.RaggedTensor.from_row_lengths(quads, lengths),
        "texts": tf.RaggedTensor.from_row_lengths(tf.constant(texts, tf.string, [len(texts)]), lengths),
    }
    return Split(tf.data.Dataset.from_tensor_slices(records), _read, len(entries))


def _read(record):
    quads, texts = (tf.convert_to_tensor(record[key]) for key in ("quads_xy", "texts"))
    held = {"quads_xy": tf.ensure_shape(quads, [None, 4, 2]), "texts": tf.ensure_shape(texts, [None])}
    return {"image_bytes": tf.io.read_file(record["path"]), "path": record["path"]} | held
