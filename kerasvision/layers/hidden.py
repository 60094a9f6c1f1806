"""What keeps hidden parts of a picture hidden at every level of a convolutional network, whatever network it is.

"Designing BERT for Convolutional Networks: Sparse and Hierarchical Masked Modeling" (Tian et al. 2023, SparK,
arXiv:2301.03580, section 3.1) and "ConvNeXt V2" (Woo et al. 2023, arXiv:2301.00808, section 3.1). They convolve over
visible positions alone. That is the same as zeros in hidden positions of whatever looks at neighbors, so the masks
stand before those layers, and no network needs to know. A hidden pixel is no number (NaN) in the graph's input; what it
was is then nowhere to be seen.
"""

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.ops.graphs import made_of
from kerasvision.ops.internals import assign_moving_average, called_with, made_by

POINTWISE = (  # layers that see one position at a time
    *("Activation", "Add", "BatchNormalization", "Concatenate", "Dense", "Dropout", "LayerNormalization", "LayerScale"),
    *("LeakyReLU", "Multiply", "PReLU", "ReLU", "Rescaling", "Scale", "SpatialDropout2D"),
)
LOCAL = (  # layers that see neighbors; pooling counts hidden ones as zeros where a window crosses a patch's border
    *("AveragePooling2D", "Conv2D", "Cropping2D", "DepthwiseConv2D", "MaxPooling2D", "SeparableConv2D"),
    "ZeroPadding2D",
)
SUMMING = ("GlobalResponseNormalization",)  # layers that see all positions, in which those of 0 have no part


@keras.utils.register_keras_serializable("kerasvision")
class Visible(keras.layers.Layer):
    """image [B, h, w, C], whose hidden patches are NaN -> [B, h / patch, w / patch, 1]: 1 where one is visible, else 0.

    It looks at the first pixel of each patch, as patches are hidden as a whole. patch: pixels of a side.
    """

    def __init__(self, patch, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.strides = self.patch = patch

    def call(self, image):
        first = image[:, :: self.patch, :: self.patch, :1]
        return 1.0 - tf.cast(tf.math.is_nan(first), first.dtype)

    def get_config(self):
        return super().get_config() | {"patch": self.patch}


@keras.utils.register_keras_serializable("kerasvision")
class Hide(keras.layers.Layer):
    """[x [B, h, w, C], visible [B, h, w, 1]] -> x, 0 where nothing is visible, even where x is no number."""

    def call(self, tensors):
        x, visible = tensors
        return tf.where(visible > 0, x, tf.zeros_like(x))


@keras.utils.register_keras_serializable("kerasvision")
class VisibleBatchNormalization(keras.layers.BatchNormalization):
    """[x [B, h, w, C], visible [B, h, w, 1]] -> x normalized; in training by mean and variance of what is visible in
    the batch of all replicas. x alone: as the layer it is derived from.
    """

    def call(self, inputs, training=None):
        if not isinstance(inputs, (list, tuple)):
            return super().call(inputs, training=training)
        x, visible = inputs
        if not (training and self.trainable):
            return super().call(x, training=False)
        values, seen = (tf.cast(v, tf.float32) for v in (x, visible))
        count = _over_replicas(tf.reduce_sum(seen))
        mean = _over_replicas(tf.reduce_sum(values * seen, (0, 1, 2))) / count
        variance = _over_replicas(tf.reduce_sum(seen * tf.square(values - mean), (0, 1, 2))) / count
        assign_moving_average(self.moving_mean, mean, self.momentum)
        unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
        assign_moving_average(self.moving_variance, unbiased, self.momentum)
        made = tf.nn.batch_normalization(values, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(made, x.dtype)

    def build(self, input_shape):
        super().build(input_shape[0] if isinstance(input_shape, list) else input_shape)
        self.input_spec = None

    def compute_output_shape(self, input_shape):
        return input_shape[0] if isinstance(input_shape, list) else input_shape


def _over_replicas(value):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def hidden_within(image, levels, patch, what):
    """(the levels of a network as it sees what is visible, 0 elsewhere; `Visible` of the patches).

    image: Keras input [B, h, w, 3]. levels: name -> Keras tensor that a network has made of it; its layers are made
    anew, with the same names. patch: pixels of a patch's side. what: the network's name, for errors. Raises UsageError
    of a layer that looks beyond neighbors, and of a level that patches do not divide.
    """
    masks = _Masks(image, patch, what)
    made, layers = {id(image): masks.hide(image)}, {}
    for tensor in made_of(keras.Model({"image": image}, levels)):
        if id(tensor) in made:
            continue
        layer = made_by(tensor)
        given = [made[id(one)] for one in called_with(tensor)]
        fresh = layers.setdefault(layer.name, _cloned(layer, what))
        if _sees_others(layer):
            given = [masks.hide(one) for one in given]
        if isinstance(fresh, VisibleBatchNormalization):
            given = [*given, masks.of(given[0])]
        made[id(tensor)] = fresh(given[0] if len(given) == 1 else given)
    return {name: masks.hide(made[id(tensor)]) for name, tensor in levels.items()}, masks.patches


def with_nothing_hidden(image, tensor):
    """A Keras tensor that `hidden_within` has part in -> the same without masks, by the same layers and weights."""
    made = {id(image): image}
    for one in made_of(keras.Model({"image": image}, {"": tensor})):
        if id(one) in made:
            continue
        layer = made_by(one)
        given = [made[id(held)] for held in called_with(one) if id(held) in made]
        if isinstance(layer, Visible) or not given:
            continue  # what is left out has no part in the picture
        if isinstance(layer, Hide):
            made[id(one)] = given[0]
        else:
            made[id(one)] = layer(given[0] if len(given) == 1 else given)
    return made[id(tensor)]


class _Masks:
    def __init__(self, image, patch, what):
        self.patches = Visible(patch, name="visible")(image)
        self._held, self._hidden, self._patch, self._what = {}, {}, patch, what

    def of(self, tensor):
        """A Keras tensor [B, h, w, C] -> the mask of its size [B, h, w, 1], 1 where patches are visible."""
        size, grid = tuple(tensor.shape[1:3]), tuple(self.patches.shape[1:3])
        if size not in self._held:
            if any(side % cells for side, cells in zip(size, grid, strict=True)):
                raise UsageError(
                    f"model.patch={self._patch}: {self._what} has a level of {size[0]} x {size[1]} positions, and "
                    f"{grid[0]} x {grid[1]} patches do not divide it; set patch and image_size to multiples of the "
                    "backbone's largest stride"
                )
            factors = tuple(side // cells for side, cells in zip(size, grid, strict=True))
            name = f"visible_{size[0]}x{size[1]}"
            self._held[size] = keras.layers.UpSampling2D(factors, name=name)(self.patches)
        return self._held[size]

    def hide(self, tensor):
        """The tensor, 0 in hidden positions; padding, behind which nothing is hidden, is no layer of its own."""
        if isinstance(made_by(tensor), (Hide, keras.layers.ZeroPadding2D, keras.layers.Cropping2D)):
            return tensor
        if id(tensor) not in self._hidden:
            hide = Hide(name=f"hide_{len(self._hidden)}")
            self._hidden[id(tensor)] = tensor, hide([tensor, self.of(tensor)])
        return self._hidden[id(tensor)][1]


def _sees_others(layer):
    """Whether a layer sees other positions than its own."""
    if type(layer).__name__ in SUMMING:
        return True
    if type(layer).__name__ not in LOCAL:
        return False
    return getattr(layer, "kernel_size", (2, 2)) != (1, 1)


def _cloned(layer, what):
    kind, config = type(layer), layer.get_config()
    if kind.__name__ not in (*POINTWISE, *LOCAL, *SUMMING):
        raise UsageError(
            f"{what} has {layer.name}, a {kind.__name__}, which looks at more than a position's neighbors, or is not "
            "known here, so that what is hidden cannot be kept hidden; take a backbone without attention, such as "
            "convnet, resnet or convnext"
        )
    if kind is keras.layers.BatchNormalization:
        return VisibleBatchNormalization.from_config(config)
    return kind.from_config(config)
