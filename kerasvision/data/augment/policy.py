"""Augmentations made of augmentations."""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws, geometric, photometric
from kerasvision.data.augment.base import Augmentation

MOST_MAGNITUDE = 30
_LONGEST = 3  # chain of AugMix


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


@augmentations.register("policy/augmix")
@dataclasses.dataclass(frozen=True)
class AugMix(Augmentation):
    """A mixture of the picture and of `width` chains of one to three augmentations of it; labels stay as they are.

    "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty" (Hendrycks et al. 2020,
    arXiv:1912.02781, algorithm 1): shares of the chains are drawn from Dirichlet(alpha, ...), that of the picture from
    Beta(alpha, alpha). severity: 1 to 10, of each augmentation, whose parameter is drawn up to it. moves: with those
    that move the picture; without them for pictures with boxes or masks, which the mixture would not fit.
    """

    severity: int = 3
    width: int = 3
    alpha: float = 1.0
    moves: bool = True

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, severity=(1, 10), width=(1, 10), alpha=(0.01, 100))

    def parts(self):
        """The augmentations to draw from, those of the paper: none of them is one of ImageNet-C's corruptions."""
        part = self.severity / 10
        colors = (
            photometric.Posterize((8 - round(4 * part), 8)),
            photometric.Solarize((256 - round(256 * part), 256)),
            photometric.Autocontrast(1.0),
            photometric.Equalize(1.0),
        )
        slant, moved = 16.7 * part, part / 3  # degrees, whose tangent is 0.3; a third of the side
        if not self.moves:
            return colors
        return colors + (
            geometric.Shear(slant, 0.0, 0, 0),
            geometric.Shear(0.0, slant, 0, 0),
            geometric.Translation(moved, 0.0, 0, 0),
            geometric.Translation(0.0, moved, 0, 0),
            geometric.Rotation(30.0 * part, 0, 0),
        )

    @tf.autograph.experimental.do_not_convert
    def __call__(self, sample, seed):
        shares_seed, own_seed, chains_seed = draws.split(seed, 3)
        gammas = tf.random.stateless_gamma([self.width], shares_seed, self.alpha)
        pair = tf.random.stateless_gamma([2], own_seed, self.alpha)
        image, (own, other) = sample["image"], tf.unstack(pair / tf.reduce_sum(pair))

        def weighed(given):
            share, chain_seed = given
            return share * tf.cast(self._chain(image, chain_seed), tf.float32)

        chains = gammas / tf.reduce_sum(gammas), tf.stack(draws.split(chains_seed, self.width))
        mixed = tf.map_fn(weighed, chains, fn_output_signature=tf.TensorSpec(image.shape, tf.float32))  # traced once
        found = own * tf.cast(image, tf.float32) + other * tf.reduce_sum(mixed, 0)
        return sample | {"image": tf.cast(tf.round(tf.clip_by_value(found, 0.0, 255.0)), tf.uint8)}

    def _chain(self, image, seed):
        """One to three of the parts, one after the other."""
        parts, (count_seed, choice_seed, parts_seed) = self.parts(), draws.split(seed, 3)
        count = tf.random.stateless_uniform([], count_seed, 1, _LONGEST + 1, tf.int32)
        drawn = tf.random.stateless_uniform([_LONGEST], choice_seed, 0, len(parts), tf.int32)

        def link(number, held):
            own = tf.random.experimental.stateless_fold_in(parts_seed, number)
            moved = _switch(parts, drawn[number], {"image": held}, own)["image"]
            return number + 1, tf.ensure_shape(moved, image.shape)

        return tf.while_loop(lambda number, _: number < count, link, (tf.constant(0), image))[1]


def _switch(choices, index, sample, seed):
    """`choices[index]` applied to the sample; None changes nothing."""

    def branch(part):
        return lambda: dict(sample) if part is None else part(sample, seed)

    return tf.switch_case(index, [branch(part) for part in choices])
