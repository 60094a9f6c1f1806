"""The contract of embedding: a picture in, a vector of length 1 out; pictures of one class have vectors that are near.

It is judged as a search: the classes of a picture's nearest neighbors in a gallery (`metrics.retrieval`). The raw
`embedding` has any length. `decode` gives it length 1, in float32 in integer files too, whose eight bits are then of
the range of its numbers.
"""

import dataclasses
import typing

from kerasvision.metrics.retrieval import Retrieval
from kerasvision.tasks._unit_vectors import UnitVectors
from kerasvision.tasks._vectors import Vectors
from kerasvision.tasks.base import Output


@dataclasses.dataclass(frozen=True)
class Embedding(UnitVectors, Vectors):
    """Abstract. Every prediction is `embedding` float32 [B, dimension], of length 1: its cosines are dot products.

    The fields are `Vectors`'s. gallery: the split that is searched when the model is judged, such as "train"; ""
    searches the judged split itself, each picture among all others.
    """

    gallery: str = ""

    name: typing.ClassVar[str] = "embedding"
    main_metric: typing.ClassVar[str] = "recall@1"
    after_training: typing.ClassVar[tuple[str, ...]] = ("gallery",)

    @property
    def outputs(self):
        return {"embedding": Output("float32", "part of a vector of length 1", (self.dimension,))}

    def evaluator(self, classes):
        return Retrieval(self.gallery)
