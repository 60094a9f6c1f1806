"""Steps of a graph that have no derivative: which there are on the way of a gradient, and how to let it pass them.

"Obfuscated Gradients Give a False Sense of Security" (Athalye et al. 2018, arXiv:1802.00420, section 4.1: backward pass
differentiable approximation, with the identity in place of the step).
"""

import contextlib

import tensorflow as tf

STEPS = ("Round", "Rint", "Floor", "Ceil", "Sign")
_NUMBERS = ("ArgMax", "ArgMin", "OneHot", "Bucketize")
_PASSED = "KerasVisionPassedStep"


@tf.RegisterGradient(_PASSED)
def _passed(op, slope):
    return slope


@contextlib.contextmanager
def passing():
    """While a function is traced: its steps are differentiated as if they were not there."""
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map(dict.fromkeys(STEPS, _PASSED)):
        yield


def steps_of(function):
    """The names of operators without derivative between the input and the output of a traced function, sorted.

    function: a concrete function of one input. What stands behind a stop of the gradient is not on its way; so the
    rounding of an exported file's twin is not.
    """
    reached, moved = set(), {function.inputs[0].ref()}
    for op in function.graph.get_operations():  # in the order in which they can run
        if any(value.ref() in moved for value in op.inputs):
            moved |= {value.ref() for value in op.outputs}
    waiting, found = [value.op for value in function.outputs], set()
    while waiting:
        op = waiting.pop()
        if op.name in reached or op.type == "StopGradient":
            continue
        reached.add(op.name)
        if _has_no_derivative(op) and any(value.ref() in moved for value in op.inputs):
            found.add(op.type)
            continue
        waiting += [value.op for value in op.inputs]
    return sorted(found)


def _has_no_derivative(op):
    cut = op.type == "Cast" and op.inputs[0].dtype.is_floating and not op.outputs[0].dtype.is_floating
    return cut or op.type in STEPS + _NUMBERS
