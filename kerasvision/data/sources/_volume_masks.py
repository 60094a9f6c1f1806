"""What the values of masks say about the classes of volumes, and about masks that are unlike the others."""

import collections

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._files import named
from kerasvision.ops.dense import IGNORE

_FEW = 4  # masks: of fewer, a class in one of them is nothing odd


def check_masks(looks, names, values, what):
    """(names of the classes, findings); masks lie where their volumes do, and hold nothing but classes."""
    apart = [f"{look.case.mask_name} ({look.difference})" for look in looks if look.difference]
    if apart:
        seen = f"{len(apart)} masks of another size or grid than their image"
        raise KerasVisionError(f"{what}: {seen}: {named(apart)}; save each on its image's grid")
    known = set(values or range(len(names) or IGNORE)) | {IGNORE}
    strange = [(look, [v for v in look.held if v not in known]) for look in looks]
    lines = [f"{look.case.mask_name} (value {named(map(str, found))})" for look, found in strange if found]
    if lines:
        of = f": {len(names)} classes ({named(names)})" if names else ""
        seen = f"{len(lines)} masks hold what is no class: {named(lines)}"
        raise KerasVisionError(f"{what}{of}: {seen}; mend them, or say with classes and values what it means")
    seen = sorted({v for look in looks for v in look.held})
    if IGNORE not in values and set(seen) <= {0, IGNORE} and IGNORE in seen:
        raise KerasVisionError(f"{what}: masks hold 0 and 255 only, and 255 is not learned; say values=(0, 255)")
    said = [] if IGNORE in values else _ignored(looks, values, what)
    if names:
        return names, said
    return _numbered([v for v in seen if v != IGNORE], what), said + _alone(looks)


def _ignored(looks, values, what):
    """Findings about masks of 0 and 255 among others, where 255 is ignored.

    A mask that tells what is not to be learned has classes too. Where more masks hold 0 and 255 only, 255 is rather
    their object, and one odd file (or one stray voxel of 1) must not decide that it is not.
    """
    only = [look.case.mask_name for look in looks if IGNORE in look.held and set(look.held) <= {0, IGNORE}]
    both = sum(IGNORE in look.held and not set(look.held) <= {0, IGNORE} for look in looks)
    if len(only) > both and not values:
        raise KerasVisionError(
            f"{what}: {len(only)} of {len(looks)} masks hold 0 and 255 only ({named(only)}), {both} hold 255 "
            "beside other values: is 255 a class, or ignored? Save all masks in one way, or say which values are "
            "classes: values=(0, 1) ignores 255"
        )
    return [f"ignored: {len(only)} of {len(looks)} masks hold 0 and 255 only: {named(only)}"] if only else []


def _alone(looks):
    """Findings about classes that nobody has named and that stand in one mask only, perhaps a stray voxel."""
    places = collections.defaultdict(list)
    for look in looks:
        for value in look.held:
            places[value].append(look.case.mask_name)
    one = {v: held[0] for v, held in places.items() if len(held) == 1 and v != IGNORE}
    return [f"rare: class_{v} is in {name} only" for v, name in sorted(one.items())] if len(looks) >= _FEW else []


def _numbered(seen, what):
    if seen != list(range(len(seen))):
        listed = named(map(str, seen), 8)
        raise KerasVisionError(
            f"{what}: the masks hold the values {listed}, which are not 0, 1, 2, ...; name the classes with classes or "
            "classes.txt, or say with values which value is which class"
        )
    if len(seen) < 2:
        raise KerasVisionError(
            f"{what}: the masks hold the value {seen[0]} only; a segmenter needs two classes or more"
        )
    return tuple(f"class_{i}" for i in seen)
