"""Why two pictures are alike: what each place of the one has to do with each of the other, which adds up to the cosine.

"Visualizing Deep Similarity Networks" (Stylianou, Souvenir, Pless 2019, arXiv:1901.00536, equations 2 to 5): an
embedding that is pooled over positions, and goes through one dense layer at most, is a sum of one vector a position; so
the product of two embeddings is a sum over pairs of positions. Pooled by average every position has an equal share of
each channel; by maximum the one that has it, as in the paper. By GeM, of which the paper does not speak, the share of
its power in the mean of powers. A dense layer's bias is shared out evenly.

Of 40 pairs of scenes of 224 px that share one object (8 % of each) over other photographs, by `embedding/pretrained`
(EfficientNet-Lite0, trained on nothing of this, a map of 7 x 7): parts add up to the cosine within 4e-7, and 0.26 of
what is above 0 lies on the object, 0.51 within half a cell of it (2 cores, AVX-512).
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.ops.graphs import pooled
from kerasvision.ops.heat import enlarged

_AVERAGE, _MAX = keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D
_LEAST = 1e-12  # of a length
MOST_OFF = 1e-3  # of the sum of parts from the cosine: float32 is off by 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Alike:
    """cosine: of two embeddings. parts: float64 [h, w, h, w], what each position of the first picture's last feature
    map with each of the second's has in it; they add up to it.
    """

    cosine: float
    parts: np.ndarray

    def maps(self):
        """Of the first and of the second picture float64 [h, w], what each position has in the cosine."""
        return self.parts.sum((2, 3)), self.parts.sum((0, 1))

    def answering(self):
        """Of the first and of the second picture float64 [h, w]: what each position has in common with the place of the
        other picture that has most in the cosine.
        """
        first, second = (np.unravel_index(int(held.argmax()), held.shape) for held in self.maps())
        return self.parts[:, :, second[0], second[1]], self.parts[first[0], first[1]]

    def pairs(self, most):
        """The pairs of positions that have most in the cosine, at most so many, of each position one: [((row, column)
        of the first picture, (row, column) of the second, part)], by falling part, all above 0.
        """
        left, found = self.parts.copy(), []
        while len(found) < most and left.max() > 0:
            place = np.unravel_index(int(left.argmax()), left.shape)
            found.append(((int(place[0]), int(place[1])), (int(place[2]), int(place[3])), float(left[place])))
            left[place[0], place[1]] = left[:, :, place[2], place[3]] = 0.0
        return found


def alike(model, first, second):
    """The `Alike` of two prepared pictures, uint8 [h, w, 3] each, of an embedder.

    model: `explain.base.Explainable` of a run. Raises UsageError of an exported file, of a model that gives no
    embedding, and of one whose embedding is no sum over positions.
    """
    maps, pool, dense = _pooled(model)
    vectors = []
    for prepared in (first, second):
        own, whole = model.values(tf.convert_to_tensor(prepared)[None], [maps, model.graph.output["embedding"]])
        vectors.append((_by_position(tf.cast(own, tf.float32), pool, dense), np.asarray(whole, np.float64)[0]))
    (a, whole_a), (b, whole_b) = vectors
    lengths = max(float(np.linalg.norm(whole_a) * np.linalg.norm(whole_b)), _LEAST)
    held = Alike(float(whole_a @ whole_b) / lengths, np.einsum("ijd,kld->ijkl", a, b) / lengths)
    if abs(held.parts.sum() - held.cosine) > MOST_OFF:
        raise UsageError(
            f"--pair: the parts add up to {held.parts.sum():.4f}, and the cosine is {held.cosine:.4f}; this model "
            "rounds on the way, as after quantization-aware training; ask --like"
        )
    return held


def spread(held, size):
    """A map [h, w] in the graph's pixels, float32 [H, W], linear in between."""
    return enlarged(np.asarray(held, np.float32)[None, ..., None], size)[0, ..., 0].numpy()


def _pooled(model):
    name = model.arch.registered_name
    if model.file is not None:
        raise UsageError("--pair: an exported file does not give the weights that make its parts; ask the run")
    if "embedding" not in model.graph.output:
        raise UsageError(f"--pair: {name} gives no embedding, whose cosine could be explained; name an embedder")
    found = pooled(model.graph.output["embedding"])
    if found is None or not (hasattr(found[1], "shares") or isinstance(found[1], (_AVERAGE, _MAX))):
        raise UsageError(f"--pair: the embedding of {name} is no sum over positions here; ask --like, which needs none")
    return found


def _by_position(own, pool, dense):
    """A feature map [1, h, w, C] -> what each position gives to the embedding, float64 [h, w, D]."""
    values = np.asarray(own, np.float64)[0]
    count = values.shape[0] * values.shape[1]
    if isinstance(pool, _AVERAGE):
        given = values / count
    elif isinstance(pool, _MAX):
        flat = values.reshape(count, -1)
        given = np.zeros_like(flat)
        channels = np.arange(flat.shape[1])
        given[flat.argmax(0), channels] = flat.max(0)
        given = given.reshape(values.shape)
    else:
        given = np.asarray(pool.shares(own), np.float64)[0] * np.asarray(pool(own), np.float64)[0]
    if dense is None:
        return given
    bias = dense.bias.numpy().astype(np.float64) / count if dense.use_bias else 0.0
    return given @ dense.kernel.numpy().astype(np.float64) + bias
