"""Decoders of words: what they say by themselves is what they say when they are told it, a beam that is wide enough
finds the best of all captions, and one step is what the equations say.
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.layers import word_decoders
from kerasvision.layers.word_decoders import GRUDecoder, TransformerDecoder
from kerasvision.layers.words import END

KINDS = {"gru": GRUDecoder, "transformer": TransformerDecoder}
STEPS, CLASSES, SIZE, POSITIONS = 3, 4, 8, 5
MADE = pytest.mark.parametrize("kind", KINDS)


def _made(kind, seed=1, steps=STEPS, **fields):
    """(a decoder whose logits are far enough apart, features of two pictures)."""
    keras.utils.set_random_seed(seed)
    decoder = KINDS[kind](steps, CLASSES, SIZE, **fields)
    features = tf.random.stateless_normal([2, POSITIONS, SIZE], [seed, 0])
    decoder(features)
    decoder.set_weights([w + 0.3 * np.random.default_rng(seed).normal(size=w.shape) for w in decoder.get_weights()])
    return decoder, features


def _likely(decoder, features, words):
    """float [2]: the log-probability of a caption, up to its END, by teacher forcing."""
    said = tf.tile([words], [2, 1])
    likely = tf.gather(tf.nn.log_softmax(decoder([features, said])), said, batch_dims=2).numpy()
    end = words.index(END) + 1 if END in words else len(words)
    return likely[:, :end].sum(1)


def _every(steps):
    """All captions, END to the end behind the first END."""
    rows = (words for words in itertools.product(range(CLASSES), repeat=steps))
    return [w for w in rows if all(b == END for a, b in itertools.pairwise(w) if a == END)]


@MADE
def test_what_is_said_is_what_is_told(kind):
    decoder, features = _made(kind)
    own = decoder(features)
    fed = decoder([features, tf.cast(own["words"][:, 0], tf.int32)])
    np.testing.assert_allclose(own["own_logits"], fed, atol=1e-5)
    assert np.array_equal(own["words"][:, 0], np.argmax(fed, -1))
    best = np.take_along_axis(tf.nn.log_softmax(fed).numpy(), np.argmax(fed, -1)[..., None], -1)[..., 0]
    np.testing.assert_allclose(own["log_probabilities"][:, 0], best, atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(own["attention"], -1), 1, atol=1e-5)


@MADE
def test_a_word_changes_only_those_behind_it(kind):
    decoder, features = _made(kind)
    first, second = (decoder([features, tf.constant([[1, word, 2]] * 2)]).numpy() for word in (1, 3))
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    assert np.abs(first[:, 2] - second[:, 2]).min() > 1e-6


@MADE
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_captions(kind, power):
    """Of two words, with a beam that keeps every first one."""
    decoder, features = _made(kind, steps=2)
    found, every = decoder(features, beam=CLASSES, length_power=power), _every(2)
    lengths = np.array([min(2, w.index(END) + 1 if END in w else 2) for w in every])
    chances = np.stack([_likely(decoder, features, list(w)) for w in every], 1)
    order = np.argsort(-chances, kind="stable")[:, :CLASSES]  # these are kept, and then put into order
    for number, kept in enumerate(order):
        ranked = sorted(kept, key=lambda i: -chances[number, i] / lengths[i] ** power)
        said = found["words"][number].numpy().astype(int).tolist()
        assert [tuple(row) for row in said] == [every[i] for i in ranked]
        likely = found["log_probabilities"][number].numpy()
        np.testing.assert_allclose(likely.sum(1), chances[number, ranked], atol=1e-5)
    best = found["words"][:, 0].numpy().astype(np.int32)
    fed = decoder([features, tf.constant(best)]).numpy()
    goes_on, own = best[:, 0] != END, found["own_logits"].numpy()
    np.testing.assert_allclose(own[:, 0], fed[:, 0], atol=1e-5)
    np.testing.assert_allclose(own[goes_on, 1], fed[goes_on, 1], atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(found["attention"], -1), 1, atol=1e-5)


def test_the_length_of_a_caption_counts_its_end():
    decoder, _ = _made("gru")
    np.testing.assert_array_equal(decoder.lengths(tf.constant([[[END, 1, 1], [1, END, 2], [1, 2, 3]]])), [[1, 2, 3]])


@MADE
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_trains_with_dropout(kind, dtype):
    keras.utils.set_random_seed(0)
    policy = keras.mixed_precision.Policy(f"mixed_{dtype}")
    decoder = KINDS[kind](STEPS, CLASSES, SIZE, dropout=0.5, dtype=policy)
    features, said = tf.random.normal([2, POSITIONS, SIZE]), tf.constant([[1, 2, 0]] * 2)
    with tf.GradientTape() as tape:
        logits = decoder([features, said], training=True)
        loss = tf.reduce_mean(tf.cast(logits, tf.float32) ** 2)
    assert logits.dtype == dtype
    assert all(np.isfinite(g).all() for g in map(tf.convert_to_tensor, tape.gradient(loss, decoder.trainable_weights)))
    found = decoder(features, beam=2)
    assert {v.dtype.name for v in found.values()} == {"float32"} and np.isfinite(found["log_probabilities"]).all()


def test_what_is_large_is_normalized_in_float32():
    """Squares of 400 are no numbers of float16."""
    x = tf.constant([[400.0, -400.0, 200.0, 0.0]])
    scale, shift = tf.ones(4, tf.float16), tf.zeros(4, tf.float16)
    found = word_decoders.normed(tf.cast(x, tf.float16), scale, shift)
    np.testing.assert_allclose(found, (x - 50.0) / np.std(x), atol=2e-3)


def test_one_step_of_the_gru_is_the_papers():
    """arXiv:1406.1078, equations 5 to 8, and arXiv:1502.03044, equations 4 to 7 and 13, in numpy."""
    decoder, features = _made("gru")
    held = {w.name.split(":")[0].rsplit("/", 1)[-1]: w.numpy().astype(np.float64) for w in decoder.weights}
    a, word = features.numpy().astype(np.float64), np.random.default_rng(0).normal(size=(2, SIZE))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h = np.tanh(a.mean(1) @ held["begin"] + held["begin_bias"])
    e = np.tanh(a @ held["keys"] + (h @ held["query"] + held["query_bias"])[:, None]) @ held["energy"][:, 0]
    alpha = np.exp(e) / np.exp(e).sum(1, keepdims=True)
    z = (alpha[..., None] * a).sum(1)
    gates = sigmoid(np.hstack([word, z, h]) @ held["gates"] + held["gates_bias"])
    update, reset = gates[:, :SIZE], gates[:, SIZE:]
    fresh = np.tanh(np.hstack([word, z, reset * h]) @ held["state"] + held["state_bias"])
    h = update * h + (1 - update) * fresh
    logits = (word + np.hstack([h, z]) @ held["said"] + held["said_bias"]) @ held["out"] + held["out_bias"]
    found, _, attention = decoder.step(tf.constant(word, tf.float32), decoder.start(features), 0, False)
    np.testing.assert_allclose(found, logits, atol=1e-5)
    np.testing.assert_allclose(attention, alpha, atol=1e-6)


def test_attention_of_a_transformer_is_keras_own():
    decoder, features = _made("transformer")
    theirs = keras.layers.MultiHeadAttention(decoder.heads, SIZE // decoder.heads, use_bias=False)
    query = tf.random.stateless_normal([2, 1, SIZE], [5, 5])
    theirs(query, features)
    rng = np.random.default_rng(3)
    q, k, v, o = (rng.normal(size=(SIZE, SIZE)).astype(np.float32) for _ in range(4))
    split = (SIZE, decoder.heads, SIZE // decoder.heads)
    theirs.set_weights([q.reshape(split), k.reshape(split), v.reshape(split), o.reshape(*split[1:], SIZE)])
    expected, weights = theirs(query, features, return_attention_scores=True)
    found, mean = decoder.looked(query[:, 0] @ q, features @ k, features @ v)
    np.testing.assert_allclose(found @ o, expected[:, 0], atol=1e-4)
    np.testing.assert_allclose(mean, tf.reduce_mean(weights, 1)[:, 0], atol=1e-5)


@MADE
def test_dropout_is_of_training_alone(kind):
    decoder, features = _made(kind, dropout=0.5)
    said = tf.constant([[1, 2, 3]] * 2)
    assert np.array_equal(decoder([features, said]), decoder([features, said], training=False))
    assert not np.array_equal(decoder([features, said], training=True), decoder([features, said], training=True))
