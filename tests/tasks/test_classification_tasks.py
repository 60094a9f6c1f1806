"""Classification's own decisions: smoothing, thresholds, JSON, and the errors of a wrong number of classes."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.tasks.classification.classifier import Classifier
from kerasvision.tasks.classification.label_powerset import LabelPowerset
from kerasvision.tasks.classification.multi_label import MultiLabelClassifier

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu")


def tiny(name, **fields):
    return create(name, num_classes=7, image_size=(16, 16), backbone=create("backbones/convnet", width=4), **fields)


@pytest.fixture
def classifier():
    return tiny("classification/classifier")


@pytest.fixture
def multi_label():
    return tiny("classification/multi_label")


LOGITS = np.random.default_rng(0).normal(0, 3, (5, 7)).astype(np.float32)


def test_decode_is_softmax_or_sigmoid(classifier, multi_label):
    got = classifier.decode({"logits": LOGITS}, {})["probabilities"]
    np.testing.assert_allclose(got, softmax(LOGITS, 1), atol=1e-6)
    got = multi_label.decode({"logits": LOGITS}, {})
    np.testing.assert_allclose(got["probabilities"], expit(LOGITS), atol=1e-6)
    np.testing.assert_array_equal(got["present"], LOGITS >= 0)


def test_each_class_has_its_own_threshold(multi_label):
    cuts = (0.1, 0.9, 0.5, 0.3, 0.7, 0.2, 0.6)
    got = dataclasses.replace(multi_label, thresholds=cuts).decode({"logits": LOGITS}, {})
    np.testing.assert_array_equal(got["present"], expit(LOGITS) >= cuts)
    assert got["present"].numpy().tolist() != (LOGITS >= 0).tolist()


def test_tuning_finds_thresholds_and_keeps_all_else(multi_label):
    rng = np.random.default_rng(1)
    ground_truth = (rng.uniform(size=(200, 7)) < 0.3).astype(np.int32)
    probabilities = np.clip(0.05 + 0.1 * ground_truth + rng.uniform(0, 0.04, ground_truth.shape), 0, 1).astype(
        np.float32
    )
    tuned = multi_label.tune({"probabilities": probabilities}, {"present": ground_truth})
    assert all(0.09 < t < 0.15 for t in tuned.thresholds)
    assert dataclasses.replace(tuned, thresholds=()) == multi_label
    logits = np.log(probabilities / (1 - probabilities))
    np.testing.assert_array_equal(tuned.decode({"logits": logits}, {})["present"], ground_truth)


def test_a_classifier_has_nothing_to_tune(classifier):
    assert classifier.tune({"probabilities": LOGITS}, {"label": np.zeros(5)}) is classifier


def test_class_factors_scale_probabilities(classifier):
    factors = (1.0, 0.5, 0.1, 1.0, 0.25, 1.0, 0.01)
    got = dataclasses.replace(classifier, class_factors=factors).decode({"logits": LOGITS}, {})["probabilities"]
    scaled = softmax(LOGITS.astype(float), 1) * factors
    np.testing.assert_allclose(got, scaled / scaled.sum(1, keepdims=True), atol=1e-6)


def test_tuning_moves_the_answer_towards_rare_classes(classifier):
    """Class 6 is rare and never wins; factors are chosen, kept exactly, and tuning again has nothing to gain."""
    rng = np.random.default_rng(2)
    labels = np.concatenate([np.arange(300) % 6, np.full(6, 6)])
    logits = rng.normal(0, 0.3, (306, 7)) + 3 * np.eye(7)[labels] - [0, 0, 0, 0, 0, 0, 4]
    for wish in ("balanced_accuracy", "accuracy"):
        asked = dataclasses.replace(classifier, tune_for=wish)
        assert asked.tunes and not classifier.tunes
        before = asked.decode({"logits": logits}, {})["probabilities"].numpy()
        tuned = asked.tune({"probabilities": before}, {"label": labels})
        after = tuned.decode({"logits": logits}, {})["probabilities"].numpy()
        recall = [(p.argmax(1) == labels)[labels == 6].mean() for p in (before, after)]
        assert recall[0] < 0.5 and recall[1] > 0.8
        assert dataclasses.replace(tuned, class_factors=()) == asked
        assert tuned.tune({"probabilities": after}, {"label": labels}) == tuned


def test_class_factors_must_fit_the_classes():
    with pytest.raises(UsageError, match="class_factors has 2 values for 3 classes"):
        Classifier(num_classes=3, class_factors=(0.5, 0.5))
    with pytest.raises(UsageError, match="allowed: numbers above 0"):
        Classifier(class_factors=(0.5, 0.0))


def test_labels_that_are_named_twice_count_once(multi_label):
    sample = {"labels": tf.constant([2, 5, 2])}
    expected = [0, 0, 1, 0, 0, 1, 0]
    np.testing.assert_array_equal(multi_label.encode(sample)["logits"], expected)
    np.testing.assert_array_equal(multi_label.ground_truth(sample)["present"], expected)
    np.testing.assert_array_equal(multi_label.encode({"labels": tf.zeros([0], tf.int32)})["logits"], np.zeros(7))


def test_smoothing_is_a_part_of_the_loss_alone(classifier):
    """Targets stay one-hot, for mixup and for the oracle; the loss smooths them."""
    smooth = dataclasses.replace(classifier, label_smoothing=0.2)
    targets = smooth.encode({"label": tf.constant(3)})
    np.testing.assert_array_equal(targets["logits"], np.eye(7)[3])
    raw, batch = {"logits": LOGITS[:1]}, {"logits": targets["logits"][None]}
    log_p = np.log(softmax(LOGITS[0].astype(float)))
    expected = -(0.8 * log_p[3] + 0.2 * log_p.mean())
    assert float(smooth.loss(batch, raw)["cross_entropy"][0]) == pytest.approx(expected, rel=1e-5)
    assert float(classifier.loss(batch, raw)["cross_entropy"][0]) == pytest.approx(-log_p[3], rel=1e-5)


def test_comparison_sees_the_largest_error_and_a_changed_decision(classifier, multi_label):
    a = {"probabilities": np.array([[0.6, 0.4], [0.51, 0.49]], np.float32)}
    b = {"probabilities": np.array([[0.7, 0.3], [0.49, 0.51]], np.float32)}
    error, flip = classifier.compare(a, b)
    np.testing.assert_allclose(error, [0.1, 0.02], atol=1e-6)
    assert flip.tolist() == [False, True]
    a, b = a | {"present": np.array([[1, 0], [1, 0]])}, b | {"present": np.array([[1, 1], [1, 0]])}
    two_labels = dataclasses.replace(multi_label, num_classes=2, thresholds=(0.5, 0.45))
    assert two_labels.compare(a, b)[1].tolist() == [True, False]
    # the same probabilities, and other labels present: as far off as the label is from its threshold
    error, flip = two_labels.compare(a, a | {"present": np.array([[1, 0], [0, 0]])})
    np.testing.assert_allclose(error, [0.0, 0.01], atol=1e-6)
    assert flip.tolist() == [False, True]


def test_json_of_an_answer(classifier, multi_label):
    scores = np.array([0.1, 0.05, 0.3, 0.25, 0.05, 0.2, 0.05], np.float32)
    top = classifier.describe({"probabilities": scores}, CLASSES)["top"]
    assert [r["label"] for r in top] == ["cat", "dog", "fox", "ant", "bee"]  # equal scores in the order of the classes
    assert top[0] == {"label": "cat", "index": 2, "score": 0.3}
    present = np.array([1, 0, 0, 1, 0, 0, 0])
    labels = multi_label.describe({"probabilities": scores, "present": present}, CLASSES)
    assert labels == {
        "labels": [{"label": "dog", "index": 3, "score": 0.25}, {"label": "ant", "index": 0, "score": 0.1}]
    }


def test_the_number_of_classes_comes_from_the_data():
    assert Classifier().for_classes(CLASSES).num_classes == 7
    assert Classifier(num_classes=7).for_classes(CLASSES).num_classes == 7
    with pytest.raises(KerasVisionError, match="the data has 7 classes and the model 3; set model.num_classes=7"):
        Classifier(num_classes=3).for_classes(CLASSES)


def test_one_class_is_no_classification():
    with pytest.raises(KerasVisionError, match="at least two classes and has num_classes=1"):
        Classifier(num_classes=1).build()


def test_the_likeliest_labels_are_on_whatever_their_probability(multi_label):
    """As numpy's stable order has it, equal ones from the first; all labels for as many as there are."""
    scores = np.float32([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [-9, -9, -8, -9, -9, -7, -9], [0, 0, 0, 0, 0, 0, 0]])
    for k in (1, 3, 7):
        got = dataclasses.replace(multi_label, top_k=k).decode({"logits": scores}, {})
        rows = np.argsort(-got["probabilities"].numpy(), axis=1, kind="stable")[:, :k]
        expected = [[int(c in row) for c in range(7)] for row in rows]
        assert got["present"].numpy().tolist() == expected and got["present"].dtype == tf.int32
    assert multi_label.decode({"logits": scores}, {})["present"].numpy().sum(1).tolist() == [7, 0, 7]


def test_the_likeliest_labels_have_no_thresholds(multi_label):
    by_rank = dataclasses.replace(multi_label, top_k=2)
    assert multi_label.tunes and not by_rank.tunes and by_rank.tune(None, None) is by_rank
    with pytest.raises(UsageError, match=r"model.top_k=8; allowed: 0, to decide by thresholds, to 7"):
        dataclasses.replace(multi_label, top_k=8)
    with pytest.raises(UsageError, match=r"model.top_k=-1"):
        dataclasses.replace(multi_label, top_k=-1)
    with pytest.raises(UsageError, match="without thresholds"):
        dataclasses.replace(multi_label, top_k=2, thresholds=(0.5,) * 7)
    with pytest.raises(UsageError, match="LabelPowerset.*top_k"):
        LabelPowerset(top_k=1)


def test_a_changed_label_of_the_likeliest_has_crossed_the_middle():
    """0.6 is on and 0.4 is not: where they change places each has moved by the way to 0.5, at least."""
    by_rank = MultiLabelClassifier(num_classes=3, top_k=1)
    a = {"probabilities": np.float32([[0.6, 0.4, 0.1]]), "present": np.array([[1, 0, 0]])}
    error, flip = by_rank.compare(a, a | {"present": np.array([[0, 1, 0]])})
    np.testing.assert_allclose(error, [0.1], atol=1e-6)
    assert flip.tolist() == [True]


def test_thresholds_must_fit_the_classes():
    with pytest.raises(KerasVisionError, match="2 values for 3 classes"):
        MultiLabelClassifier(num_classes=3, thresholds=(0.5, 0.5))


def test_fields_are_checked():
    with pytest.raises(UsageError, match="'mean'.*allowed: 'average', 'max', 'gem', 'spatial_pyramid'"):
        Classifier(pooling="mean")
    assert Classifier(image_size=[32, 48]).image_size == (32, 48)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center_crop"])
def test_an_image_of_the_right_size_is_prepared_only_if_nothing_would_change(resize, photographs):
    """`is_prepared` skips `geometry`, so it must never say so where `geometry` would change a pixel."""
    arch = Classifier(num_classes=3, image_size=(40, 48), resize=resize, crop_fraction=0.9)
    image = photographs["chelsea"][None, :40, :48]
    changed = not np.array_equal(arch.geometry({"image": tf.constant(image)})[0]["image"], image)
    assert not (arch.is_prepared({"image": image}) and changed)
    assert arch.is_prepared({"image": image}) == (resize != "center_crop")
    assert not arch.is_prepared({"image": photographs["chelsea"][None]})


def test_the_window_of_an_augmentation_is_stretched_and_not_cropped_again(photographs):
    arch = Classifier(num_classes=3, image_size=(32, 32), resize="center_crop", crop_fraction=0.5)
    image = tf.constant(photographs["coffee"])
    inputs, _, _ = arch.prepare_sample({"image": image, "label": 0, "cropped": tf.constant(True)})
    stretched = dataclasses.replace(arch, resize="stretch").geometry({"image": image[None]})[0]["image"][0]
    np.testing.assert_array_equal(inputs["image"], stretched)


def test_preprocessing_tells_a_client_what_the_graph_is_given(classifier):
    told = classifier.preprocessing()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    by_hand = (pixels - np.array(told["mean"])) / np.array(told["std"])
    np.testing.assert_allclose(classifier.normalize({"image": tf.constant(pixels)})["image"], by_hand, atol=1e-6)
    assert told["size_hw"] == [16, 16] and told["resize"] == "stretch" and told["color"] == "RGB"


@pytest.mark.parametrize(("field", "value"), [("label_smoothing", -0.5), ("label_smoothing", 1.7), ("dropout", 1.5)])
def test_shares_beyond_one_are_refused(field, value):
    with pytest.raises(UsageError, match=f"model.{field}={value}; allowed: 0 to less than 1"):
        create("classification/classifier", **{field: value})
