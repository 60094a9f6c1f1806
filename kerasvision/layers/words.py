"""Words one after the other out of what a picture shows: fed with the true ones, or unrolled on its own.

One layer stands twice in a graph, with the same weights: called with features and words it is told each word before it
says the next ("teacher forcing": Williams, Zipser 1989, doi:10.1162/neco.1989.1.2.270); called with features alone it
goes on from what it has said itself, by the likeliest word or by a beam of a fixed width. Everything is unrolled, so
that files have no loop.
"""

import abc
import functools

import tensorflow as tf
import tf_keras as keras

END = 0  # the class that ends a caption; class i > 0 is word i - 1 of the vocabulary
_OWN = 2  # rows of the table beyond the classes: what begins, and a word that is not in the vocabulary
_NEVER = -1e9  # logarithm of the probability of what must not be said
_LEAST = 1e-30  # of a probability whose logarithm is taken
_FLOAT = "kv_decode/"  # an absolute name scope: what stays float in integer files


class WordDecoder(keras.layers.Layer):
    """Abstract. Takes features float [B, P, D] of P positions, or [features, said int32 [B, T]].

    With `said`, 0..classes (`classes` is a word that is not in the vocabulary), 0 from its end on, it gives `logits`
    [B, T, classes] of each word after those before it. Without, a dict:
    words: float [B, W, T], the classes of W captions, the likeliest first; what is behind an END means nothing.
    log_probabilities: float32 [B, W, T], of each of these words after those before it.
    own_logits: float32 [B, T, classes], of the first caption. attention: float32 [B, T, P], of the first caption, how
    much of each position every word looked at, 1 in sum.

    steps: T. classes: the vocabulary and END. size: D. beam: W. length_power: captions of a beam are compared by the
    logarithm of their probability over (words and END) ** length_power: "Google's Neural Machine Translation System"
    (Wu et al. 2016, arXiv:1609.08144, equation 14, without its constant 5).
    """

    def __init__(
        self, steps, classes, size, beam=1, length_power=0.0, dropout=0.0, name=None, trainable=True, dtype=None
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.steps, self.classes, self.size = steps, classes, size
        self.beam, self.length_power, self.dropout = beam, length_power, dropout
        self._drop = keras.layers.Dropout(dropout, dtype=dtype)

    def get_config(self):
        fields = ("steps", "classes", "size", "beam", "length_power", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in fields}

    def build(self, input_shape):
        self.table = self.weight("words", (self.classes + _OWN, self.size))
        self.create()
        super().build(input_shape)

    def weight(self, name, shape):
        """A weight of the layer's own: a matrix is drawn (Glorot, Bengio 2010), a vector begins at 0."""
        start = "zeros" if len(shape) < 2 else "glorot_uniform"
        return self.add_weight(name, shape=shape, initializer=start)

    @abc.abstractmethod
    def create(self):
        """Makes all further weights."""

    @abc.abstractmethod
    def start(self, features):
        """[B, P, D] -> what the first step is given: a nest of tensors [B, ...]."""

    @abc.abstractmethod
    def step(self, word, state, number, training):
        """word: float [B, D], the row of the word before. number: which step it is, from 0. Gives (logits [B, classes],
        the state of the next step, attention [B, P]).
        """

    def call(self, inputs, training=None, beam=None, length_power=None, said=()):
        """beam, length_power: in place of the layer's own. said: classes, T of them, that all pictures are told."""
        if said:
            inputs = [inputs, tf.zeros_like(inputs[:, :1, 0], tf.int32) + tf.constant([said])]
        if isinstance(inputs, (list, tuple)):
            return self._fed(*inputs, training=training)
        beam = self.beam if beam is None else beam
        power = self.length_power if length_power is None else length_power
        return self._beamed(inputs, beam, power) if beam > 1 else self._greedy(inputs)

    def follows(self, beam, length_power):
        """Whether the layer's own beam (int) and length_power (float) are these."""
        return (self.beam, self.length_power) == (beam, length_power)

    def dropped(self, x, training):
        """Dropout, of the layer's own share."""
        return self._drop(x, training=training) if self.dropout else x

    def _first(self, features):
        """Float [B, D], the row of what begins."""
        return tf.zeros_like(features[:, 0]) + self.table[self.classes + 1]

    def _fed(self, features, said, training):
        state, word, logits = self.start(features), self._first(features), []
        for number in range(self.steps):
            scores, state, _ = self.step(self.dropped(word, training), state, number, training)
            logits.append(scores)
            word = tf.gather(self.table, said[:, number])
        return tf.stack(logits, 1)

    def _greedy(self, features):
        state, word, held = self.start(features), self._first(features), []
        for number in range(self.steps):
            logits, state, attention = self.step(word, state, number, False)
            chosen = tf.argmax(logits, -1, tf.int32)
            word = tf.gather(self.table, chosen)
            held.append((chosen, logits, attention))
        words, logits, attention = (tf.stack(part, 1) for part in zip(*held, strict=True))
        with tf.name_scope(_FLOAT):
            logits = tf.cast(logits, tf.float32)
            likely = tf.gather(_log_softmax(logits), words, batch_dims=2)
            return _answer(words[:, None], likely[:, None], logits, attention)

    def _beamed(self, features, beam, power):
        """Each step keeps the likeliest beginnings, of all that go on from those of the step before."""
        wide = _flat(tf.tile(features[:, None], [1, beam, 1, 1]))
        state, word = self.start(wide), self._first(wide)
        held, total, ended = [], None, None
        for number in range(self.steps):
            logits, state, attention = self.step(word, state, number, False)
            with tf.name_scope(_FLOAT):
                logits = _apart(tf.cast(logits, tf.float32), beam)
                parent, words, likely, total = self._chosen(_log_softmax(logits), total, ended)
            ended = (words == END) if ended is None else (words == END) | _taken(ended, parent)
            # what has been said, and the state, go with the caption that goes on
            moved = functools.partial(_taken, order=parent)
            row = moved(logits), moved(_apart(attention, beam)), words, likely
            held = [tuple(map(moved, before)) for before in held] + [row]
            state = tf.nest.map_structure(functools.partial(_rearranged, order=parent), state)
            word = _flat(tf.gather(self.table, words))
        logits, attention, words, likely = (tf.stack(part, 2) for part in zip(*held, strict=True))
        with tf.name_scope(_FLOAT):
            order = tf.math.top_k(total / self.lengths(words) ** power, beam).indices
            words, likely = (_taken(part, order) for part in (words, likely))
            logits, attention = (_taken(part, order[:, :1])[:, 0] for part in (logits, attention))
            return _answer(words, likely, logits, attention)

    def _chosen(self, likely, total, ended):
        """(parent, word, log-probability of the word, of the whole), [B, W] each. likely: [B, W, classes]."""
        beam = likely.shape[1]
        if total is None:  # all captions begin alike: the first one stands for them
            total, words = tf.math.top_k(likely[:, 0], beam)
            return tf.zeros_like(words), words, total, total
        only_end = tf.one_hot(END, self.classes, 0.0, _NEVER)
        likely = tf.where(ended[..., None], only_end, likely)
        total, place = tf.math.top_k(_flat_rows(total[..., None] + likely), beam)
        parent = place // self.classes
        words = place - parent * self.classes
        return parent, words, tf.gather(_flat_rows(likely), place, batch_dims=1), total

    def lengths(self, words):
        """float [B, W]: words and END of each caption."""
        ends = tf.cumsum(tf.cast(words == END, tf.int32), 2)
        return tf.minimum(tf.reduce_sum(tf.cast(ends == 0, tf.float32), 2) + 1.0, float(self.steps))


def _answer(words, likely, logits, attention):
    return {
        "words": tf.cast(words, tf.float32),
        "log_probabilities": likely,
        "own_logits": tf.cast(logits, tf.float32),
        "attention": tf.cast(attention, tf.float32),
    }


def _log_softmax(logits):
    """In two steps: TensorFlow Lite's operator for both has an integer range of its own, which what follows would have
    to share.
    """
    return tf.math.log(tf.maximum(tf.nn.softmax(logits), _LEAST))


def _apart(x, beam):
    """[B * W, ...] -> [B, W, ...]."""
    return tf.reshape(x, [-1, beam, *x.shape[1:]])


def _rearranged(x, order):
    """[B * W, ...], the rows of each example at places [B, W]."""
    return _flat(_taken(_apart(x, order.shape[1]), order))


def _flat(x):
    """[B, W, ...] -> [B * W, ...]."""
    return tf.reshape(x, [-1, *x.shape[2:]])


def _flat_rows(x):
    """[B, W, N] -> [B, W * N]."""
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2]])


def _taken(x, order):
    """[B, W, ...] at places [B, N] -> [B, N, ...]."""
    return tf.gather(x, order, batch_dims=1)
