"""EfficientNet-Lite classifiers of the 1000 classes of ImageNet-1k (Russakovsky et al. 2015, arXiv:1409.0575).

Weights: see `backbones/efficientnet_lite.py`. Preprocessing as published: a centered window of size / (size + 32) of
the short side, bicubic, (pixels - 127) / 128. `imagenet_classes.txt` holds one class a line in the order of the sorted
WordNet ids: the first lemma of each in the tables of timm 1.0.31 (Apache-2.0), with `crane`, `maillot` and `cardigan`
told apart.
"""

import abc
import dataclasses
import pathlib
import typing

from kerasvision.backbones.efficientnet_lite import EfficientNetLite
from kerasvision.core.component import Component
from kerasvision.core.registry import architectures, pretrained

CLASSES = pathlib.Path(__file__).with_name("imagenet_classes.txt")


class Pretrained(Component):
    """Abstract. A trained model by name."""

    kind = "pretrained"

    @abc.abstractmethod
    def load(self):
        """(architecture, graph with its weights, tuple of class names)."""


class ImageNetLite(Pretrained):
    """Abstract. An EfficientNet-Lite of one size."""

    size: typing.ClassVar[str]

    def load(self):
        backbone = EfficientNetLite(self.size, weights="imagenet")
        side = backbone.image_size[0]
        architecture = architectures["classification/classifier"](
            num_classes=1000,
            backbone=backbone,
            image_size=backbone.image_size,
            resize="center_crop",
            resample="bicubic",
            crop_fraction=side / (side + 32),
            pooling="average",
        )
        graph = architecture.build()
        backbone.load(graph)
        graph.get_layer("logits").set_weights(backbone.imagenet_classifier())
        return architecture, graph, tuple(CLASSES.read_text(encoding="utf-8").splitlines())


@pretrained.register("imagenet/efficientnet_lite0")
@dataclasses.dataclass(frozen=True)
class EfficientNetLite0(ImageNetLite):
    """224 px, 4.7 M parameters, 75.1 % top-1 as published."""

    size: typing.ClassVar[str] = "0"


@pretrained.register("imagenet/efficientnet_lite1")
@dataclasses.dataclass(frozen=True)
class EfficientNetLite1(ImageNetLite):
    """240 px, 5.4 M parameters, 76.7 % top-1 as published."""

    size: typing.ClassVar[str] = "1"


@pretrained.register("imagenet/efficientnet_lite2")
@dataclasses.dataclass(frozen=True)
class EfficientNetLite2(ImageNetLite):
    """260 px, 6.1 M parameters, 77.6 % top-1 as published."""

    size: typing.ClassVar[str] = "2"
