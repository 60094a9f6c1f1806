"""Quantization-aware training: rounding is in the graph, stays through saving, and what cannot be rounded is named."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples
from kerasvision.train.run import load_run
from tests.train import tiny
from tests.undrawn import train

QAT = create("techniques/qat")


class Toy:
    """An architecture as far as the technique looks at one."""

    registered_name = "toys/one_layer"


def around(layer):
    """A graph with this layer between a convolution and the logits."""
    image = keras.Input((8, 8, 3), name="image")
    x = layer(keras.layers.Conv2D(4, 3, name="conv")(image))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model({"image": image}, {"logits": keras.layers.Dense(3, name="logits")(x)})


@pytest.mark.parametrize("kind", [keras.layers.LayerNormalization, keras.layers.PReLU])
def test_an_unsupported_layer_is_named_in_one_line(kind):
    with pytest.raises(KerasVisionError) as caught:
        QAT.graph(Toy(), around(kind(name="odd_one")))
    assert str(caught.value) == (
        f"qat: toys/one_layer holds a layer that cannot be quantized: {kind.__name__} 'odd_one'; train without qat "
        "and export tflite:int8, which calibrates instead"
    )


def test_qat_and_mixed_precision_exclude_each_other():
    arch, mixed = tiny.classifier(num_classes=10), create("techniques/mixed_precision")
    graph = arch.build()
    with pytest.raises(KerasVisionError, match="qat works in float32"):
        QAT.graph(arch, mixed.graph(arch, graph))
    with pytest.raises(KerasVisionError, match="mixed_precision cannot follow qat"):
        mixed.graph(arch, QAT.graph(arch, graph))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(trained, weights of the float phase): three float epochs, then a frozen backbone under qat, then qat again."""
    gentle = tiny.sgd(0.005)
    phases = (Phase(1, gentle, (), (create("techniques/freeze"), QAT)), Phase(1, gentle, (), (QAT,)))
    trained = train(tiny.recipe(epochs=3, then=phases), tmp_path_factory.mktemp("qat") / "run")
    return trained, {n: phase_weights(trained, n) for n in (1, 2, 3)}


def phase_weights(trained, number):
    """Variable name -> array, of the best weights of a phase."""
    graph = tiny.classifier(num_classes=10).build()
    if number > 1:
        graph = QAT.graph(trained.arch, graph)
    graph.load_weights(trained.folder / f"phase-{number}" / "best.weights.h5")
    return {v.name: v.numpy() for v in graph.variables}


def test_every_layer_is_wrapped_once(run):
    kinds = [type(layer).__name__ for layer in run[0].graph.layers]
    assert kinds[:2] == ["InputLayer", "QuantizeLayer"]
    assert set(kinds[2:]) == {"QuantizeWrapperV2"}
    assert {layer.name.count("quant_") for layer in run[0].graph.layers[2:]} == {1}


def test_the_network_carries_on_from_its_float_weights_and_a_frozen_backbone_stays(run):
    """A frozen kernel is listed as trainable by tfmot's wrapper; it must not move all the same."""
    before, frozen, after = (run[1][n] for n in (1, 2, 3))
    for name, array in before.items():
        same = np.array_equal(array, frozen[name])
        assert same == name.startswith("backbone_"), name
    assert not np.array_equal(frozen["backbone_stem_conv/kernel:0"], after["backbone_stem_conv/kernel:0"])


def test_weights_are_rounded_to_8_bits_a_channel(run):
    """The graph's answer is that of its kernels snapped to 255 levels a channel, as TFLite stores them."""
    layer = run[0].graph.get_layer("quant_backbone_stem_conv")
    image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    kernel = {v.name: v.numpy() for v in layer.variables}["backbone_stem_conv/kernel:0"].astype(np.float64)
    low, high = (layer_value(layer, end) for end in ("kernel_min", "kernel_max"))
    scale = np.maximum(-low, high) / 127
    snapped = np.round(kernel / scale) * scale
    expected = keras.backend.conv2d(image, snapped.astype(np.float32), padding="same").numpy()
    np.testing.assert_allclose(layer(image, training=False).numpy(), expected, atol=2e-5)
    plain = keras.backend.conv2d(image, kernel.astype(np.float32), padding="same").numpy()
    assert np.abs(plain - expected).max() > 1e-4


def layer_value(layer, end):
    return next(v.numpy() for v in layer.variables if v.name.endswith(f"{end}:0"))


def test_a_loaded_run_answers_as_the_trained_model(run):
    loaded = load_run(run[0].folder)
    split = run[0].recipe.data.open().splits["test"]
    inputs, _, _ = next(raw_examples(split, run[0].arch, batch_size=64))
    answers = [t.served().serve(inputs)["probabilities"].numpy() for t in (run[0], loaded)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert loaded.served().quantization_aware


@pytest.mark.parametrize("pooling", ["gem", "spatial_pyramid"])
def test_our_own_layers_say_that_their_output_alone_is_quantized(pooling):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("classification/classifier", num_classes=3, image_size=(16, 16), backbone=backbone, pooling=pooling)
    graph = arch.build()
    aware = QAT.graph(arch, graph)
    wrapped = {layer.layer.name for layer in aware.layers if type(layer).__name__.startswith("QuantizeWrapper")}
    assert {layer.name for layer in graph.layers if layer.weights and "bn" not in layer.name} <= wrapped


def test_ranges_are_the_first_batchs_after_one_step_then_grow_at_once_and_shrink_slowly():
    """The graph's output reaches far beyond [-6, 6], where tfmot's ranges begin."""
    graph = QAT.graph(Toy(), around(keras.layers.ReLU(name="relu")))
    kernel = next(v for v in graph.get_layer("quant_logits").variables if v.name.endswith("kernel:0"))
    kernel.assign(100 * np.eye(4, 3, dtype=np.float32))
    image = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    reached = []
    for factor in (1.0, 1.2, 0.6):
        raw = graph({"image": image * factor}, training=True)["logits"].numpy()
        reached.append((raw.max(), layer_value(graph.get_layer("quant_logits"), "activation_max")))
    (first, after_first), (more, after_more), (less, after_less) = reached
    assert first > 10
    np.testing.assert_allclose([after_first, after_more], [first, more], rtol=0.01)
    assert more > 1.15 * first
    np.testing.assert_allclose(after_less, 0.999 * after_more + 0.001 * less, rtol=1e-4)


def test_what_a_concatenation_joins_keeps_its_order():
    """The first channel of [twice the image, by a convolution that is folded; the image, pooled] is twice the image's
    first. tfmot lists folded layers last, and would join the pooled image first.
    """
    image = keras.Input((4, 4, 3), name="image")
    normed = keras.layers.BatchNormalization(trainable=False)(keras.layers.Conv2D(3, 1, use_bias=False)(image))
    branches = [keras.layers.ReLU()(normed), keras.layers.MaxPooling2D(1)(image)]
    first = keras.layers.Conv2D(1, 1, use_bias=False)(keras.layers.Concatenate()(branches))
    graph = keras.Model({"image": image}, {"first": first})
    twice, chosen = (layer for layer in graph.layers if isinstance(layer, keras.layers.Conv2D))
    twice.set_weights([2 * np.eye(3)[None, None]])
    chosen.set_weights([np.eye(6, 1)[None, None]])
    x = np.random.default_rng(0).uniform(0, 1, (2, 4, 4, 3)).astype(np.float32)
    answer = QAT.graph(Toy(), graph)({"image": x}, training=True)["first"].numpy()
    np.testing.assert_allclose(answer[..., 0], 2 * x[..., 0], atol=0.04)  # a few steps of 2 / 255
