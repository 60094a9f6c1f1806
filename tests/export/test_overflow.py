"""Channels without weights after quantization-aware training: biases that do not fit into a file's 32 bits."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.export.repair.flatbuffer import constant, packed, set_constant, unpacked
from kerasvision.export.targets import tflite
from kerasvision.export.targets._tflite_overflow import MOST, overflows, widened
from kerasvision.export.twin.twin import Twin
from kerasvision.inference.served import Served
from tests.contract.cases import CASES
from tests.export import twins

UNET, RETINANET = "semantic_segmentation/unet", "detection/retinanet"
BIAS = 3.0


def emptied(graph, layer):
    """The graph, of whose layer the second channel has a kernel of zeros and a bias of 3."""
    kernel, bias = graph.get_layer(layer).get_weights()
    kernel[..., 1], bias[1] = 0.0, BIAS
    graph.get_layer(layer).set_weights([kernel, bias])
    return graph


@pytest.fixture(scope="module")
def unet():
    """(its file as TensorFlow's converter leaves it, its file, prepared inputs)."""
    arch = CASES[UNET].make()
    served = Served(arch, twins.aware(UNET, lambda plain: emptied(plain, "classes")), CASES[UNET].classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite, "overflows", lambda content: False)
        raw, exact = (tflite.convert(served, quantize, "mixed", ()) for quantize in ("int8", "float32"))
    return raw, widened(raw, exact), twins.prepared_of(CASES[UNET], arch)


def logits_of(content, rows, path):
    """What LiteRT gives for the second class, in each place, and a step of it."""
    path.write_bytes(content)
    twin, interpreter = Twin(path), twins.opened(path)
    last = [node for node in twin.nodes if node.kind == "CONV_2D"][-1]
    twins.answers(interpreter, rows[:1])
    held = last.makes[0]
    assert max(twins.apart(twin, interpreter, last)) <= 1
    return held.real(interpreter.get_tensor(last.outputs[0]))[..., 1], float(held.scale[0])


def test_a_channel_without_weights_answers_with_its_bias(unet, tmp_path):
    raw, content, rows = unet
    assert overflows(raw) and not overflows(content)
    (before, _), (after, step) = (logits_of(held, rows, tmp_path / "model.tflite") for held in (raw, content))
    assert np.ptp(before) == 0 and before.max() < BIAS / 2, "the converter does so itself now: widen no more"
    np.testing.assert_allclose(after, BIAS, atol=step / 2 + 1e-6)


def test_other_channels_and_layers_stay_as_they_are(unet):
    before, after = (unpacked(content).subgraphs[0].tensors for content in unet[:2])
    changed = [
        (a.name.decode(), np.flatnonzero(np.asarray(a.quantization.scale) != np.asarray(b.quantization.scale)).tolist())
        for a, b in zip(before, after, strict=True)
        if a.quantization is not None and a.quantization.scale is not None
    ]
    changed = [(name, channels) for name, channels in changed if channels]
    assert len(changed) == 2 and all("quant_classes" in name and channels == [1] for name, channels in changed)


def of_last_bias(content, value):
    """The file with the first step of its last bias set, and nothing else beyond `MOST`."""
    model = unpacked(content)
    graph = model.subgraphs[0]
    last = [o for o in graph.operators if len(o.inputs) == 3 and constant(model, graph, int(o.inputs[2])) is not None]
    bias = constant(model, graph, int(last[-1].inputs[2]))
    bias[0] = value
    set_constant(model, graph, int(last[-1].inputs[2]), bias)
    return packed(model)


def test_what_fits_is_left_alone(unet):
    content = unet[1]
    for sign in (-1, 1):
        assert not overflows(of_last_bias(content, sign * MOST)) and overflows(of_last_bias(content, sign * (MOST + 1)))
    assert overflows(of_last_bias(content, -(2**31))), "the least int32 has no positive counterpart"


def test_a_head_that_levels_share_keeps_its_bias_on_each(tmp_path):
    """One kernel, inputs on other scales: a bias a level, all 3."""
    graph = twins.aware(RETINANET, lambda plain: emptied(plain, "classes_out1"))
    twins.written(RETINANET, "int8", tmp_path / "model.tflite", graph)
    twin = Twin(tmp_path / "model.tflite")
    head = [node for node in twin.nodes if node.kind == "CONV_2D" and "classes_out1" in node.makes[0].name]
    assert head
    for node in head:
        kernel, bias = node.takes[1:]
        assert not kernel.constant[1].any() and bias.real(bias.constant)[1] == pytest.approx(BIAS, rel=1e-6)
        np.testing.assert_allclose(bias.scale, node.takes[0].scale * kernel.scale, rtol=1e-6)


def test_another_float_file_is_refused(unet):
    with pytest.raises(KerasVisionError, match="does not fit into 32 bits.*train without techniques/qat"):
        widened(unet[0], shortened(unet[0]))


def shortened(content):
    """The file without its first convolution."""
    model = unpacked(content)
    operators = model.subgraphs[0].operators
    operators.remove(next(o for o in operators if len(o.inputs) == 3))
    return packed(model)
