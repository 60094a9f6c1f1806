"""A .tflite as C++ source for microcontrollers that have no files: TensorFlow Lite for Microcontrollers (David et al.
2021, arXiv:2010.08678) takes a model from an array, and asks for a resolver of the operators that are in it.
"""

import json
import pathlib
import re

from kerasvision.core.files import write_text
from kerasvision.export.inspection import inspect
from kerasvision.export.targets.tflite import DEFAULT
from kerasvision.export.twin.reading import kinds_and_signatures

# Operators with a kernel there, by the methods of its MicroMutableOpResolver in October 2026: a forecast, for a kernel
# may lack a type of numbers
LIST = "its MicroMutableOpResolver of October 2026"
OPERATORS = frozenset(
    (
        *("ABS", "ADD", "ADD_N", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BATCH_TO_SPACE_ND"),
        *("BROADCAST_ARGS", "BROADCAST_TO", "CAST", "CEIL", "CONCATENATION", "CONV_2D", "COS", "CUMSUM"),
        *("DEPTH_TO_SPACE", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV", "ELU", "EQUAL", "EXP", "EXPAND_DIMS", "FILL"),
        *("FLOOR", "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER", "GATHER_ND", "GREATER", "GREATER_EQUAL"),
        *("HARD_SWISH", "IF", "L2_NORMALIZATION", "L2_POOL_2D", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG"),
        *("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "LOG_SOFTMAX", "MAX_POOL_2D", "MAXIMUM", "MEAN"),
        *("MINIMUM", "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "PACK", "PAD", "PADV2", "PRELU", "QUANTIZE"),
        *("REDUCE_MAX", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2"),
        *("ROUND", "RSQRT", "SELECT_V2", "SHAPE", "SIN", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH"),
        *("SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "SVDF"),
        *("TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNPACK", "WHILE", "ZEROS_LIKE"),
    )
)
SPELLED = {"PADV2": "PadV2", "BATCH_MATMUL": "BatchMatMul", "CUMSUM": "CumSum"}  # of methods that no rule spells
ALIGNMENT, ROW = 16, 16  # of the array in bytes, and bytes a line


def write_c_array(path):
    """Write `model.h` and `model.cc` beside a .tflite, named after it. Returns what of it has no kernel in TensorFlow
    Lite for Microcontrollers, sorted. Raises KerasVisionError of a file that cannot be read.
    """
    path = pathlib.Path(path)
    held, name = inspect(path), _identifier(f"{path.parent.name}_{path.stem}")
    operators, signatures = kinds_and_signatures(path)
    lacking = sorted(operators - OPERATORS)
    comments = [*_signatures(signatures), *_lacks(lacking)]
    write_text(path.with_suffix(".h"), _header(held, name, sorted(operators), comments, _labels(path)))
    write_text(path.with_suffix(".cc"), _source(path.read_bytes(), name, path.with_suffix(".h").name))
    return lacking


def method_of(operator):
    """The resolver's method that adds an operator: `AddConv2D` of CONV_2D."""
    words = [word if word == "2D" else word.capitalize() for word in operator.split("_")]
    return f"Add{SPELLED.get(operator, ''.join(words))}"


def _identifier(text):
    held = re.sub(r"\W", "_", text, flags=re.ASCII)
    return held if not held[0].isdigit() else f"_{held}"


def _labels(path):
    place = path.parent / "labels.txt"
    return place.read_text(encoding="utf-8").splitlines() if place.is_file() else []


def _tensors(rows):
    """A line of comment for each input or output."""
    for key, row in rows.items():
        grid = "; real = {} * (held - {})".format(*row["quantization"]) if "quantization" in row else ""
        yield f"//   {_plain(key)}: {row['dtype']} {row['shape']}{grid}"


def _plain(text):
    """Text that ends no line of a comment."""
    return re.sub(r"[^\x20-\x5b\x5d-\x7e]", "?", text)


def _quoted(text):
    """A string literal of C++, in UTF-8, each byte beyond ASCII as three octal digits."""
    held = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{held}"'


def _signatures(places):
    """Lines of comment where a file has more than one. places: signature -> number of its subgraph."""
    if len(places) > 1:
        first = ", ".join(sorted(_plain(key) for key, number in places.items() if number == 0)) or "none of them"
        yield f"// Signatures: {', '.join(map(_plain, sorted(places)))}. TensorFlow Lite for Microcontrollers runs"
        yield f"// subgraph 0 alone ({first}), and needs the operators of all; what is above is {DEFAULT}'s."


def _lacks(lacking):
    if lacking:
        yield f"// No kernel there for {', '.join(lacking)}, by {LIST}: this model does not run on it."


def _header(held, name, operators, comments, labels):
    calls = [f"  if (resolver.{method_of(op)}() != 0) return false;" for op in operators if op in OPERATORS]
    lines = [
        f"// {_plain(pathlib.Path(held['file']['path']).name)}, sha256 {held['file']['sha256']}",
        f"// {held['macs']} multiplications and additions. Of the arena, activations need {held['arena_bytes']} bytes",
        "// at their peak, and the interpreter's own structures more.",
        *("// Inputs:", *_tensors(held["inputs"]), "// Outputs:", *_tensors(held["outputs"])),
        *comments,
        *("#pragma once", "", "#include <cstddef>", ""),
        f"alignas({ALIGNMENT}) extern const unsigned char {name}[];",
        f"constexpr std::size_t {name}_bytes = {held['file']['bytes']};",
        f"constexpr int {name}_operators = {len(operators)};  // for tflite::MicroMutableOpResolver<N>",
        *([f"constexpr const char* {name}_labels[] = {{{', '.join(map(_quoted, labels))}}};"] if labels else []),
        "",
        "// Adds what the model needs to a resolver; false where one cannot be added.",
        *(
            "template <class Resolver>",
            f"bool {name}_add_operators(Resolver& resolver) {{",
            *calls,
            "  return true;",
            "}",
        ),
    ]
    return "\n".join(lines) + "\n"


def _source(content, name, header):
    rows = (content[begin : begin + ROW] for begin in range(0, len(content), ROW))
    body = "\n".join("    " + "".join(f"{byte}," for byte in row) for row in rows)
    return (
        f"#include {json.dumps(header)}\n\nalignas({ALIGNMENT}) extern const unsigned char {name}[] = {{\n{body}\n}};\n"
    )
