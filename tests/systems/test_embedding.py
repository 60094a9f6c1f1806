"""What stands for an example in an ensemble."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.systems.ensemble import Ensemble
from kerasvision.systems.joining import merged
from tests.contract import contracts
from tests.train import tiny


@pytest.mark.parametrize("stacked", [False, True])
def test_the_embedding_is_that_of_the_members_side_by_side(stacked):
    """Of two networks of widths 8 and 4, whose last levels have 16 and 8 channels."""
    narrow = create("backbones/convnet", width=4, blocks=(1, 1))
    members = tiny.classifier(num_classes=3), tiny.classifier(num_classes=3, backbone=narrow)
    graphs = [contracts.built(member, seed) for seed, member in enumerate(members)]
    arch = Ensemble(members, stacked=stacked)
    graph = merged(arch, graphs)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    inputs = arch.normalize({"image": tf.constant(images)})
    own = [g.get_layer("pool").output for g in graphs]
    wanted = [keras.Model(g.input, pooled)(inputs) for g, pooled in zip(graphs, own, strict=True)]
    found = keras.Model(graph.input, arch.embedding(graph))(inputs)
    assert found.shape == (5, 24)
    np.testing.assert_allclose(found, np.concatenate(wanted, 1), rtol=1e-5, atol=1e-6)
