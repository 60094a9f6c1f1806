"""Labels that a teacher gives, against FixMatch's and FreeMatch's equations in numpy, and what batches are made of."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.sampling import single_labels
from kerasvision.data.sources.base import Split
from kerasvision.data.unlabeled import with_unlabeled
from kerasvision.tasks.base import AVERAGED
from tests.train import tiny
from tests.undrawn import train

CLASSES, ROWS, STEPS, MOMENTUM = 4, 6, 3, 0.7
RNG = np.random.default_rng(0)
ANSWERS = 3.0 * RNG.normal(size=(STEPS, 2 * ROWS, CLASSES))
LABELS = np.array([[0, 2, -1, -1, -1, -1], [1, 1, -1, -1, -1, -1], [3, 0, -1, -1, -1, -1]])


def part(**fields):
    return create("techniques/pseudo_labels", **{"unlabeled": "digits", "momentum": MOMENTUM} | fields)


def softmax(logits):
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def targets_of(step):
    one_hot = np.eye(CLASSES)[LABELS[step]] * (LABELS[step] >= 0)[:, None]
    held = {"logits": np.repeat(one_hot, 2, 0), f"{AVERAGED}logits": ANSWERS[step]}
    return {key: tf.constant(np.float32(value)) for key, value in held.items()}


def observer():
    return part().observer(tiny.classifier(num_classes=CLASSES), None)


def by_numpy():
    """Of each step (class of each picture, whether it counts): Wang et al. 2023, equations 5 to 8."""
    sureness, shares, found = 1 / CLASSES, np.full(CLASSES, 1 / CLASSES), []
    for step in range(STEPS):
        plain, free = softmax(ANSWERS[step, ::2]), LABELS[step] < 0
        sureness = MOMENTUM * sureness + (1 - MOMENTUM) * plain[free].max(1).mean()
        shares = MOMENTUM * shares + (1 - MOMENTUM) * plain[free].mean(0)
        thresholds = shares / shares.max() * sureness
        best = plain.argmax(1)
        found.append((best, free & (plain.max(1) > thresholds[best])))
    return found, sureness, shares


def test_thresholds_are_those_of_the_paper():
    held, (expected, sureness, shares) = observer(), by_numpy()
    for step, (classes, sure) in enumerate(expected):
        found = held({}, targets_of(step))
        assert found["pseudo_labels/classes"].numpy().argmax(1).tolist() == classes.tolist()
        assert found["pseudo_labels/sure"].numpy().tolist() == sure.tolist()
    np.testing.assert_allclose(held.sureness, sureness, rtol=1e-5)
    np.testing.assert_allclose(held.shares, shares, rtol=1e-5)
    counted = np.concatenate([sure[LABELS[step] < 0] for step, (_, sure) in enumerate(expected)])
    assert 0 < counted.mean() < 1, "both sides of a threshold"


def test_the_loss_is_that_of_the_labels_and_of_what_is_sure():
    held, arch, logits = observer(), tiny.classifier(num_classes=CLASSES), RNG.normal(size=(2 * ROWS, CLASSES))
    raw, (expected, *_) = {"logits": tf.constant(np.float32(logits))}, by_numpy()
    for step, (classes, sure) in enumerate(expected):
        found = part(weight=2.0).objective(arch.loss, arch)(held({}, targets_of(step)), raw)
        plain, seen = np.log(softmax(logits[::2])), np.log(softmax(logits[1::2]))
        own = -np.mean([plain[n, k] for n, k in enumerate(LABELS[step]) if k >= 0])
        guessed = -np.mean([sure[n] * seen[n, classes[n]] for n, k in enumerate(LABELS[step]) if k < 0])
        assert {name: term.shape[0] for name, term in found.items()} == dict.fromkeys(found, 2 * ROWS)
        assert float(tf.reduce_mean(found["cross_entropy"])) == pytest.approx(own, rel=1e-5)
        assert float(tf.reduce_mean(found["pseudo_labels"])) == pytest.approx(2 * guessed, rel=1e-5)


def test_without_a_teacher_it_says_so():
    with pytest.raises(UsageError, match="put techniques/momentum_teacher before it"):
        observer()({}, {"logits": tf.zeros([4, CLASSES])})


@pytest.fixture
def mixed(tmp_path):
    """(ten pictures with labels, the same with six behind them that come out of files and have none)."""
    (tmp_path / "more").mkdir()
    for n in range(6):
        Image.fromarray(np.full((8, 9, 3), 40 * n, np.uint8)).save(tmp_path / "more" / f"{n}.png")
    source = create("sources/pictures", path=str(tmp_path / "more"), validation_fraction=0.0)
    pixels = np.broadcast_to(np.arange(10, dtype=np.uint8)[:, None, None, None], (10, 8, 8, 3))
    records = tf.data.Dataset.from_tensor_slices({"image": pixels, "label": np.arange(10) % 4})
    own = Split(records, lambda record: record, 10)
    return own, with_unlabeled(own, source.open().splits["train"], "here")


def test_pictures_from_files_join_those_that_are_decoded(mixed):
    own, both = mixed
    assert both.size == own.size + 6 == 16
    samples = list(both.records.map(both.read).as_numpy_iterator())
    assert [s["label"] for s in samples] == [*(n % 4 for n in range(10)), *[-1] * 6]
    assert [int(s["image"].mean()) for s in samples] == [*range(10), 0, 40, 80, 120, 160, 200]
    assert samples[0]["image"].shape == (8, 8, 3) and samples[-1]["image"].shape == (8, 9, 3)
    first, *_, last = both.records.as_numpy_iterator()  # neither carries a record of the other kind
    assert not any(np.any(value) for value in (*first["more"].values(), *last["own"].values()))
    with pytest.raises(UsageError, match=r"oversample: some pictures have no label \(pseudo_labels\)"):
        single_labels(both, "oversample")


def test_batches_have_their_share_of_labels_and_nobody_comes_twice_before_all_came(mixed):
    own, both = mixed
    numbers = part(labeled=0.25).order(both, 8, 3)
    batches = [numbers(step) for step in range(5)]
    assert all((batch[:2] < own.size).all() and (batch[2:] >= own.size).all() for batch in batches)
    assert sorted(n for batch in batches for n in batch[:2]) == [*range(10)]
    counts = collections.Counter(n for batch in batches for n in batch[2:])
    assert counts == dict.fromkeys(range(10, 16), 5)
    again = part(labeled=0.25).order(both, 8, 3)
    assert again(4).tolist() == batches[4].tolist() != part(labeled=0.25).order(both, 8, 4)(4).tolist()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labeled": 0.0}, "pseudo_labels.labeled=0; allowed: above 0 and below 1"),
        ({"labeled": 1.0}, "pseudo_labels.labeled=1; allowed"),
        ({"weight": 0.0}, "pseudo_labels.weight=0; allowed: above 0"),
        ({"momentum": 1.5}, "pseudo_labels.momentum=1.5; allowed: 0 to 1"),
    ],
)
def test_settings_that_teach_nothing_are_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        part(**fields)


def test_what_it_cannot_serve_is_refused(mixed):
    with pytest.raises(UsageError, match="are 0; allowed: some with and some without a label"):
        part(labeled=0.01).order(mixed[1], 8, 0)
    with pytest.raises(UsageError, match="label_smoothing=0"):
        part().fit_statistics(tiny.classifier(label_smoothing=0.1), None)
    with pytest.raises(UsageError, match="use it with classification/classifier"):
        part().fit_statistics(create("embedding/pairs"), None)
    with pytest.raises(UsageError, match="pseudo_labels: a sample has label, text, and no picture"):
        texts = tf.data.Dataset.from_tensors({"text": "a", "label": 0})
        with_unlabeled(Split(texts, lambda record: record, 1), mixed[0], "pseudo_labels")


@pytest.mark.nightly
def test_a_run_learns_from_both(tmp_path):
    """A few digits with labels and all without."""
    few = create("sources/digits", validation_fraction=0.1, test_fraction=0.875)
    teacher = create("techniques/momentum_teacher", momentum=0.9, final=0.99)
    recipe = tiny.recipe(data=few, techniques=(teacher, part(momentum=0.9)), epochs=1)
    found = train(recipe, tmp_path / "run").metrics
    assert all(np.isfinite(value) for value in found.values())
    assert "pseudo_labels" in (tmp_path / "run" / "history.csv").read_text().splitlines()[0]
