"""A backbone that has learned without labels in a classifier, a detector and a segmenter: by the names of layers."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.train.run import Trained, save_run

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1, 1), stem_stride=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder, graph) of a run without labels, whose weights and statistics are all drawn."""
    folder = tmp_path_factory.mktemp("without_labels")
    model = create("self_supervised/vicreg", image_size=(16, 16), backbone=BACKBONE, projector=(8, 8))
    graph, rng = model.build(), np.random.default_rng(0)
    graph.set_weights([rng.uniform(0.1, 1, w.shape).astype(np.float32) for w in graph.get_weights()])
    recipe = Recipe(name="views", model=model, data=create("sources/digits"))
    save_run(Trained(recipe, graph, (), {}, folder))
    return folder, graph


def started(run, name, **fields):
    """The graph of an architecture after the warm start."""
    keras.utils.set_random_seed(1)
    arch = create(name, **({"image_size": (32, 32), "backbone": BACKBONE} | fields))
    graph = arch.build()
    create("techniques/warm_start", run=str(run[0])).start(arch, graph)
    return graph


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("classification/classifier", {"num_classes": 3}),
        ("detection/retinanet", {"num_classes": 3, "image_size": (64, 64), "neck": create("necks/fpn", width=8)}),
        ("semantic_segmentation/unet", {"num_classes": 3}),
        ("embedding/pairs", {"dimension": 4}),
    ],
)
def test_every_layer_of_the_backbone_is_taken_with_its_statistics(run, name, fields, capsys):
    graph = started(run, name, **fields)
    layers = [layer for layer in graph.layers if layer.name.startswith("backbone_") and layer.weights]
    assert len(layers) > 10
    for layer in layers:
        for found, held in zip(layer.get_weights(), run[1].get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(found, held, err_msg=layer.name)
    said = capsys.readouterr().err
    fresh = [layer.name for layer in graph.layers if layer.weights and not layer.name.startswith("backbone_")]
    assert f"{len(layers)} layers taken" in said and fresh[0] in said.partition("fresh: ")[2]


def test_less_than_half_of_a_backbone_is_refused_and_more_is_not(run):
    """One more level on top of three; and four blocks in place of one, of which one is there."""
    deeper = dataclasses.replace(BACKBONE, blocks=(1, 1, 1, 1))
    assert started(run, "classification/classifier", num_classes=3, backbone=deeper)
    deepest = dataclasses.replace(BACKBONE, blocks=(1, 4, 4, 4))
    with pytest.raises(KerasVisionError, match=r"\d+ of \d+ layers of this model's backbone.*the same backbone"):
        started(run, "classification/classifier", num_classes=3, backbone=deepest)
    with pytest.raises(KerasVisionError, match="no layer of"):
        started(run, "classification/classifier", num_classes=3, backbone=dataclasses.replace(BACKBONE, width=8))
