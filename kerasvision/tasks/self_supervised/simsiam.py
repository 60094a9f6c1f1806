"""SimSiam: a predictor tells of one view what the network says of the other, which does not learn from that.

"Exploring Simple Siamese Representation Learning" (Chen, He 2020, arXiv:2011.10566). With ResNet-50 and 100 epochs of
ImageNet it reached 68.1 % in a linear probe. Without the stop of the gradient all pictures become one point.
"""

import dataclasses

from kerasvision.core.registry import architectures
from kerasvision.layers.projector import perceptron
from kerasvision.losses.self_distillation import negative_cosine
from kerasvision.tasks.self_supervised.task import SelfSupervised, require_width, swapped


@architectures.register("self_supervised/simsiam")
@dataclasses.dataclass(frozen=True)
class SimSiam(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, P], "prediction": [B, P]}`, P the last width of the projector,
    all of whose layers are normalized. predictor: width of its hidden layer; the paper takes a quarter of P.
    stop_gradient: False only to see what it is there for (section 4.1 of the paper, and `techniques/collapse`).
    """

    projector: tuple[int, ...] = (256, 256, 256)
    predictor: int = 64
    stop_gradient: bool = True

    def __post_init__(self):
        super().__post_init__()
        require_width("predictor", self.predictor)

    def heads(self, vector):
        projection = perceptron(vector, self.projector, "projector", last_norm=True)
        prediction = perceptron(projection, (self.predictor, self.projector[-1]), "predictor")
        return {"projection": projection, "prediction": prediction}

    def head_sizes(self):
        return {"projection": self.projector[-1], "prediction": self.projector[-1]}

    def loss(self, targets, raw):
        return {"cosine": negative_cosine(raw["prediction"], swapped(raw["projection"]), self.stop_gradient)}
