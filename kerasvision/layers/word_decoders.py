"""The two decoders of words: a gated recurrent unit that looks at the picture, and a transformer that does."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.words import WordDecoder

_EPSILON = 1e-6  # of a variance


@keras.utils.register_keras_serializable("kerasvision")
class GRUDecoder(WordDecoder):
    """Final. "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention" (Xu et al. 2015,
    arXiv:1502.03044): where to look is decided by the state before each word (section 3.1.2, equations 4 to 6, and 13
    for soft attention), what is said by the word before, the state and what was seen (equation 7). The state is that of
    a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078, equations 5 to 8) in place of an LSTM.
    """

    def create(self):
        size = self.size
        self.keys, self.query = self.weight("keys", (size, size)), self.weight("query", (size, size))
        self.query_bias, self.energy = self.weight("query_bias", (size,)), self.weight("energy", (size, 1))
        self.begin, self.begin_bias = self.weight("begin", (size, size)), self.weight("begin_bias", (size,))
        self.gates, self.gates_bias = self.weight("gates", (3 * size, 2 * size)), self.weight("gates_bias", (2 * size,))
        self.state, self.state_bias = self.weight("state", (3 * size, size)), self.weight("state_bias", (size,))
        self.said, self.said_bias = self.weight("said", (2 * size, size)), self.weight("said_bias", (size,))
        self.out = self.weight("out", (size, self.classes))
        self.out_bias = self.weight("out_bias", (self.classes,))

    def start(self, features):
        mean = tf.reduce_mean(features, 1)
        return features, tf.matmul(features, self.keys), tf.tanh(tf.matmul(mean, self.begin) + self.begin_bias)

    def step(self, word, state, number, training):
        features, keys, hidden = state
        query = tf.matmul(hidden, self.query) + self.query_bias
        attention = tf.nn.softmax(tf.matmul(tf.tanh(keys + query[:, None]), self.energy)[..., 0])
        seen = tf.matmul(attention[:, None], features)[:, 0]
        update, reset = tf.split(
            tf.sigmoid(tf.matmul(tf.concat([word, seen, hidden], 1), self.gates) + self.gates_bias), 2, 1
        )
        fresh = tf.tanh(tf.matmul(tf.concat([word, seen, reset * hidden], 1), self.state) + self.state_bias)
        hidden = update * hidden + (1.0 - update) * fresh
        made = word + tf.matmul(tf.concat([hidden, seen], 1), self.said) + self.said_bias
        logits = tf.matmul(self.dropped(made, training), self.out) + self.out_bias
        return logits, (features, keys, hidden), attention


@keras.utils.register_keras_serializable("kerasvision")
class TransformerDecoder(WordDecoder):
    """Final. The decoder of "Attention Is All You Need" (Vaswani et al. 2017, arXiv:1706.03762, sections 3.1 and 3.2),
    normalized before each branch (Xiong et al. 2020, arXiv:2002.04745), with learned positions. Keys and values of
    earlier words are kept, so that a step looks at one word. attention: of the last block, the mean of its heads.

    depth: blocks. heads: of each attention, a divisor of size.
    """

    def __init__(
        self,
        steps,
        classes,
        size,
        beam=1,
        length_power=0.0,
        dropout=0.0,
        depth=2,
        heads=4,
        name=None,
        trainable=True,
        dtype=None,
    ):
        super().__init__(steps, classes, size, beam, length_power, dropout, name, trainable, dtype)
        self.depth, self.heads = depth, heads

    def get_config(self):
        return super().get_config() | {"depth": self.depth, "heads": self.heads}

    def create(self):
        size = self.size
        self.places = self.weight("places", (self.steps, size))
        self.blocks = [self._block(f"block{number}_", size) for number in range(1, self.depth + 1)]
        self.norm = self._norm("norm")
        self.out = self.weight("out", (size, self.classes))
        self.out_bias = self.weight("out_bias", (self.classes,))

    def _block(self, name, size):
        square = [f"{kind}_{part}" for kind in ("self", "seen") for part in ("query", "key", "value", "out")]
        held = {part: self.weight(name + part, (size, size)) for part in square}
        held |= {f"{kind}_norm": self._norm(f"{name}{kind}_norm") for kind in ("self", "seen", "feed")}
        held |= {f"{kind}_bias": self.weight(f"{name}{kind}_bias", (size,)) for kind in ("self", "seen", "feed")}
        held |= {
            "wide": self.weight(f"{name}wide", (size, 4 * size)),
            "narrow": self.weight(f"{name}narrow", (4 * size, size)),
        }
        return held | {"wide_bias": self.weight(f"{name}wide_bias", (4 * size,))}

    def _norm(self, name):
        scale = self.add_weight(f"{name}_scale", shape=(self.size,), initializer="ones")
        return scale, self.weight(f"{name}_shift", (self.size,))

    def start(self, features):
        seen = [tuple(tf.matmul(features, block[f"seen_{part}"]) for part in ("key", "value")) for block in self.blocks]
        return seen, [() for _ in self.blocks]

    def step(self, word, state, number, training):
        seen, before = state
        x, after, attention = word + self.places[number], [], None
        for block, (keys, values), held in zip(self.blocks, seen, before, strict=True):
            y = normed(x, *block["self_norm"])
            own = [tf.matmul(y, block[f"self_{part}"])[:, None] for part in ("key", "value")]
            own = [tf.concat([old, new], 1) for old, new in zip(held, own, strict=True)] if held else own
            after.append(tuple(own))
            y, _ = self.looked(tf.matmul(y, block["self_query"]), *own)
            x += self.dropped(tf.matmul(y, block["self_out"]) + block["self_bias"], training)
            y = tf.matmul(normed(x, *block["seen_norm"]), block["seen_query"])
            y, attention = self.looked(y, keys, values)
            x += self.dropped(tf.matmul(y, block["seen_out"]) + block["seen_bias"], training)
            y = tf.nn.relu(tf.matmul(normed(x, *block["feed_norm"]), block["wide"]) + block["wide_bias"])
            x += self.dropped(tf.matmul(y, block["narrow"]) + block["feed_bias"], training)
        logits = tf.matmul(normed(x, *self.norm), self.out) + self.out_bias
        return logits, (seen, after), attention

    def looked(self, query, keys, values):
        """[B, D] at [B, N, D] twice -> ([B, D], [B, N], the mean weight of the heads)."""
        part = self.size // self.heads
        query = tf.reshape(query, [-1, self.heads, 1, part]) * part**-0.5
        keys, values = (tf.reshape(x, [-1, x.shape[1], self.heads, part]) for x in (keys, values))
        weights = tf.nn.softmax(tf.matmul(query, tf.transpose(keys, [0, 2, 3, 1])))
        found = tf.matmul(weights, tf.transpose(values, [0, 2, 1, 3]))
        return tf.reshape(found, [-1, self.size]), tf.reduce_mean(weights, 1)[:, 0]


def normed(x, scale, shift):
    """Layer normalization (Ba, Kiros, Hinton 2016, arXiv:1607.06450) of [B, D]."""
    with tf.name_scope("kv_decode/"):  # squares of the input have another range than the input
        held = tf.cast(x, tf.float32)
        away = held - tf.reduce_mean(held, -1, keepdims=True)
        even = away * tf.math.rsqrt(tf.reduce_mean(away * away, -1, keepdims=True) + _EPSILON)
        return tf.cast(even, x.dtype) * scale + shift
