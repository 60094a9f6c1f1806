"""MoCo: each view finds the other among many, of which an average of the weights has made the vectors.

Version 2, with `techniques/queue` of earlier answers as negatives: "Improved Baselines with Momentum Contrastive
Learning" (Chen, Fan, Girshick, He 2020, arXiv:2003.04297), which reached 71.1 % in a linear probe of ResNet-50 after
800 epochs of ImageNet. Version 3, without a queue and with a predictor: arXiv:2104.02057. Both views are queries here,
as in version 3.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.projector import perceptron
from kerasvision.losses.contrastive import in_batch, info_nce
from kerasvision.ops.gather import gathered
from kerasvision.tasks.base import QUEUED
from kerasvision.tasks.self_supervised.task import (
    SelfSupervised,
    answered,
    paired,
    require_temperature,
    require_width,
    swapped,
)


@architectures.register("self_supervised/moco")
@dataclasses.dataclass(frozen=True)
class MoCo(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, P]}`, and with a predictor `"prediction": [B, P]`.

    temperature: of the cosines. predictor: width of its hidden layer; 0: there is none, and projections are the
    queries. Without a queue the negatives are the answers to the batch's other pictures, of all replicas.
    """

    temperature: float = 0.2
    predictor: int = 0

    required_techniques: typing.ClassVar[dict[str, str]] = {
        "momentum_teacher": "its answers are what each view looks for"
    }

    def __post_init__(self):
        super().__post_init__()
        require_temperature("temperature", self.temperature)
        if self.predictor:
            require_width("predictor", self.predictor)

    def check_phase(self, phase, batch_size):
        super().check_phase(phase, batch_size)
        rows = batch_size * self.views
        for technique in phase.techniques:
            if technique.registered_name == "techniques/queue" and technique.size % rows:
                raise UsageError(
                    f"queue.size={technique.size}: batch_size={batch_size} of {self.views} views adds {rows} answers a "
                    f"step, which do not divide it; set a multiple of {rows}"
                )

    def heads(self, vector):
        projection = perceptron(vector, self.projector, "projector")
        if not self.predictor:
            return {"projection": projection}
        prediction = perceptron(projection, (self.predictor, self.projector[-1]), "predictor")
        return {"projection": projection, "prediction": prediction}

    def head_sizes(self):
        return dict.fromkeys(("projection", "prediction") if self.predictor else ("projection",), self.projector[-1])

    def loss(self, targets, raw):
        queries = raw["prediction" if self.predictor else "projection"]
        answers = answered(targets, raw, "projection")
        if QUEUED in targets:
            return {"contrastive": info_nce(queries, swapped(answers), targets[QUEUED], self.temperature)}
        keys, places = gathered(answers)
        pictures = places[::2] // 2
        pairs = zip(paired(queries), reversed(paired(keys)), strict=True)
        losses = [in_batch(asked, held, pictures, self.temperature) for asked, held in pairs]
        return {"contrastive": tf.reshape(tf.stack(losses, 1), [-1])}
