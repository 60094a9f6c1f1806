"""Consistency: a picture and two mixtures of augmentations of it shall get one answer.

"AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty" (Hendrycks et al. 2020,
arXiv:1912.02781, section 3 and equation 2).
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.augment.policy import AugMix
from kerasvision.losses.divergence import spread_of_answers
from kerasvision.train.techniques.base import Technique


@techniques.register("consistency")
@dataclasses.dataclass(frozen=True)
class Consistency(Technique):
    """Loss: the task's own of the picture, and weight * the Jensen-Shannon divergence of the answers about the picture
    and two draws of `augmix`; of a detector the answers are its classes. The picture is what the recipe's augmentations
    have made of it, in the graph's pixels. A step costs three times as much, as a batch has three times the rows. Where
    boxes or masks are learned, `augmix` has to have moves=False.
    """

    views: typing.ClassVar[int] = 3

    weight: float = 12.0
    augmix: AugMix = AugMix()

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.weight < float("inf"):
            raise UsageError(f"consistency.weight={self.weight:g}; allowed: above 0 (12 is the paper's)")

    def fit_statistics(self, arch, split):
        if list(arch.prepared_inputs()) != ["image"] or not arch.class_logits:
            raise UsageError(
                f"consistency compares logits of classes of a picture; {arch.registered_name} is not known to have any"
            )
        if self.augmix.moves and not set(arch.label_keys) <= {"label", "labels"}:
            raise UsageError(
                f"consistency.augmix moves pictures, and {arch.registered_name} learns where things are; give it "
                "moves=False"
            )
        return self

    def example(self, inputs, targets, seed):
        seeds = [tf.random.experimental.stateless_fold_in(seed, number) for number in range(2)]
        every = [inputs, *(inputs | self.augmix({"image": inputs["image"]}, s) for s in seeds)]
        stacked = {key: tf.stack([one[key] for one in every]) for key in inputs}
        return stacked, {key: tf.stack([value] * 3) for key, value in targets.items()}

    def objective(self, loss, arch):
        def consistent(targets, raw):
            own = loss({key: value[::3] for key, value in targets.items()}, {k: v[::3] for k, v in raw.items()})
            apart = [
                spread_of_answers([raw[key][number::3] for number in range(3)], form)
                for key, form in arch.class_logits.items()
            ]
            terms = own | {"consistency": self.weight * tf.add_n(apart)}
            return {name: tf.repeat(term, 3) for name, term in terms.items()}  # a value a row of the batch

        return consistent
