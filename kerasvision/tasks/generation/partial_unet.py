"""Inpainting by partial convolutions: "Image Inpainting for Irregular Holes Using Partial Convolutions" (Liu, Reda,
Shih, Wang, Tao, Catanzaro 2018, arXiv:1804.07723).

Differs from the paper: the loss is L1 over missing pixels alone (equation 3's L_hole), without the terms of a VGG16's
features, of style and of total variation; fewer levels.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.missing import partial_unet
from kerasvision.tasks.generation.task import Generation


@architectures.register("generation/partial_unet")
@dataclasses.dataclass(frozen=True)
class PartialUNet(Generation):
    """The fields are `Generation`'s; filling does not matter, as partial convolutions do not see missing pixels."""

    def build(self):
        return self.filler()

    def filler(self):
        inputs = self.image_inputs()
        made = partial_unet(inputs["image"], inputs["present"], self.width, self.depth)
        return keras.Model(inputs, {"picture": self.composite(inputs, made)}, name=self.name)

    def loss(self, targets, raw):
        # in what is present both are the same, so the mean over all pixels is one over the missing ones
        return {"hole": tf.reduce_mean(tf.abs(targets["picture"] - raw["picture"]), (1, 2, 3))}
