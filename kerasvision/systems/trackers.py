"""Trackers by name: settings of `systems.multi_object`, those of papers and what is best of all of them."""

import dataclasses

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.overrides import with_fields
from kerasvision.systems.multi_object import MultiObject

# where the papers forget after one frame (SORT) or after 30 (the others), here it is a second of each
_PAPERS = {"return_gate": 0.0, "camera": False, "keep_s": 1.0}
_BY_OVERLAP = _PAPERS | {"direction_weight": 0.0, "recover": False, "reupdate": False}
_ONE_STAGE = {"second_stage": False, "least_overlap": 0.3, "confirm": 3}
# Aharon et al. 2022, arXiv:2206.14651: the camera by pictures; where there are looks, equations 11 to 13, its numbers
_BOT_SORT = {"camera": True, "pictures": True, "fusion": "best", "least_near": 0.5, "least_likeness": 0.75}
_BOT_SORT |= {"momentum": 0.9, "unlike": -1.0, "look_quality": 0.0, "remember_s": 0.0}
SETTINGS = {
    "sort": _BY_OVERLAP | _ONE_STAGE | {"high_score": 0.3, "birth_score": 0.3},
    "bytetrack": _BY_OVERLAP | {"high_score": 0.6, "birth_score": 0.7, "weigh_by_score": True},
    "ocsort": _PAPERS | _ONE_STAGE | {"high_score": 0.6, "birth_score": 0.6, "smooth": False},
    "botsort": _BY_OVERLAP | _BOT_SORT | {"high_score": 0.6, "birth_score": 0.7, "weigh_by_score": True},
    "kerasvision": {},
}
# what `ops.slots` does in a file: `bytetrack` with pairs made greedily
SETTINGS["slots"] = SETTINGS["bytetrack"] | {"greedy": True}
DEFAULT = "bytetrack"


def tracker_like(slots):
    """The `MultiObject` that gives the ids of `ops.slots.Slots`, as long as there are slots for all objects."""
    shared = {f.name for f in dataclasses.fields(MultiObject)}
    held = {k: v for k, v in dataclasses.asdict(slots).items() if k in shared}
    looks = {"appearance": 1.0, "fusion": "best", "remember_s": slots.keep_s} if slots.looks else {}
    return dataclasses.replace(tracker_of("slots"), **held | looks)


def tracker_of(name, settings=()):
    """The `MultiObject` of a name in `SETTINGS`, with changes such as `["keep_s=2"]`. Raises UsageError, one line."""
    if name not in SETTINGS:
        raise UsageError(f"no tracker {name}; {close_matches(name, SETTINGS)}")
    return with_fields(MultiObject(**SETTINGS[name]), settings, "--set", "keep_s=2")
