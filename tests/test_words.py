"""What the source says of itself, read from it: docstrings are there, papers are named, and words are the field's."""

import ast
import re

from tests.test_architecture import FILES, PRODUCT, tree

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# modules below these folders say whose idea they hold; of `registering` ones those that register a part alone
SOURCES = {
    "losses": False,
    "metrics": False,
    "train/techniques": True,
    "tasks": True,
    "backbones": True,
    "necks": True,
    "defenses": True,
    "text_encoders": True,
    "fusions": True,
    "explain": True,
}
SOURCE = re.compile(r"arXiv:\d{4}\.\d{4,5}\b|doi:10\.\d{4,}/\S|\b(19[3-9]\d|20[0-3]\d)\b")
# module -> why it has no source
WITHOUT_SOURCE = {
    "metrics/base.py": "the contract of the others",
    "metrics/overlays.py": "draws what others have measured",
    "metrics/class_pictures.py": "draws what others have measured",
    "metrics/number_pictures.py": "draws what others have measured",
    "metrics/worst.py": "draws what others have measured",
    "train/techniques/restore_with.py": "copies the weights of a run; the model that gets them names the papers",
}

# part of an identifier -> the field's word for it
IN_IDENTIFIERS = {
    "truth": "ground_truth",
    "truths": "ground_truths",
    "foreign": "out_of_distribution",
    "familiar": "in_distribution",
    "perfect": "ideal",
    "photograph": "image",
}
# name of a method or field of a public class -> what it is called now
RENAMED = {
    "answer": "predict",
    "answer_through": "predict_through",
    "ask": "predict_one",
    "gives": "outputs",
    "needs": "label_keys",
    "own_size": "at_graph_size",
    "varies": "keeps_input_size",
    "look_at": "fit_statistics",
    "earliest": "first_epoch_to_keep",
}
# word of a text -> the field's
IN_TEXTS = {"foreign": "out of distribution", "familiar": "in distribution"}
# file -> where such a word stays: names in files and JSON that were written before, and the word that explains one
KEPT_TEXTS = {
    "robustness/in_distribution.py": ('"familiar.npz"', '"foreign"', "`foreign`"),
    "drawing/showing/classes.py": ('"foreign"',),
    "cli/data.py": ('"foreign"',),
}


def below(path):
    return path.relative_to(PRODUCT).as_posix()


def definitions(body, prefix=""):
    """Yields (dotted name, node, class that holds it or None) of every public class, function and method."""
    holder = prefix.rpartition(".")[0] or None
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node, holder
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{prefix}{node.name}.")


def classes():
    """Name -> [class as it stands in a file], of all files."""
    held = {}
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                held.setdefault(node.name, []).append(node)
    return held


def base_name(node):
    """Name of a base class; of one of Keras and TensorFlow whole, as ours has a `Model` and an `Optimizer` too."""
    name = ast.unparse(node)
    return name if name.startswith(("keras.", "tf.")) else name.rpartition(".")[2]


def says(name, method, every, seen=()):
    """Whether a class of this name, or one that it derives from, has a docstring for a method. A class of another
    library, which `every` does not hold, is documented there.
    """
    if name not in every:
        return name not in ("ABC", "object")
    for node in every[name]:
        held = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == method]
        if any(map(ast.get_docstring, held)):
            return True
        bases = {base_name(b) for b in node.bases} - {*seen, name}
        if any(says(base, method, every, (*seen, name)) for base in bases):
            return True
    return False


def test_every_public_class_and_function_has_a_docstring():
    """A method may have that of the method that it overrides."""
    every = classes()
    silent = [
        f"{below(path)}:{node.lineno} {name}"
        for path in FILES
        for name, node, holder in definitions(tree(path).body)
        if not ast.get_docstring(node)
        and not (holder and isinstance(node, FUNCTIONS) and says(holder.rpartition(".")[2], node.name, every))
    ]
    assert not silent


def test_a_docstring_is_looked_for_where_a_method_is_overridden():
    source = '''
class Base(ABC):
    def told(self):
        """What it does."""
    def silent(self): ...
class Part(Base):
    def told(self): ...
    def silent(self): ...
    def own(self): ...
class Layer(keras.layers.Layer):
    def call(self, x): ...
class Found(abc.ABC):
    def call(self, x): ...
'''
    every = {node.name: [node] for node in ast.parse(source).body}
    assert says("Part", "told", every) and says("Layer", "call", every)
    assert not says("Found", "call", every)
    assert not says("Part", "silent", every) and not says("Part", "own", every)


def registers(path):
    """Whether a module registers a part: `@techniques.register("focal")`."""
    decorators = [d for n in ast.walk(tree(path)) if isinstance(n, ast.ClassDef) for d in n.decorator_list]
    return any(isinstance(d, ast.Call) and ast.unparse(d.func).endswith(".register") for d in decorators)


def docstrings(path):
    documented = (ast.Module, ast.ClassDef, *FUNCTIONS)
    return "\n".join(ast.get_docstring(n) or "" for n in ast.walk(tree(path)) if isinstance(n, documented))


def test_losses_metrics_techniques_and_networks_name_their_source():
    """A paper with its year or arXiv id, a DOI, or a reason above."""
    without = {
        below(path)
        for folder, registering in SOURCES.items()
        for path in sorted((PRODUCT / folder).rglob("*.py"))
        if path.name != "__init__.py" and (registers(path) or not registering) and not SOURCE.search(docstrings(path))
    }
    assert without == set(WITHOUT_SOURCE), "a module names no source, or a reason above is idle"


def words(name):
    """The words of an identifier, lower case: of `GroundTruth`, `GROUND_TRUTH` and `ground_truth` the same two."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def identifiers(path):
    """(name, line) of everything that a module names: variables, arguments, attributes, functions and classes."""
    for node in ast.walk(tree(path)):
        for field in ("name", "id", "arg", "attr"):
            if isinstance(name := getattr(node, field, None), str):
                yield name, getattr(node, "lineno", 0)


def unplain(name):
    """The words of an identifier that the field has another word for; `truth` after `ground` is the field's."""
    found = words(name)
    pairs = zip(["", *found], found, strict=False)
    return [w for before, w in pairs if w in IN_IDENTIFIERS and not (before == "ground" and w.startswith("truth"))]


def test_words_of_identifiers_are_found():
    for name in ("truth", "perfectBoxes", "TRUTH_SIDE", "is_foreign", "FamiliarRun", "padded_truths"):
        assert unplain(name), name
    for name in ("ground_truth", "GROUND_TRUTH_SIDE", "GroundTruths", "untruthful", "perfectly", "ideal_raw"):
        assert not unplain(name), name


def test_identifiers_have_the_words_of_the_field():
    found = {
        f"{below(path)}:{line} {name}: write {IN_IDENTIFIERS[word]}"
        for path in FILES
        for name, line in identifiers(path)
        for word in unplain(name)
    }
    assert not found


def test_no_renamed_method_comes_back():
    found = [
        f"{below(path)}:{node.lineno} {name}.{called}: it is {RENAMED[called]} now"
        for path in FILES
        for name, held, _ in definitions(tree(path).body)
        if isinstance(held, ast.ClassDef)
        for node in held.body
        for called in [getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", None)]
        if called in RENAMED
    ]
    assert not found


def test_texts_have_the_words_of_the_field():
    kept = set()
    for path in [*FILES, *PRODUCT.rglob("*.html")]:
        text = path.read_text(encoding="utf-8")
        for snippet in KEPT_TEXTS.get(below(path), ()):
            kept |= {(below(path), snippet)} if snippet in text else set()
            text = text.replace(snippet, "")
        for word, plain in IN_TEXTS.items():
            assert not re.search(rf"{word}", text, re.IGNORECASE), f"{path}: {word}; write {plain}"
    assert kept == {(file, snippet) for file, held in KEPT_TEXTS.items() for snippet in held}, "an exception is idle"
