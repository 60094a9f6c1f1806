"""Which file of a repository depends on which: by imports, by names of parts, by modules and files in strings.

Read from the source, so nothing is imported. It errs on the side of too much: a string that happens to be a part's name
is an edge. A node is a path below the root, or a piece of one behind "::":

- `conftest.py::name` is one of its definitions: a test needs the fixtures that it names;
- `__init__.py::called` is a package that is used itself, which imports what its strings name (the facade's verbs);
- `file.py::itself` is the file without what it imports in turn.
"""

import ast
import pathlib
import re

from tests.source_facts import Facts, automatic, definitions

PACKAGES = ("kerasvision", "tests", "pipelines")
PART = re.compile(r"[a-z_0-9]+(?:/[a-z_0-9]+)+")
PROGRAM = re.compile(rf"\b(?:from|import)\s+((?:{'|'.join(PACKAGES)})(?:\.\w+)*)(?:\s+import\s+(\w+(?:,\s*\w+)*))?")
REGISTRY = "kerasvision.core.registry"
ANY_PART = ("names", "full_names", "KINDS")  # of the registry: whoever asks them means every part


class Sources:
    """The files below a root: modules, registered parts, and what each file refers to. others: files that are not
    Python, as paths below the root.
    """

    def __init__(self, root, others=()):
        found = [p for package in PACKAGES for p in sorted((root / package).rglob("*.py"))]
        trees = {path.relative_to(root).as_posix(): ast.parse(path.read_text("utf-8")) for path in found}
        self._conftests = {p: definitions(tree) for p, tree in trees.items() if p.endswith("conftest.py")}
        self._facts = {path: Facts(tree) for path, tree in trees.items()}
        self._modules = {_module_of(path): path for path in trees}
        self._files = {}  # what a string may call a file -> paths
        for path in [*others, *(p for p in trees if p.startswith("pipelines/"))]:
            for name in {path.rpartition("/")[2], path.partition("/")[0]} - {"kerasvision", "tests", "README.md"}:
                self._files.setdefault(name, set()).add(path)
        registered = [(kind, name, path) for path, facts in self._facts.items() for kind, name in facts.registered]
        self._parts = {_full(kind, name): path for kind, name, path in registered}
        self._of_kind = {}  # kind -> paths of the product; tests import their own parts
        for kind, _, path in registered:
            self._of_kind.setdefault(kind, set()).update({path} if path.startswith("kerasvision/") else ())

    @property
    def tests(self):
        """Paths that pytest collects."""
        return [path for path in self._facts if is_test(path)]

    def graph(self):
        """node -> nodes that it depends on."""
        edges = {f"{path}::itself": set() for path in self._facts}
        for path, facts in self._facts.items():
            if path in self._conftests:
                edges |= {path: set()} | self._of_conftest(path)
                continue
            edges[path] = self._imported(facts) | {f"{path}::itself"}
            if path.endswith("__init__.py"):
                edges[f"{path}::called"] = self._edges(path, facts) | {path}
            else:
                edges[path] |= self._edges(path, facts)
        for path in self.tests:
            facts = self._facts[path]
            edges[path] |= self._fixtures(path, facts.arguments | facts.texts)
            if "*.py" in facts.texts:  # it reads the sources
                edges[path] |= {f"{p}::itself" for p in self._facts}
        self._add_verbs(edges)
        return edges

    def _edges(self, path, facts):
        found = {hit for text in facts.texts for hit in self._named(text)} | self._imported(facts)
        found |= {p for prefix in facts.prefixes for name, p in self._parts.items() if name.startswith(prefix)}
        for module in facts.started:
            main = self._modules.get(f"{module}.__main__")
            found |= {main} if main else self._module(module, ())
        if path.startswith("tests/"):
            found |= self._asked(facts)
        return found - {path}

    def _imported(self, facts):
        return {hit for module, names in facts.imports for hit in self._module(module, names)}

    def _module(self, module, names):
        """Files that `from module import names` reads; without names, `import module`."""
        if module.partition(".")[0] not in PACKAGES:
            return set()
        pieces = module.split(".")
        above = {self._modules.get(".".join(pieces[:n])) for n in range(1, len(pieces) + 1)}
        inside = {self._modules[full] for name in names if (full := f"{module}.{name}") in self._modules}
        own = self._modules.get(module, "")
        if own.endswith("conftest.py"):
            inside |= {f"{own}::{name}" for name in names}
        elif own.endswith("__init__.py") and len(inside) < max(len(names), 1):
            inside.add(f"{own}::called")
        return (above | inside) - {None}

    def _named(self, text):
        """Parts, modules, programs and files that a string speaks of."""
        yield from (self._parts[name] for name in PART.findall(text) if name in self._parts)
        if "." in text and text in self._modules:
            yield from self._module(text, ())
        for module, names in PROGRAM.findall(text):
            yield from self._module(module, [n.strip() for n in names.split(",") if n])
        yield from self._files.get(text.rpartition("/")[2], ())

    def _asked(self, facts):
        """Parts of the registries that are asked for; `architectures.register` asks for none."""
        found = set()
        for name in {name for module, names in facts.imports if module == REGISTRY for name in names}:
            for key in {key for variable, key in facts.used if variable == name}:
                if name in ANY_PART:
                    found |= set().union(*self._of_kind.values())
                elif key is None:
                    found |= self._of_kind.get(name, set())
                elif _full(name, key) in self._parts:
                    found.add(self._parts[_full(name, key)])
        return found

    def _of_conftest(self, path):
        """An edge from each of its definitions to what that uses; the file itself depends on nothing."""
        made, edges = dict(self._conftests[path]), {}
        for name, node in made.items():
            facts = Facts(node)
            used = {variable for variable, _ in facts.used} | facts.arguments
            edges[f"{path}::{name}"] = self._edges(path, facts) | {f"{path}::{u}" for u in used & set(made) - {name}}
            edges[f"{path}::{name}"] |= self._fixtures(path, used - set(made)) | {path}
        return edges

    def _fixtures(self, path, names):
        """What a file with these arguments and marks uses of the files `conftest.py` of its folder and above."""
        found = set()
        for folder in pathlib.PurePosixPath(path).parents:
            above = f"{folder}/conftest.py"
            if above in self._conftests and above != path:
                held = self._conftests[above]
                found |= {f"{above}::{name}" for name, node in held if name in names or automatic(node)}
        return found

    def _add_verbs(self, edges):
        """Of modules that f"kerasvision.cli.{verb}" imports, a test needs those that its strings name; the others only
        as they are, since all are read.
        """
        for path in [p for p in self._facts if p.startswith("kerasvision/")]:
            opened = {m: p for m, p in self._modules.items() for x in self._facts[path].prefixes if m.startswith(x)}
            edges[path] |= {f"{p}::itself" for p in opened.values()}
            for test in self._tests_that_reach(path, edges) if opened else ():
                words = {word for text in self._facts[test].texts for word in text.split()}
                edges[test] |= {p for m, p in opened.items() if m.rpartition(".")[2] in words}

    def _tests_that_reach(self, path, edges):
        """Files below tests/ that import one of the product, or its folder's `__main__`, or a file below tests/ that
        does.
        """
        held = {path} | {p for p in edges if p.endswith("/__main__.py") and path in edges[p]}
        files = [p for p in self._facts if p.startswith("tests/") and p not in self._conftests]
        while more := {p for p in files if p not in held and edges[p] & held}:
            held |= more
        return held & set(files)


def is_test(path):
    """Whether pytest collects a path."""
    return path.startswith("tests/") and path.rpartition("/")[2].startswith("test_") and path.endswith(".py")


def _module_of(path):
    return ".".join(path.removesuffix(".py").removesuffix("/__init__").split("/"))


def _full(kind, name):
    return name if kind == "architectures" else f"{kind}/{name}"
