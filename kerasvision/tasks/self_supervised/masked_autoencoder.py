"""Masked autoencoder, for convolutional networks: most patches of a picture are hidden, and a light decoder tells from
the others what was in them.

"Designing BERT for Convolutional Networks: Sparse and Hierarchical Masked Modeling" (Tian et al. 2023, SparK,
arXiv:2301.03580), with which ResNet-50 reached 80.6 % of ImageNet, fine-tuned, after 1600 epochs; decoder and a single
level of it as in "ConvNeXt V2" (Woo et al. 2023, FCMAE, arXiv:2301.00808, section 3.1). Targets: "Masked Autoencoders
Are Scalable Vision Learners" (He et al. 2021, arXiv:2111.06377, section 3), or "Masked Feature Prediction" (Wei et al.
2021, arXiv:2112.09133, section 3.2).
"""

import dataclasses
import functools
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.hidden import hidden_within, with_nothing_hidden
from kerasvision.ops.gradients import BINS, oriented_gradients
from kerasvision.tasks._vectors import direction
from kerasvision.tasks.self_supervised.task import SelfSupervised, require_width

LEAST_PATCH = 4  # pixels of a side, unless one is named: what is smaller its neighbors tell
EPSILON = 1e-6  # of a patch's variance, in squares of 0..1: of flat ones nothing is to be told


@architectures.register("self_supervised/masked_autoencoder")
@dataclasses.dataclass(frozen=True)
class MaskedAutoencoder(SelfSupervised):
    """Raw is `{"embedding": [B, D], "patches": [B, rows, columns, K]}`, K numbers of each patch. projector is
    not used. image_size: multiples of patch.

    hidden: share of the patches, above 0 and below 1. patch: pixels of a patch's side, a multiple of the largest stride
    of the backbone, whose layers look at neighbors alone (convnet, resnet, convnext ..., without attention); 0: that
    stride, as in the papers, and 4 at least. decoder: channels of what tells. target: `pixels`, of each patch less its
    mean and over its deviation, K = 3 patch**2; `hog`, a histogram of oriented gradients of each color, K = 27. The
    loss is the squared error, of hidden patches alone.
    """

    projector: tuple[int, ...] = (1,)
    hidden: float = 0.6
    patch: int = 0
    decoder: int = 128
    target: typing.Literal["pixels", "hog"] = "pixels"

    draws_noise: typing.ClassVar[bool] = True
    views: typing.ClassVar[int] = 1
    compares_views: typing.ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        require_width("decoder", self.decoder)
        if not 0 < self.hidden < 1:
            raise UsageError(f"model.hidden={self.hidden:g}; allowed: above 0, below 1 (0.5 to 0.75 are usual)")
        if self.patch and self.patch < 2 or any(side % self.patch_side for side in self.image_size):
            raise UsageError(
                f"model.patch={self.patch_side}, image_size={self.image_size}; allowed: 2 or more, and sides that are "
                "multiples of it"
            )
        if not 0 < self.hidden_count < self.patch_count:
            raise UsageError(
                f"model.hidden={self.hidden:g} of {self.patch_count} patches hides {self.hidden_count}; allowed: at "
                "least one, and not all; set a smaller patch, or another share"
            )

    @property
    def patch_side(self):
        """Pixels of a patch's side."""
        return self.patch or max(LEAST_PATCH, _stride(self.backbone))

    @property
    def grid(self):
        """(rows, columns) of patches."""
        return tuple(side // self.patch_side for side in self.image_size)

    @property
    def patch_count(self):
        """How many patches a picture has."""
        rows, columns = self.grid
        return rows * columns

    @property
    def hidden_count(self):
        """How many of them are hidden, the same in each picture."""
        return round(self.hidden * self.patch_count)

    @property
    def target_size(self):
        """K, how many numbers are told of each patch."""
        return 3 * self.patch_side**2 if self.target == "pixels" else 3 * BINS

    def example(self, sample):
        """The prepared inputs have `visible` uint8 [rows, columns] too: which patches `normalize` leaves."""
        prepared, targets = super().example(sample)
        return prepared | {"visible": tf.cast(1.0 - targets["hidden"], tf.uint8)}, targets

    def encode(self, sample):
        """`patches` float32 [rows, columns, K]; `hidden` float32 [rows, columns], 1 where one is hidden, drawn by the
        sample's seed.
        """
        seed = sample.get("seed", tf.constant([0, 0]))
        order = tf.argsort(tf.random.stateless_uniform([self.patch_count], seed))
        hidden = tf.cast(tf.math.invert_permutation(order) < self.hidden_count, tf.float32)
        picture = tf.cast(sample["image"], tf.float32) / 255.0
        targets = {"patches": self._told(picture), "hidden": tf.reshape(hidden, self.grid)}
        return super().encode(sample) | targets

    def _told(self, picture):
        if self.target == "hog":
            return oriented_gradients(picture, self.patch_side)
        patches = tf.nn.space_to_depth(picture[None], self.patch_side)[0]
        mean, variance = tf.nn.moments(patches, -1, keepdims=True)
        return (patches - mean) * tf.math.rsqrt(variance + EPSILON)

    def normalize(self, prepared):
        """In training the pixels of hidden patches are no numbers (NaN); elsewhere nothing is hidden."""
        inputs = super().normalize(prepared)
        if "visible" not in prepared:
            return inputs
        visible = tf.repeat(tf.repeat(prepared["visible"], self.patch_side, 1), self.patch_side, 2)[..., None]
        return {"image": tf.where(visible > 0, inputs["image"], float("nan"))}

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        what = self.backbone.registered_name
        levels, _ = hidden_within(image, self.backbone(image), self.patch_side, what)
        last = list(levels.values())[-1]
        raw = {"embedding": self.pooled(last), "patches": self._decoded(last)}
        return keras.Model({"image": image}, raw, name=self.name)

    def _decoded(self, x):
        """Where nothing is visible x is 0, so that the first bias is what the papers call the mask token."""
        step = x.shape[1] // self.grid[0]
        x = keras.layers.Conv2D(self.decoder, step, step, name="decoder_in")(x)
        y = keras.layers.DepthwiseConv2D(7, padding="same", name="decoder_look")(x)
        y = keras.layers.LayerNormalization(epsilon=1e-6, name="decoder_norm")(y)
        y = keras.layers.Dense(2 * self.decoder, "relu", name="decoder_wide")(y)
        y = keras.layers.Dense(self.decoder, name="decoder_narrow")(y)
        x = keras.layers.Add(name="decoder_add")([x, y])
        return keras.layers.Dense(self.target_size, name="decoder_out")(x)

    def embedding(self, graph):
        return with_nothing_hidden(graph.input["image"], super().embedding(graph))

    def answering(self, graph):
        """The backbone as it was before anything was hidden in it: in a file there is neither mask nor decoder."""
        return keras.Model(graph.input, {"embedding": self.embedding(graph)}, name=self.name)

    def ideal_raw(self, targets):
        return {"embedding": direction(targets["label"], self.vector_size), "patches": targets["patches"]}

    def loss(self, targets, raw):
        errors = tf.reduce_mean(tf.math.squared_difference(targets["patches"], raw["patches"]), -1)
        return {"hidden": tf.reduce_sum(errors * targets["hidden"], (1, 2)) / float(self.hidden_count)}


@functools.cache
def _stride(backbone):
    side = 256  # a multiple of every stride
    return side // list(backbone(keras.Input((side, side, 3))).values())[-1].shape[1]
