"""From records to batches. Every place in the project that trains or evaluates reads its data through here.

The order of examples is a function of the recipe's seed alone: the same for any number of workers and replicas, and
the same after a restart. It is a shuffle, unless a technique names the records of each batch (`data.ordering`).
Example i of the stream is augmented with a seed made of (recipe seed, i). Where examples are combined, example i gets
the partners number i of a second stream, to which all of this applies as well, always shuffled.
"""

import dataclasses
import functools
import itertools

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.augment.base import BatchAugmentation
from kerasvision.data.augmenting import augmented, check_augmentations, decoded, fitted
from kerasvision.data.kinds.base import ENCODED, kind_of
from kerasvision.data.ordering import order_of, ordered
from kerasvision.data.partners import canvas_of, example_stream, partner_count
from kerasvision.data.sources.base import Split
from kerasvision.data.splits import held_out

AUTOTUNE = tf.data.AUTOTUNE
_SEVERAL = 5_000_011  # folded into an example's seed, for the technique that makes several of it
_VIEW = 4_000_037  # folded into an example's seed, and the number of a view, for the views after the first


def thinned(split, most):
    """A split of at most `most` examples, evenly from the whole: sources list records class by class."""
    step = -(-split.size // most)
    return picked(split, np.arange(split.size) % step == 0)


def picked(split, kept):
    """The split's examples where `kept`, bool [N], is true, in their order."""
    held = tf.constant(kept)
    records = split.records.enumerate().filter(lambda i, _: held[i]).map(lambda _, r: r, num_parallel_calls=1)
    about = {k: tuple(itertools.compress(getattr(split, k), kept)) for k in ("groups", "strata")}
    return dataclasses.replace(split, records=records, size=int(np.count_nonzero(kept)), **about)


def splits_of(recipe, *names):
    """{name: `Split`} of a recipe's data, which must have those of the given names."""
    splits = with_validation(recipe.data.open(), recipe.validation_fraction)
    for name in names:
        if name not in splits:
            raise UsageError(f"no split {name!r}; the data has {', '.join(splits)}")
    return splits


def split_of(recipe, name):
    """A split of a recipe's data by its name."""
    return splits_of(recipe, name)[name]


def with_validation(opened, fraction):
    """The source's splits, with a validation split held out of the training split when there is none.

    Every n-th record is held out, n = round(1 / fraction): sources list records class by class, so this is nearly
    stratified, and it does not depend on a seed. Where records have groups, whole groups are (`splits.held_out`), so
    that no neighbor of what is trained on chooses the best epoch; and whole classes, where the source shares those out.
    """
    splits = {name: dataclasses.replace(split, classes=opened.classes) for name, split in opened.splits.items()}
    if "validation" in splits or not fraction:
        return splits
    train, every = splits["train"], max(2, round(1 / fraction))
    if train.groups:
        alike = train.by_class or not train.strata  # a class that is held out leaves none of itself to train on
        held = held_out(train.groups, (0,) * train.size if alike else train.strata, fraction)
    else:
        held = np.arange(train.size) % every == every - 1
    if not held.any():
        groups = f" in {len(set(train.groups))} groups that must not part" if train.groups else ""
        raise KerasVisionError(
            f"the training split has {train.size} examples{groups}, too few to hold out a validation split of "
            f"{fraction:g}; bring a validation split or set validation_fraction=0"
        )
    kept = picked(train, ~held)
    if train.by_class and len(set(kept.strata)) < 2:
        raise KerasVisionError(
            f"validation_fraction={fraction:g} holds out whole classes (split_by='class') and leaves one to train on; "
            "an embedder needs two or more: add classes, or set validation_fraction=0"
        )
    return splits | {"validation": picked(train, held), "train": kept}


def training_data(split: Split, arch, phase, *, batch_size, seed, start_step=0, shard=(0, 1), replicas=1, cache=False):
    """An endless dataset of (graph inputs, targets), `batch_size` examples a batch, no batch smaller.

    An architecture, or a technique, of several `views` gets as many times the rows, `batch_size * views`.
    phase: its `augment` and `techniques` are applied. start_step: batches already trained on, skipped as records.
    shard: (worker, workers); a worker gets every workers-th example. replicas: of this worker, which take its batches
    in turn, so that `batch_size * workers * replicas` examples make a step. cache: keep decoded samples in memory.
    """
    check_augmentations(phase.augment, arch)
    example_parts = [a for a in phase.augment if not isinstance(a, BatchAugmentation)]
    batch_parts = [a for a in phase.augment if isinstance(a, BatchAugmentation)]
    records, receive = split.records, lambda record: arch.receive(_checked(arch, split.read(record)))
    if cache:
        kept = records.map(_plain(lambda r: arch.receive(_checked(arch, decoded(split.read(r))))), AUTOTUNE)
        records, receive = kept.cache(), lambda sample: sample
    worker, workers = shard
    count, start, together = partner_count(example_parts), start_step * batch_size * workers, batch_size * workers
    order = order_of(phase.techniques, split, together * replicas, seed)
    own = ordered(records, order, together * replicas, start) if order else None
    data, members = example_stream(records, count, min(split.size, split.shuffle_buffer), seed, start, own)
    data = data.enumerate(start).shard(workers, worker)
    canvas, several = canvas_of(arch) if count else None, _several(arch, phase.techniques, batch_parts)

    def example(index, held):
        reads, root = [lambda get=get: receive(get()) for get in members(held)], stream_seed(seed, index)
        pair = _views(arch, example_parts, root, reads, canvas)
        return several.example(*pair, tf.random.experimental.stateless_fold_in(root, _SEVERAL)) if several else pair

    def batch(step, pair):
        prepared, targets = tf.nest.map_structure(_side_by_side, pair) if arch.views > 1 or several else pair
        # a stream of its own, away from the examples' seeds, and apart for each worker
        root = tf.random.experimental.stateless_fold_in(stream_seed(seed, step), 1_000_003 + worker)
        mixing = [functools.partial(p, mixes=arch.mixes) for p in batch_parts]
        for number, part in enumerate([*mixing, *(t.batch for t in phase.techniques)]):
            part_seed = tf.random.experimental.stateless_fold_in(root, number)
            prepared, targets = part(prepared, targets, part_seed)
        return arch.normalize(prepared), targets

    data = data.map(_plain(example), AUTOTUNE).batch(batch_size, drop_remainder=True, num_parallel_calls=AUTOTUNE)
    return _quiet(data.enumerate(start_step).map(_plain(batch), AUTOTUNE).prefetch(AUTOTUNE))


def _several(arch, techniques, mixing):
    """The technique that makes several examples of one, or None. mixing: augmentations of a batch."""
    held = [t for t in techniques if t.views > 1]
    if len(held) + (arch.views > 1) > 1:
        named = " and ".join([t.registered_name for t in held] + [arch.registered_name] * (arch.views > 1))
        raise UsageError(f"{named} each make several examples of one; keep one of them in a phase")
    if held and mixing:
        raise UsageError(
            f"{mixing[0].registered_name} mixes rows of a batch, and {held[0].registered_name} compares those of one "
            "example; leave one of them out"
        )
    return held[0] if held else None


def evaluation_data(split: Split, arch, *, batch_size, cache=False, targets=False):
    """A finite dataset of (prepared inputs, geometry, truth), in order; the last batch may be smaller. targets: those
    of the examples in place of their inputs.
    """

    def example(record):
        sample = decoded(_checked(arch, split.read(record)))
        prepared, geometry, moved = arch.prepare_sample(sample)
        return arch.encode(moved) if targets else prepared, geometry, arch.ground_truth(sample)

    data = split.records.map(_plain(example), AUTOTUNE)
    if cache:
        data = data.cache()
    # a ragged batch keeps truths of unequal length, such as the boxes of a photograph
    data = data.batch(1) if arch.keeps_input_size else data.ragged_batch(batch_size)
    return _quiet(data.prefetch(AUTOTUNE))


def raw_examples(split: Split, arch, *, batch_size=32, limit=None):
    """What a user would send, on the host: yields (serving inputs, ground_truth, names), batched while shapes are
    equal.

    Inputs and truth are dicts of numpy arrays; a name is an example's path, or its number in the split.
    """
    # volumes of one shape may differ in spacing, and 32 of them, or large images, would fill the memory
    is_large = any(kind_of(held).is_large for held in arch.serving_inputs().values())
    batch_size = 1 if arch.keeps_input_size or is_large else batch_size

    def example(index, record):
        sample = decoded(_checked(arch, split.read(record)))
        name = sample["path"] if "path" in sample else tf.strings.as_string(index)
        return arch.inputs_of(sample), arch.ground_truth(sample), name

    data = split.records.take(limit) if limit else split.records
    data = _quiet(data.enumerate().map(_plain(example), AUTOTUNE).prefetch(AUTOTUNE))

    def shapes(row):
        return [np.shape(v) for part in row[:2] for v in part.values()]

    for _, run in itertools.groupby(data.as_numpy_iterator(), shapes):
        while held := list(itertools.islice(run, batch_size)):
            inputs, ground_truths, names = zip(*held, strict=True)
            yield _stacked(inputs), _stacked(ground_truths), [n.decode() for n in names]


def _stacked(rows):
    # TensorFlow hands out a text as bytes; numpy's own type for them would drop zeros at the end
    return {k: np.stack([np.asarray(r[k], object if isinstance(r[k], bytes) else None) for r in rows]) for k in rows[0]}


def _views(arch, parts, root, reads, canvas):
    """(prepared inputs, targets) of one record; of an architecture of several views stacked. root: int32 [2]. reads:
    functions that give the sample and its partners, as `augmented` takes them.
    """
    first, *others = reads

    def view(number, sample):
        own = tf.random.experimental.stateless_fold_in(root, _VIEW + number) if number else root
        sample = augmented(sample, parts, own, functools.partial(fitted, arch), others, canvas)
        drawn = {"seed": tf.random.experimental.stateless_fold_in(own, 1_000_003)} if arch.draws_noise else {}
        drawn |= {"view": tf.constant(number)} if arch.views > 1 else {}
        return arch.example(sample | drawn)

    if arch.views == 1:
        return view(0, first())
    sample = decoded(first())  # once for all views
    return tf.nest.map_structure(lambda *v: tf.stack(v), *(view(number, sample) for number in range(arch.views)))


def _side_by_side(values):
    """[B, views, ...] -> [B * views, ...]: the views of a record one after the other."""
    batch, views, *rest = values.shape
    joined = tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], 0))
    return tf.ensure_shape(joined, [batch and batch * views, *rest])


def check_split(arch, split):
    """One clear error where a split's samples do not have what the architecture needs; reads none."""
    _checked(arch, split.read_spec)


def _checked(arch, sample):
    """The sample, if it has what the architecture needs; a data source of another task is one clear error."""
    given = [k for k, held in arch.serving_inputs().items() if not _holds(sample, k, held)]
    missing = [*given, *(k for k in dict.fromkeys(arch.label_keys) if k not in sample)]
    if missing:
        hint = next((text for key, text in _HINTS.items() if key in missing), "")
        raise KerasVisionError(
            f"{arch.registered_name} needs {', '.join(map(repr, missing))}, and a sample of this data has "
            f"{', '.join(sorted(sample))}{hint}"
        )
    return sample


def _holds(sample, key, held):
    """Whether a sample has an input: as it is, as its encoded file, or in a sample of its own."""
    if isinstance(sample.get(key), dict):
        return _holds(sample[key], held.kind, held)
    return key in sample or (kind_of(held).is_encoded and key + ENCODED in sample)


_HINTS = {  # missing key -> what to do
    "volume": "; the source of volumes is volumes",
    "present": "; sources/incomplete says of another source's images which pixels are missing",
    "whole": "; what was missing is known where sources/incomplete draws it",
    "quads_xy": "; sources of quads are text_places, and rendered_scene and rendered_page",
    "boxes_xyxy": "; sources of boxes are coco, voc, yolo, cut_paste, moving, and tfds where label_key names objects",
    "exemplar": "; a source of one object at two moments is moving with give='pairs'",
    "instance_masks": "; set masks=True in the source",
    "text": "; sources of texts are table, and captions beside pictures",
    "targets": "; name the numeric columns of a manifest in its target_columns, or of tfds in its target_keys",
    "mask": "; sources of masks are image_mask, semantic, volumes, and tfds where label_key names a mask",
}


def stream_seed(seed, index):
    """int32 [2] for element `index` of the stream."""
    return tf.stack([tf.constant(seed, tf.int32), tf.cast(index % (2**31 - 1), tf.int32)])


def _plain(function):
    """No AutoGraph: our functions are TensorFlow already, and tracing them is several times faster without it."""
    return tf.autograph.experimental.do_not_convert(function)


def _quiet(data):
    """Sharding was done by hand, so TensorFlow must not shard again."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.deterministic = True
    return data.with_options(options)
