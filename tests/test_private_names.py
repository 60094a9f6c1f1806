"""Read from the source: private names of other packages stand in `kerasvision/ops/internals.py` alone."""

import ast
import functools

import pytest

from tests.test_architecture import FILES, PRODUCT, dotted, tree

INTERNALS = PRODUCT / "ops" / "internals.py"
OTHERS = [path for path in FILES if path != INTERNALS]
# package -> what of it is documented to be imported by its full name
PUBLIC = {
    "tensorflow": {"tensorflow"},
    "tf_keras": {"tf_keras"},
    "keras": {"keras"},
    "tensorflow_model_optimization": {"tensorflow_model_optimization"},
    "tf2onnx": {"tf2onnx"},
    "ai_edge_litert": {"ai_edge_litert.interpreter"},
}
# without an underscore, and documented nowhere
UNDOCUMENTED = {"__internal__", "inbound_nodes", "outbound_nodes", "inbound_layers", "keras_inputs", "call_args"}
# (file, name) -> why it stands there
ELSEWHERE = {
    ("metrics/matching.py", "_paramsEval"): "pycocotools' evaluation in parts; its accumulate() reads no other name",
}
BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def attributes(module):
    """[(name, what it is of, line)] of every attribute, those that are asked for by a string among them."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            found.append((node.attr, ast.unparse(node.value), node.lineno))
        elif (
            isinstance(node, ast.Call) and ast.unparse(node.func) in BY_NAME and isinstance(node.args[1], ast.Constant)
        ):
            found.append((node.args[1].value, ast.unparse(node.args[0]), node.lineno))
    return found


def defined(module):
    """Names that a file gives to functions, classes, modules, class variables and attributes of `self` or `cls`."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if ast.unparse(node.value) in ("self", "cls") else set()
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def imported(module):
    """[(full name of a module or of what is taken out of it, the module, line)]."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found += [(a.name, a.name, node.lineno) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(f"{node.module}.{a.name}", node.module, node.lineno) for a in node.names]
    return found


def breaches(module, own, gathered=frozenset()):
    """Sentences about private names of others. own: names that are ours; gathered: others' that `internals` wraps."""
    for name, owner, line in attributes(module):
        if name in UNDOCUMENTED | gathered or (is_private(name) and name not in own):
            yield name, f"line {line}: {owner}.{name}"
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.Name)):
            name = node.name if isinstance(node, ast.FunctionDef) else node.id
            if name in gathered:
                yield name, f"line {node.lineno}: {name} overrides a private name"
    for full, held, line in imported(module):
        package = held.split(".")[0]
        hidden = package != "kerasvision" and any(is_private(part) for part in full.split("."))
        if hidden or (package in PUBLIC and held not in PUBLIC[package]):
            yield full, f"line {line}: imports {full}"


@functools.cache
def own_names():
    return set().union(*(defined(tree(path)) for path in OTHERS)) - gathered_names()


@functools.cache
def gathered_names():
    """Private attributes and overridden methods of others, as `internals` uses them."""
    module = tree(INTERNALS)
    return {name for name, _, _ in attributes(module) if is_private(name)} | {
        node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and is_private(node.name)
    }


@pytest.mark.parametrize("path", OTHERS, ids=dotted)
def test_private_names_of_others_stand_in_one_module(path):
    file = str(path.relative_to(PRODUCT))
    found = [
        told for name, told in breaches(tree(path), own_names(), gathered_names()) if (file, name) not in ELSEWHERE
    ]
    assert not found, f"{file}, {'; '.join(found)}: give it a function in kerasvision/ops/internals.py"


def test_reasons_are_still_needed():
    for file, name in ELSEWHERE:
        assert name in {found for found, _ in breaches(tree(PRODUCT / file), own_names())}, f"{file}: {name} is gone"


@pytest.mark.parametrize(
    "text",
    [
        "tensor._keras_history",
        "getattr(layer, '_output_quantizers', None)",
        "layer.weights = graph.inbound_nodes",
        "tf.__internal__.train",
        "self._index_dict[0]",
        "import tensorflow.python.framework.ops",
        "from tensorflow.lite.python import schema_py_generated",
        "from tf_keras.src.engine import functional",
        "from tf_keras import _private",
        "from ai_edge_litert import schema_py_generated",
        "from elsewhere._hidden import anything",
        "class Own(Callback):\n    _supports_tf_logs = True",
        "class Own(SGD):\n    def _apply_weight_decay(self, variables): ...",
    ],
)
def test_a_private_name_is_seen(text):
    assert list(breaches(ast.parse(text), {"_own"}, gathered_names()))


@pytest.mark.parametrize(
    "text",
    [
        "self._own = other._own",
        "type(x).__name__",
        "getattr(layer, 'stays_float', False)",
        "from ai_edge_litert.interpreter import Interpreter",
        "import tensorflow as tf\ntf.raw_ops.ResizeArea",
        "from kerasvision.data.sources import _files",
        "def _own(_): ...",
    ],
)
def test_names_of_our_own_and_public_ones_are_let_through(text):
    assert not list(breaches(ast.parse(text), {"_own"}, gathered_names()))
