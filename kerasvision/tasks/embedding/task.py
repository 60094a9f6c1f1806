"""The contract of embedding: a picture in, a vector of length 1 out; pictures of one class have vectors that are near.

It is judged as a search: the classes of a picture's nearest neighbors in a gallery (`metrics.retrieval`). The raw
`embedding` has any length. `decode` gives it length 1, in float32 in integer files too, whose eight bits are then of
the range of its numbers.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.pooling import pool
from kerasvision.metrics.retrieval import Retrieval
from kerasvision.tasks._vectors import VectorArchitecture
from kerasvision.tasks.image import Resample, Resize


@dataclasses.dataclass(frozen=True)
class Embedding(VectorArchitecture):
    """Abstract. Every prediction is `embedding` float32 [B, dimension], of length 1: its cosines are dot products.

    dimension: of the vector. backbone, image_size (h, w), resize, resample, crop_fraction, antialias: as of a
    classifier. pooling: over the last level's positions; dropout: of what it gives. gallery: the split that is searched
    when the model is judged, such as "train"; "" searches the judged split itself, each picture among all others.
    """

    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    dimension: int = 128
    pooling: typing.Literal["average", "max", "gem"] = "average"
    dropout: float = 0.0
    gallery: str = ""
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)

    name: typing.ClassVar[str] = "embedding"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "recall@1"
    after_training: typing.ClassVar[tuple[str, ...]] = ("gallery",)

    def __post_init__(self):
        super().__post_init__()
        if self.dimension < 2:
            raise UsageError(f"model.dimension={self.dimension}; allowed: 2 or more")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout={self.dropout:g}; allowed: 0 to less than 1")

    @property
    def vector_size(self):
        return self.dimension

    def evaluator(self, classes):
        return Retrieval(self.gallery)

    def vector(self, image):
        """Keras image [B, h, w, 3] -> the raw embedding [B, dimension]."""
        x = pool(list(self.backbone(image).values())[-1], self.pooling, name="pool")
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        return keras.layers.Dense(self.dimension, name="embedding")(x)
