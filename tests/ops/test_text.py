"""Ids of words against a tokenizer of Python's strings, in TensorFlow, LiteRT and onnxruntime."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops import text
from tests.ops import tokenizer

LENGTH, WORDS, BUCKETS = 96, 40, 5003
TEXTS = (
    "The Rock is destined to be the 21st Century's new ''Conan''!!",
    "Größe ÄÖÜ ß ẞ; ΑΒΓΔΩ αβγδ Ά; ПРИВЕТ мир Ѐ Ӂ; Երևան",
    "İstanbul ǅ ﬁn K (Kelvin) Ⅷ ½ x² naïve co\u0301te don\u2019t",
    "日本語のテキスト、ไทย ខ្មែរ မြန်မာ 한국어 हिन्दी বাংলা עברית العربية",
    "\U0001f600\U0001f44d\U0001f3fd :-) \u2764\ufe0f a\u00a0b\u3000c\u2003d\te\x00f\x7fg\x85h",
    "é" * 60,
    "x" * 200,
    "",
    " ",
    "a",
    *("日" * n for n in (31, 32, 33)),
)


def as_bytes(texts, length=LENGTH):
    return text.cut(tf.constant([t.encode() for t in texts]), length)


def padded(rows, count):
    return np.array([(row + [0] * count)[:count] for row in rows], np.int32)


def drawn(count, seed=0):
    """Random texts of letters, marks, punctuation and blanks of many scripts."""
    rng = np.random.default_rng(seed)
    ranges = ((32, 127), (0xA0, 0x250), (0x370, 0x600), (0x5D0, 0x800), (0x900, 0xE80), (0x1F00, 0x3100))
    ranges = (*ranges, (0x1F300, 0x1F700))
    found = []
    for _ in range(count):
        low, high = np.array(ranges)[rng.integers(0, len(ranges), rng.integers(1, 50))].T
        found.append("".join(chr(c) for c in rng.integers(low, high)))
    return tuple(found)


def test_texts_are_cut_before_a_character_that_does_not_fit():
    found = [bytes(row).rstrip(b"\0").decode() for row in as_bytes(TEXTS).numpy()]
    assert found == [tokenizer.cut(t, LENGTH).rstrip("\0") for t in TEXTS]
    with_four = as_bytes(["ab\U0001f600", "abc\U0001f600", "\U0001f600"], 6).numpy()
    assert [bytes(row) for row in with_four] == ["ab\U0001f600".encode(), b"abc\0\0\0", "\U0001f600".encode() + b"\0\0"]


@pytest.mark.parametrize("texts", [TEXTS, drawn(200)], ids=["written", "drawn"])
def test_words_and_their_hashes_are_those_of_python_s_strings(texts):
    found = text.words_of(as_bytes(texts), WORDS)
    expected = [tokenizer.words(tokenizer.cut(t, LENGTH))[:WORDS] for t in texts]
    assert [[w.decode() for w in row] for row in text.spelled(found)] == expected
    np.testing.assert_array_equal(found.hashes, padded([[tokenizer.hashed(w) for w in row] for row in expected], WORDS))
    np.testing.assert_array_equal(found.present, [[n < len(row) for n in range(WORDS)] for row in expected])


def test_a_vocabulary_is_looked_up_exactly():
    expected = [tokenizer.words(tokenizer.cut(t, LENGTH))[:WORDS] for t in TEXTS]
    every = sorted({w for row in expected for w in row})
    for known in (tuple(every[::2]), tuple(every[:1]), tuple(every)):
        vocabulary = text.in_order(known)
        multiplier = text.multiplier_of(known)
        hashes = [tokenizer.hashed(w, multiplier) for w in vocabulary]
        assert hashes == sorted(hashes) and set(vocabulary) == set(known)
        ids = [[2 + vocabulary.index(w) if w in known else 1 for w in row] for row in expected]
        words = text.words_of(as_bytes(TEXTS), WORDS, multiplier)
        found = text.looked_up(words.hashes, words.present, vocabulary, multiplier)
        np.testing.assert_array_equal(found, padded(ids, WORDS))


def test_a_multiplier_under_which_two_words_collide_is_passed_over():
    """The pair was found by trying 400,000 words of seven letters."""
    pair = ("tffvazm", "uoaqdvf")
    assert tokenizer.hashed(pair[0]) == tokenizer.hashed(pair[1])
    assert text.multiplier_of((pair[0], "is")) == 0x01000193
    assert text.multiplier_of(pair) == 0x01000195
    assert tokenizer.hashed(pair[0], 0x01000195) != tokenizer.hashed(pair[1], 0x01000195)


def test_ngrams_stand_within_words_and_at_their_borders():
    texts = (*TEXTS[:6], *drawn(40, 1))
    words = text.words_of(as_bytes(texts), WORDS)
    for size in (2, 3, 5):
        found = text.ngram_buckets(words, size, BUCKETS).numpy()
        assert found.min() >= 0 and found.max() <= BUCKETS
        for row, one in zip(found, texts, strict=True):
            held = tokenizer.cut(one, LENGTH)
            whole = len(held.encode()) == LENGTH  # no separator is left behind the text
            expected = tokenizer.ngrams(held, size)
            places = {p for p in expected if not (whole and p + len(expected[p].encode()) > LENGTH + 1)}
            assert set(np.flatnonzero(row)) == places, (size, one)
        of_text = [tokenizer.ngrams(tokenizer.cut(one, LENGTH), size) for one in texts]
        bucket = {}
        for row, grams in zip(found, of_text, strict=True):  # one n-gram has one id, wherever it stands
            for place in np.flatnonzero(row):
                assert bucket.setdefault(grams[place], row[place]) == row[place]
        assert len(set(bucket.values())) > 0.9 * len(bucket) * (1 - len(bucket) / BUCKETS / 2)


def test_pairs_are_those_of_neighbors():
    words = text.words_of(as_bytes(["a b a b", "b a", "a", "b  b"]), 5)
    found = text.pair_buckets(words, BUCKETS).numpy()
    assert found[0, 0] == found[0, 2] > 0 and found[0, 1] == found[1, 0] > 0
    assert found[0, 0] != found[0, 1] and not found[2].any() and not found[0, 3:].any()
    assert len({found[0, 0], found[0, 1], found[3, 0]}) == 3


class Everything(tf.Module):
    """All ids of a text."""

    def __init__(self, batch):
        super().__init__()
        known = sorted({w for t in TEXTS for w in tokenizer.words(t)})[::2]
        self.vocabulary, self.multiplier = text.in_order(known), text.multiplier_of(tuple(known))
        spec = tf.TensorSpec([batch, LENGTH], tf.uint8, name="text_bytes")
        self.ids = tf.function(self._ids, input_signature=[spec], autograph=False)

    def _ids(self, text_bytes):
        words = text.words_of(text_bytes, WORDS, self.multiplier)
        return {
            "words": text.looked_up(words.hashes, words.present, self.vocabulary, self.multiplier),
            "features": text.features(words, BUCKETS, True, (2, 3, 4)),
        }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """name -> uint8 [B, LENGTH] -> {key: ids}, of each runtime."""
    import onnxruntime
    import tf2onnx
    from ai_edge_litert.interpreter import Interpreter

    folder, module, one = tmp_path_factory.mktemp("ids"), Everything(None), Everything(1)
    tf2onnx.convert.from_function(
        module.ids, input_signature=module.ids.input_signature, opset=17, output_path=str(folder / "ids.onnx")
    )
    session = onnxruntime.InferenceSession(str(folder / "ids.onnx"), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([one.ids.get_concrete_function()], one)
    runner = Interpreter(model_content=converter.convert()).get_signature_runner("serving_default")

    def lite(held):
        rows = [runner(text_bytes=row[None]) for row in held]
        return {k: np.concatenate([row[k] for row in rows]) for k in rows[0]}

    return {
        "tensorflow": lambda held: {k: v.numpy() for k, v in module.ids(held).items()},
        "onnx": lambda held: dict(zip(names, session.run(None, {"text_bytes": held}), strict=True)),
        "tflite": lite,
    }


def equal_everywhere(files, held):
    expected = files["tensorflow"](held)
    for name, ids in files.items():
        found = ids(held)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=f"{name}: {key}")
    return expected


def test_every_runtime_gives_the_same_ids(files):
    held = as_bytes([*TEXTS, *drawn(60, 2)]).numpy()
    assert (equal_everywhere(files, held)["words"] > 1).sum() > 50


@pytest.mark.parametrize("count", [300, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_random_bytes_crash_nothing_and_have_equal_ids(files, count):
    rng = np.random.default_rng(3)
    for start in range(0, count, 5_000):
        held = rng.integers(0, 256, (min(5_000, count - start), LENGTH), np.uint8)
        held[::3] |= 0x80  # leads and continuations alone
        held[1::3, rng.integers(0, LENGTH) :] = 0
        equal_everywhere(files, held)
