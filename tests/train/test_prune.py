"""Pruning: how many zeros, which weights, and that they stay zero through restarts, quantization and export."""

import gzip
import math
import signal

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run
from kerasvision.train.techniques._kernels import kernels
from tests.train import steps, tiny
from tests.undrawn import train

NIGHTLY = pytest.mark.nightly  # a training each
AWARE = create("techniques/qat", preserve="sparsity")


def pruned(**fields):
    return create("techniques/prune", **fields)


def kernels_of(graph):
    """(layer, variable) -> array, of every kernel."""
    return {key: v.numpy() for key, v in kernels(graph).items()}


def gzipped(arrays):
    return len(gzip.compress(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Pruned to 80 % in four epochs, half of them after the schedule's end, then quantization-aware for one."""
    recipe = tiny.recipe(
        epochs=4, techniques=(pruned(begin=0.1),), then=(Phase(1, tiny.sgd(0.005), (), (AWARE,)),), seed=3
    )
    return train(recipe, tmp_path_factory.mktemp("prune") / "run")


def phase_graph(trained, number):
    graph = tiny.classifier(num_classes=10).build()
    graph.load_weights(trained.folder / f"phase-{number}" / "best.weights.h5")
    return graph


def test_each_kernel_has_the_schedules_share_of_zeros_and_the_first_none(run):
    (_, first), *rest = kernels_of(phase_graph(run, 1)).items()
    assert not (first == 0).any()
    assert len(rest) > 5
    for key, array in rest:
        assert (array == 0).sum() == round(0.8 * array.size), key


def test_the_best_epoch_is_one_of_those_after_the_schedule(run):
    rows = [r for r in read_history(run.folder / "history.csv") if r["phase"] == "1"]
    shares = [float(r["weights/sparsity"]) for r in rows]
    assert shares[0] < 0.75
    assert shares[1:] == pytest.approx([0.8] * 3, abs=2e-3)
    kept = max(rows[1:], key=lambda r: float(r["validation/accuracy"]))
    assert f'"epoch": {kept["epoch"]}' in (run.folder / "phase-1" / "best.json").read_text()


def test_zeros_stay_through_quantization_aware_training_and_others_learn(run):
    before, after = kernels_of(phase_graph(run, 1)), kernels_of(run.graph)
    for (layer, name), array in before.items():
        now = after[f"quant_{layer}", name]
        np.testing.assert_array_equal(now == 0, array == 0)
        assert np.abs(now - array).max() > 1e-5


def test_a_loaded_run_has_the_zeros_too(run):
    loaded = load_run(run.folder)
    for key, array in kernels_of(run.graph).items():
        np.testing.assert_array_equal(kernels_of(loaded.graph)[key], array)


def test_the_compressed_weights_are_less_than_half(run):
    graph = phase_graph(run, 1)
    dense = tiny.classifier(num_classes=10).build()
    assert gzipped(graph.get_weights()) < 0.5 * gzipped(dense.get_weights())


def pruned_graph(*phases, epochs=2):
    """A graph after noisy steps through phases of pruning, each with a callback of its own."""
    keras.utils.set_random_seed(0)
    graph = tiny.classifier(num_classes=10).build()
    for technique in phases:
        (callback,) = technique.callbacks()
        steps.driven(callback, graph, epochs)
    return graph


def test_a_later_phase_of_pruning_keeps_the_zeros_and_goes_further():
    (_, stem), *first = kernels_of(pruned_graph(pruned(sparsity=0.6))).items()
    (_, later), *final = kernels_of(pruned_graph(pruned(sparsity=0.6), pruned(sparsity=0.9))).items()
    assert stem.all() and later.all()
    for (key, before), (_, array) in zip(first, final, strict=True):
        assert (before == 0).sum() == round(0.6 * before.size) and (array == 0).sum() == round(0.9 * array.size), key
        assert not array[before == 0].any(), key


def test_a_callback_that_begins_amid_a_phase_goes_on_with_the_zeros():
    """What a restart does: the weights of the backup, and a fresh callback."""
    technique = pruned(end=0.9)
    whole = pruned_graph(technique, epochs=4)
    keras.utils.set_random_seed(0)
    again = tiny.classifier(num_classes=10).build()
    for first, last in ((0, 2), (2, 4)):
        (callback,) = technique.callbacks()
        steps.driven(callback, again, 4, first, last)
    for (key, a), b in zip(kernels_of(whole).items(), kernels_of(again).values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=key)


@NIGHTLY
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_goes_on_with_its_zeros(tmp_path):
    def recipe(marker):
        end = tiny.EndOnce(marker=str(marker), epoch=2, step=3, number=int(signal.SIGINT))
        return tiny.recipe(model=tiny.smooth_classifier(), techniques=(pruned(end=0.9), end), epochs=4)

    (tmp_path / "there").touch()
    whole = train(recipe(tmp_path / "there"), tmp_path / "whole")
    stopped = recipe(tmp_path / "marker")
    with pytest.raises(KerasVisionError, match="go on from step 16"):
        train(stopped, tmp_path / "run")
    resumed = train(stopped, tmp_path / "run", resume=True)
    for a, b in zip(whole.graph.get_weights(), resumed.graph.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
        np.testing.assert_array_equal(a == 0, b == 0)


@NIGHTLY
def test_mixed_precision_prunes_too(tmp_path):
    pair = (create("techniques/mixed_precision"), pruned())
    trained = train(tiny.recipe(epochs=2, techniques=pair), tmp_path / "run")
    for array in list(kernels_of(trained.graph).values())[1:]:
        assert (array == 0).sum() == round(0.8 * array.size)


def test_the_schedule_is_equation_1():
    """Against tensorflow-model-optimization's, and the paper's own form."""
    from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay

    technique, steps = pruned(sparsity=0.7, begin=0.2, end=0.8), 200
    reference = PolynomialDecay(0.0, 0.7, 40, 160)
    for step in range(0, 201, 7):
        assert technique.target(step, steps) == pytest.approx(float(reference(step)[1]), abs=1e-6)
    assert technique.target(100, steps) == pytest.approx(0.7 + (0 - 0.7) * (1 - (100 - 40) / 120) ** 3)


def test_masks_are_those_of_tensorflow_model_optimization():
    from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl, pruning_utils
    from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import ConstantSparsity

    kernel = np.random.default_rng(0).normal(size=(3, 3, 12, 5)).astype(np.float32)
    reference = pruning_impl.Pruning(lambda: 0, [], ConstantSparsity(0.8, 0), (1, 1), "AVG")
    np.testing.assert_array_equal(pruned().mask(kernel, 0.8), reference._update_mask(tf.constant(kernel))[1] != 0)
    rows = pruning_utils.weights_rearrange(tf.constant(kernel))
    expected = pruning_utils.m_by_n_sparsity_mask_prepare(
        pruning_utils.generate_m_by_n_mask(rows, (2, 4)), tf.TensorShape(kernel.shape)
    )
    np.testing.assert_array_equal(pruned(sparsity=0.5, structure="2_by_4").mask(kernel, 0.5), expected.numpy() != 0)


def test_two_by_four_has_two_zeros_in_all_fours_and_leaves_a_rest():
    technique = pruned(sparsity=0.5, structure="2_by_4")
    kernel = np.random.default_rng(0).normal(size=(1, 1, 10, 6))
    mask = technique.mask(kernel, 0.5)
    np.testing.assert_array_equal(mask[0, 0, :8].reshape(2, 4, 6).sum(1), 2)
    assert mask[0, 0, 8:].all()
    assert (~technique.mask(kernel, 0.25)).sum() == 12  # half of the twelve groups


EMA, SWA = create("techniques/ema", decay=0.99), create("techniques/swa")


@pytest.mark.parametrize(
    ("average", "first"),
    [(SWA, True), *(pytest.param(*c, marks=NIGHTLY) for c in ((EMA, True), (EMA, False), (SWA, False)))],
)
def test_what_an_average_leaves_has_the_zeros_too(average, first, tmp_path):
    both = (pruned(), average) if first else (average, pruned())
    trained = train(tiny.recipe(techniques=both, epochs=4), tmp_path / "run")
    shares = [float((k == 0).mean()) for k in list(kernels_of(trained.graph).values())[1:]]
    assert shares == pytest.approx([0.8] * len(shares), abs=0.01)


def test_whole_filters_go_and_outputs_stay():
    held = list(kernels_of(pruned_graph(pruned(sparsity=0.5, structure="filters"))).values())
    assert held[-1].all()  # of the logits
    for array in held[1:-1]:
        empty = ~array.any(tuple(range(array.ndim - 1)))
        assert empty.sum() == array.shape[-1] // 2
        assert array[..., ~empty].all()


def test_filters_of_a_transposed_convolution_are_its_outputs():
    image = keras.Input((8, 8, 4), name="image")
    x = keras.layers.Conv2D(6, 3, name="first")(image)
    x = keras.layers.Conv2DTranspose(8, 3, name="up")(x)
    graph = keras.Model({"image": image}, {"logits": keras.layers.Conv2D(2, 1, name="logits")(x)})
    steps.driven(pruned(sparsity=0.5, structure="filters", end=1.0).callbacks()[0], graph, epochs=1, steps=1)
    kernel = graph.get_layer("up").kernel.numpy()  # [h, w, out, in]
    assert (~kernel.any((0, 1, 3))).sum() == 4
    assert kernel.any((0, 1, 2)).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"begin": 0.6, "end": 0.5}, "prune.begin, prune.end: got 0.6 and 0.5; allowed: 0 <= begin < end <= 1"),
        ({"sparsity": 1.0}, "prune.sparsity: got 1.0; allowed: 0 < sparsity < 1"),
        ({"structure": "2_by_4"}, 'prune.sparsity: got 0.8; structure="2_by_4" has sparsity=0.5'),
        ({"structure": "rows"}, "Prune.structure: got 'rows'"),
        ({"skip": ("middle",)}, "Prune.skip: got"),
    ],
)
def test_what_cannot_be_is_one_line(fields, message):
    with pytest.raises(UsageError) as caught:
        pruned(**fields)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_short_phase_still_reaches_its_end():
    technique = pruned(begin=0.0, end=0.1)
    assert technique.span(3) == (0, 1)
    assert technique.target(1, 3) == pytest.approx(0.8)
    assert [pruned(end=e).first_epoch_to_keep(3) for e in (0.1, 0.34, 0.5, 1.0)] == [0, 1, 1, 2]
    assert math.isclose(pruned(begin=0.5, end=1.0).target(50, 100), 0.0)


def test_nothing_to_preserve_is_one_line(tmp_path):
    with pytest.raises(
        KerasVisionError, match='qat.preserve="sparsity": the weights .* have no zeros; have techniques/'
    ):
        train(tiny.recipe(techniques=(AWARE,)), tmp_path / "run")
