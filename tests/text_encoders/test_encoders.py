"""Every text encoder, tiny: it learns, its texts stand alone, and its files answer as the graph does, ids included."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, text_encoders
from kerasvision.export.targets.tflite import TFLiteRunner, convert
from kerasvision.inference.served import Served
from kerasvision.tasks._wide import Wide
from tests.contract import contracts
from tests.contract.case import Case
from tests.contract.text_cases import LINES, WORDS

TINY = {
    "char_cnn": {"size": 4, "filters": 8, "kernel": 3, "levels": 2},
    "fast": {"size": 6, "buckets": 211, "ngrams": (2, 3)},
    "gru": {"size": 6, "units": 4, "dropout": 0.0},
    "kim_cnn": {"size": 6, "widths": (1, 2), "filters": 6, "dropout": 0.0},
    "transformer": {"size": 8, "depth": 1, "heads": 2, "dropout": 0.0},
}
WIDE = Wide(buckets=101, ngrams=(3,))
CLASSES = ("English", "German")
# an unrolled graph converts slowly; one is in tests/contract by day, one has the same layers as "wide and deep"
AT_NIGHT = ("gru", "kim_cnn", "wide")
NAMES = [pytest.param(n, marks=pytest.mark.nightly if n in AT_NIGHT else ()) for n in (*TINY, "wide", "wide and deep")]


def samples():
    return [{"text": np.array(line.encode(), object), "label": np.int32(k)} for line, k in LINES]


def made(name):
    encoder = create(f"text_encoders/{name}", **TINY[name]) if name in TINY else None
    wide = None
    if encoder is None:
        encoder = create("text_encoders/fast", **TINY["fast"]) if name == "wide and deep" else None
        arch = create("text_classification/classifier", encoder=encoder, wide=WIDE, length=40, words=8)
        wide = WIDE.counted(
            [arch.geometry({"text": tf.constant([line.encode() for line, _ in LINES])})[0]["text_bytes"]], arch.rules
        )
    return create(
        "text_classification/classifier",
        num_classes=2,
        encoder=encoder,
        wide=wide,
        vocabulary=WORDS,
        length=40,
        words=8,
    )


def test_every_encoder_is_here():
    assert set(TINY) == set(text_encoders.names())


@pytest.fixture(scope="module", params=NAMES)
def held(request):
    """(architecture, its graph, its case)."""
    arch = made(request.param)
    case = Case(lambda: arch, samples, CLASSES, overfit=(80, 0.1))
    return arch, contracts.built(arch), case


def test_it_is_flat_and_learns_one_batch(held):
    contracts.check_flat(held[1])
    contracts.check_inputs(*held)
    contracts.check_gradient(*held)
    contracts.check_overfits(*held)


def test_a_text_s_answer_is_its_own(held):
    contracts.check_gives(*held, fixed=False)  # what a file holds is asked below


def test_a_float_file_answers_as_the_graph_does(held, tmp_path):
    arch, graph, _ = held
    served = Served(arch, graph, CLASSES)
    (tmp_path / "model.tflite").write_bytes(convert(served, "float32", "mixed", ()))
    runner = TFLiteRunner(tmp_path / "model.tflite", arch)
    texts = np.array([line.encode() for line, _ in LINES], object)
    expected = served.serve({"text": tf.constant(texts)})["probabilities"].numpy()
    assert np.ptp(expected[:, 0]) > 0.05  # it has learned to tell them apart
    np.testing.assert_allclose(runner({"text": texts})["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("kim_cnn", {"widths": ()}),
        ("kim_cnn", {"dropout": 1.0}),
        ("fast", {"ngrams": (1,)}),
        ("char_cnn", {"levels": 0}),
        ("gru", {"units": 0}),
        ("transformer", {"size": 10, "heads": 4}),
    ],
)
def test_fields_that_make_no_network_are_one_line(name, fields):
    with pytest.raises(UsageError, match=f"{name}: .*allowed"):
        create(f"text_encoders/{name}", **fields)


def test_a_kernel_wider_than_the_text_is_refused():
    arch = create("text_classification/classifier", num_classes=2, vocabulary=WORDS, length=40, words=4)
    with pytest.raises(UsageError, match="reach beyond words=4; set model.words higher"):
        arch.build()
