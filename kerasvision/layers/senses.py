"""Layers over several senses of one thing, of which some may be missing."""

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("kerasvision")
class Column(keras.layers.Layer):
    """[B, M] -> [B, 1], column `number`."""

    quantize_output_only = True

    def __init__(self, number, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.number = number

    def call(self, x):
        return x[:, self.number : self.number + 1]

    def get_config(self):
        return super().get_config() | {"number": self.number}


@keras.utils.register_keras_serializable("kerasvision")
class Columns(keras.layers.Layer):
    """[B, D] -> [B, width], the columns from `start` on."""

    quantize_output_only = True

    def __init__(self, start, width, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.start, self.width = start, width

    def call(self, x):
        return x[:, self.start : self.start + self.width]

    def get_config(self):
        return super().get_config() | {"start": self.start, "width": self.width}


@keras.utils.register_keras_serializable("kerasvision")
class StandIn(keras.layers.Layer):
    """[B, D] and flags [B, 1] of 0 or 1 -> [B, D]: a learned vector in place of what is not there."""

    quantize_output_only = True

    def build(self, input_shape):
        (_, width), _ = input_shape
        self.token = self.add_weight("token", shape=(width,), initializer=keras.initializers.RandomNormal(0, 0.02))
        super().build(input_shape)

    def call(self, inputs):
        vector, there = inputs
        return vector * there + self.token * (1.0 - there)


@keras.utils.register_keras_serializable("kerasvision")
class DropSenses(keras.layers.Layer):
    """Flags [B, M] of 0 or 1 -> the same; in training each is 0 with a chance of `rate`. Where that would be all, none
    is dropped ("ModDrop", Neverova et al. 2015, arXiv:1501.00102, section 4.3).
    """

    quantize_output_only = True

    def __init__(self, rate, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.rate = rate
        self.draws = keras.layers.Dropout(rate)  # whose seeds are Keras' own

    def call(self, flags, training=None):
        if not self.rate or not training:
            return tf.identity(flags)
        kept = flags * tf.cast(self.draws(tf.ones_like(flags), training=True) > 0, flags.dtype)
        return tf.where(tf.reduce_max(kept, 1, keepdims=True) > 0, kept, flags)

    def get_config(self):
        return super().get_config() | {"rate": self.rate}


@keras.utils.register_keras_serializable("kerasvision")
class Shares(keras.layers.Layer):
    """Scores [B, M] and flags [B, M] of 0 or 1 -> [B, M]: softmax over the senses that are there, 0 for the others."""

    quantize_output_only = True
    stays_float = True

    LEAST = 1e-30  # of a sum of weights: all senses are missing

    def call(self, inputs):
        scores, there = (tf.cast(x, tf.float32) for x in inputs)
        # no large number is taken off what is missing: int8 files would give the scores the range of the difference
        scores = scores * there
        weights = tf.exp(scores - tf.reduce_max(scores, 1, keepdims=True)) * there
        shares = weights / tf.maximum(tf.reduce_sum(weights, 1, keepdims=True), self.LEAST)
        return tf.cast(shares, inputs[0].dtype)


@keras.utils.register_keras_serializable("kerasvision")
class SharedSum(keras.layers.Layer):
    """M vectors [B, D] and their shares [B, M] -> [B, D]."""

    quantize_output_only = True
    stays_float = True  # a share is rounded by a part of the whole range of vectors that it all but hides

    def call(self, inputs):
        *vectors, shares = inputs
        return tf.add_n([vector * shares[:, n : n + 1] for n, vector in enumerate(vectors)])


@keras.utils.register_keras_serializable("kerasvision")
class Evidence(keras.layers.Layer):
    """M tensors of log-odds [B, K] and M flags [B, 1] -> [B, K]: a learned prior, and of each sense that is there its
    log-odds times its factor. Factors are 1 and not trained: they are set after training.
    """

    quantize_output_only = True
    stays_float = True  # a sum of few numbers, whose ranges have nothing in common

    def build(self, input_shape):
        self.prior = self.add_weight("prior", shape=(input_shape[0][-1],), initializer="zeros")
        count = len(input_shape) // 2
        self.factors = self.add_weight("factors", shape=(count,), initializer="ones", trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        count = len(inputs) // 2
        pairs = zip(inputs[:count], inputs[count:], strict=True)
        return self.prior + tf.add_n([own * (there * self.factors[n]) for n, (own, there) in enumerate(pairs)])


@keras.utils.register_keras_serializable("kerasvision")
class Modulate(keras.layers.Layer):
    """A map [B, H, W, C], gamma and beta [B, C] -> (1 + gamma) x + beta: arXiv:1709.07871, equation 2."""

    quantize_output_only = True

    def call(self, inputs):
        x, gamma, beta = inputs
        gamma, beta = (tf.reshape(part, [-1, 1, 1, x.shape[-1]]) for part in (gamma, beta))
        return x * (1.0 + gamma) + beta


@keras.utils.register_keras_serializable("kerasvision")
class FeatureTokens(keras.layers.Layer):
    """N numbers and then N flags, whether each is known, [B, 2 N] -> [B, N, 1, size]: each number times its own vector,
    its flag times another, and a third one. arXiv:2106.11959, section 3.3, where all numbers are known.
    """

    quantize_output_only = True

    def __init__(self, size, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.size = size

    def build(self, input_shape):
        self.count = input_shape[-1] // 2
        for name in ("value", "known", "bias"):  # an initializer each: one would draw equal values
            normal = keras.initializers.RandomNormal(stddev=self.size**-0.5)
            setattr(self, name, self.add_weight(name, shape=(self.count, self.size), initializer=normal))
        super().build(input_shape)

    def call(self, x):
        values, flags = x[:, : self.count, tf.newaxis], x[:, self.count :, tf.newaxis]
        tokens = values * self.value + flags * self.known + self.bias
        return tokens[:, :, tf.newaxis]

    def get_config(self):
        return super().get_config() | {"size": self.size}


@keras.utils.register_keras_serializable("kerasvision")
class ClassToken(keras.layers.Layer):
    """[B, T, 1, D] -> [B, 1 + T, 1, D]: a learned token before the others. arXiv:2010.11929, equation 1."""

    quantize_output_only = True

    def build(self, input_shape):
        self.token = self.add_weight(
            "token", shape=(1, 1, input_shape[-1]), initializer=keras.initializers.RandomNormal(0, 0.02)
        )
        super().build(input_shape)

    def call(self, x):
        token = tf.zeros_like(x[:, :1]) + self.token
        return tf.concat([token, x], 1)


@keras.utils.register_keras_serializable("kerasvision")
class FirstToken(keras.layers.Layer):
    """[B, T, 1, D] -> [B, D], the first of T."""

    quantize_output_only = True

    def call(self, x):
        return x[:, 0, 0]
