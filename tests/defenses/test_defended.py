"""A backbone behind defenses: what clients prepare, every file, the file's twin, attacks that see through."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Normalization
from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures, backbones, create
from kerasvision.explain.base import Explainable
from kerasvision.layers.defended import Defended
from kerasvision.robustness import masking
from kerasvision.robustness.attacks.classifier import Classifier
from kerasvision.train.techniques.qat import QAT
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.export.random_models import randomized

SQUEEZED = ("bit_depth", "median", "cosine")
SMALL = {"width": 8, "blocks": (1, 1)}


def defended(*names, **fields):
    held = tuple(create(f"defenses/{n}", **fields.get(n, {})) for n in names)
    return create("backbones/defended", inner=create("backbones/convnet", **SMALL), defenses=held)


def classifier(backbone, size=(8, 8), classes=10):
    return create("classification/classifier", image_size=size, backbone=backbone, num_classes=classes)


def test_what_clients_prepare_stays_as_it_was():
    plain, behind = classifier(create("backbones/convnet", **SMALL)), classifier(defended(*SQUEEZED))
    assert behind.preprocessing() == plain.preprocessing() and not behind.prepared_unlike(plain)
    pixels = {"image": tf.constant(np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)), tf.uint8)}
    np.testing.assert_array_equal(behind.normalize(pixels)["image"], plain.normalize(pixels)["image"])
    assert from_json(to_json(behind)) == behind


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_the_network_sees_what_the_defense_makes_of_pixels(channels):
    """Whatever the normalization, and in the order of its channels."""
    layer = Defended(
        (create("defenses/bit_depth", bits=1),), (10.0, 20.0, 30.0)[:: 1 if channels == "rgb" else -1], (2.0, 4.0, 8.0)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    mean, std = layer.mean, layer.std
    found = layer(tf.constant((pixels - mean) / std)).numpy() * std + mean
    np.testing.assert_allclose(found, np.where(pixels > 127.5, 255, 0), atol=1e-3)
    again = Defended.from_config(layer.get_config())
    assert again.defenses == layer.defenses and (again.mean == mean).all()


def test_of_weights_in_bgr_the_mean_of_blue_comes_first(monkeypatch):
    held = Normalization((10.0, 20.0, 30.0), (1.0, 2.0, 3.0), "bgr")
    monkeypatch.setattr(backbones["convnet"], "normalization", held)
    image = keras.Input((16, 16, 3))
    layer = keras.Model(image, defended("bit_depth")(image)).get_layer("backbone_defense")
    assert layer.mean.tolist() == [30, 20, 10] and layer.std.tolist() == [3, 2, 1]


def test_training_with_rounding_leaves_defenses_in_the_graph():
    """What is quantized there are the ranges around them."""
    arch = classifier(defended(*SQUEEZED))
    quantized = QAT().graph(arch, contracts.built(arch))
    assert any(isinstance(getattr(layer, "layer", layer), Defended) for layer in quantized.layers)
    found = quantized(tf.zeros([2, 8, 8, 3]), training=True)["logits"]
    assert np.isfinite(found).all()


def asked(*names, **fields):
    """What the honesty check says of a network of random weights behind defenses, on its own answers: of logits that
    lie about one apart, as those of trained ones do, and whose mean is 0, so that there are several answers.
    """
    arch = classifier(defended(*names, **fields), (8, 8), 3)
    graph = randomized(contracts.built(arch), 1)
    model = Classifier(arch, Explainable(arch, graph, ("a", "b", "c")))
    images = np.random.default_rng(2).integers(0, 256, (24, 8, 8, 3)).astype(np.uint8)
    logits, (kernel, bias) = model.logits(images / np.float32(255)).numpy(), graph.get_layer("logits").get_weights()
    spread = logits.std()
    graph.get_layer("logits").set_weights([kernel / spread, (bias - logits.mean(0)) / spread])
    return masking.judged(model, images, model.decided(images / np.float32(255)), 16 / 255)


def test_attacks_see_through_what_rounds_unless_its_derivative_is_hidden():
    """Asked rightly, the hidden one falls as the open one does."""
    through = asked("bit_depth", "cosine")
    fields = {name: {"straight_through": False} for name in ("bit_depth", "cosine")}
    hidden = asked("bit_depth", "cosine", **fields)
    raised = [{flag.name for flag in found["flags"] if flag.raised} for found in (through, hidden)]
    assert not {"steps", "zeros"} & raised[0] and {"steps", "zeros"} <= raised[1]
    assert through["robust"] < 0.5 < hidden["robust"]
    assert hidden["again"] <= through["robust"] + 0.1


def test_a_choice_by_pixels_is_said_and_averaged_over():
    found = asked("resize_pad")
    says = {flag.name: flag for flag in found["flags"]}
    assert says["steps"].raised and "Cast" in says["steps"].says
    assert not says["draws"].raised, "the same picture is always placed alike"
    assert found["again"] <= found["robust"] + 0.1


def test_weights_of_the_inner_backbone_fit(tmp_path):
    from kerasvision.backbones import weights

    image = keras.Input((16, 16, 3))
    plain = backbones["convnet"](**SMALL)
    first = keras.Model(image, plain(image))
    weights.save(first, tmp_path / "plain.weights.h5")
    behind = create(
        "backbones/defended", inner=create("backbones/convnet", **SMALL, weights=str(tmp_path / "plain.weights.h5"))
    )
    second = keras.Model(image, behind(image))
    behind.load(second)
    for mine, theirs in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_half_precision_leaves_pixels_whole():
    """Defenses work in float32 under a mixed policy: 8 bits of a bfloat16 would not hold a pixel."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        image = keras.Input((16, 16, 3))
        graph = keras.Model(image, defended("bit_depth")(image))
        layer = graph.get_layer("backbone_defense")
        assert layer.compute_dtype == "float32" and graph.get_layer("backbone_stem_conv").compute_dtype == "bfloat16"
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), r"defended.defenses=\(\); give one or more"),
        (("cosine", "bit_depth"), "bit_depth rounds what defenses/cosine has made"),
        (("resize_pad", "median", "cosine"), "cosine rounds what defenses/resize_pad has made"),
    ],
)
def test_what_runtimes_would_not_do_alike_is_refused(names, says):
    with pytest.raises(UsageError, match=says):
        defended(*names)
    defended("bit_depth", "median", "cosine", "median")


WITH_PLACES = {"mask", "boxes_xyxy", "box_xyxy", "quads_xy"}  # of what is annotated
WITH_BACKBONE = [
    name
    for name in CASES
    if not name.startswith("toys/") and "backbone" in {f.name for f in dataclasses.fields(architectures[name])}
]


@pytest.mark.parametrize("name", WITH_BACKBONE)
def test_what_says_where_something_is_stands_behind_nothing_that_moves_it(name):
    """And everything else does, behind a nest of backbones too; what only squeezes pixels stands before all."""
    arch = CASES[name].make()
    still, moving = defended("median"), defended("bit_depth", "resize_pad")
    assert dataclasses.replace(arch, backbone=still).backbone == still
    for backbone in (moving, dataclasses.replace(still, inner=moving)):
        if not WITH_PLACES & set(arch.label_keys):
            assert dataclasses.replace(arch, backbone=backbone).backbone.moves == ("defenses/resize_pad",)
            continue
        with pytest.raises(UsageError, match=f"{name} says where something is, and defenses/resize_pad moves") as error:
            dataclasses.replace(arch, backbone=backbone)
        assert "\n" not in str(error.value)
