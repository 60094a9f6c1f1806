"""Freezing, fine-tuning, warm starts and phases: which weights move, and how far."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.train.callbacks import read_history
from kerasvision.train.run import load_run
from tests import store
from tests.train import tiny
from tests.undrawn import train

WHOLE = 135  # examples: an epoch is one step


def weights_of(graph):
    return {v.name: v.numpy().copy() for v in graph.variables}


def moved(before, after):
    """Names of the variables whose bits differ."""
    return {k for k in before if not np.array_equal(before[k], after[k])}


def is_backbone(name):
    return name.startswith("backbone_")


@pytest.fixture(scope="module")
def base():
    """A finished run: (folder, its weights). Tests must not change it."""
    folder = store.trained(tiny.recipe())
    return folder, weights_of(load_run(folder).graph)


def continued(base, out, techniques, **fields):
    """Weights after one more training of the finished run, with techniques."""
    start = create("techniques/warm_start", run=str(base[0]))
    trained = train(tiny.recipe(techniques=(start, *techniques), **fields), out)
    return weights_of(trained.graph)


# by day of a first phase: test_phases_start_from_the_best_weights_of_the_one_before
@pytest.mark.nightly
def test_freeze_keeps_every_bit_of_the_backbone(base, tmp_path):
    after = continued(base, tmp_path / "run", (create("techniques/freeze"),))
    assert moved(base[1], after) == {"logits/kernel:0", "logits/bias:0"}


def test_freeze_says_when_there_is_nothing_to_freeze():
    graph = tiny.classifier(num_classes=10).build()
    with pytest.raises(KerasVisionError, match="freeze.prefix='encoder_'.*backbone, logits"):
        create("techniques/freeze", prefix="encoder_").start(None, graph)


def test_freezing_everything_is_refused(tmp_path):
    everything = create("techniques/freeze", prefix="")
    with pytest.raises(KerasVisionError, match="nothing is left to train"):
        train(tiny.recipe(techniques=(everything,)), tmp_path / "run")


def test_fine_tune_freezes_the_lower_stages_and_all_norms(base, tmp_path):
    after = continued(base, tmp_path / "run", (create("techniques/fine_tune", stages=1),))
    kernels = {k for k in base[1] if "_c1_" in k and k.endswith("conv/kernel:0")}
    assert len(kernels) == 3
    assert moved(base[1], after) == kernels | {"logits/kernel:0", "logits/bias:0"}


def test_fine_tune_counts_its_stages():
    arch = tiny.classifier(num_classes=10)
    with pytest.raises(KerasVisionError, match="fine_tune.stages=7, but the backbone has 2"):
        create("techniques/fine_tune", stages=7).start(arch, arch.build())
    with pytest.raises(UsageError, match=r"fine_tune.decay=-1; allowed: above 0, to 1"):
        create("techniques/fine_tune", decay=-1.0)
    filler = create("generation/partial_unet", image_size=(8, 8), depth=2)
    with pytest.raises(UsageError, match="fine_tune is for architectures with a backbone; generation/partial_unet has"):
        create("techniques/fine_tune").start(filler, filler.build())


def test_fine_tune_reaches_a_twin_alike():
    arch = tiny.classifier(num_classes=10)
    graph = create("techniques/co_teaching").graph(arch, arch.build())
    rates = create("techniques/fine_tune", decay=0.5).learning_rates(arch, graph)
    own = {name: rate for name, rate in rates.items() if not name.startswith("twin_")}
    assert {f"twin_{name}": rate for name, rate in own.items()} == {n: r for n, r in rates.items() if n not in own}
    assert own and min(own.values()) < 0.5


@pytest.mark.parametrize("optimizer", [pytest.param("sgd", marks=pytest.mark.nightly), "adamw"])
def test_fine_tune_learns_more_slowly_below(base, tmp_path, optimizer):
    """One step of SGD without momentum, or of AdamW with decay, is linear in the rate: each layer's update is its
    factor times the plain update. The stem and c0 have the stride of the image, so they are one stage, c1 the next.
    """
    rate = {"sgd": {"learning_rate": 0.05, "momentum": 0.0}, "adamw": {"learning_rate": 1e-3, "weight_decay": 5.0}}
    one_step = {
        "optimizer": create(f"optimizers/{optimizer}", schedule="constant", warmup=0.0, **rate[optimizer]),
        "batch_size": WHOLE,
    }
    plain = continued(base, tmp_path / "plain", (), **one_step)
    tune = create("techniques/fine_tune", decay=0.25, freeze_norms=False)
    tuned = continued(base, tmp_path / "tuned", (tune,), **one_step)
    seen = set()
    for name, start in base[1].items():
        if "moving" in name:
            np.testing.assert_array_equal(plain[name], tuned[name])
            continue
        factor = 1.0 if not is_backbone(name) else 0.25 if "_c1_" in name else 0.0625
        np.testing.assert_allclose(tuned[name] - start, factor * (plain[name] - start), atol=3e-7, err_msg=name)
        assert np.abs(plain[name] - start).max() > 1e-4, name
        seen.add(factor)
    assert seen == {1.0, 0.25, 0.0625}


def test_warm_start_takes_what_fits_and_leaves_another_head_fresh(base):
    keras.utils.set_random_seed(7)
    graph = tiny.classifier(num_classes=3).build()
    fresh = weights_of(graph)
    create("techniques/warm_start", run=str(base[0])).start(None, graph)
    after = weights_of(graph)
    for name in after:
        np.testing.assert_array_equal(after[name], base[1][name] if is_backbone(name) else fresh[name], err_msg=name)


def test_warm_start_from_a_stranger_is_refused(base, tmp_path):
    start = create("techniques/warm_start", run=str(base[0]))
    wider = tiny.classifier(num_classes=3, backbone=create("backbones/convnet", width=4, blocks=(0, 1)))
    with pytest.raises(KerasVisionError, match="warm_start: no layer of .* has the name and shape"):
        start.start(None, wider.build())
    with pytest.raises(KerasVisionError, match="is no finished run"):
        dataclasses.replace(start, run=str(tmp_path)).start(None, wider.build())


def test_phases_start_from_the_best_weights_of_the_one_before(tmp_path):
    """Frozen first, then all of it: the frozen phase keeps the initial backbone, the second changes it."""
    then = Phase(2, tiny.sgd(0.02), (), (create("techniques/fine_tune", freeze_norms=False),))
    recipe = tiny.recipe(techniques=(create("techniques/freeze"),), then=(then,))
    trained = train(recipe, tmp_path / "run")
    keras.utils.set_random_seed(recipe.seed)
    initial = weights_of(tiny.classifier(num_classes=10).build())
    first = tiny.weights(tmp_path / "run" / "phase-1" / "best.weights.h5", tiny.classifier(num_classes=10))
    final = weights_of(trained.graph)
    assert moved(initial, first) == {"logits/kernel:0", "logits/bias:0"}
    assert moved(first, final) == set(final)
    rows = read_history(tmp_path / "run" / "history.csv")
    assert [(r["phase"], r["epoch"]) for r in rows] == [("1", "1"), ("2", "1"), ("2", "2")]
    assert [float(r["learning_rate"]) for r in rows] == pytest.approx([0.05, 0.02, 0.02])
    best = max(float(r["validation/accuracy"]) for r in rows[1:])
    assert trained.metrics["validation/accuracy"] == pytest.approx(best)
