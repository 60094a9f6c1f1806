"""`serving_strings` says what a person reads: bytes of captions, and characters of lines in either direction."""

import types

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.characters import BLANK, text_of
from kerasvision.core.registry import create
from kerasvision.edge.pages.line_direction import line_as_read
from kerasvision.export import saying
from kerasvision.inference.served import Served
from tests.contract.cases import CASES

CLASSES = ("a", "B", "7", ",", "(", ")", BLANK, "\u05d0", "\u05d1", "\u0628", "e\u0301")


def test_bytes_become_the_text_that_they_are():
    texts = ("", "a bird", "Straße, 鳥 🐦")
    held = np.zeros((3, 30), np.uint8)
    for row, text in zip(held, texts, strict=True):
        row[: len(text.encode())] = list(text.encode())
    assert [t.decode() for t in saying.bytes_as_text({"text_bytes": tf.constant(held)}).numpy()] == list(texts)


@pytest.mark.parametrize("seed", [0, 1])
def test_random_lines_are_read_as_the_host_reads_them(seed):
    """Among them lines without a character, with blanks at both ends, and of one direction or two."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), (200, 9)).astype(np.int32)
    labels[:50] %= 7  # letters from left to right alone
    labels[np.arange(9)[None] >= rng.integers(0, 10, 200)[:, None]] = -1
    said = saying.characters_as_text(tf.constant(labels), CLASSES).numpy()
    expected = [text_of(line_as_read([CLASSES[k] for k in row if k >= 0])) for row in labels]
    assert [text.decode() for text in said] == expected
    assert any(text.startswith(" ") for text in expected[:50]) and "" in expected


@pytest.fixture(scope="module")
def reader():
    case = CASES["text_recognition/conv"]
    arch = case.make()
    tf.keras.utils.set_random_seed(1)
    return case, Served(arch, arch.build(), case.classes)


def _sent(case):
    encoded = [tf.io.encode_png(sample["image"]).numpy() for sample in case.samples()[:3]]
    return [{"image_bytes": np.array(one, object)} for one in encoded]


def test_a_reader_says_its_lines_and_a_classifier_nothing(reader):
    case, served = reader
    found = saying.saying(served, served.serve_bytes())(
        {"image_bytes": tf.stack([tf.constant(s["image_bytes"][()]) for s in _sent(case)])}
    )
    for number, sample in enumerate(case.samples()[:3]):
        prediction = {k: v[0].numpy() for k, v in served.serve({"image": sample["image"][None]}).items()}
        described = served.arch.describe(prediction, case.classes)
        assert found["text"][number].numpy().decode() == described["text"]
        assert float(found["score"][number]) == pytest.approx(described["score"], abs=1e-5)
    other = CASES["classification/classifier"]
    arch = other.make()
    plain = Served(arch, arch.build(), other.classes)
    assert saying.saying(plain, plain.serve_bytes()) is None


def test_another_text_is_found(reader):
    """Both sides: what the model says passes, and one character more is named."""
    case, served = reader
    answers = [served.serve({"image": s["image"][None]}) for s in case.samples()[:3]]
    held = [{k: v.numpy() for k, v in answer.items()} for answer in answers]
    job = types.SimpleNamespace(served=served)
    judge = types.SimpleNamespace(arch=served.arch, job=job, expected=lambda number: held[number])
    say = saying.saying(served, served.serve_bytes())
    assert list(saying.check(lambda **sent: say(sent), judge, _sent(case))) == []

    def wrong(**sent):
        return {"text": tf.strings.join([say(sent)["text"], "x"])}

    lines = list(saying.check(wrong, judge, _sent(case)))
    assert len(lines) == 3 and lines[0].startswith("serving_strings says b'") and "of example 0" in lines[0]


def test_a_model_of_captions_says_them(tmp_path):
    case = CASES["captioning/gru"]
    arch = create(
        "captioning/gru",
        **{f: getattr(case.make(), f) for f in ("backbone", "image_size", "size", "words")}
        | {"vocabulary": case.make().vocabulary},
    )
    served = Served(arch, arch.build(), ())
    image = case.samples()[0]["image"]
    found = saying.saying(served, served.serve_bytes())({"image_bytes": tf.io.encode_png(image)[None]})
    prediction = {k: v[0].numpy() for k, v in served.serve({"image": image[None]}).items()}
    assert found["text"].numpy()[0].decode() == arch.describe(prediction, ())["text"]
