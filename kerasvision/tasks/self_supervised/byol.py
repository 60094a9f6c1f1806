"""BYOL: a predictor tells of one view what an average of the network's own weights says of the other.

"Bootstrap Your Own Latent" (Grill et al. 2020, arXiv:2006.07733). With ResNet-50 and 1000 epochs of ImageNet it reached
74.3 % in a linear probe. The average is `techniques/momentum_teacher`.
"""

import dataclasses
import typing

from kerasvision.core.registry import architectures
from kerasvision.layers.projector import perceptron
from kerasvision.losses.self_distillation import negative_cosine
from kerasvision.tasks.self_supervised.task import SelfSupervised, answered, require_width, swapped


@architectures.register("self_supervised/byol")
@dataclasses.dataclass(frozen=True)
class BYOL(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, P], "prediction": [B, P]}`, P the last width of the projector.
    predictor: width of its hidden layer; 0: there is none and no `prediction`, only to see what it is there for (table
    5b of the paper, and `techniques/collapse`). The loss is the squared distance of vectors of length 1, 0 to 4.
    """

    projector: tuple[int, ...] = (256, 128)
    predictor: int = 256

    required_techniques: typing.ClassVar[dict[str, str]] = {
        "momentum_teacher": "its answers are what the predictor predicts"
    }

    def __post_init__(self):
        super().__post_init__()
        if self.predictor:
            require_width("predictor", self.predictor)

    def heads(self, vector):
        projection = perceptron(vector, self.projector, "projector")
        if not self.predictor:
            return {"projection": projection}
        prediction = perceptron(projection, (self.predictor, self.projector[-1]), "predictor")
        return {"projection": projection, "prediction": prediction}

    def head_sizes(self):
        return dict.fromkeys(("projection", "prediction") if self.predictor else ("projection",), self.projector[-1])

    def loss(self, targets, raw):
        answers = swapped(answered(targets, raw, "projection"))
        own = raw["prediction" if self.predictor else "projection"]
        return {"distance": 2.0 + 2.0 * negative_cosine(own, answers)}
