"""The trial of a version before a label names it: it must still answer its golden examples as the trained model did."""

import sys

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.export.goldens import PLACE, read_goldens
from kerasvision.export.targets.saved_model import SavedModelRunner

_AGAIN = "export it again, on the machine that is to serve it"


def try_goldens(path, contract, tolerance):
    """Load a SavedModel's folder and let it answer its golden examples; returns how many there are, and says on stderr
    where there is none. contract: of the folder. tolerance: what rounding explains of a difference.

    Raises KerasVisionError with the example and the difference where an answer is further off, and where there is none.
    """
    examples = read_goldens(path)
    if not examples:
        print(
            f"kerasvision: {path} has no {PLACE}, so it was not tried; export it again to have it so", file=sys.stderr
        )
        return 0
    arch = from_json(contract["recipe"]).model
    runner = _opened(path, arch)
    for number, (inputs, expected) in enumerate(examples):
        example = f"golden example {number + 1} of {len(examples)}"
        error = _difference(arch, expected, _answer(path, runner, inputs, example), f"{path}, {example}")
        if not error <= tolerance:  # NaN is below nothing
            raise KerasVisionError(
                f"{path} does not answer {example} as the model that was trained: it differs by {error:.2g}, and its "
                f"arithmetic explains {tolerance:.2g}; {_AGAIN}"
            )
    return len(examples)


def _opened(path, arch):
    try:
        return SavedModelRunner(path, arch)
    except Exception as error:  # whatever TensorFlow finds wrong with the files
        raise KerasVisionError(f"{path} cannot be loaded: {_line(error)}; {_AGAIN}") from None


def _answer(path, runner, inputs, example):
    try:
        return runner.infer(inputs)
    except Exception as error:
        raise KerasVisionError(f"{path} cannot answer {example}: {_line(error)}; {_AGAIN}") from None


def _difference(arch, expected, answer, where):
    wanted = {k: v.shape for k, v in expected.items() if k in arch.outputs}
    given = {k: v.shape for k, v in answer.items()}
    if given != wanted:
        raise KerasVisionError(f"{where}: it gives {_spelled(given)} in place of {_spelled(wanted)}; {_AGAIN}")
    return float(arch.compare(expected, answer)[0][0])


def _spelled(shapes):
    return ", ".join(f"{key} {list(shape)}" for key, shape in sorted(shapes.items())) or "nothing"


def _line(error):
    return (str(error).strip().splitlines() or [repr(error)])[0][:300]
