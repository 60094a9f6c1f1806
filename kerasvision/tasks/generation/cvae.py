"""A conditional variational autoencoder that fills in what is missing: "Learning Structured Output Representation using
Deep Conditional Generative Models" (Sohn, Lee, Yan 2015, NeurIPS, equations 3 and 4), after "Auto-Encoding Variational
Bayes" (Kingma, Welling 2014, arXiv:1312.6114, appendix B for the KL term).

x is what is present, y the whole picture, z a code of it. Training draws z from q(z|x, y), which sees the whole
picture; a served graph takes the mean of p(z|x), or its draws where `noise` is given.
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.latent import Latent, MostLikely
from kerasvision.layers.norm import batch_norm
from kerasvision.tasks.base import Output
from kerasvision.tasks.generation.task import Generation

LOG_VARIANCE = 6.0  # of a code's number, at most, and its negative at least


@architectures.register("generation/cvae")
@dataclasses.dataclass(frozen=True)
class CVAE(Generation):
    """The fields are `Generation`'s, and these.

    latent: numbers in a code. deviation: of a pixel around the picture that the decoder draws, in units of 255: the
    smaller, the more reconstruction counts beside the code's divergence. beta: factor of the divergence (Higgins et al.
    2017, beta-VAE). samples: how many further pictures are drawn, as `samples` float32 [B, samples, h, w, 3], from
    codes of p(z|x) that are always the same; may be set after training. Raw has `prior` and `posterior` [B, 2, latent]
    too, mean and logarithm of the variance. Prepared inputs have `noise` [B, latent] (0 for the mean of p(z|x)).
    """

    latent: int = 32
    deviation: float = 0.1
    beta: float = 1.0
    samples: int = 0

    draws_noise: typing.ClassVar[bool] = True
    after_training: typing.ClassVar[tuple[str, ...]] = ("samples",)

    def __post_init__(self):
        super().__post_init__()
        if self.latent < 1 or self.deviation <= 0 or self.beta < 0 or self.samples < 0:
            raise UsageError(
                f"generation/cvae: latent={self.latent}, deviation={self.deviation:g}, beta={self.beta:g}, "
                f"samples={self.samples}; allowed: latent 1 or more, deviation above 0, beta and samples 0 or more"
            )

    @property
    def outputs(self):
        given = super().outputs
        if self.samples:
            given["samples"] = Output("float32", "pixel value, 0 to 255", (self.samples, *self.image_size, 3))
        return given

    def preprocessing(self):
        noise = {"value": 0.0, "shape": [self.latent]}
        return super().preprocessing() | {"constant_inputs": {"noise": noise}}

    def file_outputs(self):
        """One picture; `samples` are drawn by a run and a SavedModel."""
        return {k: v for k, v in self.outputs.items() if k != "samples"}

    def prepared_inputs(self):
        return super().prepared_inputs() | {"noise": tf.TensorSpec([None, self.latent], tf.float32, name="noise")}

    def geometry(self, inputs):
        prepared, geometry = super().geometry(inputs)
        return prepared | {"noise": tf.zeros([tf.shape(prepared["image"])[0], self.latent])}, geometry

    def example(self, sample):
        prepared, targets = super().example(sample)
        noise = tf.random.stateless_normal([self.latent], sample["seed"])
        whole = tf.cast(tf.round(255.0 * targets["picture"]), tf.uint8)
        return prepared | {"noise": noise, "whole": whole}, targets

    def normalize(self, prepared):
        """`whole` is among the inputs in training alone; `is_known` says so."""
        inputs, whole = super().normalize(prepared), prepared.get("whole")
        known = tf.zeros_like(prepared["noise"][:, :1]) + (0.0 if whole is None else 1.0)
        whole = inputs["image"] if whole is None else self.normalization(tf.cast(whole, tf.float32))
        return inputs | {"whole": whole, "noise": prepared["noise"], "is_known": known}

    def build(self):
        inputs = self.image_inputs() | {
            "whole": keras.Input((*self.image_size, 3), name="whole"),
            "noise": keras.Input((self.latent,), name="noise"),
            "is_known": keras.Input((1,), name="is_known"),
        }
        seen = [inputs["image"], inputs["present"]]
        levels = self._contract(seen, "prior")
        prior = self._code(levels[-1], "prior")
        posterior = self._code(self._contract([*seen, inputs["whole"]], "posterior")[-1], "posterior")
        z = Latent(name="latent")([prior, posterior, inputs["is_known"], inputs["noise"]])
        made = self._expand(z, levels)
        raw = {"picture": self.composite(inputs, made), "prior": prior, "posterior": posterior}
        return keras.Model(inputs, raw, name=self.name)

    def filler(self):
        inputs = self.image_inputs()
        levels = self._contract([inputs["image"], inputs["present"]], "prior")
        mean = MostLikely(name="latent")(self._code(levels[-1], "prior"))
        return keras.Model(inputs, {"picture": self.composite(inputs, self._expand(mean, levels))}, name=self.name)

    def embedding(self, graph):
        """The likeliest code of what is present, the mean of p(z|x)."""
        return MostLikely()(graph.output["prior"])

    def _contract(self, tensors, name):
        """Maps of stride 1, 2, 4 ..."""
        x = keras.layers.Concatenate(name=f"{name}_inputs")(tensors)
        levels = []
        for k in range(self.depth + 1):
            x = _convolved(x, self.width * 2 ** max(0, k - 1), 1 if k == 0 else 2, f"{name}{k}")
            levels.append(x)
        return levels

    def _code(self, x, name):
        x = keras.layers.Flatten(name=f"{name}_flat")(x)
        mean = keras.layers.Dense(self.latent, name=f"{name}_mean")(x)
        # bounded: the divergence has its exponential, which a single wild step of training would make infinite
        spread = keras.layers.Dense(self.latent, activation="tanh", name=f"{name}_spread")(x)
        spread = keras.layers.Rescaling(LOG_VARIANCE, name=f"{name}_log_variance")(spread)
        both = keras.layers.Concatenate(name=f"{name}_numbers")([mean, spread])
        return keras.layers.Reshape((2, self.latent), name=name)(both)

    def _expand(self, z, levels):
        *finer, x = levels
        shape = x.shape[1:]
        code = keras.layers.Dense(shape[0] * shape[1] * shape[2], name="code_flat")(z)
        code = keras.layers.Reshape(shape, name="code")(code)
        x = _convolved(keras.layers.Concatenate(name="decoder_inputs")([x, code]), shape[2], 1, "decoder")
        for k, skip in reversed(list(enumerate(finer))):
            x = keras.layers.UpSampling2D(2, name=f"decoder{k}_up")(x)
            x = keras.layers.Concatenate(name=f"decoder{k}_join")([skip, x])
            x = _convolved(x, self.width * 2 ** max(0, k - 1), 1, f"decoder{k}")
        return keras.layers.Conv2D(3, 3, padding="same", name="made")(x)

    def encode(self, sample):
        standard = tf.zeros([2, self.latent])  # the oracle's codes: both N(0, 1), so that they do not diverge
        return super().encode(sample) | {"prior": standard, "posterior": standard}

    def loss(self, targets, raw):
        """In nats a pixel value of the whole picture: of an example, missing pixels alone have a part in both sums."""
        values = 3.0 * self.image_size[0] * self.image_size[1]
        apart = tf.reduce_sum(tf.math.squared_difference(targets["picture"], raw["picture"]), (1, 2, 3))
        q, p = tf.unstack(raw["posterior"], axis=1), tf.unstack(raw["prior"], axis=1)
        divergence = 0.5 * (p[1] - q[1] + tf.exp(q[1] - p[1]) + (q[0] - p[0]) ** 2 * tf.exp(-p[1]) - 1.0)
        return {
            "reconstruction": 0.5 * apart / self.deviation**2 / values,
            "divergence": self.beta * tf.reduce_sum(divergence, 1) / values,
        }

    def predict(self, run_graph, prepared, geometry, decode=None):
        prediction = super().predict(run_graph, prepared, geometry, decode)
        if not self.samples:
            return prediction
        drawn = []
        for number in range(self.samples):
            noise = tf.random.stateless_normal([1, self.latent], [number, 0]) + tf.zeros_like(prepared["noise"])
            one = run_graph(prepared | {"noise": noise}, lambda raw: self.decode(raw, geometry))
            drawn.append(one["picture"])
        return prediction | {"samples": tf.stack(drawn, 1)}


def _convolved(x, filters, stride, name):
    x = keras.layers.Conv2D(filters, 3, stride, "same", use_bias=False, name=f"{name}_conv")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_norm")(x))
