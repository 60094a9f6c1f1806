"""A whole page reader as one .tflite: the graphs of an exported detector and of an exported recognizer, side by side.

Nothing is converted again, so that both answer to the bit as the files that they come from, of which each was compared
with its trained model when it was exported. The signatures are `detect` and `recognize`; the settings of the reader and
the contract of each model stand in the file, as the metadata `KERASVISION_READER`, in JSON.
"""

import json
import pathlib

import numpy as np

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import beside
from kerasvision.export import identity
from kerasvision.export.contract import read_contract
from kerasvision.export.repair.flatbuffer import packed, unpacked
from kerasvision.export.targets._tflite_runner import DEFAULT, TFLiteRunner
from kerasvision.ops.internals import lite_schema

SIGNATURES = {"detector": "detect", "recognizer": "recognize"}  # of the models of a `systems/page_reader`
SUFFIX = ".tflite"
_METADATA = b"KERASVISION_READER"


def write_reader(path, reader, files):
    """Write the .tflite of a reader. reader: JSON, its settings. files: {"detector": path, "recognizer": path} of
    .tflite files as `export` wrote them, each with its contract.json and golden.npz beside it.

    Raises KerasVisionError, and leaves nothing, where a signature answers another bit than the file that it comes from.
    """
    held = {name: _member(pathlib.Path(file)) for name, file in files.items()}
    about = {"reader": reader} | {SIGNATURES[name]: contract for name, (_, contract) in held.items()}
    content = joined({SIGNATURES[name]: model for name, (model, _) in held.items()}, about)
    with beside(path) as partial:
        try:
            partial.write_bytes(content)
            for name, file in files.items():
                _compare(partial, SIGNATURES[name], pathlib.Path(file), held[name][1])
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _member(path):
    """(its bytes, its contract with the row of this file alone)."""
    if path.suffix != SUFFIX or not path.is_file():
        raise UsageError(
            f"{path} is no .tflite; a reader in one file is made of two: kerasvision export RUN --to tflite"
        )
    contract = read_contract(path)
    return path.read_bytes(), contract | {"artifacts": [identity.row_of(path, contract)]}


def joined(contents, about):
    """Bytes of a .tflite. contents: {signature: bytes of a .tflite}, of which the signature that predicts is taken.
    about: JSON that the file holds.
    """
    whole = None
    for name, content in contents.items():
        model = unpacked(content)
        default = [s for s in model.signatureDefs or () if s.signatureKey == DEFAULT.encode()]
        if len(default) != 1:
            raise KerasVisionError(f"a file for {name} has no signature {DEFAULT}; export the model again")
        default[0].signatureKey, model.signatureDefs = name.encode(), default
        if whole is None:
            whole = model
        else:
            _append(whole, model)
    schema = lite_schema()
    buffer, metadata = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(json.dumps(about).encode(), np.uint8)
    metadata.name, metadata.buffer = _METADATA, len(whole.buffers)
    whole.buffers.append(buffer)
    whole.metadata = [*(whole.metadata or ()), metadata]
    whole.description = b"A page reader: detect, recognize."
    return packed(whole)


def _append(whole, model):
    """Put the graphs of another model behind those of the first one; whatever is counted goes on from there."""
    codes, buffers, graphs = (len(held) for held in (whole.operatorCodes, whole.buffers, whole.subgraphs))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer += buffers
        for operator in graph.operators:
            operator.opcodeIndex += codes
            for options in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)):
                _move_graphs(options, graphs)
    for signature in model.signatureDefs:
        signature.subgraphIndex += graphs
    whole.operatorCodes += model.operatorCodes
    whole.buffers += model.buffers
    whole.subgraphs += model.subgraphs
    whole.signatureDefs += model.signatureDefs


def _move_graphs(options, graphs):
    """Of loops, branches and calls: the numbers of the graphs that they run."""
    for key, value in vars(options).items() if options is not None else ():
        if "ubgraph" in key and isinstance(value, int) and value >= 0:
            setattr(options, key, value + graphs)


def _compare(path, signature, member, contract):
    """Raises KerasVisionError unless a signature gives what the file gives that it comes from, for its examples."""
    arch = from_json(contract["recipe"]).model
    mine, theirs = TFLiteRunner(path, arch, signature=signature), TFLiteRunner(member, arch)
    place = member.with_name("golden.npz")
    if not place.exists():
        raise KerasVisionError(
            f"{place} is not there, whose examples the reader is compared on; export the model again"
        )
    with np.load(place) as held:
        inputs = {k.removeprefix("input/"): held[k] for k in held.files if k.startswith("input/")}
    for number in range(len(next(iter(inputs.values())))):
        one = {k: v[number : number + 1] for k, v in inputs.items()}
        try:
            answers, wanted = mine.infer(one), theirs.infer(one)
        except RuntimeError as error:
            raise KerasVisionError(f"nothing was written: {signature} fails: {str(error).splitlines()[0]}") from None
        if set(answers) != set(wanted) or any(not np.array_equal(answers[k], wanted[k]) for k in wanted):
            raise KerasVisionError(f"nothing was written: {signature} answers otherwise than {member}")


def reader_in(path):
    """What stands in a .tflite that `write_reader` wrote: {"reader", "detect", "recognize"}; None of any other path."""
    path = pathlib.Path(path)
    if path.suffix != SUFFIX or not path.is_file():
        return None
    content = path.read_bytes()
    if _METADATA not in content:  # without taking the file apart
        return None
    try:
        model = unpacked(content)
        number = next(m.buffer for m in model.metadata or () if m.name == _METADATA)
        return json.loads(bytes(model.buffers[number].data))
    except Exception as error:  # bytes that are no flatbuffer fail in any way
        raise KerasVisionError(f"{path} is damaged ({type(error).__name__}); save the reader again") from None


def opened(path, held, name, change):
    """(arch, classes, runner, recipe) of a model in a reader's file. held: of `reader_in`. change: a function, arch ->
    the same with some fields set. Raises KerasVisionError where the file is not what its contract says.
    """
    contract = held[SIGNATURES[name]]
    recipe = from_json(contract["recipe"])
    identity.check_described(path, contract, recipe.model)
    arch = change(recipe.model)
    try:
        return arch, tuple(contract["classes"]), TFLiteRunner(path, arch, signature=SIGNATURES[name]), recipe
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise KerasVisionError(f"{path} cannot be opened: {reason}; save the reader again") from None
