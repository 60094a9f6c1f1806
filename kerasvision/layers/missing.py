"""Layers that know which pixels are missing. present: [B, H, W, 1], 1 where a position is known, else 0."""

import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.norm import batch_norm


@keras.utils.register_keras_serializable("kerasvision")
class Composite(keras.layers.Layer):
    """[x, y, present] -> x where it is known, y elsewhere."""

    quantize_output_only = True

    def call(self, tensors):
        x, y, present = tensors
        return present * x + (1.0 - present) * y


@keras.utils.register_keras_serializable("kerasvision")
class MaskToken(keras.layers.Layer):
    """[x, present] -> x where it is known, elsewhere a learned vector [C], 0 at first.

    As the mask token of "Masked Autoencoders Are Scalable Vision Learners" (He et al. 2022, arXiv:2111.06377, section
    3), here of positions of a map, so that a convolution can take it. present may be [B, 1, 1, 1] as well: whether a
    whole modality is there.
    """

    quantize_output_only = True

    def build(self, input_shape):
        self.token = self.add_weight("token", shape=(input_shape[0][-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, tensors):
        x, present = tensors
        return present * x + (1.0 - present) * self.token


@keras.utils.register_keras_serializable("kerasvision")
class Renormalize(keras.layers.Layer):
    """[y, share] -> y / share; 0 where nothing under the kernel is known: arXiv:1804.07723, equation 1."""

    quantize_output_only = True
    stays_float = True  # a share has no zero point to divide by

    def call(self, tensors):
        y, share = tensors
        known = tf.cast(share > 0, y.dtype)
        return y / (share + (1 - known)) * known  # by 1 where there is nothing: in 8 bits a least share would be 0


@keras.utils.register_keras_serializable("kerasvision")
class Reached(keras.layers.Layer):
    """share -> 1 where it is above 0: arXiv:1804.07723, equation 2."""

    quantize_output_only = True
    stays_float = True

    def call(self, share):
        return tf.cast(share > 0, share.dtype)


@keras.utils.register_keras_serializable("kerasvision")
class KnownMean(keras.layers.Layer):
    """[x [B, H, W, C], scores [B, H, W, 1], present [B, H, W, 1]] -> [B, C]: the mean of positions weighted by the
    softmax of their scores over those that are known; if none is, over all.
    """

    quantize_output_only = True
    NEVER = 30.0  # subtracted from a score: exp(-30) is nothing beside 1

    def call(self, tensors):
        x, scores, present = tensors
        scores = scores - self.NEVER * (1.0 - present)
        weights = tf.exp(scores - tf.reduce_max(scores, (1, 2), True))
        return tf.reduce_sum(weights * x, (1, 2)) / tf.reduce_sum(weights, (1, 2))


def partial_conv(parts, filters, kernel, stride, name):
    """Partial convolution: [(x [B, H, W, C], present)] -> (y [B, H / stride, W / stride, filters], present).

    "Image Inpainting for Irregular Holes Using Partial Convolutions" (Liu et al. 2018, arXiv:1804.07723, equations 1
    and 2). parts are joined along the channels, each with its own mask, as in its section 3.2. Means of masks leave out
    what lies beyond the border, so a border is no hole. No bias: a normalization follows.
    """
    masked, shares, channels = [], [], sum(x.shape[-1] for x, _ in parts)
    for number, (x, present) in enumerate(parts):
        masked.append(keras.layers.Multiply(name=f"{name}_known{number}")([x, present]))
        share = keras.layers.AveragePooling2D(kernel, stride, "same", name=f"{name}_share{number}")(present)
        if len(parts) > 1:
            share = keras.layers.Rescaling(x.shape[-1] / channels, name=f"{name}_part{number}")(share)
        shares.append(share)
    joined = keras.layers.Concatenate(name=f"{name}_join")(masked) if len(parts) > 1 else masked[0]
    share = keras.layers.Add(name=f"{name}_share")(shares) if len(parts) > 1 else shares[0]
    y = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(joined)
    return Renormalize(name=f"{name}_renormalize")([y, share]), Reached(name=f"{name}_reached")(share)


def partial_unet(image, present, width, depth, name="fill"):
    """What a U-Net of partial convolutions puts in every position: [B, H, W, C], C as in the image.

    arXiv:1804.07723, section 3.2 and the supplement's table: strided encoder with ReLU, decoder with nearest
    enlargement and leaky ReLU of slope 0.2, no normalization in the first and the last convolution. width: channels of
    the first level, twice as many a level down; depth: levels below the image; its sides are multiples of 2**depth.
    There the paper's eight levels close every hole; here convolutions at the lowest one do, each of which closes a
    position on every side: as many as half of its longer side has.
    """
    held = [(image, present)]
    for k in range(depth):
        step, kernel = f"{name}_down{k}", 5 if k == 0 else 3
        x, seen = partial_conv([held[-1]], width * 2**k, kernel, 2, step)
        if k:
            x = batch_norm(f"{step}_norm")(x)
        held.append((keras.layers.ReLU(name=f"{step}_relu")(x), seen))
    x, seen = held.pop()
    for k in range(-(-max(x.shape[1:3]) // 2)):
        x, seen = partial_conv([(x, seen)], x.shape[-1], 3, 1, f"{name}_close{k}")
        x = keras.layers.ReLU(name=f"{name}_close{k}_relu")(batch_norm(f"{name}_close{k}_norm")(x))
    for k in reversed(range(depth)):
        step, last = f"{name}_up{k}", k == 0
        grown = [keras.layers.UpSampling2D(2, name=f"{step}_{what}")(t) for what, t in (("map", x), ("mask", seen))]
        filters = image.shape[-1] if last else width * 2 ** (k - 1)
        x, seen = partial_conv([tuple(grown), held[k]], filters, 3, 1, step)
        if not last:
            x = keras.layers.LeakyReLU(0.2, name=f"{step}_relu")(batch_norm(f"{step}_norm")(x))
    return x
