"""What `embedding/pretrained` takes from the training split, against scikit-learn's principal components."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase, Recipe
from kerasvision.core.registry import create
from kerasvision.tasks.embedding.pretrained import Moments

RNG = np.random.default_rng(5)
VECTORS = RNG.normal(size=(60, 7)) @ RNG.normal(size=(7, 7)) + 3.0


def moments():
    held = Moments(7)
    for part in np.array_split(VECTORS, 4):
        held.add(np.float32(part))
    return held


@pytest.mark.parametrize("most", [3, 7])
@pytest.mark.parametrize("whiten", [False, True])
def test_directions_are_the_principal_components(most, whiten):
    held = moments()
    found = (VECTORS - held.mean) @ held.directions(most, whiten, 0.0)
    expected = PCA(most, whiten=whiten).fit_transform(VECTORS)
    expected *= np.sqrt(60 / 59) if whiten else 1.0  # its variances are divided by N - 1
    signs = np.sign((found * expected).sum(0))
    np.testing.assert_allclose(found, signs * expected, rtol=1e-4, atol=1e-5)
    assert (
        held.directions(most, False, 0.0)[np.abs(held.directions(most, False, 0.0)).argmax(0), range(most)] > 0
    ).all()


def test_shrunk_variances_go_to_their_mean():
    held = moments()
    along = (VECTORS - held.mean) @ held.directions(7, False, 0.0)
    whole = (VECTORS - held.mean) @ held.directions(7, True, 1.0)
    np.testing.assert_allclose(whole, along / np.sqrt(along.var(0).mean()), rtol=1e-4, atol=1e-6)


def test_fewer_pictures_than_directions_still_give_directions():
    held = Moments(7)
    held.add(VECTORS[:3])
    found = held.directions(7, True, 0.1)
    assert np.isfinite(found).all() and np.linalg.matrix_rank(found) == 7


def arch(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    fields = {"dimension": 5, "image_size": (16, 16), "backbone": backbone} | fields
    return create("embedding/pretrained", **fields)


def test_a_filled_graph_gives_centered_vectors():
    embedder, images = arch(whitening="whiten", shrinkage=0.0), RNG.integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    graph = embedder.build()
    batches = [({"image": tf.constant(part)}, {}) for part in np.array_split(images, 3)]
    assert embedder.fill(graph, batches) is embedder
    raw = graph(embedder.normalize({"image": tf.constant(images)}), training=False)["embedding"].numpy()
    np.testing.assert_allclose(raw.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(raw.T, bias=True), np.eye(5), atol=2e-2)


def test_what_means_nothing_is_one_line():
    with pytest.raises(UsageError, match="model.shrinkage=1.5; allowed: 0 to 1"):
        arch(shrinkage=1.5)
    wide = arch(dimension=9)
    with pytest.raises(UsageError, match="model.dimension=9, and the backbone has 8 channels; allowed: 2 to 8"):
        wide.fill(wide.build(), [])
    with pytest.raises(KerasVisionError, match="numbers that are not finite"):
        moments().add(np.full((1, 7), np.nan))


def test_no_epochs_are_for_what_needs_none():
    held = Recipe(name="a", model=arch(), data=create("sources/digits"), epochs=0)
    assert Recipe.loads(held.dumps()) == held
    with pytest.raises(UsageError, match="Recipe.epochs: got 0; allowed: 1 or more"):
        Recipe(name="a", model=create("embedding/pairs"), data=create("sources/digits"), epochs=0)
    with pytest.raises(UsageError, match="Recipe.epochs: got 0; allowed: 1 or more, where phases follow"):
        Recipe(name="a", model=arch(), data=held.data, epochs=0, then=(Phase(1, create("optimizers/sgd")),))
