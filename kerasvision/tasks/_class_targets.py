"""Targets of whatever gives classes their probabilities: one class for each example, or several labels."""

import dataclasses
import typing

import numpy as np

from kerasvision.tasks.targets import Target, Targets, index_of

MOST = 2  # classes where nobody asks for one


@dataclasses.dataclass(frozen=True, eq=False)
class ClassTarget(Target):
    """A class or label. arch: has `class_scores` (raw -> logits [B, K]). of: what of it the score is; a probability
    hardly has a gradient where the model is sure.
    """

    arch: typing.Any
    index: int
    text: str = ""
    of: typing.Literal["logit", "probability"] = "logit"

    def score(self, found):
        if self.of == "probability":
            return self.arch.decode(found, {})["probabilities"][:, self.index]
        return self.arch.class_scores(found)[:, self.index]

    def likely(self):
        return dataclasses.replace(self, of="probability")


@dataclasses.dataclass(frozen=True)
class ClassTargets(Targets):
    """arch: has `class_scores`."""

    arch: typing.Any

    flags: typing.ClassVar[dict[str, str]] = {"label": "the logit of a class (default: the two likeliest)"}

    def chosen(self, raw, geometry, classes, asked):
        scores = self.arch.decode(raw, {})["probabilities"][0].numpy()
        indices = [index_of(label, classes) for label in asked.label] or np.argsort(-scores, kind="stable")[:MOST]
        return [ClassTarget(self.arch, int(i), f"{classes[i]} {scores[i]:.3f}") for i in indices]
