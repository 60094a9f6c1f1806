"""Registered parts, read from the source: names are paths, parts are frozen, documented and final, and none is idle."""

import ast
import dataclasses

from kerasvision.core.registry import KINDS
from tests.test_architecture import FILES, PRODUCT, dotted, tree


@dataclasses.dataclass(frozen=True)
class Written:
    """A class as it stands in a file. registered: [(variable, name)] of its `@variable.register("name")`."""

    name: str
    path: object
    bases: tuple
    registered: tuple
    node: ast.ClassDef = dataclasses.field(repr=False)

    @property
    def is_frozen(self):
        return any(ast.unparse(d) == "dataclasses.dataclass(frozen=True)" for d in self.node.decorator_list)


def classes():
    found = []
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases = tuple(ast.unparse(b).rsplit(".", 1)[-1] for b in node.bases)
                found.append(Written(node.name, path, bases, tuple(_registrations(node)), node))
    return found


def _registrations(node):
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(".register"):
            yield ast.unparse(decorator.func).removesuffix(".register"), decorator.args[0].value


CLASSES = classes()
REGISTERED = [(c, kind, name) for c in CLASSES for kind, name in c.registered if kind in KINDS]


def test_parts_are_found():
    assert {name for _, kind, name in REGISTERED if kind == "architectures"} >= {"classification/classifier"}


def test_names_are_paths():
    misplaced = []
    for part, kind, name in REGISTERED:
        package = KINDS[kind]._package
        inside = dotted(part.path).removeprefix(package).strip(".").replace(".", "/")
        if not dotted(part.path).startswith(package):
            misplaced.append(f"{kind}/{name}: {kind} live below {package}")
        elif name != inside and inside and not name.startswith(f"{inside}/"):
            misplaced.append(f"{kind}/{name} stands in {inside}.py")
    assert not misplaced, "\n".join(misplaced)


def test_parts_are_documented_frozen_final_dataclasses():
    wrong = [f"{p.name} is not @dataclasses.dataclass(frozen=True)" for p, _, _ in REGISTERED if not p.is_frozen]
    wrong += [f"{p.name} has no docstring" for p, _, _ in REGISTERED if not ast.get_docstring(p.node)]
    for part, _, _ in REGISTERED:
        heirs = [c.name for c in CLASSES if part.name in c.bases]
        wrong += [f"{part.name} is registered, so it is final; {', '.join(heirs)} derive from it"] if heirs else []
    assert not wrong, "\n".join(wrong)


def test_the_registry_sees_every_registration():
    """Names are read from the text of files by a pattern; one that the pattern misses would not exist."""
    for kind, registry in KINDS.items():
        assert {n for _, k, n in REGISTERED if k == kind} == set(registry._written()), kind


def test_names_are_unique():
    every = [(kind, name) for _, kind, name in REGISTERED]
    assert len(every) == len(set(every))


def test_no_part_is_left_unregistered():
    """A frozen dataclass that derives from a kind's abstract class, has no heirs and no name, is half-finished."""
    by_name = {c.name: c for c in CLASSES}
    inherited = {base for c in CLASSES for base in c.bases}
    roots = {c.name for c in CLASSES if any(_sets_kind(n) for n in c.node.body)}
    assert {"Architecture", "Backbone", "Source", "Technique", "Exporter"} <= roots

    def is_part(written):
        return any(b in roots or (b in by_name and is_part(by_name[b])) for b in written.bases)

    final = [c for c in CLASSES if c.is_frozen and is_part(c) and c.name not in inherited]
    assert not [f"{dotted(c.path)}.{c.name}" for c in final if not c.registered]


def _sets_kind(node):
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "kind"


def test_every_package_is_a_package():
    folders = {p.parent for p in FILES}
    assert not [str(f.relative_to(PRODUCT)) for f in folders if not (f / "__init__.py").exists()]
