"""A float .tflite and the steps that make an int8 one of it, in one order whichever of them are taken.

`equalize` (`equalization`), then ranges over the calibration images, `ranges=mse` or `ranges=percentile` of them
(`ranges`), `float=LAYER,LAYER` (what stays float32), and in the int8 file `bias` (`biases`). The same steps with the
same images make the same bytes.
"""

import dataclasses
import warnings

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.export.repair import biases, equalization, ranges
from kerasvision.export.repair.flatbuffer import constant, name_of, unpacked
from kerasvision.ops.internals import quantized_except, unquantized_name, with_ranges

SCOPES = ("kv_geometry", "kv_normalize", "kv_decode", "StatefulPartitionedCall")
ALLOWED = "equalize, ranges=mse, ranges=percentile, float=LAYER,LAYER, bias"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which steps are taken. ranges: a way of `ranges`, or "". floats: names of Keras layers. See the module."""

    equalize: bool = False
    ranges: str = ""
    floats: tuple[str, ...] = ()
    bias: bool = False

    def steps(self):
        """The same as texts, in the order that they are taken: what `plan_of` reads."""
        rows = (
            (self.equalize, "equalize"),
            (self.ranges, f"ranges={self.ranges}"),
            (self.floats, f"float={','.join(self.floats)}"),
            (self.bias, "bias"),
        )
        return tuple(text for wanted, text in rows if wanted)


def plan_of(steps):
    """The `Plan` of texts. Raises UsageError of one that is none."""
    held = {}
    for step in steps:
        name, _, value = step.partition("=")
        floats = tuple(sorted({part for part in value.split(",") if part}))
        known = {
            "equalize": ("equalize", not value),
            "bias": ("bias", not value),
            "ranges": ("ranges", value if value in ranges.WAYS else ""),
            "float": ("floats", floats),
        }
        key, wanted = known.get(name, ("", None))
        if not wanted:
            raise UsageError(f"repair {step!r}; allowed: {ALLOWED}")
        if key in held:
            raise UsageError(f"repair {step!r}: each step is taken once")
        held[key] = wanted
    return Plan(**held)


class Workshop:
    """Makes int8 files of one float file. content: its bytes. feeds: a function that gives calibration examples,
    (signature, {input: array}). float_layers: names of Keras layers that are never in integers.
    """

    def __init__(self, content, feeds, float_layers=()):
        self.content, self.feeds = content, lambda: list(feeds())
        self._float_layers = tuple(float_layers)
        self.layers = tuple(name for name in layers_of(content) if name not in self._float_layers)
        model = unpacked(content)
        self.has_one_function = len(model.subgraphs) == 1
        self._has_loops = len(model.subgraphs) > max(1, len(model.signatureDefs or ()))
        self._kept = {}  # files with ranges, by what shapes them

    def made(self, plan):
        """The bytes of the int8 file of a `Plan`. Raises UsageError of a layer that there is none of, KerasVisionError
        of a step that this file cannot take.
        """
        for name in plan.floats:
            if name not in self.layers:
                raise UsageError(f"repair float={name}: no such layer in integers; {close_matches(name, self.layers)}")
        if not self.has_one_function and (plan.equalize or plan.ranges or plan.bias):
            raise KerasVisionError("a file of several functions, or with a loop, can be repaired by float=LAYER alone")
        held = self.calibrated(plan)
        made = quantized_except(held, spared(held, (*self._float_layers, *plan.floats)))
        return biases.corrected(made, held, self.feeds())[0] if plan.bias else made

    def only(self, layer, plan):
        """The bytes of the file of a `Plan` in which one Keras layer alone is in integers."""
        held = self.calibrated(plan)
        return quantized_except(held, spared(held, [name for name in self.layers if name != layer]))

    def pairs(self):
        """How many pairs of layers `equalize` changes."""
        return equalization.equalized(self.content)[1]

    def calibrated(self, plan):
        """The bytes of the float file with ranges that a `Plan` quantizes."""
        key = plan.equalize, plan.ranges
        if key not in self._kept:
            content = equalization.equalized(self.content)[0] if plan.equalize else self.content
            with warnings.catch_warnings():  # of TensorFlow's own interpreter's retirement
                warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated.*")
                seen = ranges.seen(content, self.feeds()) if self._has_loops else with_ranges(content, self.feeds)
            self._kept[key] = ranges.narrowed(seen, plan.ranges, self.feeds) if plan.ranges else seen
        return self._kept[key]


def spared(content, layers):
    """Names of the tensors of a calibrated .tflite that stay float32: of normalization and decoding, known by their
    name scopes, and of Keras layers.
    """
    names = [name_of(graph, number) for graph in unpacked(content).subgraphs for number in range(len(graph.tensors))]
    scopes = tuple(f"/{layer}/" for layer in layers)
    return [n for n in names if n.startswith(SCOPES) or any(scope in n for scope in scopes)]


def layers_of(content):
    """Names of the Keras layers that a float .tflite's operators come from, in their order. content: bytes."""
    model, names = unpacked(content), {}
    for graph in model.subgraphs:
        for operator in graph.operators:
            number = int(operator.outputs[0])
            layer = layer_of(name_of(graph, number))
            if layer and graph.tensors[number].type == 0 and constant(model, graph, number) is None:
                names[layer] = True
    return tuple(names)


def layer_of(name):
    """The Keras layer that a tensor of a .tflite comes from, by its name; "" where that tells none. Of several that
    became one operator the last is named, which is the first of them: a convolution before its normalization.
    """
    last = name.rsplit(";", 1)[-1]
    parts = last.split("/")
    return unquantized_name(parts[1]) if len(parts) > 2 and not last.startswith(SCOPES) else ""
