"""SimCLR: the two views of a picture come near, those of all other pictures of the batch go away.

"A Simple Framework for Contrastive Learning of Visual Representations" (Chen, Kornblith, Norouzi, Hinton 2020,
arXiv:2002.05709). With ResNet-50, batches of 4096 and 1000 epochs of ImageNet it reached 69.3 % in a linear probe.
"""

import dataclasses

from kerasvision.core.registry import architectures
from kerasvision.losses.contrastive import nt_xent
from kerasvision.ops.gather import gathered
from kerasvision.tasks.self_supervised.task import SelfSupervised, require_temperature


@architectures.register("self_supervised/simclr")
@dataclasses.dataclass(frozen=True)
class SimCLR(SelfSupervised):
    """Raw is `{"embedding": [B, D], "projection": [B, projector[-1]]}`.

    temperature: of the cosines; the paper takes 0.5 for batches of small pictures, 0.1 for ImageNet. Larger batches
    have more negatives; under several replicas each view is compared with those of all.
    """

    temperature: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        require_temperature("temperature", self.temperature)

    def loss(self, targets, raw):
        rows = raw["projection"]
        return {"contrastive": nt_xent(rows, *gathered(rows), self.temperature)}
