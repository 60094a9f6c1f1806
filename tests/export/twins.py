"""What tests of twins share: files of tiny models with random weights, and each operator beside LiteRT's own kernel."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from kerasvision.core.registry import create
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.export.random_models import randomized

PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
ROUNDING = 1e-5  # of float32, as a share of a layer's largest output
A_STEP = 1 + 1e-3  # and what float32 rounds of it
IN_ANY_ORDER = ("NON_MAX_SUPPRESSION_V4",)  # of equal scores, of which integers have many


def prepared_of(case, arch):
    """Prepared inputs of the graph's size of a case's samples, numpy [1, ...]."""
    rows = []
    for sample in case.samples():
        inputs = {k: tf.constant(v)[None] for k, v in arch.inputs_of(sample).items()}
        prepared = arch.at_graph_size(arch.geometry(inputs)[0])
        rows.append({k: v.numpy() for k, v in prepared.items()})
    return rows


def written(name, quantize, path, graph=None):
    """(architecture, graph, prepared inputs) of a case, whose .tflite with random weights is written to a path."""
    case = CASES[name]
    arch = case.make()
    graph = graph or randomized(contracts.built(arch), 3)
    rows = prepared_of(case, arch)
    path.write_bytes(convert(Served(arch, graph, case.classes), quantize, "mixed", rows))
    return arch, graph, rows


def aware(name, changed=lambda graph: graph):
    """The graph of a case with fake quantization, whose ranges are those of its own examples: of a graph that has
    seen none, the range of the pixels is [0, 0], and all of them are on one of two steps. changed: of the plain graph
    with random weights, makes the one to start from.
    """
    case = CASES[name]
    arch = case.make()
    graph = create("techniques/qat").graph(arch, changed(randomized(contracts.built(arch), 3)))
    rows = [arch.normalize(row) for row in prepared_of(case, arch)]
    together = {key: tf.concat([row[key] for row in rows], 0) for key in rows[0]}
    for _ in range(2):  # the second meets what the first has made of the batch normalization
        graph(together, training=True)
    return graph


def opened(path):
    """LiteRT's interpreter with plain kernels, which keeps the values of all tensors."""
    return Interpreter(
        model_path=str(path), experimental_preserve_all_tensors=True, experimental_op_resolver_type=PLAIN
    )


def fast(path):
    """LiteRT's interpreter as users have it."""
    return Interpreter(model_path=str(path))


def answers(interpreter, rows):
    """What an interpreter answers to prepared inputs: [{key: numpy}]."""
    run = interpreter.get_signature_runner("serving_default")
    taken = run.get_input_details()
    return [run(**{k: v.astype(taken[k]["dtype"]) for k, v in row.items()}) for row in rows]


def apart(twin, interpreter, node):
    """[how far an operator of a twin is from LiteRT's kernel on the file's own tensors, in what it may be], one for
    each output. Call after the interpreter has run.
    """
    given = {
        number: twin.tensors[number].real(interpreter.get_tensor(number))
        for number in node.inputs
        if number >= 0 and twin.tensors[number].constant is None
    }
    found = twin.values(given, node.outputs)
    return [
        _apart(twin, node, np.asarray(found[number]), interpreter.get_tensor(number), twin.tensors[number], given)
        for number in node.outputs
    ]


def _apart(twin, node, mine, theirs, held, given):
    assert mine.shape == theirs.shape, f"{node.kind}: {mine.shape} and {theirs.shape}"
    if node.kind in IN_ANY_ORDER:
        return _apart_in_scores(node, mine, theirs, given)
    if held.is_quantized:
        return float(np.abs(mine - held.real(theirs)).max() / held.scale[0] / A_STEP)
    if held.dtype != "float32":
        return float((mine != theirs).sum())
    neither = np.isnan(mine) & np.isnan(theirs)  # of what is chosen away behind: TensorFlow's division without NaN
    mine, theirs = (np.where(neither, 0, value) for value in (mine, theirs))
    largest = max(1.0, np.abs(theirs).max(initial=0))
    allowed = ROUNDING * largest + _step_of_input(twin, node, given)
    return float(np.abs(mine - theirs).max(initial=0) / allowed)


def _step_of_input(twin, node, given):
    """What one step of a float input that the kernel rounds to 8 bits makes of the output, else 0."""
    kernel = node.takes[1] if len(node.takes) > 1 else None
    if kernel is None or not kernel.is_quantized or node.takes[0].is_quantized:
        return 0.0
    span = np.ptp(np.append(given[node.inputs[0]], 0)) / 255
    return span * float(np.abs(kernel.real(kernel.constant)).max())


def _apart_in_scores(node, mine, theirs, given):
    if not mine.shape:
        return float(mine != theirs)
    scores = given[node.inputs[1]]
    return float(np.abs(np.sort(scores[mine]) - np.sort(scores[theirs])).max())
