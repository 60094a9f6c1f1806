"""Versions of exported models: what there is, how two differ, and which one a label names."""

import dataclasses
import pathlib
import re

from kerasvision.core.direction import direction_of, goodness
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.export.contract import read_contract
from kerasvision.export.directions import directions_in
from kerasvision.export.measurement import sha256
from kerasvision.export.package import labels
from kerasvision.export.package.trial import try_goldens

INTERFACE = ("task", "inputs", "outputs", "classes")  # of a contract: what clients depend on
_LABEL = re.compile(r"[A-Za-z][\w\-]*")


@dataclasses.dataclass(frozen=True)
class Version:
    """One version on disk, with what its contract says. metric: name of the main one, and its value in the file."""

    name: str
    number: int
    path: pathlib.Path
    contract: dict
    labels: tuple[str, ...]

    @property
    def row(self):
        """What the contract says of the folder. Two targets may have written it, and then there are two rows alike.
        Raises KerasVisionError of a contract without one, which is none of a SavedModel.
        """
        row = next((r for r in self.contract.get("artifacts", ()) if r.get("path") == "."), None)
        if row is None or "agreement" not in row:
            raise KerasVisionError(f"{self.path}: contract.json does not say what is in this folder; export it again")
        return row

    @property
    def metric(self):
        """(name, value) of what the exported file was judged by."""
        row = self.row
        name = row["agreement"]["metric"]
        return name, row["metrics"][name]

    def measured(self, metric):
        """The value of any metric in the exported file; None where it was not measured."""
        return self.row["metrics"].get(metric)


def versions_of(folder, name=None):
    """[`Version`] below a folder of models, by name and rising; of one model if it is named."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}; name one that `kerasvision export --to tf_serving` has written")
    names = labels.names_below(folder)
    if name is not None and name not in names:
        raise UsageError(f"{folder} has no model {name!r}; {close_matches(name, names)}")
    found = []
    for model in [name] if name else names:
        named = labels.present(folder, model)
        for path in sorted((p for p in (folder / model).iterdir() if p.name.isdigit()), key=lambda p: int(p.name)):
            number = int(path.name)
            held = tuple(sorted(label for label, v in named.items() if v == number))
            found.append(Version(model, number, path, read_contract(path, older=True), held))
    return found


def version_of(folder, name, number):
    """One `Version`. Raises UsageError, which says what versions there are."""
    held = {v.number: v for v in versions_of(folder, name)}
    if number not in held:
        raise UsageError(f"{name} has no version {number}; it has {', '.join(map(str, held))}")
    return held[number]


def differences(old, new):
    """One line for each part of the interface in which two `Version`s differ; clients would notice."""
    lines = []
    for part in INTERFACE:
        a, b = old.contract[part], new.contract[part]
        if a == b:
            continue
        if isinstance(a, dict):
            changed = sorted(k for k in {*a, *b} if a.get(k) != b.get(k))
            lines += [f"{part}/{k}: {_short(a.get(k))} became {_short(b.get(k))}" for k in changed]
        else:
            lines.append(f"{part}: {_short(a)} became {_short(b)}")
    return lines


def changes(old, new):
    """What else differs, for a person: [(what, before, after)]."""
    rows = [(key, old.contract["preprocess"].get(key), new.contract["preprocess"].get(key)) for key in _keys(old, new)]
    metric, value = new.metric
    before = old.measured(metric)
    rows.append((metric, before if before is None else round(before, 4), round(value, 4)))
    for key in ("size_bytes", "latency_ms"):
        rows.append((key, old.row[key], new.row[key]))
    return [row for row in rows if row[1] != row[2]]


def promote(folder, name, number, label="stable", drop=0.0):
    """Let a label name a version from now on; returns the one that it named before, or None.

    Refused when the files are not those of the contract, when they do not answer their golden examples as the trained
    model did (`trial`), when clients of the present version would notice another interface, and when the metric that
    it was judged by (`Recipe.metric`) is worse by more than `drop`.
    """
    if not _LABEL.fullmatch(label):
        raise UsageError(f"--label {label}: allowed: letters, digits, _ and -, a letter first")
    new = version_of(folder, name, number)
    if sha256(new.path) != new.row["sha256"]:
        raise KerasVisionError(f"{new.path} is not what its contract.json says (its sum differs); export it again")
    held = {n: dict(of) for n, of in labels.history(folder).items()}
    before = held.get(name, {}).get(label, ())
    if before and before[-1] != number:
        _refuse_worse(version_of(folder, name, before[-1]), new, label, drop)
    try_goldens(new.path, new.contract, new.row["agreement"].get("tolerance", 0.0))
    if before[-1:] != (number,):
        held.setdefault(name, {})[label] = (*before, number)
        labels.write(folder, held)
    return before[-1] if before else None


def rollback(folder, name, label="stable"):
    """Let a label name the version that it named before; returns (number that it named, number that it names now).
    Raises KerasVisionError where it has named no other.
    """
    versions_of(folder, name)
    held = {n: dict(of) for n, of in labels.history(folder).items()}
    before = held.get(name, {}).get(label, ())
    if len(before) < 2:
        raise KerasVisionError(f"{label} of {name} has named no other version; there is nothing to go back to")
    version_of(folder, name, before[-2])  # which must still be there
    held[name][label] = before[:-1]
    labels.write(folder, held)
    return before[-1], before[-2]


def _refuse_worse(old, new, label, drop):
    if lines := differences(old, new):
        raise KerasVisionError(
            f"{new.name} {new.number} has another interface than {old.number}, which is {label}: {'; '.join(lines)}; "
            "clients would break: promote it under another label"
        )
    name, after = new.metric
    before = old.measured(name)
    if before is None:
        raise KerasVisionError(
            f"{new.name} {new.number} is judged by {name}, which was not measured of {old.number}, which is {label}; "
            f"export {old.number} again, or promote {new.number} under another label"
        )
    direction = direction_of(directions_in(new.contract), name) or "max"
    if goodness(after, direction) < goodness(before, direction) - drop:
        raise KerasVisionError(
            f"{new.name} {new.number} has {name} {after:.4f} and {old.number}, which is {label}, {before:.4f}; "
            f"--accuracy-drop allows {drop:g}"
        )


def _keys(old, new):
    return sorted({*old.contract["preprocess"], *new.contract["preprocess"]})


def _short(value):
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
