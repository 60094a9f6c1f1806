"""16-bit arithmetic while training, float32 before and after."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run
from tests.contract.multi_modal_cases import made
from tests.train import steps, tiny
from tests.undrawn import train

ONE_STEP = {"batch_size": 135, "optimizer": tiny.sgd(0.05, momentum=0.0)}


def policies(graph):
    return {layer.dtype_policy.name for layer in graph.layers if not isinstance(layer, keras.layers.InputLayer)}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_graph_computes_in_16_bits_and_keeps_32_bit_weights(dtype):
    technique = create("techniques/mixed_precision", dtype=dtype)
    graph = tiny.classifier(num_classes=10).build()
    graph.get_layer("backbone_stem_conv").trainable = False
    mixed = technique.graph(None, graph)
    assert policies(mixed) == {f"mixed_{dtype}"}
    assert {v.dtype.name for v in mixed.variables} == {"float32"}
    assert not mixed.get_layer("backbone_stem_conv").trainable
    image = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    exact, rough = graph(image)["logits"].numpy(), mixed(image)["logits"].numpy()
    assert rough.dtype.name == dtype
    error = np.abs(rough.astype(np.float32) - exact).max() / np.abs(exact).max()
    assert 1e-6 < error < {"float16": 5e-3, "bfloat16": 4e-2}[dtype]  # some of 2**-11 and 2**-8, over 7 layers
    stripped = technique.strip(None, mixed)
    assert policies(stripped) == {"float32"}
    np.testing.assert_array_equal(stripped(image)["logits"].numpy(), exact)
    assert keras.mixed_precision.global_policy().name == "float32"


def test_layers_that_describe_nothing_of_their_own_come_back_too():
    """Senses, texts and missing ones have such layers; Keras describes them by what they were made with."""
    technique, graph = create("techniques/mixed_precision"), made("classifier", "gated", num_classes=4).build()
    mixed = technique.graph(None, graph)
    stripped = technique.strip(None, mixed)
    assert policies(mixed) == {"mixed_float16"} and policies(stripped) == {"float32"}
    for before, after in zip(graph.get_weights(), stripped.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.fixture(scope="module")
def exact_step(tmp_path_factory):
    """Weights after one step in float32."""
    trained = train(tiny.recipe(**ONE_STEP), tmp_path_factory.mktemp("exact") / "run")
    return {v.name: v.numpy() for v in trained.graph.variables}


def test_a_step_alone_is_nearly_the_float32_step():
    """Within the rounding of 11 bits; the loss scale, 32,768, has been taken off the gradients again."""
    mixed, before = steps.stepped(steps.plain, tiny.sgd(0.05, momentum=0.0), 1, dtype="float16")
    exact, _ = steps.stepped(steps.plain, tiny.sgd(0.05, momentum=0.0), 1)
    ends = steps.weights(mixed).values(), steps.weights(exact).values(), before.values()
    for a, b, start in zip(*ends, strict=True):
        assert 0 < np.linalg.norm(a - b) < 0.02 * np.linalg.norm(b - start)


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_step_is_nearly_the_float32_step(exact_step, dtype, tmp_path):
    """Within the rounding of 11 and 8 bits, summed over 135 images of 64 positions. The loss scale of float16, 32,768,
    has been taken off the gradients again.
    """
    technique = create("techniques/mixed_precision", dtype=dtype)
    trained = train(tiny.recipe(techniques=(technique,), **ONE_STEP), tmp_path / "run")
    keras.utils.set_random_seed(0)
    initial = {v.name: v.numpy() for v in tiny.classifier(num_classes=10).build().variables}
    for variable in trained.graph.variables:
        name = variable.name
        step, expected = variable.numpy() - initial[name], exact_step[name] - initial[name]
        apart = np.linalg.norm(step - expected) / np.linalg.norm(expected)
        assert apart < {"float16": 0.06, "bfloat16": 0.4}[dtype], name
        assert variable.dtype.name == "float32"


def test_a_run_learns_and_its_stored_weights_answer_as_the_trained_model(tmp_path):
    """float16, then bfloat16, in two phases; what is kept is float32."""
    first, second = (create("techniques/mixed_precision", dtype=d) for d in ("float16", "bfloat16"))
    recipe = tiny.recipe(epochs=4, techniques=(first,), then=(Phase(1, tiny.sgd(0.02), (), (second,)),))
    trained = train(recipe, tmp_path / "run")
    losses = [float(r["loss"]) for r in read_history(tmp_path / "run" / "history.csv")]
    assert losses[-1] < 0.8 * losses[0]
    assert policies(trained.graph) == {"float32"}
    loaded = load_run(tmp_path / "run")
    assert policies(loaded.graph) == {"float32"}
    inputs, _, _ = next(raw_examples(recipe.data.open().splits["test"], trained.arch, batch_size=64))
    answers = [t.served().serve(inputs)["probabilities"].numpy() for t in (trained, loaded)]
    np.testing.assert_array_equal(answers[0], answers[1])
