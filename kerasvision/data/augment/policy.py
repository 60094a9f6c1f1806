"""Augmentations made of augmentations."""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws, geometric, photometric
from kerasvision.data.augment.base import Augmentation

MOST_MAGNITUDE = 30


@augmentations.register("policy/rand_augment")
@dataclasses.dataclass(frozen=True)
class RandAugment(Augmentation):
    """`layers` of 14 augmentations, drawn one by one, all of one magnitude.

    E. Cubuk et al., RandAugment: Practical automated data augmentation with a reduced search space, 2019,
    arXiv:1909.13719, section 3. The paper's 14 operations with the ranges of AutoAugment (arXiv:1805.09501, table 6)
    at magnitude 30. Here the parameter of each is drawn up to the magnitude in both directions, where the paper takes
    the magnitude itself; and labels move with the image.
    """

    layers: int = 2
    magnitude: int = 9
    fill: int = 0
    mask_fill: int = 0

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, layers=(1, 14), magnitude=(0, MOST_MAGNITUDE), fill=(0, 255))

    def parts(self):
        """The augmentations to draw from, besides leaving the sample as it is."""
        part = self.magnitude / MOST_MAGNITUDE
        fills = (self.fill, self.mask_fill)
        slant = 16.7 * part  # degrees; its tangent is 0.3
        moved = 0.45 * part  # of the side: 150 of 331 pixels
        blend = 0.9 * part
        return (
            geometric.Shear(slant, 0.0, *fills),
            geometric.Shear(0.0, slant, *fills),
            geometric.Translation(moved, 0.0, *fills),
            geometric.Translation(0.0, moved, *fills),
            geometric.Rotation(30.0 * part, *fills),
            photometric.Brightness(blend),
            photometric.Saturation(blend),
            photometric.Contrast(blend),
            photometric.Sharpness(blend),
            photometric.Posterize((8 - round(4 * part), 8)),
            photometric.Solarize((256 - round(256 * part), 256)),
            photometric.Autocontrast(1.0),
            photometric.Equalize(1.0),
        )

    @tf.autograph.experimental.do_not_convert  # tracing its 14 parts a layer through AutoGraph takes four times as long
    def __call__(self, sample, seed):
        choices = (None, *self.parts())
        choice_seed, *seeds = draws.split(seed, 1 + self.layers)
        drawn = tf.random.stateless_uniform([self.layers], choice_seed, 0, len(choices), tf.int32)
        for layer, part_seed in enumerate(seeds):
            sample = _switch(choices, drawn[layer], sample, part_seed)
        return sample


@augmentations.register("policy/sometimes")
@dataclasses.dataclass(frozen=True)
class Sometimes(Augmentation):
    """Another augmentation with some probability, such as SimCLR's color jitter with 0.8 (arXiv:2002.05709)."""

    augmentation: Augmentation = photometric.ColorJitter()
    probability: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1))
        name = self.augmentation.registered_name
        if getattr(self.augmentation, "cuts", False):
            raise UsageError(
                f"policy/sometimes cannot hold {name}: a window is cut from every image or from none; name it in "
                "augment itself"
            )
        if not isinstance(self.augmentation, Augmentation):
            raise UsageError(f"policy/sometimes cannot hold {name}, which takes several images; name it in augment")

    def __call__(self, sample, seed):
        chance_seed, part_seed = draws.split(seed, 2)
        applied = tf.cast(draws.chance(chance_seed, self.probability), tf.int32)
        return _switch((None, self.augmentation), applied, sample, part_seed)


def _switch(choices, index, sample, seed):
    """`choices[index]` applied to the sample; None changes nothing."""

    def branch(part):
        return lambda: dict(sample) if part is None else part(sample, seed)

    return tf.switch_case(index, [branch(part) for part in choices])
