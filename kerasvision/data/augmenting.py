"""One example through its augmentations, and what an architecture's inputs let them do."""

import functools

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.data.augment.base import BatchAugmentation, WindowAugmentation
from kerasvision.data.decode import decode
from kerasvision.data.partners import combined, partner_count
from kerasvision.ops import resample
from kerasvision.ops.dense import IGNORE

_WITHIN = 3_000_017  # folded into an example's seed, and the number of a sample within it, for that one's own


_SEVERAL = {"audio": "sounds"}
_FITTING = {"volume": "volume/* and patches/*", "text": "text/*", "audio": "audio/*"}


def check_augmentations(parts, arch):
    """Raises where a recipe augments another kind of input than its architecture takes, such as volumes, and where
    targets cannot be mixed as an augmentation of a batch would. Reads nothing.
    """
    kinds = set(arch.input_kinds().values())
    taken = list(arch.input_kinds())
    for part in parts:
        if {"image", "volume", "text", "audio"} & kinds and not set(part.works_on) & {*taken, *kinds}:
            works_on = " and ".join(_SEVERAL.get(key, f"{key}s") for key in part.works_on)
            images = "geometric/*, photometric/*, occlusion/* and others"
            fitting = next((names for kind, names in _FITTING.items() if kind in kinds), images)
            raise UsageError(
                f"{part.registered_name} works on {works_on}, and {arch.registered_name} takes {', '.join(taken)}; "
                f"augmentations of that are {fitting}"
            )
        if isinstance(part, BatchAugmentation):
            part.check(arch)
        if partner_count([part]) and "image" not in taken:
            raise UsageError(
                f"{part.registered_name} combines pictures, and {arch.registered_name} takes {', '.join(taken)}; leave "
                "it out of augment"
            )


def fitted(arch, sample):
    """A window in the graph's pixels with all of its labels: those, too, that only further augmentations look at."""
    prepared, geometry, moved = arch.prepare_sample(sample)
    if not {"boxes_xyxy", "mask", "instance_masks", "keypoints_xyv", "quads_xy"} & set(sample):
        return moved
    matrix = resample.translation(geometry["offset_xy"]) @ resample.scaling(geometry["scale_xy"])
    size_hw = tf.shape(prepared["image"])[:2]
    return resample.warp(sample, matrix, size_hw=size_hw, mask_fill=IGNORE) | prepared


def augmented(sample, parts, seed, fit=None, partners=(), canvas=None):
    """The sample after every augmentation, each with its own seed. Decodes it, and only its window where that is known.

    sample: as a source reads it; seed: int32 [2]. fit: sample -> sample of the graph's size, applied right after a
    window has been cut (a random resized crop is a crop and a resize), so that what follows works on fewer pixels.
    partners: functions that give samples as read, `partner_count(parts)` of them, to combine on the canvas. A sample
    that holds samples has each of them augmented with a seed of its own.
    """
    held = sorted(k for k, v in sample.items() if isinstance(v, dict))
    if held:
        seeds = [tf.random.experimental.stateless_fold_in(seed, _WITHIN + number) for number in range(len(held))]
        return sample | {k: augmented(sample[k], parts, own) for k, own in zip(held, seeds, strict=True)}
    reads = [lambda: sample, *partners]
    return combined(reads, list(enumerate(parts)), seed, canvas, functools.partial(_alone, fit))


def _alone(fit, sample, numbered, seed):
    """numbered: [(number, part)]; a part's seed is `seed` with its number folded in."""
    seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number, _ in numbered]
    parts = [part for _, part in numbered]
    cuts = parts and isinstance(parts[0], WindowAugmentation)
    if cuts and "image_bytes" in sample and set(sample) <= _PICTURE_ONLY | {"image_bytes"}:
        encoded = sample["image_bytes"]
        cut = decode(encoded, lambda image_hw: parts[0].window(image_hw, seeds[0]))
        sample = {k: v for k, v in sample.items() if k != "image_bytes"} | {"image": cut, "cropped": tf.constant(True)}
    elif cuts:
        sample = parts[0](decoded(sample), seeds[0])
    if cuts:
        sample = fit(sample) if fit else sample
        parts, seeds = parts[1:], seeds[1:]
    sample = decoded(sample)
    for part, part_seed in zip(parts, seeds, strict=True):
        sample = part(sample, part_seed)
    return sample


# labels that a crop of the picture does not move: only then may the window be cut before the labels are looked at
_PICTURE_ONLY = {"label", "labels", "path", "image_id", "text", "texts", "tabular", "targets", "is_planted"}


def decoded(sample):
    """The sample, and those within it, with `image` in place of `image_bytes`."""
    if any(isinstance(v, dict) for v in sample.values()):
        return {k: decoded(v) if isinstance(v, dict) else v for k, v in sample.items()}
    if "image_bytes" not in sample:
        return sample
    rest = {k: v for k, v in sample.items() if k != "image_bytes"}
    return rest | {"image": decode(sample["image_bytes"])}
