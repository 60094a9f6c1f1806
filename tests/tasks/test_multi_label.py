"""Five ways to several labels: what each computes, against numpy, and what it takes from its data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.sources.base import Split
from tests.contract.cases import multi_label_samples
from tests.undrawn import train

SETS = ((), (0,), (1, 2), (0, 1, 2))
LOGITS = np.float32([[2.0, -1.0, 0.5, 0.0], [0.0, 1.0, 3.0, -2.0]])


def tiny(name, **fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return create(f"classification/{name}", num_classes=3, image_size=(16, 16), backbone=backbone, **fields)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_powerset_answers_with_the_likeliest_combination_and_adds_up_its_labels():
    arch = tiny("label_powerset", label_sets=SETS)
    got = arch.decode({"logits": LOGITS}, {})
    np.testing.assert_array_equal(got["present"], [[0, 0, 0], [0, 1, 1]])
    p = softmax(LOGITS)
    expected = np.stack([p[:, 1] + p[:, 3], p[:, 2] + p[:, 3], p[:, 2] + p[:, 3]], 1)
    np.testing.assert_allclose(got["probabilities"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "nearest"), [([], 0), ([0], 1), ([2, 1], 2), ([0, 1], 3), ([1], 2)], ids=lambda v: str(v)
)
def test_powerset_learns_the_nearest_combination(labels, nearest):
    """Jaccard's index of (0, 1) is 2/3 with (0, 1, 2), 1/2 with (0,); of (1,) 1/2 with (1, 2)."""
    arch = tiny("label_powerset", label_sets=SETS)
    target = arch.encode({"labels": tf.constant(labels, tf.int32)})["logits"]
    np.testing.assert_array_equal(target, np.eye(4)[nearest])


@pytest.mark.parametrize(("labels", "nearest"), [([3], 2), ([], 2), ([2, 3], 1), ([1, 3], 2)], ids=lambda v: str(v))
def test_powerset_learns_the_combination_with_the_fewest_wrong_labels_of_equals(labels, nearest):
    """[3] and [] share nothing with any: (1,) has one wrong label, the others two. [2, 3] is nearest to (0, 2)."""
    arch = create("classification/label_powerset", num_classes=4, label_sets=((0, 1), (0, 2), (1,)))
    target = arch.encode({"labels": tf.constant(labels, tf.int32)})["logits"]
    np.testing.assert_array_equal(target, np.eye(3)[nearest])


def split_of(rows):
    records = tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=tf.TensorSpec([None], tf.int32))
    return Split(records, lambda labels: {"labels": labels}, len(rows))


def test_powerset_takes_its_combinations_from_the_training_split():
    split = split_of([[0], [0], [2, 1], [1, 2, 2], [0, 1]])
    assert tiny("label_powerset").for_data(split).label_sets == ((0,), (0, 1), (1, 2))
    assert tiny("label_powerset", fewest=2).for_data(split).label_sets == ((0,), (1, 2))
    assert tiny("label_powerset", label_sets=SETS).for_data(split).label_sets == SETS
    with pytest.raises(KerasVisionError, match="1 combinations of labels with fewest=2"):
        tiny("label_powerset", fewest=2).for_data(split_of([[0], [0], [1]]))
    with pytest.raises(KerasVisionError, match="takes from its data"):
        tiny("label_powerset").build()
    with pytest.raises(UsageError, match="no thresholds"):
        tiny("label_powerset", thresholds=(0.5, 0.5, 0.5))
    with pytest.raises(UsageError, match="name class 3"):
        tiny("label_powerset", label_sets=((3,), (0,)))


def test_powerset_trains_and_is_resumed_with_its_combinations(tmp_path):
    rows = ["file,labels,split"]
    for number, sample in enumerate(multi_label_samples()):
        Image.fromarray(sample["image"]).save(tmp_path / f"{number}.png")
        labels = ";".join("abcd"[k] for k in sample["labels"])
        rows.append(f"{number}.png,{labels},train")
    (tmp_path / "data.csv").write_text("\n".join(rows))
    data = create("sources/manifest", path=str(tmp_path / "data.csv"), validation_fraction=0.0, test_fraction=0.0)
    model = dataclasses.replace(tiny("label_powerset"), num_classes=0)
    recipe = Recipe(name="sets", model=model, data=data, epochs=1, batch_size=8, validation_fraction=0.0)
    trained = train(recipe, tmp_path / "run")
    seen = {tuple(sorted({int(k) for k in s["labels"]})) for s in multi_label_samples()}
    assert trained.arch.label_sets == tuple(sorted(seen))
    again = train(recipe, tmp_path / "run", resume=True)
    assert again.arch == trained.arch and again.metrics == trained.metrics


def test_a_chain_tells_each_link_what_the_links_before_it_said():
    arch = tiny("classifier_chain", chains=2, order_seed=3)
    graph = arch.build()
    image = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    found = graph({"image": image})["logits"].numpy()
    vector = keras.Model(graph.input, graph.get_layer("pool").output)({"image": image}).numpy()
    for number, order in enumerate(arch.orders()):
        seen, expected = vector, np.zeros([2, 3], np.float32)
        for place, label in enumerate(order):
            kernel, bias = graph.get_layer(f"chain{number}_{place}").get_weights()
            expected[:, label] = (seen @ kernel + bias)[:, 0]
            seen = np.concatenate([seen, sigmoid(expected[:, label : label + 1])], 1)
        np.testing.assert_allclose(found[:, number], expected, atol=1e-5)
    assert list(arch.orders()[0]) == [0, 1, 2] and sorted(arch.orders()[1]) == [0, 1, 2]
    got = arch.decode({"logits": tf.constant(found)}, {})
    np.testing.assert_allclose(got["probabilities"], sigmoid(found).mean(1), atol=1e-6)


def test_label_attention_is_the_paper_s():
    """arXiv:2108.02456, equations 2 to 5, position by position."""
    arch = tiny("label_attention", temperature=3.0, share=0.4)
    graph = arch.build()
    image = np.random.default_rng(1).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    scores = keras.Model(graph.input, graph.get_layer("scores").output)({"image": image}).numpy().reshape(2, -1, 3)
    weights = softmax(3.0 * scores, 1)
    expected = scores.mean(1) + 0.4 * (weights * scores).sum(1)
    np.testing.assert_allclose(graph({"image": image})["logits"], expected, atol=1e-5)


def test_label_embedding_has_low_rank():
    graph = tiny("label_embedding", rank=2).build()
    product = graph.get_layer("embedding").get_weights()[0] @ graph.get_layer("logits").get_weights()[0]
    assert np.linalg.matrix_rank(product) == 2 and product.shape[1] == 3


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("label_embedding", {"rank": 0}),
        ("classifier_chain", {"chains": 0}),
        ("label_attention", {"temperature": 0.0}),
        ("label_powerset", {"fewest": 0}),
    ],
)
def test_fields_that_make_no_sense_are_refused(name, fields):
    with pytest.raises(UsageError, match="allowed: "):
        tiny(name, **fields)
