"""A page reader as one SavedModel, made of the SavedModels of a detector and of a recognizer.

Signatures: `serving_default` (`image` uint8 [B, H, W, 3]) and `serving_bytes` (`image_bytes` string [B]: files of any
size) give the lines of each page as `export.reader.graph.Lines` does, [B, ...]; `detect` and `recognize` are those of
the two models. `assets.extra/reader.json` has the reader's settings, both contracts, and a sum of all other files.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil

import numpy as np
import tensorflow as tf

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_text
from kerasvision.data.kinds.base import ENCODED, kind_of
from kerasvision.edge.pages.reading import Rules, least_of
from kerasvision.export import identity
from kerasvision.export.base import files_below
from kerasvision.export.contract import read_contract
from kerasvision.export.goldens import read_goldens
from kerasvision.export.measurement import sha256
from kerasvision.export.placing import artifact_at
from kerasvision.export.reader.graph import Lines
from kerasvision.export.reader_file import SIGNATURES
from kerasvision.export.targets.saved_model import SavedModelRunner, spelled

PLACE = pathlib.Path("assets.extra") / "reader.json"
ALIKE = 1e-4  # of a score; far above what an order of sums does, and no decision may differ
_DEFAULT = "serving_default"


def is_version(path):
    """Whether a path is that of a SavedModel as a server wants it: NAME/1."""
    return pathlib.Path(path).name.isdigit()


def write_saved_reader(path, reader, files):
    """Write the SavedModel of a reader into a new folder NAME/VERSION. reader: JSON, its settings. files: {"detector":
    path, "recognizer": path} of SavedModels as `export` wrote them.

    Raises KerasVisionError, and leaves nothing, where a signature answers otherwise than the SavedModel that it comes
    from, or files otherwise than pixels.
    """
    path = pathlib.Path(path)
    if path.exists():
        raise KerasVisionError(f"{path} is there already; a version is never overwritten, give the next number")
    members = {name: _member(pathlib.Path(file)) for name, file in files.items()}
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        _save(partial, reader, members)
        _compare(partial, members)
        about = {"reader": reader, "sum": _sum(partial)}
        about |= {SIGNATURES[name]: contract for name, (_, contract) in members.items()}
        (partial / PLACE).parent.mkdir(exist_ok=True)
        write_text(partial / PLACE, json.dumps(about))
        partial.rename(path)
    except OSError as error:
        raise KerasVisionError(f"cannot write {path}: {error.strerror}; give a folder you can write") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _member(path):
    """(its folder, its contract with the row of this artifact alone)."""
    path = artifact_at(path) if path.exists() and not (path / "recipe.json").exists() else path
    if not (path / "saved_model.pb").is_file():
        raise UsageError(
            f"{path} is no SavedModel; a reader in one is made of two of them: kerasvision export RUN --to saved_model"
        )
    contract = read_contract(path)
    return path, contract | {"artifacts": [identity.row_of(path, contract)]}


def _save(path, reader, members):
    module, signatures = tf.Module(), {}
    held = {name: tf.saved_model.load(str(folder)) for name, (folder, _) in members.items()}
    archs = {name: from_json(contract["recipe"]).model for name, (_, contract) in members.items()}
    module.weights = [variable for model in held.values() for variable in model.weights]
    asked = {name: model.signatures[_DEFAULT] for name, model in held.items()}
    for name, function in asked.items():
        module_function = tf.function(lambda inputs, function=function: function(**inputs), autograph=False)
        signatures[SIGNATURES[name]] = spelled(module_function, archs[name].serving_specs())
    # a graph does not find out how a page lies: it reads it as it comes
    turn = "0" if reader["orientation"] == "auto" else reader["orientation"]
    held_rules = {f.name: reader[f.name] for f in dataclasses.fields(Rules) if f.name in reader}
    rules = Rules(**held_rules | {"orientation": turn})
    (least,) = least_of(rules, [archs["recognizer"].least_certainty])
    rules = dataclasses.replace(rules, least_certainty=least)
    lines = Lines(
        lambda image: asked["detector"](image=image),
        lambda images: asked["recognizer"](image=images),
        archs["detector"].max_quads,
        archs["recognizer"].image_size,
        members["recognizer"][1]["classes"],
        rules,
    )
    signatures |= _of_pages(lines, archs["detector"])
    tf.saved_model.save(module, str(path), signatures=signatures)


def _of_pages(lines, detector):
    """{name: concrete function} of batches of pages."""
    given = detector.serving_inputs()["image"]

    def decoded(encoded):
        return tf.ensure_shape(kind_of(given).decode(encoded, {"image": given})["image"], [None, None, 3])

    def pages(one):
        def read(inputs):
            (values,) = inputs.values()
            return tf.map_fn(one, values, fn_output_signature=lines.specs(), parallel_iterations=1)

        return tf.function(read, autograph=False)

    image = tf.TensorSpec([None, None, None, 3], tf.uint8)
    return {
        _DEFAULT: spelled(pages(lines), {"image": image}),
        "serving_bytes": spelled(
            pages(lambda one: lines(decoded(one))), {"image" + ENCODED: tf.TensorSpec([None], tf.string)}
        ),
    }


def _compare(path, members):
    """Raises KerasVisionError: see `write_saved_reader`."""
    for name, (folder, contract) in members.items():
        arch, examples = from_json(contract["recipe"]).model, read_goldens(folder)
        if not examples:
            raise KerasVisionError(f"{folder} has no golden.npz to compare the reader on; export the model again")
        mine, theirs = SavedModelRunner(path, arch, SIGNATURES[name]), SavedModelRunner(folder, arch)
        for inputs, _ in examples:
            errors, flips = arch.compare(theirs.infer(inputs), mine.infer(inputs))
            if flips.any() or not (errors <= ALIKE).all():
                raise KerasVisionError(f"nothing was written: {SIGNATURES[name]} answers otherwise than {folder}")
        if name == "detector":
            _compare_pages(mine.signatures, arch, [inputs["image"] for inputs, _ in examples])


def _compare_pages(signatures, arch, images):
    given = arch.serving_inputs()["image"]
    for image in images:
        encoded = kind_of(given).encode({"image": image[0]})
        answer = signatures[_DEFAULT](image=tf.constant(image))
        other = signatures["serving_bytes"](**{"image" + ENCODED: tf.constant([encoded])})
        if any(not np.array_equal(answer[key], other[key]) for key in answer):
            raise KerasVisionError("nothing was written: a page's file is read otherwise than its pixels")


def _sum(folder):
    """sha256 of a line a file, as `export.measurement.sha256` has them, without reader.json."""
    files = [file for file in files_below(folder) if file != folder / PLACE]
    rows = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def saved_reader_in(path):
    """What stands in the reader.json of a folder that `write_saved_reader` wrote, or of its newest version; None of any
    other path. Raises KerasVisionError where a file is damaged or changed.
    """
    folder = _folder(path)
    if folder is None:
        return None
    try:
        held = json.loads((folder / PLACE).read_text(encoding="utf-8"))
        is_same = held["sum"] == _sum(folder)
    except (OSError, ValueError, KeyError, TypeError):
        raise KerasVisionError(f"{folder / PLACE} is damaged; save the reader again") from None
    if not is_same:
        raise KerasVisionError(f"{folder} was changed or damaged (its sha256 differs); save the reader again")
    return held


def _folder(path):
    path = pathlib.Path(path)
    if not path.is_dir():
        return None
    versions = sorted((p for p in path.iterdir() if p.name.isdigit()), key=lambda p: int(p.name), reverse=True)
    return next((folder for folder in (path, *versions) if (folder / PLACE).exists()), None)


def opened_saved(path, held, name, settings):
    """(arch, classes, runner, recipe) of a model in a reader's SavedModel. held: of `saved_reader_in`. settings: of the
    model, which it has inside: UsageError of any.
    """
    if settings:
        raise UsageError(f"{path} is a SavedModel, whose models have their settings inside; leave {settings[0]} out")
    folder, contract = _folder(path), held[SIGNATURES[name]]
    recipe = from_json(contract["recipe"])
    identity.check_described(folder, contract, recipe.model)
    return recipe.model, tuple(contract["classes"]), SavedModelRunner(folder, recipe.model, SIGNATURES[name]), recipe
