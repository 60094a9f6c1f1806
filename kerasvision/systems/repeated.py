"""Classifiers that are asked several times about a picture: the mean of their answers, and how far these are apart."""

import abc
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.systems.base import System


class Repeated(System):
    """Abstract. A step takes `image`, uint8 [h, w, 3], and answers `probabilities` float64 [K], the mean over the
    answers, `label` int64, the likeliest class of it, and `spread` float64, in nats: the entropy of the mean less the
    mean entropy, 0 where all answers are one ("Bayesian Active Learning for Classification and Preference Learning",
    Houlsby et al. 2011, arXiv:1112.5745, equation 2).
    """

    models: typing.ClassVar[tuple[str, ...]] = ("classifier",)

    def start(self):
        return {"steps": np.zeros((), np.int64)}

    def step(self, models, state, inputs):
        image, model = np.asarray(inputs["image"]), models["classifier"]
        name = self.registered_name.removeprefix("systems/")
        if image.ndim != 3 or image.dtype != np.uint8:
            raise UsageError(f"{name} takes one picture, uint8 [h, w, 3]; seen: {image.dtype} {list(image.shape)}")
        if tuple(model.arch.label_keys) != ("label",) or "probabilities" not in model.arch.outputs:
            raise UsageError(f"{name} needs a classifier of one label a picture; {model.arch.registered_name} is none")
        every = np.asarray(self.asked(model, image, int(state["steps"])), np.float64)
        mean = every.mean(0)
        answer = {"probabilities": mean, "label": np.int64(mean.argmax()), "spread": np.float64(spread(every))}
        return {"steps": state["steps"] + 1}, answer

    @abc.abstractmethod
    def asked(self, model, image, step):
        """The probabilities of each answer, [N, K]. image: uint8 [h, w, 3]; step: how many pictures came before."""


def spread(every):
    """Mutual information of the answer and which of several it was, in nats, 0 or more. every: [N, K]."""
    return max(0.0, float(entropy(every.mean(0)) - entropy(every).mean()))


def entropy(probabilities):
    """In nats, along the last axis; 0 log 0 is 0."""
    held = np.where(probabilities > 0, probabilities, 1.0)
    return -(held * np.log(held)).sum(-1)
