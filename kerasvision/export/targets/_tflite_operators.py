"""A .tflite in LiteRT's interpreter, and which operators it runs there."""

from kerasvision.ops.internals import operator_names, operators_held


def interpreter(model_path=None, model_content=None, threads=None, delegates=True, keeps_all=False):
    """LiteRT's `Interpreter` of a file, or of its bytes. delegates: with XNNPACK. keeps_all: inner tensors can be read
    when it has run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(
        model_path=model_path,
        model_content=model_content,
        num_threads=threads,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=keeps_all,
    )


def tflite_ops(path):
    """Operator name -> count. Select-TF operators are named `Flex...`; XNNPACK's own node is not an operator."""
    counts = {}
    for name in operator_names(interpreter(model_path=str(path), delegates=False)):
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def operators_beyond_xnnpack(path):
    """Operator name -> how many of it XNNPACK leaves to LiteRT's plain kernels, in this installation."""
    runner = interpreter(model_path=str(path))
    try:
        runner.allocate_tensors()
    except (RuntimeError, ValueError):  # XNNPACK refuses the file, so it runs none of it
        return tflite_ops(path)
    held = operators_held(runner)
    maker = {number: row for row in held if row[0] != "DELEGATE" for number in row[2]}
    taken = set()
    for name, takes, makes in held:
        waiting = list(makes) if name == "DELEGATE" else []
        while waiting:
            number = waiting.pop()
            row = maker.get(number)
            if row is not None and number not in takes and row[2][0] not in taken:
                taken.add(row[2][0])
                waiting += row[1]
    left = sorted(row[0] for row in held if row[0] != "DELEGATE" and row[2][0] not in taken)
    return {name: left.count(name) for name in dict.fromkeys(left)}
