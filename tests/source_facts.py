"""What a piece of source refers to, found in one walk: imports, strings, programs, registries and arguments."""

import ast
import re

PREFIX = re.compile(r"(?:[a-z_0-9]+/)+$|(?:[a-z_0-9]+\.)+$")


class Facts:
    """Of one tree.

    imports: (module, names) of each statement. texts: strings but docstrings. prefixes: what f-strings begin with, up
    to a "/" or ".". started: what stands behind "-m". used: (variable, key) of `variable["key"]`, (variable, None) of
    others; `variable.register` is no use. registered: (variable, name) of decorators. arguments: of functions.
    """

    def __init__(self, tree):
        self.imports, self.texts, self.prefixes, self.started = set(), set(), set(), set()
        self.used, self.registered, self.arguments = set(), set(), set()
        self._seen = set()  # nodes of which their parent, which a walk meets first, has said all
        for node in ast.walk(tree):
            look = getattr(self, f"_{type(node).__name__}", None)
            if isinstance(getattr(node, "body", None), list) and node.body:
                self._hide_docstring(node.body[0])
            if look and id(node) not in self._seen:
                look(node)

    def _hide_docstring(self, first):
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            self._seen.add(id(first.value))

    def _Import(self, node):  # noqa: N802  named like the node
        self.imports |= {(alias.name, ()) for alias in node.names}

    def _ImportFrom(self, node):  # noqa: N802
        if not node.level:
            self.imports.add((node.module, tuple(alias.name for alias in node.names)))

    def _Constant(self, node):  # noqa: N802
        if isinstance(node.value, str):
            self.texts.add(node.value)

    def _JoinedStr(self, node):  # noqa: N802
        for piece in node.values[:-1]:
            found = PREFIX.search(piece.value) if isinstance(piece, ast.Constant) else None
            self.prefixes |= {found[0]} if found else set()

    def _words(self, words):
        words = [getattr(word, "value", None) for word in words]
        self.started |= {b for a, b in zip(words, words[1:], strict=False) if a == "-m" and isinstance(b, str)}

    def _List(self, node):  # noqa: N802
        self._words(node.elts)

    _Tuple = _List

    def _Call(self, node):  # noqa: N802
        self._words(node.args)

    def _Attribute(self, node):  # noqa: N802
        if node.attr in ("register", "_parts"):
            self._seen.add(id(node.value))

    def _Subscript(self, node):  # noqa: N802
        if isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant):
            self._seen.add(id(node.value))
            self.used.add((node.value.id, str(node.slice.value)))

    def _Name(self, node):  # noqa: N802
        self.used.add((node.id, None))

    def _FunctionDef(self, node):  # noqa: N802
        self.arguments |= {a.arg for a in node.args.args}
        self._ClassDef(node)

    def _ClassDef(self, node):  # noqa: N802
        for call in node.decorator_list:
            func = getattr(call, "func", None)
            if isinstance(func, ast.Attribute) and func.attr == "register" and call.args:
                self.registered.add((ast.unparse(func.value), getattr(call.args[0], "value", "")))


def definitions(tree):
    """[(name, node)] of what stands at the top of a module, imports too."""
    return [(name, node) for node in tree.body for name in _defined(node)]


def _defined(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return []


def automatic(node):
    """Whether it is a fixture that no test need name."""
    return any("autouse=True" in ast.unparse(d) for d in getattr(node, "decorator_list", ()))
