"""Sounds with a class each, or several: WAV, FLAC, OGG and MP3 files."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data import sounds, splits
from kerasvision.data.readable import FULL_BYTES, FULL_FILES
from kerasvision.data.sources import _files
from kerasvision.data.sources._files import Plan, named
from kerasvision.data.sources._sounds import find, holds_sounds, is_sound_csv
from kerasvision.data.sources.base import Opened, Source, Split


@sources.register("sounds")
@dataclasses.dataclass(frozen=True)
class Sounds(Source):
    """Samples: `audio` float32 [N] in -1..1, the mean of the channels, `rate` int32, `path`, and `label` int32, or of a
    CSV with several labels a sound `labels` int32 [N], N from 0 on.

    path: a folder with a folder of sounds a class (they may lie deeper), or with folders train, val and test of such;
    or a CSV with the columns file (relative to it) and label, or labels (separated by ; or |), and where wanted split
    and group (a speaker, a recording: never in two splits). A sound is .wav (PCM of 8 to 32 bits, or floats), or with
    the extra `audio` .flac, .ogg or .mp3.
    classes: names in order; (): the sorted labels or folders. least_seconds: shorter sounds are left out, and counted.

    A split without a sound is cut out of training, stratified by class; validation_fraction, test_fraction, seed and
    skip_unreadable are as in `image_folder`, as are files of equal bytes. Sounds keep their rates, which the
    architecture makes one of; where there are several that is said. When the source is opened sounds are read in full
    up to 5,000 files of 1 GiB together; of more, their heads.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("label", "labels")
    suffixes: typing.ClassVar[tuple[str, ...]] = (".csv",)
    opens: typing.ClassVar[str] = "a folder or a .csv of sounds"

    path: str
    classes: tuple[str, ...] = ()
    least_seconds: float = 0.02
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        return is_sound_csv(path) if path.is_file() else holds_sounds(path)

    def open(self):
        what = f"sounds {self.path!r}"
        if not self.least_seconds >= 0:
            raise UsageError(f"{what}: least_seconds={self.least_seconds}; allowed: 0 or more")
        fractions = splits.check_fractions(what, self.validation_fraction, self.test_fraction)
        found = find(self.path, what, self.classes)
        seed, skips, declared = self.seed, self.skip_unreadable, bool(self.classes)
        plan = Plan(what, fractions, seed, skips, found.several, declared, thing="sound")
        entries, lines = self._heard(found.entries, plan)
        _files.check_classes(entries, found.classes, plan)
        entries, contents, copies = _files.without_leaks(entries, _files.content_keys([e.path for e in entries]))
        groups = splits.linked(contents, [e.group for e in entries])
        by_split = _files.shared_out(entries, groups, found.classes, plan)
        opened = {n: _files.grouped(_split(held, found.several), held) for n, held in by_split.items()}
        return Opened(found.classes, opened, (*found.lines, *lines, *copies))

    def _heard(self, entries, plan):
        """(entries that can be read and are long enough, lines about the others and about rates)."""
        paths = [e.path for e in entries]
        in_full = len(paths) <= FULL_FILES and sum(pathlib.Path(p).stat().st_size for p in paths) <= FULL_BYTES
        with concurrent.futures.ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
            seen = list(pool.map(lambda path: _look(path, in_full), paths))
        bad = [f"{e.name} ({s})" for e, s in zip(entries, seen, strict=True) if isinstance(s, str)]
        if bad and not self.skip_unreadable:
            raise KerasVisionError(
                f"{plan.what}: {len(bad)} of {len(paths)} sounds cannot be read: {named(bad)}; mend or remove them, or "
                "leave them out with skip_unreadable=True (--skip-unreadable)"
            )
        read = [(e, s) for e, s in zip(entries, seen, strict=True) if not isinstance(s, str)]
        long = [(e, s) for e, s in read if s[0] >= self.least_seconds * s[1]]
        brief = [f"brief: {e.name} ({s[0] / s[1]:.3g} s)" for e, s in read if s[0] < self.least_seconds * s[1]]
        if not long:
            raise KerasVisionError(
                f"{plan.what}: no sound is left: of {len(paths)}, {len(bad)} cannot be read and {len(brief)} are "
                f"shorter than least_seconds={self.least_seconds:g}"
            )
        rates = collections.Counter(rate for _, (_, rate) in long)
        several = [f"rates: {n} of {rate} Hz" for rate, n in sorted(rates.items())] if len(rates) > 1 else []
        lasting = np.array([samples / rate for _, (samples, rate) in long])
        lengths = f"lengths: {lasting.min():.3g} to {lasting.max():.3g} s, half at most {np.median(lasting):.3g} s"
        return [e for e, _ in long], [*(f"unreadable: {line}" for line in bad), *brief, *several, lengths]


def _look(path, in_full):
    """(samples, samples a second), or the reason why a file cannot be read."""
    try:
        if not in_full:
            return sounds.look(path)
        samples, rate = sounds.read_sound(path)
        return len(samples), rate
    except sounds.SoundError as error:
        return error.reason


def _split(entries, several):
    if several:
        answers = {"labels": tf.ragged.constant([list(e.labels) for e in entries], dtype=tf.int32, ragged_rank=1)}
    else:
        answers = {"label": np.array([e.labels[0] for e in entries], np.int32)}
    records = tf.data.Dataset.from_tensor_slices({"path": [e.path for e in entries]} | answers)
    return Split(records, _read, len(entries))


def _read(record):
    audio, rate = tf.numpy_function(_loaded, [record["path"]], [tf.float32, tf.int32], stateful=False)
    held = {"audio": tf.ensure_shape(audio, [None]), "rate": tf.ensure_shape(rate, []), "path": record["path"]}
    if "label" in record:
        return held | {"label": record["label"]}
    return held | {"labels": tf.ensure_shape(tf.convert_to_tensor(record["labels"]), [None])}


def _loaded(path):
    """A path, as bytes -> what a sample has of it. The file may have changed since the source was opened."""
    try:
        samples, rate = sounds.read_sound(os.fsdecode(np.asarray(path).item()))
    except KerasVisionError as error:
        line = str(error).translate({ord("["): "(", ord("]"): ")"})  # a bracket would end what is said
        raise ValueError(f"[{SAYS} sounds:] [{line}]") from None
    return samples, np.int32(rate)
