"""An evaluator that searches a gallery: the gallery stays whole, and its queries are what is folded."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import KNeighborsClassifier

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources.base import Split
from kerasvision.inference.evaluation import evaluator_of, gallery_of, show_gallery
from kerasvision.inference.folds import FOLDS, fold_metrics
from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.metrics.classification import SingleLabel
from tests.train import tiny

NEIGHBORS = 5
RNG = np.random.default_rng(2)


class Nearest(Evaluator):
    """The part of queries whose class is that of most of their nearest neighbors in the training split."""

    gallery = "train"

    def __init__(self):
        self._gallery, self._queries = [], []

    @property
    def directions(self):
        return {"nearest": "max", "size": "none"}

    def see_gallery(self, prediction, ground_truth):
        self._gallery.append((prediction["embedding"], ground_truth["label"]))

    def update(self, prediction, ground_truth):
        self._queries.append((prediction["embedding"], ground_truth["label"]))

    def figures(self, examples=None):
        held, classes = (np.concatenate(part) for part in zip(*self._gallery, strict=True))
        asked, truth = (chosen(part, examples) for part in zip(*self._queries, strict=True))
        near = np.argsort(np.linalg.norm(asked[:, None] - held, axis=-1), 1, kind="stable")[:, :NEIGHBORS]
        votes = np.array([np.bincount(row).argmax() for row in classes[near]])
        return {"nearest": lambda: float((votes == truth).mean()), "size": lambda: float(len(held))}


def points(count):
    labels = RNG.integers(0, 3, count)
    return {"embedding": labels[:, None] + RNG.normal(0, 0.7, (count, 2))}, {"label": labels}


def batches(part, size):
    return [tuple({k: v[i : i + size] for k, v in rows.items()} for rows in part) for i in range(0, 100, size)]


@pytest.fixture(scope="module")
def judge():
    """(evaluator, its gallery, its queries, those of scikit-learn that are right [100])."""
    evaluator, gallery, queries = Nearest(), points(100), points(100)
    for batch in batches(gallery, 40):
        evaluator.see_gallery(*batch)
    for batch in batches(queries, 30):
        evaluator.update(*batch)
    known = KNeighborsClassifier(NEIGHBORS).fit(gallery[0]["embedding"], gallery[1]["label"])
    return evaluator, known.predict(queries[0]["embedding"]) == queries[1]["label"]


def test_it_is_scikit_learn_s_and_its_folds_leave_out_queries_alone(judge):
    evaluator, right = judge
    assert 0.5 < right.mean() < 1
    assert evaluator.result() == {"nearest": pytest.approx(right.mean()), "size": 100.0}
    fold = np.arange(100) % FOLDS
    expected = [right[fold != k].mean() for k in range(FOLDS)]
    assert fold_metrics(evaluator, "nearest", 100) == pytest.approx(expected)
    assert set(fold_metrics(evaluator, "size", 100)) == {100.0}


def test_folds_leave_out_whole_groups_of_queries(judge):
    evaluator, right = judge
    persons = np.arange(100) // 3  # 34, more than folds, side by side
    few = np.arange(100) // 20  # five
    for groups, count in ((persons, FOLDS), (few, 5)):
        evaluator.split_groups = tuple(groups)
        expected = [right[groups % FOLDS != k].mean() for k in range(count)]
        assert fold_metrics(evaluator, "nearest", 100) == pytest.approx(expected)
    evaluator.split_groups = (7,) * 100  # one says nothing of others
    assert len(fold_metrics(evaluator, "nearest", 100)) == FOLDS
    evaluator.split_groups = ()


def split(labels):
    images = np.repeat(np.uint8(labels)[:, None, None, None], 3, 3) * np.ones((1, 8, 8, 1), np.uint8)
    records = tf.data.Dataset.from_tensor_slices({"image": images, "label": np.int32(labels)})
    return Split(records, lambda record: record, len(labels), groups=tuple(range(len(labels))))


def test_a_gallery_is_the_split_of_its_name_and_each_picture_is_answered_once():
    splits, asked = {"train": split([0, 1, 2, 1]), "test": split([2])}, []

    def answer(inputs):
        asked.extend(inputs["image"][:, 0, 0, 0].tolist())
        return {"embedding": inputs["image"][:, 0, 0, :2].astype(float)}

    both = [Nearest(), Nearest()]
    show_gallery(answer, both, gallery_of(both[0], splits), tiny.classifier(num_classes=3))
    assert asked == [0, 1, 2, 1]
    for evaluator in both:
        evaluator.update({"embedding": np.array([[1.0, 1.0]])}, {"label": np.array([1])})
        assert evaluator.result()["size"] == 4
    with pytest.raises(KerasVisionError, match="Nearest compares with the split 'train', and the data has test"):
        gallery_of(Nearest(), {"test": splits["test"]})
    plain = evaluator_of(tiny.classifier(num_classes=3), tuple("abc"), splits["train"])
    assert isinstance(plain, SingleLabel) and plain.groups == (0, 1, 2, 3)
    assert gallery_of(plain, splits) is None
    assert gallery_of(Nearest(), splits, "test") is splits["train"]
    assert gallery_of(Nearest(), splits, "train") is None, "what is judged is no gallery beside itself"
    show_gallery(answer, [plain], None, None)
    assert len(asked) == 4


def test_a_gallery_that_is_named_must_be_taken():
    class Forgetful(Nearest):
        see_gallery = Evaluator.see_gallery

    with pytest.raises(NotImplementedError, match="Forgetful names the gallery 'train' and takes none"):
        Forgetful().see_gallery({}, {})
