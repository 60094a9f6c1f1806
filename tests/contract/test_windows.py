"""Segmenting images and volumes larger than the graph: windows against one graph as large as the image."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.inference.served import Served
from kerasvision.ops.dense import IGNORE
from kerasvision.train.run import load_run
from tests import store
from tests.contract import brief

SEAM = 1e-3


# volumes in windows, of the run and of its files, by default: tests/cli/test_predict_volumes.py
@pytest.fixture(
    scope="module",
    params=["semantic_segmentation/unet", pytest.param("volume_segmentation/unet3d", marks=pytest.mark.nightly)],
)
def trained(request):
    """(case, run) as test_exports.py exports it; of a depth at which a window sees enough around its center."""
    return brief.case_of(request.param), load_run(store.trained(brief.recipe_of(request.param)))


def larger(case, times):
    """Serving inputs: samples side by side along the last axis, and the second-last."""
    samples = case.samples()
    key = next(iter(samples[0].keys() & {"image", "volume"}))
    rows = [np.concatenate([samples[(r + c) % len(samples)][key] for c in range(times)], -2) for r in range(times)]
    inputs = {key: np.concatenate(rows, -3)[None]}
    if key == "volume":
        inputs["spacing_mm"] = samples[0]["spacing_mm"][None]
    return inputs


def served(trained, **fields):
    arch = dataclasses.replace(trained.arch, **fields)
    return Served(arch, trained.graph, trained.classes)


def as_large(trained, inputs):
    """The same weights in a graph as large as the input: one window."""
    (key,) = trained.arch.prepared_inputs()
    size = inputs[key].shape[1:-1]
    fields = {"image_size": size, "resize": "windows"} if key == "image" else {"volume_size": size}
    arch = dataclasses.replace(trained.arch, **fields)
    graph = arch.build()
    graph.set_weights(trained.graph.get_weights())
    return Served(arch, graph, trained.classes)


def probabilities(held, inputs):
    """[B, ..., K] over the whole input, before it is made a mask."""
    arch = held.arch
    prepared, _ = arch.geometry({k: tf.constant(v) for k, v in inputs.items()})
    (key,) = prepared

    def ask(tile):
        return held._run_graph({key: tile}, lambda raw: arch.decode(raw, {}))["probabilities"]

    return tf.function(lambda x: arch._blended(ask, x))(prepared[key]).numpy()


def test_windows_agree_with_the_whole_image(trained):
    """Where a window and the whole differ, zeros beyond the window's border are in its answer: in windows so large that
    these hardly reach the middle half of them, half of which overlap.
    """
    case, run = trained
    (key,) = run.arch.prepared_inputs()
    times, name, fields = {"image": (4, "image_size", {"resize": "windows"}), "volume": (8, "volume_size", {})}[key]
    inputs = larger(case, 2 * times)
    size = (*run.arch.size[:-2], *(times * side for side in run.arch.size[-2:]))
    whole = probabilities(as_large(run, inputs), inputs)
    apart = {}
    for overlap in (0.0, 0.5):
        arch = dataclasses.replace(run.arch, overlap=overlap, **{name: size}, **fields)
        graph = arch.build()
        graph.set_weights(run.graph.get_weights())
        apart[overlap] = np.abs(probabilities(Served(arch, graph, run.classes), inputs) - whole).max()
    assert apart[0.5] < SEAM < apart[0.0]


def test_an_image_of_the_graphs_size_is_one_window(trained):
    case, run = trained
    sample = case.samples()[0]
    inputs = {k: v[None] for k, v in run.arch.inputs_of(sample).items()}
    fields = {"resize": "windows"} if "image" in inputs else {}
    one = served(run, **fields).serve(inputs)
    plain = as_large(run, inputs).serve(inputs)
    np.testing.assert_array_equal(one["mask"], plain["mask"])
    np.testing.assert_allclose(one["confidence"], plain["confidence"], atol=1e-6)


def test_the_contract_says_what_a_client_owes_around_a_file(trained):
    _, run = trained
    fields = {"resize": "windows"} if "image" in run.arch.serving_inputs() else {}
    told = dataclasses.replace(run.arch, overlap=0.25, flips=(0,), **fields).preprocessing()
    assert told["windows"]["size"] == list(run.arch.size) and told["windows"]["overlap"] == 0.25
    assert told["mirrored_axes"] == [[], [0]]
    assert "mirrored_axes" not in run.arch.preprocessing()


def test_masks_are_of_the_inputs_size_also_below_the_graphs(trained):
    case, run = trained
    small = {k: v[:, 1:6, 2:9] if v.ndim > 2 else v for k, v in larger(case, 1).items()}
    fields = {"resize": "windows"} if "image" in small else {}
    answer = served(run, **fields).serve(small)
    shape = next(v.shape[:-1] for v in small.values() if v.ndim > 2)
    assert answer["mask"].shape == shape
    assert not (answer["mask"].numpy() == IGNORE).any()


def test_encoded_images_of_one_request_have_one_size(trained):
    case, run = trained
    if "image" not in case.samples()[0]:
        pytest.skip("volumes are not served as encoded images")
    serve = served(run, resize="windows").serve_bytes()
    pixels = np.asarray(larger(case, 1)["image"][0])
    large, small = (tf.io.encode_png(part) for part in (pixels, pixels[:-3]))
    assert serve({"image_bytes": tf.stack([large, large])})["mask"].shape == (2, *pixels.shape[:2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="images of one request must be of one size"):
        serve({"image_bytes": tf.stack([large, small])})


def test_test_time_augmentation_averages_over_mirror_images(trained):
    case, run = trained
    inputs = larger(case, 1)
    fields = {"resize": "windows"} if "image" in inputs else {}
    (key,) = run.arch.prepared_inputs()
    axis = len(run.arch.size) - 1
    plain = served(run, **fields)
    mirrored = inputs | {key: inputs[key][..., ::-1, :]}
    expected = (probabilities(plain, inputs) + probabilities(plain, mirrored)[..., ::-1, :]) / 2
    found = probabilities(served(run, flips=(axis,), **fields), inputs)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("fields", [{"overlap": 1.0}, {"overlap": -0.1}, {"flips": (2,)}, {"flips": (0, 0)}])
def test_settings_beyond_what_is_possible_are_refused(fields):
    with pytest.raises(UsageError, match="allowed"):
        create("semantic_segmentation/unet", **fields)


def test_training_in_windows_takes_a_window_of_each_sample(trained):
    """Centered where no augmentation has cut one; what lies beyond a smaller sample is not annotated."""
    case, run = trained
    opened = run.recipe.data.open()
    fields = {"resize": "windows"} if "image" in case.samples()[0] else {}
    sides = tuple(side * 2 for side in run.arch.size)
    half = tuple(side // 2 for side in run.arch.size)
    for size in (sides, half):
        name = "image_size" if fields else "volume_size"
        arch = dataclasses.replace(run.arch, **{name: size}, **fields)
        data = training_data(opened.splits["train"], arch, run.recipe.phases()[0], batch_size=2, seed=0)
        inputs, targets = next(iter(data))
        assert targets["logits"].shape == (2, *size, run.arch.num_classes)
        assert next(iter(inputs.values())).shape[1:-1] == size
        ignored = (targets["logits"].numpy() == 0).all(-1).mean()
        assert (ignored > 0.5) == (size == sides)
