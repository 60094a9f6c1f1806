"""The design, read from the source: who imports whom, sizes, names, and what is forbidden."""

import ast
import functools
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ROOT / "kerasvision"
FILES = sorted(PRODUCT.rglob("*.py"))

# layer -> the modules below kerasvision that it may import; a name stands for everything below it too
MAY_IMPORT = {
    "core": (),
    "edge": (),
    "ops": ("core",),
    "drawing": ("core",),
    "layers": ("core", "ops"),
    "losses": ("core", "ops"),
    "defenses": ("core", "ops"),
    "metrics": ("core", "ops", "drawing"),
    "backbones": ("core", "ops", "layers"),
    "necks": ("core", "ops", "layers"),
    "text_encoders": ("core", "ops", "layers"),
    "fusions": ("core", "ops", "layers"),
    "data": ("core", "ops", "edge.pages", "edge.waves"),
    "data.inspect": ("core", "ops", "drawing", "data"),
    "tasks": (
        *("core", "edge", "ops", "drawing", "layers", "losses", "metrics", "backbones", "necks"),
        *("text_encoders", "fusions"),
    ),
    "inference": ("core", "drawing", "tasks.base", "data.pipeline", "data.decode", "data.kinds", "data.volumes"),
    "train": (
        *("core", "ops.balls", "ops.gather", "ops.graphs", "ops.internals", "ops.spread", "losses", "tasks.base"),
        *("data", "inference"),
    ),
    "experiments": ("core", "ops.nearest", "metrics.contributions", "data", "inference", "train"),
    "export": (
        *("core", "ops", "drawing", "tasks.base", "data.pipeline", "data.decode", "data.kinds", "data.class_names"),
        *("inference", "edge", "explain", "robustness", "systems.trackers"),
    ),
    "pretrained": ("core", "backbones"),
    "explain": ("core", "ops", "tasks.base", "tasks.targets", "train.run"),
    "robustness": ("core", "ops", "tasks.base", "train.run", "inference", "data", "explain"),
    "systems": ("core", "edge", "ops", "layers", "metrics", "tasks.base", "data.pipeline", "inference", "train.run"),
    "serve": (
        *("core", "ops.inline", "ops.internals", "drawing", "export", "data.decode", "data.kinds"),
        *("systems.index", "systems.index_folder"),
    ),
    "api": ("core", "ops", "data", "inference", "export", "train"),
    "cli": (
        *("core", "drawing", "data", "export", "train", "experiments", "api", "explain", "robustness", "systems"),
        *("serve", "edge"),
    ),
    "__main__": ("cli",),
    "": (),
}
# where the code leaves the letter of the design: (module, what it imports) -> why
EXCEPTIONS = {
    ("train.learner", "layers.norm"): "batch normalization and the training step must ask the same question: how many "
    "replicas are there",
}

# (file, function) -> why it takes **keywords
TAKES_KEYWORDS = {
    ("core/registry.py", "create"): "the fields of the part that is created, checked by the part",
    ("data/augment/draws.py", "check"): "the names of the fields that are checked",
}

# file -> why it reads with tf.data outside data/
READS_WITH_TF_DATA = {"export/targets/tf_serving.py": "replays the warm-up requests of its own TFRecord file"}

LONGEST_FILE, LONGEST_FUNCTION = 300, 40


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path):
    """Module name below kerasvision: `train.learner`; a package is its folder's name, the root is ""."""
    parts = path.relative_to(PRODUCT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Modules below kerasvision that a file imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} is a relative import"
            if node.module == "kerasvision":
                # a submodule, or one of the facade's names
                found |= {a.name for a in node.names if (PRODUCT / a.name).exists()}
            elif node.module.split(".")[0] == "kerasvision":
                base = node.module.partition(".")[2]
                inside = PRODUCT.joinpath(*base.split("."))
                found |= {f"{base}.{a.name}" if (inside / f"{a.name}.py").exists() else base for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.split(".")[0] == "kerasvision"}
    return found


def below(module, name):
    return module == name or module.startswith(f"{name}.")


def layer_of(module):
    """The longest name in MAY_IMPORT that stands for a module: `data.inspect` is a layer inside `data`."""
    held = [name for name in MAY_IMPORT if below(module, name)]
    assert held, f"{module} is of a new layer: say in MAY_IMPORT what it may import"
    return max(held, key=len)


def forbidden(module, path):
    """What a module imports and may not: one line each."""
    layer = layer_of(module)
    for target in sorted(imports(path)):
        if layer_of(target) == layer or any(below(target, name) for name in MAY_IMPORT[layer]):
            continue
        if not any(m == module and below(target, t) for m, t in EXCEPTIONS):
            yield f"{module} imports {target}; {layer} may import {', '.join(MAY_IMPORT[layer]) or 'nothing'}"


def test_imports_only_what_the_design_allows():
    found = [line for path in FILES for line in forbidden(dotted(path), path)]
    assert not found, "\n".join(found)


def test_what_the_design_forbids_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("from kerasvision.core import files\ndef f():\n    import kerasvision.train.run\n")
    assert list(forbidden("ops.drawn", tmp_path / "a.py")) == ["ops.drawn imports train.run; ops may import core"]
    assert not list(forbidden("experiments.drawn", tmp_path / "a.py"))


def circles(graph):
    """The sets of two and more modules that import one another, by way of others too: names, sorted."""
    reach = {module: set(targets) for module, targets in graph.items()}
    for middle in graph:
        for module in graph:
            if middle in reach[module]:
                reach[module] |= reach[middle]
    sets = {frozenset(b for b in graph if b in reach[a] and a in reach[b]) for a in graph}
    return sorted(sorted(held) for held in sets if held)


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]


def test_no_modules_import_one_another():
    """Also by imports within functions: each module can be read after those that it imports."""
    modules = {dotted(path) for path in FILES}
    assert not circles({dotted(path): imports(path) & modules for path in FILES})


def test_the_independent_client_shares_no_code_with_what_it_judges():
    """It imports numpy, Pillow and itself: neither TensorFlow nor whatever trains, exports or serves a model."""
    files, allowed = sorted((PRODUCT / "edge" / "independent").glob("*.py")), {"io", "itertools", "numpy", "PIL"}
    assert len(files) > 3
    for path in files:
        assert all(below(target, "edge.independent") for target in imports(path)), path
        for node in ast.walk(tree(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert {n.split(".")[0] for n in names} <= {*allowed, "kerasvision"}, f"{path}: {names}"


def test_exceptions_are_still_needed():
    for module, target in EXCEPTIONS:
        path = PRODUCT.joinpath(*module.split(".")).with_suffix(".py")
        assert any(below(t, target) for t in imports(path)), f"{module} imports {target} no longer"


def test_a_file_s_tests_stay_with_one_worker(request):
    """`tests/conftest.py` groups them, and pytest-xdist writes the group behind the name: fixtures are made once."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("runs in one process")
    assert request.node.nodeid.endswith("@tests/test_architecture.py")


def test_nothing_imports_pipelines_or_tests():
    for path in FILES:
        for node in ast.walk(tree(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
            assert not [n for n in names if (n or "").split(".")[0] in ("pipelines", "tests")], path


def test_core_and_command_line_import_no_tensorflow():
    modules = [f"kerasvision.{dotted(p)}" for p in FILES if dotted(p).split(".")[0] in ("core", "cli")]
    heavy = ["tensorflow", "tf_keras", "keras", "keras_cv", "tensorflow_model_optimization", "matplotlib", "sklearn"]
    program = (
        f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\n"
        "import kerasvision\nkerasvision.names()\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_is_a_drawer():
    banned = {"util", "utils", "helper", "helpers", "common", "misc", "tools"}
    assert not [p for p in FILES if banned & set(p.relative_to(PRODUCT).with_suffix("").parts)]


def test_every_module_says_what_it_is():
    assert not [str(p) for p in FILES if not ast.get_docstring(tree(p))]


def test_files_are_short():
    every = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")]
    long = {str(p.relative_to(ROOT)): n for p in every if (n := p.read_text().count("\n")) > LONGEST_FILE}
    assert not long


def test_functions_are_short():
    long = {
        f"{path.relative_to(PRODUCT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert not long


def test_no_keywords_pass_through():
    taking = {
        (str(path.relative_to(PRODUCT)), node.name)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.args.kwarg
    }
    assert taking == set(TAKES_KEYWORDS), "a function takes **keywords, or a reason above is idle"


def attributes(path):
    """Every dotted name in a file, with its line: `tf.data.Dataset` gives itself and `tf.data`."""
    return [(ast.unparse(n), n.lineno) for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)]


def test_tf_data_stays_in_data():
    using = {str(p.relative_to(PRODUCT)) for p in FILES if any(name == "tf.data" for name, _ in attributes(p))}
    outside = {p for p in using if not p.startswith("data/")}
    assert outside == set(READS_WITH_TF_DATA), "tf.data outside data/, or a reason above is idle"


def test_one_keras_model_of_our_own():
    models = re.compile(r"(^|\.)(Model|Sequential|Functional|Learner)$")
    found = [
        f"{dotted(path)}.{node.name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and any(models.search(ast.unparse(b)) for b in node.bases)
    ]
    assert found == ["train.learner.Learner"]


STATELESS = re.compile(
    r"^(np\.random\.(default_rng|Generator|PCG64|SeedSequence)|tf\.random\.(stateless_\w+|experimental|Generator)"
    r"|tf\.image\.stateless_\w+|random\.Random)\b"
)
RANDOM = re.compile(r"^(np\.random\.\w+|tf\.random\.\w+|tf\.image\.(random|stateless_random)_\w+|random\.[a-z]\w*)$")


def test_no_global_random_state():
    for path in FILES:
        stdlib = any(
            isinstance(n, ast.Import) and any(a.name == "random" for a in n.names) for n in ast.walk(tree(path))
        )
        for name, line in attributes(path):
            if RANDOM.match(name) and (stdlib or not name.startswith("random.")):
                assert STATELESS.match(name), f"{path}:{line} {name} uses or changes state that all share"
            if name.endswith(("set_random_seed", "set_seed")):
                assert dotted(path) == "train.fit", f"{path}:{line} {name}"


REPOSITORY_TEXT = ("kerasvision", "tests", "pipelines", "docs", ".ci")


def test_no_path_of_somebody_s_machine():
    local = re.compile(r"(?<![\w.}])/(home|root|Users|work|opt)/\w")
    files = [p for folder in REPOSITORY_TEXT for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".md", ".sh")]
    for path in [*files, *ROOT.glob("*.md"), ROOT / "setup.cfg"]:
        assert not local.search(path.read_text(encoding="utf-8")), path
