"""One class for every kind of part. A part's name is its path: `detection/retinanet` is `tasks/detection/retinanet.py`.

A file may hold one part, named like the file, or a group, each named below it: `photometric/gamma` stands in
`photometric.py`. Names are read from the files' text, so listing them imports nothing.
"""

import dataclasses
import fnmatch
import importlib
import pathlib
import re
from collections.abc import Mapping

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_REGISTER = re.compile(r"^@\w+\.register\(\s*\"([^\"]+)\"", re.MULTILINE)


class Registry(Mapping):
    """Names to parts of one kind; a name's module is imported when the name is first asked for."""

    def __init__(self, kind, package):
        self.kind = kind
        self._package = package
        self._parts = {}

    def register(self, name):
        """Class decorator. A second part of the same name is an error that names both modules."""

        def add(part):
            held = self._parts.get(name)
            if held is not None and _origin(held) != _origin(part):
                raise self._twice(name, _origin(held), _origin(part))
            _refuse_hidden_methods(part)
            self._parts[name] = part
            part.registered_name = name if self.kind == "architectures" else f"{self.kind}/{name}"
            return part

        return add

    def _twice(self, name, first, second):
        return KerasVisionError(f"{self.kind}/{name} is registered twice: by {first} and by {second}; rename one")

    def __getitem__(self, name):
        if name not in self._parts:
            module = self._written().get(name)
            if module is None:
                raise UsageError(f"no {self.kind} named {name!r}; {close_matches(name, self.names())}")
            importlib.import_module(module)
        return self._parts[name]

    def __contains__(self, name):
        return name in self._parts or name in self._written()

    def __iter__(self):
        return iter(self.names())

    def __len__(self):
        return len(self.names())

    def names(self, pattern="*"):
        """Sorted names that match a shell pattern. Imports nothing."""
        return sorted(n for n in {*self._parts, *self._written()} if fnmatch.fnmatch(n, pattern))

    def _written(self):
        """name -> module, read from the package's files. Not kept: a new file is seen at once."""
        base = _ROOT.joinpath(*self._package.split("."))
        found = {}
        # a module, or a package, or nothing yet: git keeps no empty folder
        files = sorted(base.rglob("*.py")) if base.is_dir() else [p for p in [base.with_suffix(".py")] if p.exists()]
        for path in files:
            if path.name.startswith("_"):
                continue
            module = ".".join(("kerasvision", *path.relative_to(_ROOT).with_suffix("").parts))
            for name in _REGISTER.findall(path.read_text(encoding="utf-8")):
                if name in found:
                    raise self._twice(name, found[name], module)
                found[name] = module
        return found


def _origin(part):
    return f"{part.__module__}.{part.__qualname__}"


def _refuse_hidden_methods(part):
    """A field named like a hook of its kind would be called in the hook's place."""
    for name in getattr(part, "__dataclass_fields__", ()):
        for base in part.__mro__[1:]:
            field = name in getattr(base, "__dataclass_fields__", ())  # whose default may be callable
            if callable(vars(base).get(name)) and not field:
                raise KerasVisionError(f"{_origin(part)}: the field {name!r} hides {base.__name__}.{name}(); rename it")


KINDS = {
    kind: Registry(kind, package)
    for kind, package in {
        "architectures": "tasks",
        "backbones": "backbones",
        "necks": "necks",
        "defenses": "defenses",
        "text_encoders": "text_encoders",
        "fusions": "fusions",
        "augmentations": "data.augment",
        "sources": "data.sources",
        "input_kinds": "data.kinds",
        "techniques": "train.techniques",
        "optimizers": "train.optim",
        "exporters": "export.targets",
        "pretrained": "pretrained",
        "explainers": "explain",
        "attacks": "robustness.attacks",
        "systems": "systems",
    }.items()
}
architectures = KINDS["architectures"]
backbones = KINDS["backbones"]
necks = KINDS["necks"]
defenses = KINDS["defenses"]
text_encoders = KINDS["text_encoders"]
fusions = KINDS["fusions"]
augmentations = KINDS["augmentations"]
sources = KINDS["sources"]
input_kinds = KINDS["input_kinds"]
techniques = KINDS["techniques"]
optimizers = KINDS["optimizers"]
exporters = KINDS["exporters"]
pretrained = KINDS["pretrained"]
explainers = KINDS["explainers"]
attacks = KINDS["attacks"]
systems = KINDS["systems"]


def full_names(pattern="*"):
    """Every part's full name: architectures bare, every other kind below its own name."""
    every = [n if kind == "architectures" else f"{kind}/{n}" for kind, r in KINDS.items() for n in r]
    return [n for n in every if fnmatch.fnmatch(n, pattern) or fnmatch.fnmatch(n, f"*{pattern}*")]


names = full_names


def find(full_name):
    """The part with this full name: `backbones/resnet`, `detection/retinanet`."""
    kind, _, rest = full_name.partition("/")
    if kind in KINDS:
        return KINDS[kind][rest]
    if full_name not in architectures:
        raise UsageError(f"no part named {full_name!r}; {close_matches(full_name, full_names())}")
    return architectures[full_name]


def create(full_name, /, **fields):
    """An instance of a part by its full name: `create("classification/classifier", num_classes=3)`."""
    return make(find(full_name), fields)


def make(part, fields):
    """An instance of a part. Unknown and missing fields are one clear error. fields: name -> value."""
    held = {f.name: f for f in dataclasses.fields(part) if f.init}
    for name in fields:
        if name not in held:
            raise UsageError(f"{part.registered_name} has no field {name!r}; {close_matches(name, held)}")
    absent = dataclasses.MISSING
    missing = [n for n, f in held.items() if n not in fields and f.default is absent and f.default_factory is absent]
    if missing:
        raise UsageError(f"{part.registered_name} needs {', '.join(missing)}")
    return part(**fields)
