"""Weight clustering: few values a kernel, near the best there are, through restarts, pruning and quantization."""

import signal

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.run import load_run
from tests.train import steps, tiny
from tests.train.test_prune import gzipped, kernels_of, phase_graph
from tests.undrawn import train


def clusters(**fields):
    return create("techniques/cluster", **fields)


def values_of(graph):
    """Number of distinct values of each kernel."""
    return [len(np.unique(a)) for a in kernels_of(graph).values()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three phases: pruned to 60 %, 8 values, then quantization-aware with those values."""
    gentle = tiny.sgd(0.01)
    aware = create("techniques/qat", preserve="clusters")
    then = (Phase(2, gentle, (), (clusters(number=8),)), Phase(1, gentle, (), (aware,)))
    prune = create("techniques/prune", sparsity=0.6, skip=())
    return train(tiny.recipe(epochs=2, techniques=(prune,), then=then), tmp_path_factory.mktemp("cluster") / "run")


def test_every_kernel_has_at_most_that_many_values(run):
    counts = values_of(phase_graph(run, 2))
    assert len(counts) > 5
    assert max(counts) == 8


def test_zeros_of_pruning_stay_and_the_values_learn(run):
    before, after = kernels_of(phase_graph(run, 1)), kernels_of(phase_graph(run, 2))
    for key, array in before.items():
        np.testing.assert_array_equal(after[key] == 0, array == 0)
        settled = clusters(number=8).values(array.ravel()).reshape(array.shape)
        assert np.abs(after[key] - settled).max() > 1e-5  # its centers have moved since


def test_values_stay_through_quantization_aware_training(run):
    before = kernels_of(phase_graph(run, 2))
    for (layer, name), array in before.items():
        after = kernels_of(run.graph)[f"quant_{layer}", name]
        assert len(np.unique(after)) <= 8
        np.testing.assert_array_equal(after == 0, array == 0)
        for value in np.unique(array):
            assert len(np.unique(after[array == value])) == 1
        assert np.abs(after - array).max() > 1e-6


def test_the_run_loads_and_its_weights_compress(run):
    loaded = load_run(run.folder)
    for key, array in kernels_of(run.graph).items():
        np.testing.assert_array_equal(kernels_of(loaded.graph)[key], array)
    pruned, clustered = (gzipped(kernels_of(phase_graph(run, n)).values()) for n in (1, 2))
    assert clustered < 0.6 * pruned


@pytest.mark.nightly  # zeros of pruning, which are kept in the same way, by day: test_prune.py
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_goes_on_with_its_values(tmp_path):
    def recipe(marker):
        end = tiny.EndOnce(marker=str(marker), epoch=1, step=3, number=int(signal.SIGINT))
        return tiny.recipe(model=tiny.smooth_classifier(), techniques=(clusters(), end), epochs=3)

    (tmp_path / "there").touch()
    whole = train(recipe(tmp_path / "there"), tmp_path / "whole")
    stopped = recipe(tmp_path / "marker")
    with pytest.raises(KerasVisionError, match="go on from step 8"):
        train(stopped, tmp_path / "run")
    resumed = train(stopped, tmp_path / "run", resume=True)
    assert max(values_of(resumed.graph)) <= 16
    for a, b in zip(whole.graph.get_weights(), resumed.graph.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("init", ["kmeans++", "linear"])
def test_centers_are_as_good_as_scikit_learns(init):
    """Sum of squared distances, of weights as they are after training: mostly small, a few large."""
    from sklearn.cluster import KMeans

    weights = np.random.default_rng(0).standard_t(5, 5000).astype(np.float32)
    seen = clusters(init=init).values(weights)
    assert 15 <= len(np.unique(seen)) <= 16  # an even start may leave a center without weights
    reference = KMeans(16, n_init=3, random_state=0).fit(weights[:, None]).inertia_
    assert ((seen - weights) ** 2).sum() < 1.3 * reference
    for value in np.unique(seen):  # the mean of its own, which are those nearest to it
        assert weights[seen == value].mean() == pytest.approx(value, abs=0.02)


def test_few_values_and_zeros_are_left_as_they_are():
    few = np.array([0.5, -1.0, 0.5, 0.0], np.float32)
    np.testing.assert_array_equal(clusters(number=3).values(few), few)
    many = np.concatenate([np.zeros(30), np.linspace(-1, 1, 40)]).astype(np.float32)
    seen = clusters(number=5).values(many)
    assert len(np.unique(seen)) == 5
    np.testing.assert_array_equal(seen == 0, many == 0)


@pytest.mark.nightly  # an average behind a rule that is kept in the same way, by day: test_prune.py
def test_an_average_of_clusters_has_as_few_values(tmp_path):
    both = (clusters(number=4), create("techniques/ema", decay=0.9))
    trained = train(tiny.recipe(techniques=both, epochs=3), tmp_path / "run")
    assert max(values_of(trained.graph)) <= 4


def test_first_and_last_kernels_may_be_left_out():
    graph = tiny.classifier(num_classes=10).build()
    steps.driven(clusters(number=4, skip=("first", "last")).callbacks()[0], graph, epochs=1)
    first, *between, last = values_of(graph)
    assert max(between) <= 4
    assert min(first, last) > 4


def test_a_shared_head_is_the_last_and_the_stem_the_first():
    from kerasvision.train.techniques._kernels import kernels

    image = keras.Input((8, 8, 3), name="image")
    c1 = keras.layers.Conv2D(4, 3, 2, name="stem")(image)
    c2 = keras.layers.Conv2D(4, 3, 2, name="deeper", padding="same")(c1)
    head = keras.layers.Conv2D(2, 1, name="head")
    graph = keras.Model({"image": image}, {"fine": head(c1), "coarse": head(c2)})
    assert [layer for layer, _ in kernels(graph, ("first",))] == ["deeper", "head"]
    assert [layer for layer, _ in kernels(graph, ("last",))] == ["stem", "deeper"]


def test_what_cannot_be_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="cluster.number: got 1; allowed: 2 to 256 values, as in 16"):
        clusters(number=1)
    aware = create("techniques/qat", preserve="clusters")
    with pytest.raises(KerasVisionError, match='qat.preserve="clusters": the weights .* have no clusters; have tech'):
        train(tiny.recipe(techniques=(aware,)), tmp_path / "run")
