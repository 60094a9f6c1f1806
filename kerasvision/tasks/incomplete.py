"""What architectures of photographs with missing pixels share."""

import tensorflow as tf

from kerasvision.ops import filling as fillings
from kerasvision.ops.filling import Filling
from kerasvision.tasks.image import ImageModel
from kerasvision.tasks.inputs import Input
from kerasvision.tasks.preprocessing import CROPPED


class IncompleteImageModel(ImageModel):
    """Abstract. Takes `present` uint8 [B, H, W] beside `image`: 0 where a pixel is missing, whatever `image` has there.

    Resampled, a pixel is present where only present ones have a part in it, so that no hole bleeds into the picture (a
    part of less than 1/510, which moves no pixel by half a level, does not count); what `letterbox` adds is missing.
    Concrete ones have the field filling, which stands in for missing pixels.
    """

    filling: Filling

    @property
    def mixes(self):
        return {}  # a pixel that is missing in one of two images cannot be mixed

    def serving_inputs(self):
        present = tf.TensorSpec([None, None, None], tf.uint8, name="present")
        return super().serving_inputs() | {"present": Input(present, "present", read_with="image")}

    def prepared_inputs(self):
        present = tf.TensorSpec([None, *self.image_size], tf.uint8, name="present")
        return super().prepared_inputs() | {"present": present}

    def geometry(self, inputs):
        prepared, geometry = super().geometry(inputs)
        seen = tf.where(inputs["present"] > 0, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
        seen, _ = self.fitted(seen[..., None], CROPPED in inputs)
        return prepared | {"present": tf.cast(tf.equal(seen[..., 0], 255), tf.uint8)}, geometry

    def normalize(self, prepared):
        pixels = tf.cast(prepared["image"], tf.float32)
        present = tf.cast(prepared["present"], tf.float32)[..., None]
        return {"image": self.normalization(fillings.fill(pixels, present, self.filling)), "present": present}

    def is_prepared(self, inputs):
        return False

    def preprocessing(self):
        present = {"of": "fully_transparent_is_0", "partly": "missing", "padding": "missing"}
        return super().preprocessing() | {"present": present | {"filling": self.filling, "filling_inside_files": True}}
