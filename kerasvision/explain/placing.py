"""Heat of a graph's input, brought to the pixels of the photograph that it was made of."""

import numpy as np
import tensorflow as tf

from kerasvision.ops import heat as heats
from kerasvision.ops.dense import center_begin


def in_original(values, geometry, is_part=False):
    """[h, w] of a graph's positions -> float32 [H, W] of the original's pixels, linear in between; 0 where the graph
    did not look, as beside a center crop.

    geometry: as `Explainable.prepared` gives it, with scale and offset. is_part: as it says, of the center of an image.
    """
    size, held = np.array(values.shape), {key: tf.convert_to_tensor(value) for key, value in geometry.items()}
    if is_part:
        begin = center_begin(held["image_hw"][0].numpy(), size)
        held["offset_xy"] = held["offset_xy"] - begin[::-1].astype(np.float32)
    return heats.in_original(np.asarray(values, np.float32)[None], held)[0].numpy()
