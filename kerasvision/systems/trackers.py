"""Trackers by name: settings of `systems.multi_object`, those of papers and what is best of all of them."""

from kerasvision.core.errors import UsageError, close_matches
from kerasvision.core.overrides import with_field
from kerasvision.systems.multi_object import MultiObject

# where the papers forget after one frame (SORT) or after 30 (the others), here it is a second of each
_PAPERS = {"return_gate": 0.0, "camera": False, "keep_s": 1.0}
_BY_OVERLAP = _PAPERS | {"direction_weight": 0.0, "recover": False, "reupdate": False}
_ONE_STAGE = {"second_stage": False, "least_overlap": 0.3, "confirm": 3}
SETTINGS = {
    "sort": _BY_OVERLAP | _ONE_STAGE | {"high_score": 0.3, "birth_score": 0.3},
    "bytetrack": _BY_OVERLAP | {"high_score": 0.6, "birth_score": 0.7, "weigh_by_score": True},
    "ocsort": _PAPERS | _ONE_STAGE | {"high_score": 0.6, "birth_score": 0.6, "smooth": False},
    "kerasvision": {},
}
# what `ops.slots` does in a file: `bytetrack` with pairs made greedily
SETTINGS["slots"] = SETTINGS["bytetrack"] | {"greedy": True}
DEFAULT = "bytetrack"


def tracker_of(name, settings=()):
    """The `MultiObject` of a name in `SETTINGS`, with changes such as `["keep_s=2"]`. Raises UsageError, one line."""
    if name not in SETTINGS:
        raise UsageError(f"no tracker {name}; {close_matches(name, SETTINGS)}")
    tracker = MultiObject(**SETTINGS[name])
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in --set keep_s=2")
        tracker = with_field(tracker, field, text)
    return tracker
